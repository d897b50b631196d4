"""A word generator: tells in words what a history ends with; a throw-away sketch."""

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from p5rec.blocks.stream import Kind, at
from p5rec.blocks.transformer import Shape, Transformer
from p5rec.contracts import Dataset, Model, Prompts, Segment, Setting, Speaks, Stream, Task, collate
from p5rec.core.config import Config
from p5rec.core.seed import rng
from p5rec.data.ragged import Ragged


class Teller(Speaks):
    """Reads items and words alike; word 0 ends a text."""

    def __init__(self, config: Config, setting: Setting) -> None:
        super().__init__()
        self.items, self.kinds = setting.item_tower(32), nn.Embedding(len(Kind), 32)
        self.spoken, self.net = nn.Embedding(setting.words, 32), Transformer(Shape(32, dropout=0.0, positions="rotary"))

    def encode(self, stream: Stream) -> Tensor:
        word, item = stream.kinds == Kind.WORD, stream.kinds == Kind.ITEM
        x = self.spoken(stream.values * word) * word.unsqueeze(-1) + self.kinds(stream.kinds)
        return at(self.net(x + self.items(stream.values * item) * item.unsqueeze(-1)), stream.asks - 1)

    def score(self, state: Tensor, items: Tensor | None = None) -> Tensor:
        return state @ (self.items.all() if items is None else self.items(items)).transpose(-1, -2)

    def words(self, state: Tensor) -> Tensor:
        return state @ self.spoken.weight.T

    def generate(self, stream: Stream, limit: int, *_: float) -> tuple[Tensor, Tensor]:
        rows, place, said = torch.arange(len(stream)), stream.asks.amax(1), []
        kinds, values = (F.pad(grid, (0, limit)) for grid in (stream.kinds, stream.values))
        for step in range(limit):
            asked = replace(stream, kinds=kinds, values=values, asks=(place + step).unsqueeze(1))
            said.append(self.words(self.encode(asked))[:, 0].argmax(1))
            kinds[rows, place + step], values[rows, place + step] = Kind.WORD, said[-1]
        return (text := torch.stack(said, dim=1)), 1 + (text != 0).cumprod(1).sum(1).clamp(max=limit - 1)


class Tell(Task):
    """Each word of the text of an item, given the history and the words before."""

    def steps(self, dataset: Dataset) -> int:
        return 4

    def batch(self, dataset: Dataset, model: Model, seed: int, step: int) -> tuple[Stream, None]:
        queries = dataset.training(rng(seed, "tell", step).choice(dataset.n_users, 64))
        told = Segment(Kind.WORD, Ragged.of([self.texts[row[-1]] for row in queries.history]), asked=True)
        whole = replace(queries, prompt=Prompts.laid([Segment(Kind.ITEM, queries.history), told]))
        return collate(whole, asks="marked"), None

    def loss(self, model: Model, stream: Stream, target: None) -> Tensor:
        logits = model.words(model.encode(stream))[stream.asks >= 0]
        return F.cross_entropy(logits, stream.values[stream.kinds == Kind.WORD])
