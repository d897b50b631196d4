"""What joins a finished tower changes nothing of what was there; what nothing is known of is not answered."""

import base64
from pathlib import Path

import numpy as np
import pytest
import torch
from test_pictures import png

from p5rec.contracts import Queries
from p5rec.core import memo
from p5rec.data.features import Column, Features, Kind
from p5rec.data.ragged import Ragged
from p5rec.responders.scorer import Scorer
from p5rec.testing.making import FOLDERS, drawn, fresh, setting
from p5rec.testing.sequences import from_sequences
from p5rec.towers.tower import build


def tower(features: Features, modalities: dict[str, dict], fusion: str = "sum", width: int = 8):
    plugs = {name: FOLDERS["modality"].load(name) for name in modalities}
    views = {name: (plug, plug.Config(**modalities[name])) for name, plug in plugs.items()}
    joint = FOLDERS["fusion"].load(fusion)
    with drawn(0):
        return build(features, width, views, (joint, joint.Config()))


def pictures(told: list[str | None]) -> Features:
    return Features(len(told), {"picture": Column(Kind.IMAGE, np.array(told, dtype=object))})


def test_files_of_old_rows_are_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setenv(memo.CACHE, str(tmp_path / "cache"))
    files = [tmp_path / f"{colour}.png" for colour in ("red", "blue", "lime")]
    for path in files:
        path.write_bytes(png(colour=path.stem))
    told = [*map(str, files), None]
    made = tower(pictures(told), {"image": {"reader": "colours"}}).eval()
    before = made.all().detach()
    for path in files:
        path.unlink()
    capsys.readouterr()
    inline = "data:image/png;base64," + base64.b64encode(png(colour="red")).decode()
    made.grow(pictures([*told, inline, "gone.png"]))
    torch.testing.assert_close(made.all()[:4].detach(), before)
    torch.testing.assert_close(made.all()[4].detach(), before[0])
    assert "picture: 1 of 2 pictures cannot be read" in capsys.readouterr().err, "only what joined is told"


def ranker() -> tuple[Scorer, dict[str, int]]:
    """Items i0 to i3 are trained, "told" and "bare" are not; of "bare" nothing is known."""
    rows = {f"u{n}": [f"i{(n + step) % 4}" for step in range(4)] for n in range(8)}
    plain = from_sequences(rows, items=["told", "bare"])
    number = {key: int(plain.items.number(key)) for key in ("i0", "i1", "told", "bare")}
    group = np.zeros(6, dtype=np.int32)
    group[number["bare"]] = -1
    data = from_sequences(rows, items=["told", "bare"], item_columns={"group": Column(Kind.CATEGORY, group, ("a",))})
    plug = FOLDERS["model"].load("sasrec")
    model = fresh(plug, setting(data, ("id", "category"))).eval()
    with torch.no_grad():
        model.items.missing["id"].fill_(3.0)  # as loud as can be
        model.items.missing["category"].fill_(3.0)
    return Scorer(Scorer.Config(), {"model": model}, data), number


def test_what_nothing_is_known_of_is_not_answered() -> None:
    rank, number = ranker()
    asked = Queries.of([[number["i0"], number["i1"]]])
    lists = rank(asked, 6)
    assert set(lists.items[0]) == {*range(6), -1} - {number["bare"]}
    scores = rank(asked, None).scores[0]
    assert np.isneginf(scores[number["bare"]])
    assert np.isfinite(np.delete(scores, number["bare"])).all()
    given = rank(Queries.of([[number["i0"]]], candidates=Ragged.of([[number["bare"], number["told"]]])), None)
    assert np.isneginf(given.scores[0]).tolist() == [True, False]


def test_what_is_like_an_item_without_an_id_part_is_what_follows_it() -> None:
    rank, number = ranker()
    new = np.array([number["told"]])
    follows = rank(Queries.of([[number["told"]]]), None).scores[0]
    follows[number["told"]] = -np.inf
    assert rank.similar(new, 2).items[0, 0] == follows.argmax()
    old = rank.similar(np.array([number["i0"]]), 2)
    vectors = torch.nn.functional.normalize(rank.model.catalogue().detach(), dim=1)
    near = vectors @ vectors[number["i0"]]
    near[number["i0"]] = -1
    assert old.items[0, 0] == int(near.argmax())
