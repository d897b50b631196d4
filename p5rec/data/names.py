"""Usual names of columns, the common ones first, and the scales that ratings are given on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from p5rec.data.schema import Role

USUAL: dict[Role, tuple[str, ...]] = {
    Role.USER: (
        *("userid", "user", "uid", "reviewerid", "customerid", "customer", "visitorid", "memberid", "accountid"),
        *("personid", "authorid", "clientid", "householdkey", "sessionid", "session", "u"),
    ),
    Role.ITEM: (
        *("itemid", "item", "iid", "movieid", "parentasin", "asin", "productid", "product", "articleid", "sku"),
        *("trackid", "artistid", "songid", "bookid", "isbn", "businessid", "videoid", "newsid", "gameid", "gmapid"),
        *("contentid", "showid", "i"),
    ),
    Role.TIME: (
        *("timestamp", "unixreviewtime", "time", "ts", "datetime", "date", "reviewtime", "eventtime", "createdat"),
        *("tdat", "t"),
    ),
    Role.LABEL: ("rating", "overall", "stars", "score", "label", "weight", "count", "plays", "r"),
    Role.EVENT_KIND: ("event", "eventtype", "eventkind", "action", "actiontype", "behavior", "kind", "type"),
    Role.SPLIT: ("split", "fold", "part", "subset"),
}
# name of event texts in a dataset → usual names of their columns
TEXTS = {
    "review": ("review", "reviewtext", "reviewbody", "text", "body", "comment"),
    "headline": ("headline", "summary", "reviewsummary", "reviewtitle", "reviewheadline", "title"),
}
# name of item columns in joined data sets → usual names of their columns
ITEM_COLUMNS = {
    "title": ("title", "name", "movietitle", "productname", "text"),
    "categories": ("categories", "category", "genres", "genre", "class", "tags"),
    "brand": ("brand", "store", "manufacturer"),
    "description": ("description", "about", "plot"),
    "price": ("price",),
    "year": ("year", "releaseyear"),
    "image": ("image", "imageurl", "imurl"),
}
TITLES = ITEM_COLUMNS["title"]
CLOCKS = ("timestamp", "unixreviewtime", "datetime", "time")
RATINGS = ("rating", "overall", "stars")
SCALES = ((1.0, 5.0), (0.5, 5.0), (0.0, 5.0), (1.0, 10.0), (0.0, 10.0), (0.0, 100.0))
# Statistics over all reviews, those held out too: features made of them would leak.
LEAKY = ("averagerating", "ratingnumber", "salesrank", "rank", "related", "alsobuy", "alsoview", "boughttogether")


def plain(name: str) -> str:
    """A column name without case, signs and the type of an atomic file."""
    return re.sub(r"[^a-z0-9]", "", name.split(":")[0].lower())


def canonical(columns: Iterable[str], usual: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """One name for each column → the column: that of `usual` which has it first, else its own."""
    columns = list(columns)
    by_plain = {plain(name): name for name in reversed(columns)}
    found: dict[str, str] = {}
    for name, names in usual.items():
        if column := next((by_plain[one] for one in names if one in by_plain), None):
            found[name] = column
    return found | {name: name for name in columns if name not in found.values()}


def recognise(names: list[str], role: Role) -> str | None:
    """The column that usually has this role, the commonest name first."""
    by_plain = {plain(name): name for name in reversed(names)}
    return next((by_plain[usual] for usual in USUAL[role] if usual in by_plain), None)
