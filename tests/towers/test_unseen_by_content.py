"""Items that training never saw stand where their words and categories say; new ones, too, and nothing is retrained."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from p5rec.commands import page as pages
from p5rec.commands import train
from p5rec.commands.assemble import setting
from p5rec.contracts import Model
from p5rec.data.features import Column, Features, Kind
from p5rec.testing.checks.parts import with_new_level
from p5rec.testing.making import larger
from p5rec.testing.teaching import measured
from p5rec.testing.worlds import likeness

WORLD = likeness()
MODELS = {
    "sasrec": {"width": 32, "train": {"epochs": 60, "rate": 0.003, "patience": 8, "warmup": 10}},
    "popular": {},
    "itemknn": {},
}
FIRST = "first"


def page(unseen: str, *others: Any) -> pages.Page:
    views = [{"name": "id", "unseen": unseen}, *others]
    values = {"data": {"source": "sequences", "path": "unread"}, "model": MODELS}
    return pages.resolve({**values, "items": {"modalities": views, "fusion": FIRST}})


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Model]:
    """Trained with ids alone; with content for the unseen; and with a category beside."""
    made = {"missing": page("missing"), "content": page("content"), "beside": page("content", "category")}
    folder = tmp_path_factory.mktemp("unseen")
    return {
        name: train.run(one, WORLD.dataset, folder / name, ["sasrec"])["sasrec"].model for name, one in made.items()
    }


def groups(model: Model) -> Tensor:
    """(V, V) bool: items of one category."""
    levels = torch.from_numpy(np.asarray(WORLD.dataset.item_features.columns["category"].values))
    return levels[:, None] == levels[None, :]


def alike(vectors: Tensor) -> Tensor:
    unit = torch.nn.functional.normalize(vectors, dim=1)
    return unit @ unit.T


def test_new_items_are_found_by_their_category(models: dict[str, Model]) -> None:
    (name,) = WORLD.best
    found = {kind: measured(model, WORLD)[name] for kind, model in models.items()}
    assert found["content"] > 0.9 > WORLD.blind[name] + 0.1 > found["missing"]
    assert found["beside"] > 0.9


@pytest.mark.parametrize("kind", ["content", "beside"])
def test_an_item_that_joins_stands_among_its_kind(models: dict[str, Model], kind: str) -> None:
    made_for = setting(page("content"), WORLD.dataset)
    features = made_for.items
    model = models[kind]
    before = model.items.all().detach()
    tower = setting(page("content", *(["category"] if kind == "beside" else [])), WORLD.dataset).item_tower(32)
    tower.load_state_dict(model.items.state_dict())
    tower.eval()
    torch.testing.assert_close(tower.all(), before)
    grown = with_new_level(larger(features, 2))  # two like the first item, one of a category that nobody had
    tower.grow(grown)
    after = tower.all().detach()
    torch.testing.assert_close(after[: features.count], before)
    near = alike(after)[features.count, : features.count]
    own = groups(model)[0]
    assert near[own].mean() > 0.7 > near[~own].max() + 0.2
    torch.testing.assert_close(after[features.count], after[features.count + 1])
    assert torch.isfinite(after).all()


def test_training_counts_on_nothing_that_content_gave(models: dict[str, Model]) -> None:
    tower = models["beside"].items
    unseen = torch.from_numpy(WORLD.dataset.untrained_items)
    values, view = tower.values.id, tower.views["id"]
    assert (values[unseen] < -1).all()
    view.eval()
    assert view.present(values).all()
    view.train()
    assert not view.present(values[unseen]).any()
    view.eval()


def test_held_out_events_say_nothing_of_the_unseen() -> None:
    dataset = WORLD.dataset
    assert not dataset.item_counts[dataset.untrained_items].any()
    tower = setting(page("content"), dataset).item_tower(8)
    view = tower.view
    view.settle(dataset)
    seen = dataset.known_items.seen
    other = replace(dataset, events={**dataset.events, "item": np.where(_held(dataset), 0, dataset.events["item"])})
    table = view.table.detach().clone()
    view.settle(other)
    torch.testing.assert_close(view.table.detach(), table)
    assert view.table[~torch.from_numpy(seen)].abs().sum() > 0


def _held(dataset: Any) -> np.ndarray:
    """(N,) bool: events that are held out."""
    _, place = dataset.history("train").places()
    found = np.ones(len(dataset.events["item"]), dtype=bool)
    found[place] = False
    return found


def test_an_item_of_which_nothing_is_told_has_no_vector() -> None:
    category = np.array([0, 0, 1, 1, -1, 0], dtype=np.int32)
    seen = np.array([True] * 4 + [False] * 2)
    features = Features(6, {"category": Column(Kind.CATEGORY, category, ("a", "b"))}, seen)
    dataset = replace(WORLD.dataset)
    dataset.__dict__["known_items"] = features
    tower = setting(page("content", "category"), dataset).item_tower(8)
    view = tower.views["id"].eval()
    view.settle(dataset)
    assert view.present(tower.values.id).tolist() == [True] * 4 + [False, True]
