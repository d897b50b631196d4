"""A shop with reviews on disk, and a page that trains a tiny p5 on all families of it in a few seconds."""

import json
import random
from pathlib import Path
from typing import Any

KINDS = ("tea", "jam", "pot")
SAID = ("the sound is very good and warm", "the handle is weak and it broke", "i like the sound of this very much")


def write_reviews(folder: Path, users: int = 40, items: int = 24) -> dict[str, str]:
    """Reviews of users who like one of three kinds, and the kinds of the items."""
    draw, lines = random.Random(3), []
    for user in range(users):
        liked = [item for item in range(items) if item % 3 == user % 3]
        for n, item in enumerate(draw.sample(liked, 6)):
            lines.append(
                json.dumps(
                    {
                        "user_id": f"u{user}",
                        "parent_asin": f"i{item}",
                        "rating": float(draw.randint(1, 5)),
                        "timestamp": 1_600_000_000 + n * 60,
                        "title": "a good one",
                        "text": f"{draw.choice(SAID)}.",
                    }
                )
            )
    (folder / "reviews.jsonl").write_text("\n".join(lines) + "\n")
    rows = [
        json.dumps({"parent_asin": f"i{item}", "title": f"{KINDS[item % 3]} {item}", "categories": [KINDS[item % 3]]})
        for item in range(items)
    ]
    (folder / "items.jsonl").write_text("\n".join(rows) + "\n")
    return {"source": "amazon", "path": str(folder / "reviews.jsonl"), "items": str(folder / "items.jsonl")}


def reviews_page(data: dict[str, str], families: tuple[str, ...], serve: str = "p5") -> dict[str, Any]:
    """A page with ease and a tiny p5 that learns the families."""
    tasks = {name: {"kind": "prompt", "family": name, "rows": 32, "kinds": 1.0} for name in families}
    tiny = {"width": 32, "heads": 2, "length": 48, "blocks": 1, "dropout": 0.0, "positions": "rotary"}
    train = {"epochs": 125, "validate_every": 125, "warmup": 10, "turns": "each", "rate": 0.01}
    return {
        "data": data,
        "items": {"modalities": ["id", "category"]},
        "model": {"ease": {}, "p5": {**tiny, "task": {"next_item": {}, **tasks}, "train": train}},
        "responder": {"both": {"kind": "blend", "of": ["ease", "p5"]}},
        "serve": {"responder": serve},
        "evaluate": {"bootstrap": 100, "baselines": False},
    }
