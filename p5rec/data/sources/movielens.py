"""MovieLens folders: 100K, 1M, 10M, latest and later, and RecBole's copy of 100K (Harper and Konstan, 2015)."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from pydantic import Field

from p5rec.core.config import Config as Settings
from p5rec.core.errors import InputError
from p5rec.data.atomic_files import beside, scan_atomic
from p5rec.data.events import Tables
from p5rec.data.features import Kind
from p5rec.data.movielens_fetch import LICENCE, movielens_100k
from p5rec.data.read import Scan, csv_rows, files, scan
from p5rec.data.schema import ColumnSchema, Role, Schema
from p5rec.data.stages import Source

GENRES_100K = (
    *("unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama"),
    *("Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western"),
)
JOBS_1M = (
    *("other", "academic/educator", "artist", "clerical/admin", "college/grad student", "customer service"),
    *("doctor/health care", "executive/managerial", "farmer", "homemaker", "K-12 student", "lawyer", "programmer"),
    *("retired", "sales/marketing", "scientist", "self-employed", "technician/engineer", "tradesman/craftsman"),
    *("unemployed", "writer"),
)
EVENTS = ("user_id", "item_id", "rating", "timestamp")
YEAR = r"\s*\((\d{4})(?:[-–]\d{0,4})?\)\s*$"
ARTICLE = r"^(.*), (The|A|An|Les|La|Le|Il|El|Das|Der|Die)$"


class Movielens(Source):
    """Ratings with titles, years and genres, and demographics where the edition has them."""

    class Config(Settings):
        """Where it is."""

        path: str | None = Field(None, description="folder of an edition, or ml-100k.zip; fetched where left out")

    config: Config

    def read(self) -> Tables:
        """Lazy tables; see `Source.read`."""
        path = None if self.config.path is None else Path(self.config.path)
        folder = path.parent if path is not None and path.name in READERS else movielens_100k(path)
        reader = next((reader for name, reader in READERS.items() if (folder / name).is_file()), None)
        if reader is None and any(folder.glob("*.inter")):
            reader = _atomic
        if reader is None:
            raise InputError(f"{folder}: no MovieLens edition found; expected u.data, ratings.dat or ratings.csv in it")
        events, users, items, low = reader(folder)
        return Tables(
            events=events.frame,
            schema=_schema(users, items, low),
            users=users,
            items=None if items is None else _titled(items),
            facts={"name": "movielens", "events": events.name, "items": str(folder), "licence": LICENCE},
            rows=events.rows,
        )


Read = tuple[Scan, pl.LazyFrame | None, pl.LazyFrame | None, float]


def _old(folder: Path) -> Read:
    """100K as GroupLens ships it."""
    path = folder / "u.data"
    frame = pl.scan_csv(files(path), separator="\t", has_header=False, schema=dict.fromkeys(EVENTS, pl.String))
    users = _lines(folder / "u.user", "|", ("user_id", "age", "gender", "occupation", "zip_code"))
    flags = [f"genre {name}" for name in GENRES_100K]
    items = _lines(folder / "u.item", "|", ("item_id", "title", "released", "video", "url", *flags))
    if items is not None:
        chosen = [pl.when(pl.col(f"genre {name}") == "1").then(pl.lit(name)) for name in GENRES_100K]
        genres = pl.concat_list(chosen).list.drop_nulls().alias("genres")
        items = items.select("item_id", "title", genres)
    return Scan(frame, str(path), csv_rows([path])), users, items, 1.0


def _dat(folder: Path) -> Read:
    """1M and 10M: fields between ``::``, which a single-sign reader sees as every other field."""
    path = folder / "ratings.dat"
    names = [EVENTS[n // 2] if n % 2 == 0 else f"_{n}" for n in range(7)]
    frame = pl.scan_csv(files(path), separator=":", has_header=False, schema=dict.fromkeys(names, pl.String))
    users = _lines(folder / "users.dat", "::", ("user_id", "gender", "age", "occupation", "zip_code"))
    if users is not None:
        users = users.with_columns(pl.col("occupation").replace({str(n): job for n, job in enumerate(JOBS_1M)}))
    items = _lines(folder / "movies.dat", "::", ("item_id", "title", "genres"))
    if items is not None:
        items = items.with_columns(pl.col("genres").str.split("|"))
    return Scan(frame.select(EVENTS), str(path), csv_rows([path])), users, items, 1.0 if users is not None else 0.5


def _csv(folder: Path) -> Read:
    """latest, 20M, 25M, 32M."""
    ratings = scan(folder / "ratings.csv")
    frame = ratings.frame.rename({"userId": "user_id", "movieId": "item_id"}, strict=False)
    items = None
    if (folder / "movies.csv").is_file():
        items = scan(folder / "movies.csv").frame.rename({"movieId": "item_id"}, strict=False)
        genres = pl.when(pl.col("genres") != "(no genres listed)").then(pl.col("genres").str.split("|"))
        items = items.with_columns(genres.alias("genres"))
    return Scan(frame, ratings.name, ratings.rows), None, items, 0.5


def _atomic(folder: Path) -> Read:
    """RecBole's copy of 100K."""
    found = beside(folder)
    users = scan_atomic(found["user"])[0].frame if "user" in found else None
    items = None
    if "item" in found:
        names = {"movie_title": "title", "release_year": "year", "class": "genres"}
        items = scan_atomic(found["item"])[0].frame.rename(names, strict=False)
    return scan_atomic(found["inter"])[0], users, items, 1.0


READERS = {"u.data": _old, "ratings.dat": _dat, "ratings.csv": _csv}


def _lines(path: Path, separator: str, names: tuple[str, ...]) -> pl.LazyFrame | None:
    """A small table in Latin-1 whose fields stand between any separator."""
    if not path.is_file():
        return None
    rows = [line.split(separator) for line in path.read_bytes().decode("latin-1").splitlines() if line]
    if bad := [number for number, row in enumerate(rows, 1) if len(row) != len(names)]:
        raise InputError(
            f"{path}: row {bad[0]} has {len(rows[bad[0] - 1])} fields, expected {len(names)} between {separator!r}"
        )
    return pl.LazyFrame({name: [row[n] for row in rows] for n, name in enumerate(names)})


def _titled(items: pl.LazyFrame) -> pl.LazyFrame:
    """Titles as one says them, and the year as a column of its own."""
    title = pl.col("title").str.strip_chars()
    if "year" not in items.collect_schema().names():
        items = items.with_columns(title.str.extract(YEAR).alias("year"))
    year = pl.col("year").cast(pl.String).str.extract(r"^(\d{4})$")  # a copy in use says "unkonwn" and "V" for two
    bare = title.str.replace(YEAR, "").str.strip_chars()
    return items.with_columns(bare.str.replace(ARTICLE, "$2 $1").alias("title"), year.alias("year"))


def _schema(users: pl.LazyFrame | None, items: pl.LazyFrame | None, low: float) -> Schema:
    ident = ColumnSchema(kind=Kind.ID)
    demographics = {"age": Kind.NUMBER, "gender": Kind.CATEGORY, "occupation": Kind.CATEGORY}
    films = {"title": Kind.TEXT, "year": Kind.NUMBER, "genres": Kind.LIST}
    return Schema(
        events={
            "user_id": ColumnSchema(kind=Kind.ID, role=Role.USER),
            "item_id": ColumnSchema(kind=Kind.ID, role=Role.ITEM),
            "rating": ColumnSchema(kind=Kind.NUMBER, role=Role.LABEL),
            "timestamp": ColumnSchema(kind=Kind.TIME, role=Role.TIME),
        },
        users={"user_id": ident} | {n: ColumnSchema(kind=k) for n, k in demographics.items()}
        if users is not None
        else {},
        items={"item_id": ident} | {n: ColumnSchema(kind=k) for n, k in films.items()} if items is not None else {},
        label_scale=(low, 5.0),
    )
