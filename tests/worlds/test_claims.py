"""Every model reaches the known score in the worlds it claims, trained and measured by the real pipeline."""

from dataclasses import replace

import numpy as np
import pytest

from p5rec.contracts import Model
from p5rec.testing.making import FOLDERS, every
from p5rec.testing.sample import renumbered
from p5rec.testing.teaching import measured, ranker, taught
from p5rec.testing.worlds import WORLDS, World

CLAIMS = [(name, world, plug) for name, plug in every("model") for world in plug.claims]
IDS = [f"{name}-{world}" for name, world, _ in CLAIMS]


def reaches(made: World, plug: type[Model]) -> None:
    """Assert that a model, taught in a world, goes the required share of the way."""
    found = measured(taught(plug, made), made)
    assert found, "the world promises nothing that can be measured"
    for metric, value in found.items():
        better = value <= made.floor(metric) if made.best[metric] < made.blind[metric] else value >= made.floor(metric)
        assert better, f"{metric} {value:.4f}; best {made.best[metric]:.4f}, required {made.floor(metric):.4f}"


@pytest.mark.parametrize(("world", "plug"), [c[1:] for c in CLAIMS], ids=IDS)
def test_a_model_reaches_what_it_claims(world: str, plug: type[Model]) -> None:
    reaches(WORLDS[world](), plug)


@pytest.mark.prove
@pytest.mark.parametrize(("world", "plug"), [c[1:] for c in CLAIMS], ids=IDS)
@pytest.mark.parametrize("seed", [1, 2])
def test_also_in_other_and_larger_worlds(world: str, plug: type[Model], seed: int) -> None:
    reaches(WORLDS[world](seed, users=1500), plug)


@pytest.mark.parametrize(("name", "plug"), every("model"), ids=lambda part: part if isinstance(part, str) else "")
def test_every_model_claims_a_world(name: str, plug: type[Model]) -> None:
    assert plug.claims, f"{name} claims no world; known are {', '.join(WORLDS)}"
    assert set(plug.claims) <= set(WORLDS)


def test_popularity_is_blind_to_taste() -> None:
    world = WORLDS["checkerboard"]()
    found = measured(taught(FOLDERS["model"].load("popular"), world), world)
    for metric, value in found.items():
        assert value == pytest.approx(world.blind[metric], abs=0.08)


def test_bags_of_items_are_blind_to_order() -> None:
    world = WORLDS["markov"]()
    found = measured(taught(FOLDERS["model"].load("ease"), world), world)
    assert found["ndcg@10"] < world.floor("ndcg@10")


def recall_of_fresh_items(world: World, model: Model) -> float:
    """Recall@10 of the test items that occur in no training row."""
    queries, truth = world.dataset.held_out("test")
    fresh = np.flatnonzero(world.dataset.item_counts[truth.items.padded()[:, 0]] == 0)
    lists = ranker(model, world)(queries.rows(fresh), 10)
    return float((lists.items == truth.items.padded()[fresh]).any(1).mean())


def test_only_content_knows_where_a_fresh_item_belongs() -> None:
    plug, world = FOLDERS["model"].load("sasrec"), WORLDS["category_decides"]()
    with_content = recall_of_fresh_items(world, taught(plug, world, epochs=15))
    by_id = replace(world, modalities=("id",))
    assert with_content > 0.9
    assert recall_of_fresh_items(by_id, taught(plug, by_id, epochs=15)) < 0.4


def test_other_numbers_change_nothing_but_noise() -> None:
    """Leak law, for a model that is trained: the same data with other item numbers is learned as well."""
    plug, world = FOLDERS["model"].load("sasrec"), WORLDS["category_decides"]()
    other = replace(world, dataset=renumbered(world.dataset))
    assert not np.array_equal(world.dataset.events["item"], other.dataset.events["item"])
    found, again = (measured(taught(plug, one, epochs=10), one) for one in (world, other))
    for metric, value in found.items():
        assert again[metric] == pytest.approx(value, abs=0.06)
