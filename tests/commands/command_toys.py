"""A small shop on disk, and a quick page for it."""

import random
from pathlib import Path


def write_shop(folder: Path, users: int = 60, items: int = 30) -> dict[str, str]:
    """Events and an item table: users like one of three kinds of item; two items occur in no event."""
    draw = random.Random(7)
    kinds = ["tea", "jam", "pot"]
    lines = ["user_id,item_id,timestamp"]
    for user in range(users):
        liked = [item for item in range(items) if item % 3 == user % 3]
        lines += [f"u{user},i{item},{1_600_000_000 + n * 60}" for n, item in enumerate(draw.sample(liked, 8))]
    (folder / "events.csv").write_text("\n".join(lines) + "\n")
    rows = [f"i{item},{kinds[item % 3]} number {item},{kinds[item % 3]}" for item in range(items + 2)]
    (folder / "items.csv").write_text("item_id,title,category\n" + "\n".join(rows) + "\n")
    return {"path": str(folder / "events.csv"), "items": str(folder / "items.csv")}


def shop_page(data: dict[str, str], **others: object) -> dict[str, object]:
    """A quick page: one neural model, one solved, a blend."""
    return {
        "data": data,
        "model": {
            "ease": {},
            "sasrec": {"width": 16, "heads": 2, "length": 16, "train": {"epochs": 2, "warmup": 1}},
        },
        "responder": {"blend": {"of": ["itemknn", "ease", "sasrec"]}},
        "serve": {"responder": "blend"},
        "evaluate": {"bootstrap": 100},
        **others,
    }
