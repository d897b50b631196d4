"""One model for every recommendation task: a causal transformer over words, users, items and numbers.

After P5 (Geng et al. 2022), where every task is a prompt. Here an item is one thing of the prompt, whose vector a
tower makes of all that is known of it: ranking the catalogue is one matrix product, and each answer is a real item.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Literal, cast

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from p5rec.blocks.backbone import Backbone, Own
from p5rec.blocks.factorization import UNKNOWN, Factorization
from p5rec.blocks.memory import Memory
from p5rec.blocks.naming import Naming, places
from p5rec.blocks.pretrained import Pretrained
from p5rec.blocks.shrink import shrunk
from p5rec.blocks.sized import longer
from p5rec.blocks.speaking import spoken
from p5rec.blocks.stream import Kind, Stream, at
from p5rec.blocks.tone import ALONE, PAIR, Tone
from p5rec.blocks.transformer import Shape
from p5rec.blocks.unit import unit
from p5rec.contracts import Bound, Dataset, Grows, Prompted, Setting, Tower
from p5rec.core.config import Config
from p5rec.core.errors import InputError
from p5rec.core.things import ANSWERS
from p5rec.data.ragged import Ragged

HEARD = 100_000  # texts that tell what words say of numbers
CLEAR = 5.0  # times a cosine, so that a word of yes or no is soon sure


class P5Config(Config):
    """Settings of p5."""

    backbone: str = Field(
        "",
        description="folder or hub name of a model of transformers that reads the prompts, or its config.json, which "
        "begins untrained; empty: an own net of `blocks`, `heads`, `dropout`, `hidden`, `ligr` and `positions`",
    )
    causal: bool = Field(
        True, description="a state depends on what stands before it only; false: on both sides (for masked_item)"
    )
    width: int = Field(128, ge=2, description="width of vectors, a multiple of twice the heads")
    blocks: int = Field(2, ge=1, description="transformer blocks")
    heads: int = Field(2, ge=1, description="attention heads")
    length: int = Field(64, ge=2, description="at most so many things of a prompt are read")
    dropout: float = Field(0.4, ge=0, lt=1, description="dropout on inputs and inside the blocks")
    hidden: int = Field(4, ge=1, description="width of the feed-forward net, in multiples of `width`")
    ligr: bool = Field(False, description="gated blocks (LiGR, as in eSASRec)")
    positions: Literal["start", "rotary"] = Field(
        "rotary", description="rotations, which read words alike behind a history of any length, or learned vectors"
    )
    unknown: float = Field(0.1, ge=0, lt=1, description="share of rows whose user is hidden, as new ones are")
    forget: float = Field(0.15, ge=0, lt=1, description="share of words left out in training, as other wordings do")
    names: int = Field(
        64, ge=0, description="width in which words of a prompt are matched with words of items; 0 does not"
    )
    factors: int = Field(64, ge=1, description="width of the vectors whose products estimate numbers")
    shrink: float = Field(0.2, ge=0, description="pull on these vectors towards 0, for each number estimated")


class P5(Prompted, Grows, Bound):
    """The state of an ask: the output just before it, the user, and the last item before it.

    One that reads both sides takes the output at the ask itself, where a BLANK stands; it ranks and estimates, but
    says no words.
    """

    Config = P5Config
    learns = {"next_item": {}}  # noqa: RUF012
    claims = ("markov", "checkerboard", "category_decides", "intent")

    def __init__(self, config: P5Config, setting: Setting) -> None:
        super().__init__()
        self.config, self.length, self.end, width = config, config.length, setting.end, config.width
        self.causal = config.causal
        self.net = _backbone(config, setting.words)
        words = self.net.lexicon
        self.items, self.users = setting.item_tower(width, words), setting.user_tower(width, words)
        self.things, self.events = nn.Embedding(len(Kind), width), nn.Embedding(len(setting.kinds), width)
        for table in (self.things, self.events):
            nn.init.normal_(table.weight, std=0.02)
        self.measure = nn.Linear(1, width)  # numbers, and the labels of events, as vectors
        self.inward = _between(width, self.net.width, self.net.level)
        self.outward = _between(self.net.width, width)
        self.naming = Naming(self.net.width, config.names) if config.names and setting.words else None
        self.sharpness = nn.Parameter(torch.tensor(math.log(15.0)))
        self.answers, self.plain = nn.Linear(self.net.width, len(ANSWERS)), nn.Linear(self.net.width, 1)
        nn.init.zeros_(self.plain.weight)
        nn.init.zeros_(self.plain.bias)
        self.tone = Tone(max(setting.words, 1), len(ANSWERS))
        self.echo = nn.Parameter(torch.zeros(max(setting.words, 1), 4))  # what words say of fits (two), likes, praise
        self.numbers = Factorization(
            self.net.width,
            taste=setting.user_tower(config.factors),
            offer=setting.item_tower(config.factors, words),
            user_bias=setting.user_tower(1),
            item_bias=setting.item_tower(1),
            factors=config.factors,
            pull=config.shrink,
            hide=config.unknown,
            counts=(setting.users.count, setting.items.count),
        )

    # ------------------------------------------------------------ reading

    def bind(self, dataset: Dataset) -> None:
        """Take the scale of the training labels, and how users and items stand to it."""
        users, items, labels = (torch.from_numpy(np.ascontiguousarray(one)) for one in dataset.pairs("train"))
        known = labels.isfinite()
        self.numbers.fit(users[known].long(), items[known], labels[known])
        if dataset.texts and dataset.words is not None and self.numbers.differ:
            self._hear(dataset, users[known].long(), items[known], labels[known], known.numpy())

    def _hear(self, dataset: Dataset, users: Tensor, items: Tensor, labels: Tensor, known: np.ndarray) -> None:
        """Solve what the texts of labelled training events (N,) say of how they stand to the levels."""
        assert dataset.words is not None
        places = dataset.history("train").places()[1][known][:HEARD]
        columns = [dataset.text(name, places) for name in sorted(dataset.texts)]  # a headline before its review
        rows = dataset.words.encode([" . ".join(filter(None, parts)) for parts in zip(*columns, strict=True)])
        rows = Ragged(rows.values, rows.starts, np.minimum(rows.stops, rows.starts + self.length)).compact()
        starts = torch.from_numpy(np.append(rows.starts, len(rows.values)))
        above = self.numbers.above(labels)
        level = self.numbers.user_level[users] + self.numbers.item_level[items]
        wanted = torch.stack([above - level, above], dim=1)[: len(rows)]
        between = [dataset.words.encode([f"a {mark} a" for mark in marks]) for marks in (".!", ":?")]
        ends, openers = (torch.tensor([int(row[len(row) // 2]) for row in told]) for told in between)
        self.tone.fit(torch.from_numpy(rows.values).long(), starts, wanted, (ends, openers))

    def refresh(self) -> None:
        """Nothing to do."""

    def encode(self, stream: Stream) -> dict[str, Tensor]:
        """What is known at each ask, (B, A, …) each: the hidden vector, the user, the last item, and more."""
        users, asks, words = self._met(stream.users), stream.asks, places(stream)
        count, numbers = asks.shape[1], stream.values.gather(1, words.clamp(min=0))
        before = _before(words, asks)
        tone, answers = self._heard(stream, words)
        kept = self._remembered(stream)
        item, met = _last_item(stream)
        wanted = torch.cat([asks - 1 if self.causal else asks, (met - 1).clamp(min=0), words], dim=1)
        read = self.net(self._inputs(stream, users, kept), stream.kinds == Kind.PAD, wanted)
        found = {
            "hidden": read[:, :count],
            "prior": read[:, count : 2 * count],
            "user": users.unsqueeze(1).expand_as(asks),
            "item": item,
            "level": self.numbers.level(stream, users),
            "tone": tone,
            "answers": answers,
        }
        if self.naming:
            vectors, told = self.net.lexicon(numbers), kept.gather(1, words.clamp(min=0))
            found["named"] = self.naming.named(found["hidden"], read[:, 2 * count :], vectors, told, before)
        return found

    def _heard(self, stream: Stream, words: Tensor) -> tuple[Tensor, Tensor]:
        """What the words (B, N) before each ask say by themselves: (B, A, 2) and (B, A, 3)."""
        return self.tone(stream.values.gather(1, words.clamp(min=0)), _before(words, stream.asks))

    def _met(self, users: Tensor) -> Tensor:
        """(B,) users, some of them hidden in training."""
        if not self.training or not self.config.unknown:
            return users
        return users.masked_fill(torch.rand(len(users), device=users.device) < self.config.unknown, UNKNOWN)

    def _inputs(self, stream: Stream, users: Tensor, kept: Tensor) -> Tensor:
        """(B, L, H) vectors of what stands in the rows, of nothing where it is not `kept` (B, L)."""
        kinds = stream.kinds
        item, word = kinds == Kind.ITEM, kinds == Kind.WORD
        x = self._spread(self.items(stream.values.masked_fill(~item, UNKNOWN)))
        x = torch.where(item.unsqueeze(-1), x, self.things(kinds))
        if (named := kinds == Kind.USER).any():
            x = x + self.users(users).unsqueeze(1) * named.unsqueeze(-1)
        if (number := kinds == Kind.NUMBER).any():
            x = x + self._measured(stream.numbers) * number.unsqueeze(-1)
        if self.events.num_embeddings > 1 and "kind" in stream.context:
            x = x + self.events(stream.context["kind"]) * item.unsqueeze(-1)
        if "label" in stream.outcome and self.numbers.differ:
            told = item & (users == UNKNOWN).unsqueeze(1)  # known users are not told by labels, see `Factorization`
            x = x + self._measured(stream.outcome["label"]) * told.unsqueeze(-1)
        x = self.inward(x)
        if word.any():
            told = self.net.lexicon(stream.values.masked_fill(~word, 0)).to(x.dtype) * kept.unsqueeze(-1)
            x = torch.where(word.unsqueeze(-1), told, x)
        return x

    def _remembered(self, stream: Stream) -> Tensor:
        """(B, L) bool: what is read; in training some words of questions are not, so that others are understood."""
        if not self.training or not self.config.forget:
            return torch.ones_like(stream.kinds, dtype=torch.bool)
        drawn = torch.rand(stream.kinds.shape, device=stream.kinds.device) >= self.config.forget
        first = stream.asks.masked_fill(stream.asks < 0, stream.width).amin(1, keepdim=True)
        answers = torch.arange(stream.width, device=first.device) >= first
        return drawn | (stream.kinds != Kind.WORD) | answers

    def _measured(self, numbers: Tensor) -> Tensor:
        """(B, L) on the scale of the labels → (B, L, D)."""
        return self.measure(self.numbers.above(numbers).unsqueeze(-1))

    def _spread(self, vectors: Tensor) -> Tensor:
        """Item vectors as inputs: scores are cosines, so that the length says nothing, and all get the same."""
        return unit(vectors) * (vectors.shape[-1] ** 0.5 / 2)

    # ------------------------------------------------------------ items

    def vectors(self, state: dict[str, Tensor]) -> Tensor:
        """(B, A, D) of the learned length that sharpens the scores, and (B, A, E) what words name."""
        vectors = unit(self.outward(state["hidden"])) * self.sharpness.exp()
        return torch.cat([vectors, state["named"]], dim=-1) if self.naming else vectors

    def catalogue(self, items: Tensor | None = None) -> Tensor:
        """(V, D + E), or (…, D + E) of some items: of length 1, and the words it is told in."""
        vectors = unit(self.items.all() if items is None else self.items(items))
        return torch.cat([vectors, self._told(items)], dim=-1) if self.naming else vectors

    def _told(self, items: Tensor | None) -> Tensor:
        """(V, E), or (…, E) of some items."""
        assert self.naming
        every = torch.arange(self.items.count, device=self.sharpness.device) if items is None else items
        told = self.naming.told(self.items.words(every.reshape(-1)), self.net.lexicon.weight)
        return told.view(*every.shape, self.naming.width)

    # ------------------------------------------------------------ numbers

    def estimate(self, state: dict[str, Tensor], items: Tensor) -> Tensor:
        """(B, A, C): what the prompt says of a number, and the user and the item."""
        hidden = self._calm(state["hidden"].detach())  # shaped by labels of pairs, states learn them by heart
        of_pair = self.numbers(hidden, state["user"], state["level"], items)
        return self.numbers.in_range(of_pair + self._said(hidden, state, PAIR))

    def number(self, state: dict[str, Tensor]) -> Tensor:
        """(B, A): the estimate for the last item, or, without one, what the words alone say."""
        there = state["item"] != UNKNOWN
        of_item = self.estimate(state, state["item"].clamp(min=0).unsqueeze(-1)).squeeze(-1)
        plain = self.numbers.in_range(self._said(self._calm(state["hidden"]), state, ALONE)).squeeze(-1)
        return torch.where(there, of_item, plain)

    def _said(self, hidden: Tensor, state: dict[str, Tensor], column: int) -> Tensor:
        """(B, A, 1) what the prompt says of a number: of a user and an item, or alone."""
        plain = shrunk(self.plain(hidden), self.config.shrink)  # beside the rest, little is left for it to say
        return plain + state["tone"][..., column, None]

    def _calm(self, hidden: Tensor) -> Tensor:
        """Hidden vectors so short that one step of training moves no number far."""
        return hidden / hidden.shape[-1] ** 0.5

    # ------------------------------------------------------------ words

    def kinds(self, state: dict[str, Tensor]) -> Tensor:
        """(B, A, 3)."""
        deep: Tensor = self.answers(self._calm(state["hidden"]))
        return deep + state["answers"]

    def words(self, state: dict[str, Tensor]) -> Tensor:
        """(B, A, W)."""
        hidden, prior, users, level, items = (state[one] for one in ("hidden", "prior", "user", "level", "item"))
        return self._spoken(hidden, prior, users, level, items, state["tone"][..., ALONE])

    def _spoken(
        self, hidden: Tensor, prior: Tensor, users: Tensor, level: Tensor, items: Tensor, praise: Tensor
    ) -> Tensor:
        """(B, A, W): what the net says, and "yes" and the like by the scores of the item that is spoken of (B, A).

        The item was to be expected by `hidden` (B, A, H), and by `prior` (B, A, H), which has not met it yet. "Good"
        and "bad" follow `praise` (B, A), what the words before say of a number.
        """
        there = (items != UNKNOWN).unsqueeze(-1)
        item = unit(self.items(items))
        fits = [(unit(self.outward(one)) * item).sum(-1, keepdim=True) * CLEAR * there for one in (hidden, prior)]
        liked = self.numbers(self._calm(hidden.detach()), users, level, items.clamp(min=0).unsqueeze(-1)).detach()
        told = torch.cat([*fits, liked * there, praise.unsqueeze(-1)], dim=-1)
        echo: Tensor = told @ self.echo.T.to(hidden.dtype)
        return self.net.speak(hidden) + echo

    def generate(
        self, stream: Stream, limit: int, top_p: float = 0.0, seed: int = 0, seconds: float = math.inf
    ) -> tuple[Tensor, Tensor]:
        """Words and lengths; the prompt is read once, each further word costs one place.

        Raises:
            InputError: the model reads both sides, so it cannot go on from what was said.
        """
        if not self.causal:
            raise InputError("p5 says words only where it reads from left to right; train it with causal = true")
        place = stream.asks.amax(1)
        columns = torch.arange(stream.width, device=place.device)
        memory = Memory(columns < place.unsqueeze(1))
        hidden = self.net.read(
            self._inputs(stream, stream.users, columns >= 0), memory, columns.expand_as(stream.kinds)
        )

        last = replace(stream, asks=place.unsqueeze(1))
        item, met = _last_item(last)
        prior = at(hidden, (met - 1).clamp(min=0))
        about = prior, stream.users.unsqueeze(1), self.numbers.level(last, stream.users), item
        kinds, values = (F.pad(grid, (0, limit)) for grid in (stream.kinds, stream.values))

        def praise(said: int) -> Tensor:
            text = replace(stream, kinds=kinds, values=values, asks=(place + said).unsqueeze(1))
            return self._heard(text, places(text))[0][..., ALONE]

        def further(word: Tensor, said: int) -> Tensor:
            here = (place + said).unsqueeze(1)
            kinds.scatter_(1, here, Kind.WORD)
            values.scatter_(1, here, word.unsqueeze(1))
            x = self.net.lexicon(word).unsqueeze(1)
            return self._spoken(self.net.read(x, memory, here), *about, praise(said + 1))[:, 0]

        first = self._spoken(at(hidden, (place - 1).unsqueeze(1)), *about, praise(0))[:, 0]
        return spoken(first, further, self.end, limit, top_p, seed, seconds)

    def kept(self) -> dict[str, str]:
        """Setting → the JSON that stands for its file in a finished model, which opens without the original."""
        return {"backbone": self.net.architecture()} if isinstance(self.net, Pretrained) else {}

    def rows(self) -> dict[str, str]:
        """What the rows of its own tables are."""
        return {"events.weight": "kinds", "echo": "words"}

    def grow(self, setting: Setting) -> None:
        """New items and users are known by their content, if the towers read any."""
        self.net.grow(setting.words)
        self.tone.grow(setting.words)
        self.echo = nn.Parameter(longer(self.echo.detach(), max(setting.words, 1)))
        self.numbers.grow(setting.users.count, setting.items.count)
        for tower in (self.items, self.numbers.item_bias, self.numbers.offer):
            cast(Tower, tower).grow(setting.items)
        for tower in (self.users, self.numbers.user_bias, self.numbers.taste):
            cast(Tower, tower).grow(setting.users)


def _backbone(config: P5Config, words: int) -> Backbone:
    if config.backbone:
        return Pretrained(config.backbone, words, config.length, config.causal)
    shape = Shape(
        width=config.width,
        blocks=config.blocks,
        heads=config.heads,
        dropout=config.dropout,
        hidden=config.hidden,
        causal=config.causal,
        gates=config.ligr,
        positions="none" if config.positions == "start" else config.positions,
    )
    return Own(shape, words, config.length if config.positions == "start" else 0)


def _between(width: int, other: int, level: float | None = None) -> nn.Module:
    """From the width of the towers to that of the backbone, or back; nothing where both are the same.

    Where the backbone has a `level`, things begin about as loud as its words: their own root mean square is a half.
    """
    if width == other and level is None:
        return nn.Identity()
    layer = nn.Linear(width, other)
    if level is not None:
        nn.init.normal_(layer.weight, std=2 * level / width**0.5)
        nn.init.zeros_(layer.bias)
    return layer


def _before(words: Tensor, asks: Tensor) -> Tensor:
    """(B, A, N) bool: words at places (B, N), -1 pads, that stand before asks (B, A)."""
    return (words.unsqueeze(1) < asks.unsqueeze(2)) & (words >= 0).unsqueeze(1)


def _last_item(stream: Stream) -> tuple[Tensor, Tensor]:
    """(B, A) the item that stands last before each ask, `UNKNOWN` where none does, and its place."""
    place = torch.arange(stream.width, device=stream.kinds.device)
    latest = torch.where(stream.kinds == Kind.ITEM, place, -1).cummax(1).values
    before = latest.gather(1, (stream.asks - 1).clamp(min=0))
    found = stream.values.gather(1, before.clamp(min=0))
    return found.masked_fill((before < 0) | (stream.asks < 1), UNKNOWN), before
