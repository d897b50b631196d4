"""Makes the tiny run that must load for ever: python tests/artifacts/make.py (once for each new artifact format)."""

import json
import random
import shutil
import tempfile
from pathlib import Path

import p5rec
from p5rec.core.artifact import FORMAT

HERE = Path(__file__).parent
ASKED = {"histories": [["i0", "i3"], ["i1"], []], "k": 4}
PAGE = {
    "evaluate": {"bootstrap": 100},
    "items": {"modalities": ["id", "category"]},
    "model": {
        "ease": {},
        "mf": {"width": 4},
        "sasrec": {"width": 8, "heads": 2, "length": 8, "train": {"epochs": 2, "warmup": 1, "precision": "float32"}},
    },
    "responder": {"blend": {"of": ["itemknn", "ease", "sasrec"]}},
    "serve": {"responder": "blend"},
}


def main() -> None:
    draw = random.Random(1)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        rows = [f"u{u} " + " ".join(draw.sample([f"i{i}" for i in range(12) if i % 3 == u % 3], 4)) for u in range(24)]
        (folder / "sequences.txt").write_text("\n".join(rows) + "\n")
        lines = [json.dumps({"item_id": f"i{i}", "title": f"thing {i}", "category": "abc"[i % 3]}) for i in range(13)]
        (folder / "items.jsonl").write_text("\n".join(lines) + "\n")
        data = {"path": str(folder / "sequences.txt"), "items": str(folder / "items.jsonl"), "source": "sequences"}
        made = p5rec.run({**PAGE, "data": data}, out=folder / "run")
        answers = {name: made.recommend(**ASKED, responder=name).to_dicts() for name in (*made.models, "blend")}
        target = HERE / f"format-{FORMAT}"
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(folder / "run", target, ignore=shutil.ignore_patterns("report.html"))
    (target / "answers.json").write_text(json.dumps(answers, indent=1) + "\n")


if __name__ == "__main__":
    main()
