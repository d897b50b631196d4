"""The contracts carry value learning and a word generator without a change: each learns something."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from value import Value
from words import Tell, Teller

from p5rec.contracts import Model, Setting, Task, collate
from p5rec.core.config import Config
from p5rec.data.dataset import Dataset
from p5rec.models.sasrec import Sasrec, SasrecConfig
from p5rec.testing.making import setting
from p5rec.testing.sequences import from_sequences
from p5rec.training.balance.fixed import Fixed
from p5rec.training.fit import History, TrainConfig, fit
from p5rec.training.tuning.full import Full


def teach(model: Model, task: Task, dataset: Dataset, steps: int, rate: float = 0.01) -> History:
    config = TrainConfig(steps=steps, epochs=1000, rate=rate, warmup=5, schedule="constant", precision="float32")
    return fit(
        model,
        {"it": task},
        dataset,
        config,
        weights={"it": 1.0},
        balance=Fixed(Config(), {"it": 1.0}),
        tuning=Full(Config()),
    )


@pytest.mark.parametrize("name", ["value", "words"])
def test_a_sketch_is_short(name: str) -> None:
    assert len((Path(__file__).parent / f"{name}.py").read_text(encoding="utf-8").splitlines()) <= 60


def test_a_value_task_learns_to_wait_for_the_reward() -> None:
    """After "door", "coin" pays 1 and ends; "path" pays nothing but is followed by "gold", which pays 3."""
    rows = {f"u{n}": ["door", "coin"] if n % 3 else ["door", "path", "gold"] for n in range(120)}
    pay = {"door": 0.0, "coin": 1.0, "path": 0.0, "gold": 3.0}
    dataset = from_sequences(rows, held_out=0, labels={key: [pay[item] for item in row] for key, row in rows.items()})
    made_for = setting(dataset)
    torch.manual_seed(0)
    model = Sasrec(SasrecConfig(width=16, dropout=0.0, length=6), made_for)
    task = Value(Config(), made_for)
    teach(model, task, dataset, steps=200)
    assert all(not parameter.requires_grad for parameter in task.target.parameters())
    row = dataset.users.number("u0")
    dense = collate(dataset.training(np.array([row])), model.length, asks="every")
    values = model.score(model.encode(dense))[0, 1]
    path, coin = (float(values[dataset.items.number(key)]) for key in ("path", "coin"))
    assert path == pytest.approx(0.9 * 3, abs=0.4)
    assert coin == pytest.approx(1.0, abs=0.4), "the logs choose the coin twice as often, its value is smaller"


def test_a_generator_says_the_words_of_the_last_item() -> None:
    rng = np.random.default_rng(0)
    rows = {f"u{n}": [f"i{item}" for item in rng.integers(8, size=rng.integers(1, 7))] for n in range(200)}
    dataset = from_sequences(rows, held_out=0)
    made_for: Setting = replace(setting(dataset), words=12)
    Tell.texts = [[1 + item % 4, 5 + item % 3, *([9] * (item % 3)), 0] for item in range(dataset.n_items)]
    torch.manual_seed(0)
    model = Teller(Config(), made_for)
    teach(model, Tell(Config(), made_for), dataset, steps=150)
    queries = dataset.training(np.arange(dataset.n_users))
    words, lengths = model.generate(collate(queries), limit=6)
    told = [words[row, : int(lengths[row])].tolist() for row in range(len(queries))]
    right = [told[row] == Tell.texts[history[-1]] for row, history in enumerate(queries.history)]
    assert np.mean(right) > 0.95
    assert model.score(model.encode(collate(queries))).shape == (len(queries), 1, dataset.n_items)
