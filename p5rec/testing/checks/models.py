"""What every model promises, whatever its powers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from p5rec.blocks.stream import Kind, Stream
from p5rec.collate import collate
from p5rec.contracts import Bound, Model, Setting
from p5rec.data.dataset import Dataset
from p5rec.data.queries import Queries
from p5rec.testing.making import drawn, fitted, fresh, setting
from p5rec.testing.sample import sample

CLOSE = 1e-4  # float32, any batch, any company
WORDS = 12  # words of the vocabulary of those who speak


@dataclass(frozen=True)
class Bench:
    """A model that has seen the sample, and the queries it is asked."""

    plug: type[Model]
    dataset: Dataset
    made_for: Setting

    @classmethod
    def of(cls, plug: type[Model], dataset: Dataset | None = None) -> Bench:
        """The bench of a class; the usual sample unless another dataset is given."""
        dataset = dataset or sample()
        made_for = setting(dataset, ("id", "category"), users=("id", "category"))
        return cls(plug, dataset, made_for if made_for.words else replace(made_for, words=WORDS))

    @cached_property
    def model(self) -> Model:
        """Built once."""
        made: Model = fitted(self.plug, self.dataset, self.made_for)
        return made

    @cached_property
    def queries(self) -> Queries:
        """Histories of all lengths, the empty one included."""
        return self.dataset.held_out("test")[0]

    def asked(self, queries: Queries) -> Stream:
        """The stream of queries, as serving makes it."""
        return collate(queries, self.model.length)

    def scores(self, stream: Stream, model: Model | None = None) -> Tensor:
        """(B, A, V)."""
        model = model or self.model
        with torch.inference_mode():
            scores: Tensor = model.score(model.encode(stream))
        return scores


def close(first: Tensor, second: Tensor, why: str) -> None:
    """Assert that scores agree to `CLOSE`, relative where they are large."""
    assert first.shape == second.shape, f"{why}: shapes {tuple(first.shape)} and {tuple(second.shape)}"
    gap = ((first - second).abs() / second.abs().clamp(min=1)).max() if first.numel() else torch.zeros(())
    assert float(gap) <= CLOSE, f"{why}: scores differ by {float(gap):.2g}"


def answers_everyone(plug: type[Model]) -> None:
    """Finite scores (B, A, V) for known and unknown users, empty, usual and very long histories, wherever asked."""
    bench = Bench.of(plug)
    stream = bench.asked(bench.queries)
    scores = bench.scores(stream)
    assert scores.shape == (len(stream), 1, bench.dataset.n_items)
    assert torch.isfinite(scores).all()
    strange = Queries.of([[], [0], list(range(20)) * 40], users=np.array([-1, 0, -1]))
    assert torch.isfinite(bench.scores(bench.asked(strange))).all()


def asks_nothing_of_the_future(plug: type[Model]) -> None:
    """Ask law: what stands at or after an ask changes nothing, except the context columns of the ask's own place.

    A causal model is asked in the midst of rows. A cloze model is asked at the end, where serving asks; it must not
    see the columns there which are known only after the event.
    """
    bench = Bench.of(plug)
    generator = torch.Generator().manual_seed(0)
    stream = collate(bench.queries, bench.model.length, asks="every" if plug.causal else "next")
    for _ in range(3):
        if plug.causal:
            asks = (torch.rand(len(stream), generator=generator) * (stream.lengths - 1)).long() + 1
            stream = replace(stream, asks=asks.clamp(max=stream.width - 1).unsqueeze(1))
        other = other_columns(other_things(stream, generator) if plug.causal else stream)
        close(bench.scores(other), bench.scores(stream), "the future shows")


def other_things(stream: Stream, generator: torch.Generator) -> Stream:
    """A BLANK at the (B, 1) asks, and behind them other items, BLANKs or nothing, a row alike."""
    places = torch.arange(stream.width).expand_as(stream.kinds)
    drawn = torch.randint(3, (len(stream), 1), generator=generator)
    behind = torch.tensor([Kind.ITEM, Kind.BLANK, Kind.PAD])[drawn].expand_as(places)
    kinds = torch.where(places == stream.asks, Kind.BLANK, torch.where(places > stream.asks, behind, stream.kinds))
    items = torch.randint(5, stream.values.shape, generator=generator)
    values = torch.where(places >= stream.asks, items, stream.values).masked_fill(kinds != Kind.ITEM, 0)
    return replace(stream, kinds=kinds, values=values)


def other_columns(stream: Stream) -> Stream:
    """Other outcomes at and after the (B, 1) asks, and other context after them."""
    places = torch.arange(stream.width).expand_as(stream.kinds)
    return replace(
        stream,
        context={n: torch.where(places > stream.asks, grid * 0 + 1, grid) for n, grid in stream.context.items()},
        outcome={n: torch.where(places >= stream.asks, grid * 0 + 7, grid) for n, grid in stream.outcome.items()},
    )


def batch_is_one_by_one(plug: type[Model]) -> None:
    """Same law: a row is answered alike in any company, and with any padding."""
    bench = Bench.of(plug)
    together = bench.scores(bench.asked(bench.queries))
    for row in range(0, len(bench.queries), 5):
        alone = bench.scores(bench.asked(bench.queries.rows(np.array([row]))))
        close(alone[0], together[row], f"row {row} alone")
    wide = collate(bench.queries, bench.model.length, width=40)
    close(bench.scores(wide), together, "with more padding")


def items_in_every_shape(plug: type[Model]) -> None:
    """Scores of items (C,), (B, C) and (B, A, C) are those of the catalogue."""
    bench = Bench.of(plug)
    stream = bench.asked(bench.queries)
    full, rows = bench.scores(stream), len(stream)
    generator = torch.Generator().manual_seed(1)
    flat, wide, deep = (
        torch.randint(bench.dataset.n_items, shape, generator=generator) for shape in ((7,), (rows, 7), (rows, 1, 7))
    )
    with torch.inference_mode():
        state = bench.model.encode(stream)
        close(bench.model.score(state, flat), full[:, :, flat], "items (C,)")
        close(bench.model.score(state, wide), full.gather(2, wide.unsqueeze(1)), "items (B, C)")
        close(bench.model.score(state, deep), full.gather(2, deep), "items (B, A, C)")


def all_is_in_the_state(plug: type[Model]) -> None:
    """Saved, built anew and loaded, it scores the same."""
    bench = Bench.of(plug)
    stream = bench.asked(bench.queries)
    other = fresh(plug, bench.made_for, seed=5)
    other.load_state_dict({name: tensor.clone() for name, tensor in bench.model.state_dict().items()})
    other.eval()
    if isinstance(other, Bound):
        other.refresh()
    close(bench.scores(stream, other), bench.scores(stream), "after loading")


def answering_changes_nothing(plug: type[Model]) -> None:
    """In evaluation mode: no gradient, no draw, no change of state, the same answer twice."""
    bench = Bench.of(plug)
    stream = bench.asked(bench.queries)
    before = {name: tensor.clone() for name, tensor in bench.model.state_dict().items()}
    draws = torch.get_rng_state()
    first, second = bench.scores(stream), bench.scores(stream)
    assert torch.equal(first, second), "two answers differ"
    assert torch.equal(torch.get_rng_state(), draws), "answering draws random numbers"
    assert all(torch.equal(tensor, before[name]) for name, tensor in bench.model.state_dict().items())
    assert all(parameter.grad is None for parameter in bench.model.parameters())


def one_seed_one_model(plug: type[Model]) -> None:
    """Built twice with one seed, it is the same; its first weights come from torch's generator only."""
    bench = Bench.of(plug)
    again: Model = fitted(plug, bench.dataset, bench.made_for)
    for name, tensor in bench.model.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor), f"{name} differs"


def trains_in_training_mode_only(plug: type[Model]) -> None:
    """Training mode gives finite states with gradients for all open parameters' dtype, and comes back the same."""
    bench = Bench.of(plug)
    stream = bench.asked(bench.queries)
    rest = bench.scores(stream)
    with drawn(3):
        bench.model.train()
        scores = bench.model.score(bench.model.encode(stream))
        assert torch.isfinite(scores).all()
    bench.model.eval()
    close(bench.scores(stream), rest, "after a forward pass in training mode")


def takes_several_event_kinds(plug: type[Model]) -> None:
    """Data with views and purchases is taken like any other, with content towers and without."""
    dataset = sample(kinds=2)
    bench = Bench.of(plug, dataset)
    bare = Bench(plug, dataset, replace(setting(dataset), words=WORDS))
    for one in (bench, bare):
        assert torch.isfinite(one.scores(one.asked(one.queries))).all()


CHECKS = (
    answers_everyone,
    asks_nothing_of_the_future,
    batch_is_one_by_one,
    items_in_every_shape,
    all_is_in_the_state,
    answering_changes_nothing,
    one_seed_one_model,
    takes_several_event_kinds,
    trains_in_training_mode_only,
)
