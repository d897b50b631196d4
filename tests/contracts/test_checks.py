"""The checks have teeth: each sees a plug that breaks just its promise."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest
import torch
from pydantic import Field
from torch import Tensor

from p5rec.contracts import (
    Dataset,
    Event,
    Factored,
    Filter,
    ItemLists,
    Queries,
    Responder,
    Setting,
    Solved,
    Split,
    State,
    Stream,
)
from p5rec.core.config import Config
from p5rec.core.errors import InputError
from p5rec.data.events import Part
from p5rec.testing import making
from p5rec.testing.checks import edges, metrics, models, powers, preparing, responders, serving
from p5rec.testing.making import FOLDERS

Popular: Any = FOLDERS["model"].load("popular")
Scorer: Any = FOLDERS["responder"].load("scorer")
Recall: Any = FOLDERS["metric"].load("recall")
Memory: Any = FOLDERS["store"].load("memory")


def caught(check: Callable[[type], None], plug: type) -> None:
    with pytest.raises((AssertionError, RuntimeError, ValueError)):
        check(plug)


# ---------------------------------------------------------------- models


class Honest(Factored, Solved):
    """Counts the items before each ask; the ground the broken ones stand on."""

    def __init__(self, config: Config, setting: Setting) -> None:
        super().__init__()
        self.register_buffer("counts", torch.zeros(setting.items.count))

    def solve(self, dataset: Dataset) -> None:
        self.counts = torch.from_numpy(dataset.item_counts).float()

    def seen(self, stream: Stream) -> Tensor:
        """(B, A, L) what stands before each ask."""
        return torch.arange(stream.width) < stream.asks.unsqueeze(2)

    def encode(self, stream: Stream) -> State:
        one = torch.nn.functional.one_hot(stream.values, len(self.counts)) * (stream.kinds == 4).unsqueeze(2)
        return (self.seen(stream).float() @ one.float()) + self.counts

    def vectors(self, state: State) -> Tensor:
        return state

    def catalogue(self, items: Tensor | None = None) -> Tensor:
        eye = torch.eye(len(self.counts))
        return eye if items is None else eye[items]


class Peeks(Honest):
    def seen(self, stream: Stream) -> Tensor:
        return torch.arange(stream.width) <= stream.asks.unsqueeze(2)


class SeesOutcomes(Honest):
    def encode(self, stream: Stream) -> State:
        return super().encode(stream) + stream.outcome["label"].gather(1, stream.asks.clamp(min=0)).unsqueeze(2)


class NeedsCompany(Honest):
    def encode(self, stream: Stream) -> State:
        state = super().encode(stream)
        return state - state.mean(0)


class SeesPadding(Honest):
    def encode(self, stream: Stream) -> State:
        return super().encode(stream) / stream.width


class Forgets(Honest):
    def __init__(self, config: Config, setting: Setting) -> None:
        super().__init__(config, setting)
        self.bonus = 0.0

    def solve(self, dataset: Dataset) -> None:
        super().solve(dataset)
        self.bonus = 3.0

    def encode(self, stream: Stream) -> State:
        return super().encode(stream) + self.bonus


class Gambles(Honest):
    def encode(self, stream: Stream) -> State:
        state = super().encode(stream)
        return state + torch.rand_like(state)


class Remembers(Honest):
    def encode(self, stream: Stream) -> State:
        self.counts += 1
        return super().encode(stream)


class LooksAtTests(Honest):
    def solve(self, dataset: Dataset) -> None:
        items = dataset.history("test").flat()[1]
        self.counts = torch.from_numpy(np.bincount(items, minlength=dataset.n_items)).float()


class BelievesInNumbers(Honest):
    def solve(self, dataset: Dataset) -> None:
        self.counts = torch.arange(dataset.n_items).float()


class NoProduct(Honest):
    def score(self, state: State, items: Tensor | None = None) -> Tensor:
        return super().score(state, items) + 1


class OneShape(Honest):
    def score(self, state: State, items: Tensor | None = None) -> Tensor:
        scores = super().score(state)
        return scores if items is None else scores[:, :, : items.shape[-1]]


@pytest.mark.parametrize("check", [*models.CHECKS, *powers.checks_of(Honest)], ids=lambda check: check.__name__)
def test_an_honest_model_passes(check: Callable[[type], None]) -> None:
    check(Honest)


@pytest.mark.parametrize(
    ("plug", "check"),
    [
        (Peeks, models.asks_nothing_of_the_future),
        (SeesOutcomes, models.asks_nothing_of_the_future),
        (NeedsCompany, models.batch_is_one_by_one),
        (SeesPadding, models.batch_is_one_by_one),
        (SeesPadding, powers.asks_dense_as_alone),
        (Forgets, models.all_is_in_the_state),
        (Gambles, models.answering_changes_nothing),
        (Remembers, models.answering_changes_nothing),
        (LooksAtTests, powers.solved_from_training_rows),
        (BelievesInNumbers, powers.ids_are_only_names),
        (NoProduct, powers.factored_scores_are_dot_products),
        (OneShape, models.items_in_every_shape),
    ],
)
def test_a_broken_model_is_seen(plug: type, check: Callable[[type], None]) -> None:
    caught(check, plug)


# ---------------------------------------------------------------- responders


class Plain(Responder):
    """A scorer over popularity under another name."""

    def __init__(self, config: Config, inner: Any, dataset: Dataset) -> None:
        (self.inner,) = inner.values()

    def __call__(self, queries: Queries, k: int | None) -> ItemLists:
        return self.inner(queries, k)


class Repeats(Plain):
    def __call__(self, queries: Queries, k: int | None) -> ItemLists:
        lists = super().__call__(queries, k)
        items = lists.items.copy()
        items[:, 1:2] = items[:, :1]
        return replace(lists, items=items)


class SilentlyShort(Plain):
    def __call__(self, queries: Queries, k: int | None) -> ItemLists:
        return replace(super().__call__(queries, k), short={})


class IgnoresExclusions(Plain):
    def __call__(self, queries: Queries, k: int | None) -> ItemLists:
        return super().__call__(replace(queries, excluded=None), k)


class IgnoresCandidates(Plain):
    def __call__(self, queries: Queries, k: int | None) -> ItemLists:
        return super().__call__(replace(queries, candidates=None), k)


class KnowsItsPlace(Plain):
    def __call__(self, queries: Queries, k: int | None) -> ItemLists:
        lists = super().__call__(queries, k)
        return replace(lists, scores=lists.scores + np.arange(len(lists))[:, None])


class TwoFaces(Plain):
    def __call__(self, queries: Queries, k: int | None) -> ItemLists:
        lists = super().__call__(queries, k)
        return replace(lists, scores=lists.scores * (2 if k is None else 1))


@pytest.mark.parametrize("check", responders.CHECKS, ids=lambda check: check.__name__)
def test_a_plain_responder_passes(check: Callable[[type], None]) -> None:
    check(Plain)


@pytest.mark.parametrize(
    ("plug", "check"),
    [
        (Repeats, responders.exactly_k),
        (SilentlyShort, responders.exactly_k),
        (IgnoresExclusions, responders.candidates_and_exclusions_are_kept),
        (IgnoresCandidates, responders.candidates_and_exclusions_are_kept),
        (KnowsItsPlace, responders.batch_is_one_by_one),
        (TwoFaces, responders.all_scores_agree_with_the_list),
    ],
)
def test_a_broken_responder_is_seen(plug: type, check: Callable[[type], None]) -> None:
    caught(check, plug)


def forgetful(name: str) -> type:
    """A responder that takes no weights back."""
    return type("Forgetful", (FOLDERS["responder"].load(name),), {"restore": lambda self, learned: None})


@pytest.mark.parametrize("name", ["blend", "gated", "stack"])
def test_weights_that_are_not_restored_are_missed(name: str) -> None:
    caught(responders.fitted_weights_are_plain, forgetful(name))


# ---------------------------------------------------------------- settings at their edges


class DividesByItsDial(Honest):
    """Not at home at 0, which its settings allow."""

    class Config(Config):
        dial: int = Field(1, ge=0, le=3, description="a dial")
        mode: Literal["plain", "broken"] = Field("plain", description="a mode")

    def __init__(self, config: Any, setting: Setting) -> None:
        super().__init__(config, setting)
        self.share = 1 // config.dial


class Half(DividesByItsDial):
    def __init__(self, config: Any, setting: Setting) -> None:
        if config.mode == "broken":
            raise ValueError("half a mode")
        if config.dial != 0:
            super().__init__(config, setting)
        else:
            raise InputError("a dial at 0 does nothing; turn it")


@pytest.mark.parametrize(("plug", "fault"), [(DividesByItsDial, "with dial=0"), (Half, "with mode=broken")])
def test_an_edge_that_breaks_is_named(plug: type, fault: str) -> None:
    with pytest.raises(AssertionError, match=fault):
        edges.models_work_at_the_edges(plug)


def test_edges_are_those_of_the_settings() -> None:
    assert [what for what, _ in making.edges(DividesByItsDial)] == ["dial=0", "dial=3", "mode=broken"]


# ---------------------------------------------------------------- metrics, stores, stages


class UpsideDown(Recall):
    higher = False


class SharesRows(Recall):
    def measure(self, answers: ItemLists, truth: Any) -> np.ndarray:
        stats = super().measure(answers, truth)
        return stats - stats.mean()


class TakesTwice(Memory):
    def append(self, events: Any) -> list[bool]:
        self._ids.clear()
        return super().append(events)


class OutOfOrder(Memory):
    def read(self, user_id: str, limit: int, after: int = 0) -> list[Event]:
        return super().read(user_id, limit, after)[::-1]


class KeepsErased(Memory):
    def erase(self, user_id: str) -> int:
        return len(self.read(user_id, 10**6))


class LowNumbers(Filter):
    """Keeps items with low numbers."""

    reason = "a high number"

    def __init__(self, config: Config) -> None:
        self.config = config

    def keep(self, events: Any) -> np.ndarray:
        return events.item < 10


class TrainsOnTheLast(Split):
    """The last event trains, the first are tested."""

    def __init__(self, config: Config) -> None:
        self.config = config

    def parts(self, events: Any, seed: int) -> np.ndarray:
        parts = np.full(len(events), Part.TRAIN, dtype=np.uint8)
        starts = events.offsets[:-1]
        parts[starts[starts < len(events)]] = Part.TEST
        parts[starts[starts + 1 < len(events)] + 1] = Part.VALID
        return parts


@pytest.mark.parametrize(
    ("plug", "check"),
    [
        (UpsideDown, metrics.perfect_beats_chance_beats_worst),
        (SharesRows, metrics.statistics_belong_to_their_query),
        (TakesTwice, serving.appends_once),
        (OutOfOrder, serving.reads_in_order),
        (KeepsErased, serving.erases),
        (LowNumbers, preparing.filters_ignore_numbers),
        (TrainsOnTheLast, preparing.splits_never_train_on_the_tested),
    ],
)
def test_broken_ones_of_other_kinds_are_seen(plug: type, check: Callable[[type], None]) -> None:
    caught(check, plug)
