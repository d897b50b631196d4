"""Makes the log of a small made-up shop, to try p5rec on: python examples/shop/make.py FOLDER

Writes ``events.csv`` (user_id, item_id, event, timestamp), ``items.csv`` (item_id, title, category, price) and
``sequences.txt``. Nobody's data: visitors, things and tastes come from a seeded generator. A visitor likes two
kinds of things, looks at several and buys some; who buys a thing often buys what goes with it next.
"""

from __future__ import annotations

import csv
import random
import sys
from pathlib import Path

KINDS = {
    "tea": (["Assam", "Darjeeling", "Sencha", "Oolong", "Earl Grey", "Rooibos", "Mint", "Jasmine"], "tea", 6),
    "coffee": (["Harar", "Antigua", "Santos", "Mandheling", "Kona", "Yirgacheffe"], "coffee beans", 11),
    "pots": (["cast iron", "glass", "porcelain", "enamel", "copper"], "pot", 34),
    "cups": (["tall", "wide", "double-walled", "speckled", "blue"], "cup", 9),
    "sweets": (["almond", "hazelnut", "orange", "ginger", "salted caramel", "sesame"], "biscuits", 4),
    "jam": (["quince", "plum", "rhubarb", "black cherry", "fig"], "jam", 5),
    "books": (["The Book of Tea", "Roasting at Home", "Five O'Clock", "Slow Mornings"], "", 18),
}
FITS = {"tea": "pots", "coffee": "cups", "pots": "tea", "cups": "coffee", "sweets": "jam", "jam": "sweets"}
SIZES = ["small", "large", "gift box", "refill"]


def things() -> list[tuple[str, str, str, float]]:
    """(item_id, title, category, price) of everything the shop sells."""
    found = []
    for kind, (names, noun, price) in KINDS.items():
        for place, name in enumerate(names):
            for number, size in enumerate(SIZES if kind != "books" else ["paperback", "hardcover"]):
                title = f"{name} {noun}, {size}".replace(" ,", ",")
                found.append(
                    (f"{kind}-{place}-{number}", title[0].upper() + title[1:], kind, price * (1 + number) + 0.9)
                )
    return found


def visits(users: int, seed: int) -> list[tuple[str, str, str, int]]:
    """(user_id, item_id, event, timestamp) in order of time."""
    draw, shelf = random.Random(seed), {}
    for item, _, kind, _ in things():
        shelf.setdefault(kind, []).append(item)
    events = []
    for user in range(users):
        likes = draw.sample(sorted(shelf), 2)
        time, left = 1_700_000_000 + draw.randrange(90 * 86_400), set()
        for _ in range(draw.randint(4, 12)):
            kind = draw.choice(likes)
            item = draw.choice(shelf[kind][: 3 + len(left)])
            time += draw.randrange(3_600, 5 * 86_400)
            if item in left:
                continue
            events.append((f"visitor {user}", item, "view", time))
            if draw.random() < 0.7:
                left.add(item)
                events.append((f"visitor {user}", item, "buy", time + 60))
                fitting = FITS.get(kind)
                if fitting and draw.random() < 0.6:
                    other = shelf[fitting][shelf[kind].index(item) % len(shelf[fitting])]
                    if other not in left:
                        left.add(other)
                        events.append((f"visitor {user}", other, "buy", time + 3_600))
    return sorted(events, key=lambda event: event[3])


def write(folder: Path, users: int = 900, seed: int = 0) -> None:
    """Write the three files."""
    folder.mkdir(parents=True, exist_ok=True)
    events = visits(users, seed)
    for name, head, rows in (
        ("events.csv", ["user_id", "item_id", "event", "timestamp"], events),
        ("items.csv", ["item_id", "title", "category", "price"], things()),
    ):
        with (folder / name).open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(head)
            writer.writerows(rows)
    bought: dict[str, list[str]] = {}
    for user, item, event, _ in events:
        if event == "buy":
            bought.setdefault(user.replace(" ", "-"), []).append(item)
    lines = [" ".join([user, *items]) for user, items in bought.items() if len(items) >= 3]
    (folder / "sequences.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1] if len(sys.argv) > 1 else "shop"))
