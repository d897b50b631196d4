"""Makes this example out of three packages of Debian: python examples/clipart/make.py FOLDER [events]

Pictures, titles and keywords come from ``openclipart-svg`` and ``openclipart-png``, only those whose own metadata
mark them public domain; sounds from ``sonic-pi-samples``, only those that its copyright file says are CC0. Events are
made up: `visits` is the law they follow. With ``events`` only those are made, from the files of the folder.
"""

from __future__ import annotations

import csv
import random
import re
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

CLIPART, SOUNDS = Path("/usr/share/openclipart"), Path("/usr/share/sonic-pi/samples")
RIGHTS = Path("/usr/share/doc/sonic-pi-samples/copyright")
PUBLIC = "http://web.resource.org/cc/PublicDomain"
DC, CC = "{http://purl.org/dc/elements/1.1/}", "{http://web.resource.org/cc/}"
RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
PASSED = re.compile(  # brands, persons, and titles that say nothing
    "tux|domo|rubik|pimp|grenade|leisler|shelby|tsunami|shaez|schwo|military"
    "|clipart|etiquette|various|illustrat|baseball cap",
    re.IGNORECASE,
)
SHELVES = {
    "birds": "animals/birds", "insects": "animals/bugs", "mammals": "animals/mammals", "buildings": "buildings/homes",
    "drinks": "food/beverages", "desserts": "food/desserts", "fruit": "food/fruit", "hats": "people/clothing/hats",
    "plants": "plants", "music": "recreation/music", "sports": "recreation/sports", "toys": "recreation/toys",
    "weather": "signs_and_symbols/weather", "boats": "transportation/boating", "vehicles": "transportation/vehicles",
}  # fmt: skip
EACH, SIDE, COLOURS = 22, 96, 48  # pictures of a shelf at most, pixels of a side at most, colours of a thumbnail
LARGE = 4_000_000  # pixels; some pictures of the package have 168 million
FAMILIES = {"drum": 8, "guit": 4, "elec": 6, "ambi": 4, "bass": 4}  # sounds of each family
SECONDS, RATE, PACKED = 1.5, 16_000, 0.8  # of a sound, samples a second, how hard it is packed
TONES, WHITE, DULL = ("red", "green", "blue"), 230, 24  # of 255: paper from there on; colours below that are none


def pictures(shelf: str, taken: set[str]) -> list[dict[str, Any]]:
    """What a shelf may hold: titled, public domain, of a size that can be opened, no title taken."""
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None  # only the heads of files are read before their size is known
    found: dict[str, dict[str, Any]] = {}
    for path in sorted((CLIPART / "svg" / SHELVES[shelf]).rglob("*.svg")):
        drawn = (CLIPART / "png" / path.relative_to(CLIPART / "svg")).with_suffix(".png")
        about = None if path.is_symlink() or not drawn.is_file() else described(path)
        if about is None or about["title"].lower() in taken | found.keys():
            continue
        with Image.open(drawn) as picture:
            if picture.width * picture.height <= LARGE:
                found[about["title"].lower()] = {**about, "category": shelf, "from": drawn}
    return list(found.values())


def described(path: Path) -> dict[str, Any] | None:
    """Title, keywords and artist out of the metadata of an SVG; None where it is not public domain or has no title."""
    tree = ElementTree.parse(path)
    if PUBLIC not in [one.get(f"{RDF}resource") for one in tree.iter(f"{CC}license")]:
        return None
    work = tree.find(f".//{CC}Work")
    title = re.sub(r"[\s_]+", " ", (work.findtext(f"{DC}title") or "") if work is not None else "").strip()
    if work is None or PASSED.search(title) or not re.fullmatch(r"[A-Za-z][A-Za-z0-9 ,'()&-]{2,39}", title):
        return None
    artist = re.sub(r"\s+", " ", work.findtext(f"{DC}creator/{CC}Agent/{DC}title") or "").strip()
    words = [re.sub(r"[\s_]+", " ", one.text or "").strip().lower() for one in work.iter(f"{RDF}li")]
    words = [word for word in words if re.fullmatch(r"[a-z -]{3,16}", word) and word not in artist.lower()]
    stem = re.sub(r"[^a-z0-9]+", "-", path.stem.lower()).strip("-")
    return {"item_id": stem, "title": title, "keywords": "|".join(sorted(set(words))), "artist": artist}


def thumbnail(path: Path, to: Path) -> None:
    """A small copy on white, of few colours."""
    from PIL import Image

    with Image.open(path) as picture:
        clear = picture.convert("RGBA")
    clear = clear.crop(clear.getbbox())
    clear.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    behind = Image.new("RGBA", clear.size, "white")
    flat = Image.alpha_composite(behind, clear).convert("RGB")
    flat.quantize(COLOURS, dither=Image.Dither.NONE).save(to, optimize=True)


def sounds() -> list[dict[str, Any]]:
    """A few sounds of each family that are CC0."""
    blocks = RIGHTS.read_text(encoding="utf-8").split("\n\n")
    free = {m[1] for block in blocks if "License: CC0" in block for m in re.finditer(r"etc/samples/(\w+)\.flac", block)}
    found = []
    for family, count in FAMILIES.items():
        for path in sorted(p for p in SOUNDS.glob(f"{family}_*.flac") if p.stem in free)[:count]:
            title = (
                path.stem.replace("_", " ")
                .replace("guit", "guitar")
                .replace("elec", "electric")
                .replace("ambi", "ambient")
            )
            about = {"item_id": path.stem.replace("_", "-"), "title": title, "keywords": "sound", "category": "sounds"}
            found.append({**about, "artist": "", "from": path, "family": family})
    return found


def excerpt(path: Path, to: Path) -> None:
    """The beginning of a sound, one channel."""
    import soundfile
    from scipy.signal import resample_poly

    data, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono = resample_poly(data[: int(SECONDS * rate)].mean(axis=1), RATE, rate)
    soundfile.write(to, mono / max(abs(mono).max(), 1e-6) * 0.9, RATE, format="OGG", compression_level=PACKED)


def files(folder: Path, seed: int = 0) -> None:
    """Write pictures, sounds, ``items.csv`` and ``credits.csv``."""
    draw, rows = random.Random(seed), []
    for shelf in SHELVES:
        able = pictures(shelf, {row["title"].lower() for row in rows})
        for one in sorted(draw.sample(able, min(EACH, len(able))), key=lambda row: row["item_id"]):
            rows.append({**one, "picture": f"pictures/{one['item_id']}.png", "sound": ""})
    rows += [{**one, "picture": "", "sound": f"sounds/{one['item_id']}.ogg"} for one in sounds()]
    for name in ("pictures", "sounds"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for row in rows:
        if row["picture"]:
            thumbnail(row["from"], folder / row["picture"])
        else:
            excerpt(row["from"], folder / row["sound"])
    written(folder / "items.csv", ["item_id", "title", "keywords", "category", "picture", "sound"], rows)
    credits = [{**row, "from": row["from"].relative_to("/usr/share")} for row in rows]
    written(folder / "credits.csv", ["item_id", "artist", "from"], credits)


def written(path: Path, head: list[str], rows: list[dict[str, Any]]) -> None:
    """Some columns of rows as a table."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, head, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def tone(path: Path) -> str:
    """What a picture looks like at a glance: red, green, blue or grey, by the mean of what is not white."""
    from PIL import Image

    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB"), dtype=float).reshape(-1, 3)
    drawn = pixels[pixels.min(1) < WHITE]
    mean = drawn.mean(0) if len(drawn) else pixels[0]
    return "grey" if np.ptp(mean) < DULL else TONES[int(mean.argmax())]


def looks(folder: Path) -> dict[str, dict[str, list[str]]]:
    """Shelf → look → the items that look (of sounds: whose family is) alike."""
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    with (folder / "items.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            look = tone(folder / row["picture"]) if row["picture"] else row["item_id"].partition("-")[0]
            found[row["category"]][look].append(row["item_id"])
    return found


def visits(folder: Path, users: int = 900, seed: int = 0) -> list[dict[str, Any]]:
    """The law of the events: a visitor likes three shelves and, on each, one look more than the others.

    A pick is from the shelf of the last one (half of the time) or from any liked one. Three of four picks have the look
    that the visitor likes there; which one of those is chance, some more often. Nothing is taken twice. Every eighth
    item is new: only the last pick of a visitor may be one.
    """
    draw, shelves = random.Random(seed), looks(folder)
    order = sorted(item for shelf in shelves.values() for row in shelf.values() for item in row)
    draw.shuffle(order)
    new, known = set(order[::8]), {item: place for place, item in enumerate(order)}
    events = []
    for user in range(users):
        likes = {shelf: draw.choice(sorted(shelves[shelf])) for shelf in draw.sample(sorted(shelves), 3)}
        shelf, time, left = draw.choice(list(likes)), 1_700_000_000 + draw.randrange(300 * 86_400), set()
        length = draw.randint(6, 14)
        for step in range(length):
            shelf = shelf if draw.random() < 0.5 else draw.choice(list(likes))
            liked = [likes[shelf]] if draw.random() < 0.75 else shelves[shelf]
            able = {item for look in liked for item in shelves[shelf][look]} - left
            able = sorted(able if step == length - 1 else able - new, key=known.__getitem__)
            if able:
                left.add(item := able[int(len(able) * draw.random() ** 1.5)])
                time += draw.randrange(60, 86_400)
                events.append({"user_id": f"visitor {user}", "item_id": item, "timestamp": time})
    return sorted(events, key=lambda event: (event["timestamp"], event["user_id"]))


if __name__ == "__main__":
    place = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent)
    if "events" not in sys.argv[2:]:
        files(place)
    written(place / "events.csv", ["user_id", "item_id", "timestamp"], visits(place))
