"""Pictures, texts and sounds are really read: each alone decides in its world, and together they beat each alone."""

from dataclasses import replace

import numpy as np
import pytest

from p5rec.core import memo
from p5rec.testing.making import FOLDERS
from p5rec.testing.teaching import measured, taught
from p5rec.testing.views import EACH, VIEWS, alone, shuffled, views_decide
from p5rec.testing.worlds import World

pytest.importorskip("PIL.Image")
pytest.importorskip("soundfile")
SASREC, METRIC = FOLDERS["model"].load("sasrec"), f"recall@{EACH}"
CHANCE = 1 / 4  # the share of a level
SURELY = 0.2  # nearly four standard errors of chance: all lists rank the same 64 new items, √(¼ · ¾ / 64) = .054
QUICK = {"rate": 0.01, "epochs": 15, "patience": 15}
SLOW = {"rate": 0.004, "epochs": 40, "patience": 40}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(memo.CACHE, str(tmp_path_factory.getbasetemp() / "views"))


def reached(world: World, fusion: str = "sum", **pace: float) -> float:
    """Recall of new items at the size of a level."""
    return measured(taught(SASREC, replace(world, fusion=fusion), **pace), world)[METRIC]


@pytest.mark.parametrize("follow", [*[(one,) for one in VIEWS], tuple(VIEWS)], ids="+".join)
def test_the_law_tells_all_that_is_right(follow: tuple[str, ...]) -> None:
    world = views_decide(follow)
    queries, truth = world.dataset.held_out("test")
    scores, right = world.oracle(queries), truth.items.padded()
    assert (scores.sum(1) == EACH).all()
    assert np.take_along_axis(scores, right, axis=1).all()
    assert not world.dataset.item_counts[right].any(), "a held-out item is new"
    picture, sound = (world.dataset.item_features.columns[name].values for name in ("picture", "sound"))
    assert len(set(picture)) == len(set(sound)) == world.dataset.n_items, "no file tells more than its level"


def test_dealing_out_anew_changes_one_view_only() -> None:
    world = views_decide()
    old, new = (one.dataset.item_features.columns for one in (world, shuffled(world, "text")))
    assert sorted(old["title"].values) == sorted(new["title"].values)
    assert [name for name in old if (old[name].values != new[name].values).any()] == ["title"]


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_is_read_where_it_decides(view: str) -> None:
    assert reached(views_decide((view,)), **QUICK) > 0.9


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_that_is_dealt_out_anew_tells_nothing(view: str) -> None:
    assert reached(shuffled(views_decide((view,)), view), **QUICK) < CHANCE + SURELY


@pytest.mark.prove
@pytest.mark.parametrize("decides", VIEWS)
def test_no_other_view_tells_what_one_decides(decides: str) -> None:
    world = views_decide((decides,))
    others = [one for one in VIEWS if one != decides]
    assert reached(alone(world, decides), **QUICK) > 0.9
    for views in [*[(one,) for one in others], others]:
        assert reached(alone(world, *views), **QUICK) < CHANCE + SURELY, views


@pytest.mark.prove
def test_together_they_beat_each_alone() -> None:
    world = views_decide(users=480)
    half = 1 / 3 + 2 / 3 * CHANCE  # the best that one view can: all of its own users, and a share of the others
    single = [reached(alone(world, view), **SLOW) for view in VIEWS]
    assert all(abs(one - half) < SURELY for one in single), single
    for fusion in ("sum", "gate", "attention"):
        assert reached(world, fusion, **SLOW) > max(single) + SURELY, fusion
    assert reached(shuffled(world, *VIEWS), **SLOW) < CHANCE + SURELY
