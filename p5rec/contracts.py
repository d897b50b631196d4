"""Every interface of the house: the page to read first.

Letters of shapes: B rows, A asks, L length, C candidates, D width, V catalogue, W words, Q queries, N any number.

Each kind of plug has a folder (`KINDS`); each file in it holds one class that inherits from the base here, named by its
file in a page. A model inherits its powers; a task or responder names those it needs, else the page is told.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from torch import Tensor, nn

from p5rec.blocks.stream import Stream
from p5rec.collate import collate
from p5rec.core.config import Config
from p5rec.core.errors import StepsAside
from p5rec.core.plugins import Plug
from p5rec.data import reasons
from p5rec.data.answers import Answers, ItemLists, Numbers, Texts
from p5rec.data.dataset import Dataset
from p5rec.data.events import Events, Tables
from p5rec.data.features import Features
from p5rec.data.index import Index
from p5rec.data.log import Event, Store
from p5rec.data.prompt import Prompts, Segment
from p5rec.data.queries import Queries, Truth
from p5rec.data.stages import Filter, Source, Split

__all__ = [
    "Answers", "Dataset", "Event", "Events", "Filter", "Index", "ItemLists", "Numbers", "Plug", "Prompts", "Queries",
    "Segment", "Source", "Split", "StepsAside", "Store", "Stream", "Tables", "Texts", "Truth", "collate",
]  # fmt: skip

State = Any  # tensors with leading dimensions (B, A); opaque to all but its model
Target = Any  # each task defines its own; only that task looks at it


# ---------------------------------------------------------------- items and users
class Modality(nn.Module, Plug):
    """One view of an item or user: values of columns → vectors. Built as ``Modality(config, width)``."""

    needs_columns: ClassVar[bool] = True  # steps aside where the data has no columns for it
    rowwise: ClassVar[bool] = False  # reads each row for itself, so that of a longer table the new ones are enough
    dropout: float = 0.0  # share of rows whose part is hidden in training, so that other parts learn to do without it

    def share(self, words: nn.Embedding) -> None:
        """Read with the word vectors of the model; called before `read`, for those that read words."""

    def words(self, values: Tensor) -> Tensor:
        """(N, …) values → (N, S) the words they are told in, -1 pads; S = 0 where it reads none."""
        return values.new_zeros(len(values), 0).long()

    def begin(self, dataset: Dataset) -> None:
        """Take first vectors of items from training rows; called once, before training from nothing."""

    def settle(self, dataset: Dataset) -> None:
        """Make of learned vectors what is derived from them; called before a model is measured, and after training."""

    @abstractmethod
    def read(self, features: Features) -> Tensor:
        """The (N, …) values of all rows, kept by the tower; called at building, and again with more rows or levels."""

    @abstractmethod
    def encode(self, values: Tensor) -> Tensor:
        """(N, …) values → (N, D) vectors."""

    @abstractmethod
    def present(self, values: Tensor) -> Tensor:
        """(N,) bool: whether anything is known; the tower has a vector for what is missing."""

    @classmethod
    @abstractmethod
    def columns(cls, features: Features) -> list[str]:
        """Names of the columns it would read; without any it steps aside."""


class Fusion(nn.Module, Plug):
    """Several (N, D) parts of an item → one. Built as ``Fusion(config, names, width)``."""

    first_decides: ClassVar[bool] = False  # where the first part is known, the others are not looked at, nor made

    @abstractmethod
    def forward(self, parts: Mapping[str, Tensor], present: Mapping[str, Tensor]) -> Tensor:
        """Parts (N, D) each, and whether each is known (N,) → (N, D)."""


class Tower(nn.Module, ABC):
    """All that is known of an item (or user) as one vector; models see towers only."""

    width: int
    count: int
    only: tuple[str, ...] | None = None  # the modalities that are read, for tasks of a single view; None: all

    @abstractmethod
    def parts(self, ids: Tensor) -> dict[str, Tensor]:
        """(N,) numbers → {modality: (N, D)}."""

    @abstractmethod
    def forward(self, ids: Tensor) -> Tensor:
        """(…) numbers → (…, D), fused; -1 is an item (or user) of which nothing is known."""

    @abstractmethod
    def all(self) -> Tensor:
        """(V, D) the vectors of all rows."""

    def known(self) -> dict[str, Tensor]:
        """Modality → (V,) bool, of which rows it knows something; empty where no row is told apart so."""
        return {}

    def words(self, ids: Tensor) -> Tensor:
        """The words (N,) rows are told in: (N, S) numbers, -1 pads; S = 0 where none are read."""
        return ids.new_zeros(len(ids), 0)

    @abstractmethod
    def grow(self, features: Features) -> None:
        """Take in further rows; old rows keep their vectors."""


@dataclass(frozen=True)
class Setting:
    """What a model is built for.

    Attributes:
        items, users: what is known of them; ``count`` is the size of the vocabulary.
        item_tower, user_tower: ``(width, words=None)`` → a new tower, which may read with the model's word vectors.
        words: size of the word vocabulary, 0 without words; `end` is the word that ends a text.
        kinds: names of the event kinds; `target` is the number of the one to be predicted.
    """

    items: Features
    users: Features
    item_tower: Callable[..., Tower]
    user_tower: Callable[..., Tower]
    words: int = 0
    end: int = 0
    kinds: tuple[str, ...] = ("event",)
    target: int = 0
    seed: int = 0


# ---------------------------------------------------------------- models and their powers
class Model(nn.Module, Plug):
    """Stream → one state per ask → scores of items. Built as ``Model(config, setting)``.

    *Ask law*: an ask at position p wants what stands at p, and its state depends on nothing at or after p but the
    context columns of p. All that a model learned is in its ``state_dict``.
    """

    causal: bool = True  # the state of an ask depends only on what stands before it, so all can be asked at once
    learns: ClassVar[Mapping[str, Mapping[str, Any]]] = {}  # tasks unless the page names others, with their settings
    claims: ClassVar[tuple[str, ...]] = ()  # worlds of `p5rec.testing.worlds` whose best answer it must come near
    length: int | None = None  # at most so many things of a stream are read; None reads all

    @abstractmethod
    def encode(self, stream: Stream) -> State:
        """One state per ask: a tree of tensors with leading dimensions (B, A), sliceable along A."""

    @abstractmethod
    def score(self, state: State, items: Tensor | None = None) -> Tensor:
        """Scores (B, A, C) of items (C,), (B, C) or (B, A, C); None is the whole catalogue, C = V."""


class Factored(Model):
    """Power: a score is a dot product, by promise, so catalogues can be indexed and softmaxes sampled."""

    @abstractmethod
    def vectors(self, state: State) -> Tensor:
        """(B, A, D) one vector per ask."""

    @abstractmethod
    def catalogue(self, items: Tensor | None = None) -> Tensor:
        """Item vectors (N, D), or (…, D) in the shape of `items`; None is the whole catalogue (V, D)."""

    def score(self, state: State, items: Tensor | None = None) -> Tensor:
        """Dot products (B, A, C)."""
        asked, known = self.vectors(state), self.catalogue(items)
        each = known.dim() == 4  # items of its own for every ask
        return (known @ asked.unsqueeze(-1)).squeeze(-1) if each else asked @ known.transpose(-1, -2)


class Estimates(Model):
    """Power: a number for each pair, on the scale of the labels."""

    @abstractmethod
    def estimate(self, state: State, items: Tensor) -> Tensor:
        """(B, A, C) for items (C,), (B, C) or (B, A, C)."""


class Speaks(Model):
    """Power: words."""

    @abstractmethod
    def words(self, state: State) -> Tensor:
        """(B, A, W) logits over the word vocabulary."""

    @abstractmethod
    def generate(
        self, stream: Stream, limit: int, top_p: float = 0.0, seed: int = 0, seconds: float = float("inf")
    ) -> tuple[Tensor, Tensor]:
        """Go on from each row's last ask: words (B, T ≤ limit) and lengths (B,) without the word that ends a text.
        ``top_p = 0`` is greedy; after `seconds` all stop where they are.
        """


class Prompted(Factored, Speaks, Estimates):
    """Power: answers prompts of every kind, and tells from the prompt which kind is asked for."""

    @abstractmethod
    def kinds(self, state: State) -> Tensor:
        """(B, A, 3) logits that the answer is one of `p5rec.core.things.ANSWERS`."""

    @abstractmethod
    def number(self, state: State) -> Tensor:
        """(B, A) the number that is asked for, on the scale of the labels."""


class Solved(Model):
    """Power: fitted in one go, without gradients."""

    @abstractmethod
    def solve(self, dataset: Dataset) -> None:
        """Fit on the training rows.

        Raises:
            StepsAside: the data is outside what this model can do; the run goes on without it and says why.
        """

    def work(self, dataset: Dataset) -> tuple[float, float]:
        """About the floating-point operations and the bytes of memory that `solve` takes."""
        return 0.0, 0.0


class Bound(Model):
    """Power: looks at the training data as a whole (a graph)."""

    @abstractmethod
    def bind(self, dataset: Dataset) -> None:
        """Take what is needed from the training rows; buffers of it are saved with the model."""

    def refresh(self) -> None:
        """Recompute what depends on parameters and data together: called before each training step and answer."""


class Grows(Model):
    """Power: new items, users and words join a finished model, old rows are kept."""

    @abstractmethod
    def grow(self, setting: Setting) -> None:
        """Take in a setting with more of them; old numbers mean the same as before."""


# ---------------------------------------------------------------- tasks and training
class Task(nn.Module, Plug):
    """Cuts streams and targets out of a dataset and says how wrong a model was. Built as ``Task(config, setting)``."""

    needs: ClassVar[tuple[type[Model], ...]] = ()  # the powers a model must have

    def __init__(self, config: Config, setting: Setting) -> None:
        super().__init__()
        self.config = config

    @abstractmethod
    def steps(self, dataset: Dataset) -> int:
        """Steps of one pass over the training rows."""

    @abstractmethod
    def batch(self, dataset: Dataset, model: Model, seed: int, step: int) -> tuple[Stream, Target]:
        """The data of one step: a pure function; of the model only ``length`` and ``causal`` may be read."""

    @abstractmethod
    def loss(self, model: Model, stream: Stream, target: Target) -> Tensor:
        """A scalar, normalised so that 1 is about an untrained model's, whatever the number of asks."""

    def begin(self, model: Model) -> None:
        """Called once before training: heads as wide as the model, target networks."""

    def after_step(self, model: Model) -> None:
        """Called after each optimiser step (target networks, memory banks)."""


class Taught(Task):
    """Power: learns from the answers of a responder, ``config.teacher``, which is asked once, before training."""

    @abstractmethod
    def ask(self, dataset: Dataset, teacher: Responder) -> dict[str, np.ndarray]:
        """Questions out of training rows and what the teacher says, as arrays of one row a question."""

    @abstractmethod
    def hear(self, dataset: Dataset, said: Mapping[str, np.ndarray]) -> None:
        """Take what `ask` gave, mapped from a file; called before `steps` and `batch`."""


class Balance(Plug):
    """Combines the losses of several tasks into one backward pass. Built as ``Balance(config, weights)``."""

    together: ClassVar[bool] = False  # needs the losses of all tasks in each step, so tasks cannot take turns

    @abstractmethod
    def backward(self, losses: Mapping[str, Tensor], parameters: Sequence[nn.Parameter]) -> None:
        """Leave the gradients of the combined loss in the parameters."""

    def counted(self) -> Mapping[str, float]:
        """By how much each loss counted in the last step; empty where that never changes."""
        return {}


class Tuning(Plug):
    """Which parameters are open to training. Built as ``Tuning(config)``."""

    @abstractmethod
    def open(self, model: Model) -> None:
        """Set ``requires_grad`` of every parameter; may add parameters (low rank)."""

    def close(self, model: Model) -> None:
        """Called once after training: what `open` added is merged, the model has its own parameters again."""


# ---------------------------------------------------------------- answers, their judges, and what finds them
class Responder(Plug):
    """Queries in, answers out, batched; they nest. Built as ``Responder(config, parts by name, training data)``."""

    parts: ClassVar[tuple[int, int | None]] = (1, None)  # fewest and most that a page gives it; None: any number
    outside: ClassVar[bool] = False  # what it forbids holds for fallbacks too, so it stands outside of them
    reads: bool = False  # words of a query count

    @abstractmethod
    def __call__(self, queries: Queries, k: int | None) -> Answers:
        """Exactly k items a query, or `ItemLists.short` says why fewer; None scores all candidates of each."""

    def because(self, queries: Queries, lists: ItemLists) -> np.ndarray:
        """(Q, K) the history item that speaks most for each recommended one; -1: none does, it is just popular."""
        return reasons.because(self, queries, lists)

    def similar(self, items: np.ndarray, k: int) -> ItemLists:
        """The k items nearest to each of (N,) items: what follows a history of just that one."""
        return reasons.similar(self, items, k)


class Fitted(Responder):
    """Power: has a few weights, chosen on held-out queries (at most twenty scalars a run)."""

    @abstractmethod
    def fit(self, queries: Queries, truth: Truth) -> None:
        """Choose the weights."""

    @abstractmethod
    def learned(self) -> dict[str, Any]:
        """The weights as plain JSON values."""

    @abstractmethod
    def restore(self, learned: Mapping[str, Any]) -> None:
        """Take weights that `learned` gave."""


class Learned(Fitted):
    """Power: a second stage; before it is fitted it learns from events that its first stages have not seen."""

    text: str = ""  # all that it learned, as a file can hold it; setting it restores that

    @abstractmethod
    def learn(self, queries: Queries, truth: Truth) -> None:
        """Learn from the last training event of each user."""


class Metric(Plug):
    """Judges answers. Built as ``Metric(config, dataset)``."""

    judges: ClassVar[type] = ItemLists  # the type of answers it takes
    higher: ClassVar[bool | None] = True  # whether more is better (None: neither)
    bounds: ClassVar[tuple[float, float]] = (float("-inf"), float("inf"))  # no interval goes beyond

    def __init__(self, config: Config, dataset: Dataset) -> None:
        self.config = config

    @abstractmethod
    def measure(self, answers: Any, truth: Truth) -> np.ndarray:
        """(Q, S) statistics of each query; the bootstrap resamples these rows."""

    def reduce(self, stats: np.ndarray) -> float:
        """Statistics → one number; the mean of the first column unless overridden."""
        return float(stats[:, 0].mean()) if len(stats) else float("nan")


KINDS: dict[str, tuple[str, type]] = {
    "source": ("p5rec.data.sources", Source), "filter": ("p5rec.data.filters", Filter),
    "split": ("p5rec.data.splits", Split), "modality": ("p5rec.towers.modalities", Modality),
    "fusion": ("p5rec.towers.fusion", Fusion), "model": ("p5rec.models", Model),
    "task": ("p5rec.tasks", Task), "balance": ("p5rec.training.balance", Balance),
    "tuning": ("p5rec.training.tuning", Tuning), "responder": ("p5rec.responders", Responder),
    "metric": ("p5rec.evaluation.metrics", Metric), "store": ("p5rec.serving.stores", Store),
    "index": ("p5rec.serving.indexes", Index),
}  # fmt: skip
