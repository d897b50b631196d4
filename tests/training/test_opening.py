"""What is open: low-rank adapters that leave a plain model behind, and biases alone."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from p5rec.contracts import Dataset, Model
from p5rec.core.errors import InputError, MissingExtra
from p5rec.models.bert4rec import Bert4rec, Bert4recConfig
from p5rec.models.sasrec import Sasrec, SasrecConfig
from p5rec.tasks.next_item import NextItem, NextItemConfig
from p5rec.testing.making import setting
from p5rec.training.tuning import lowrank
from p5rec.training.tuning.bias import Bias, BiasConfig
from p5rec.training.tuning.frozen import Frozen, FrozenConfig
from p5rec.training.tuning.lowrank import Lowrank, LowrankConfig

Train = Callable[..., Any]


def sasrec(dataset: Dataset, **settings: Any) -> Sasrec:
    torch.manual_seed(1)
    return Sasrec(SasrecConfig(**{"width": 16, "dropout": 0.2, "length": 12, **settings}), setting(dataset))


def answers(model: Model, dataset: Dataset) -> Tensor:
    """Scores after whole histories, asked once a row and, for causal models, everywhere."""
    task = NextItem(NextItemConfig(positions=256), setting(dataset))
    stream, _ = task.batch(dataset, model, 0, 0)
    with torch.inference_mode():
        dense = model.score(model.encode(stream))
        last = model.score(model.encode(stream.__class__(**{**vars(stream), "asks": stream.asks[:, -1:]})))
    return torch.cat([dense.flatten(), last.flatten()])


def moved(model: nn.Module, before: dict[str, Tensor]) -> set[str]:
    return {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])}


def kept(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def shaken(model: nn.Module) -> nn.Module:
    """Adapters start at no change; here they get one."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.05)
    return model


@pytest.mark.parametrize("positions", ["start", "rotary", "distance"])
def test_adapters_start_at_the_model_and_merge_into_it(dataset: Dataset, positions: Any) -> None:
    model = sasrec(dataset, positions=positions, ligr=True, blocks=2).eval()
    plain, names = answers(model, dataset), list(model.state_dict())
    tuning = Lowrank(LowrankConfig(rank=2))
    tuning.open(model)
    assert torch.allclose(answers(model, dataset), plain, atol=1e-5)
    changed = answers(shaken(model), dataset)  # type: ignore[arg-type]
    assert not torch.allclose(changed, plain, atol=0.1)
    tuning.close(model)
    assert list(model.state_dict()) == names, "a plain model again"
    assert torch.allclose(answers(model, dataset), changed, atol=1e-4)
    assert not any("lora" in type(part).__module__ for part in model.modules())


def test_a_state_asked_once_or_everywhere_is_changed_alike(dataset: Dataset) -> None:
    """Where few places are wanted the model reads the weights of a layer itself, and must get the changed ones."""
    model = sasrec(dataset).eval()
    Lowrank(LowrankConfig(rank=2)).open(model)
    shaken(model)
    task = NextItem(NextItemConfig(positions=256), setting(dataset))
    stream, _ = task.batch(dataset, model, 0, 0)
    every = model.encode(stream)
    for place in (0, stream.asks.shape[1] - 1):
        one = model.encode(stream.__class__(**{**vars(stream), "asks": stream.asks[:, place : place + 1]}))
        there = stream.asks[:, place] >= 0
        assert torch.allclose(one[there, 0], every[there, place], atol=1e-4)
    model.encode(stream.__class__(**{**vars(stream), "asks": stream.asks[:, :1]}))[..., 0].sum().backward()
    first = model.net.blocks[0].attention.inward.lora_B["default"].weight  # type: ignore[union-attr]
    assert first.grad is not None
    assert first.grad.abs().sum() > 0


def test_lowrank_training_moves_the_targets_and_what_is_open(train: Train, dataset: Dataset) -> None:
    model = sasrec(dataset)
    before = kept(model)
    chosen = LowrankConfig(rank=2, targets=("net.*.attention.*",), open=("net.norm.*",))
    history, _ = train(model=model, tuning=Lowrank(chosen), epochs=2, validate=lambda model: 0.5)
    attention = "net.blocks.0.attention"
    expected = {f"{attention}.inward.weight", f"{attention}.outward.weight", "net.norm.weight", "net.norm.bias"}
    assert moved(model, before) == expected
    change = model.net.blocks[0].attention.inward.weight.detach() - before[f"{attention}.inward.weight"]  # type: ignore[union-attr, operator]
    assert torch.linalg.matrix_rank(change, atol=1e-5) <= 2
    assert history.trainable == 2 * (16 + 48) + 2 * (16 + 16) + 2 * 16
    sasrec(dataset).load_state_dict(model.state_dict())


def test_the_best_adapters_come_back(train: Train, dataset: Dataset) -> None:
    scores, seen = iter([0.1, 0.5, 0.4, 0.3]), []

    def validate(model: Model) -> float:
        seen.append(answers(model, dataset))
        return next(scores)

    _, model = train(tuning=Lowrank(LowrankConfig()), validate=validate, epochs=20, patience=2)
    assert torch.allclose(answers(model, dataset), seen[1], atol=1e-4)
    assert not torch.allclose(seen[1], seen[3], atol=1e-3)


def test_first_adapters_depend_on_the_seed_alone(train: Train) -> None:
    tuning = Lowrank(LowrankConfig())
    first = train(tuning=tuning, epochs=2)[1].state_dict()
    torch.rand(7)
    again, other = train(tuning=tuning, epochs=2)[1], train(tuning=tuning, epochs=2, seed=5)[1]
    assert moved(again, first) == set()
    assert moved(other, first)


def test_a_tied_layer_gets_no_adapter(dataset: Dataset) -> None:
    class Tied(Sasrec):
        def __init__(self) -> None:
            super().__init__(SasrecConfig(width=16, length=12), setting(dataset))
            self.table, self.head, self.free = nn.Embedding(9, 16), nn.Linear(16, 9), nn.Linear(16, 9)
            self.head.weight = self.table.weight
            self.twice = self.free

    model = Tied()
    tuning = Lowrank(LowrankConfig(targets=("head", "free"), rank=1))
    with pytest.raises(InputError, match=r"tuning.targets: no linear layer is called 'head'; there are free, "):
        tuning.open(model)
    tuning = Lowrank(LowrankConfig(rank=1))
    tuning.open(model)
    assert type(model.head) is nn.Linear
    assert model.twice is model.free, "a layer with two names stays one layer"
    assert type(model.free) is not nn.Linear
    tuning.close(model)
    assert model.twice is model.free
    assert type(model.free) is nn.Linear


def test_adapters_on_a_cloze_model(dataset: Dataset) -> None:
    torch.manual_seed(1)
    model = Bert4rec(Bert4recConfig(width=16, length=12), setting(dataset)).eval()
    names, tuning = list(model.state_dict()), Lowrank(LowrankConfig())
    tuning.open(model)
    assert all("lora" in name for name, parameter in model.named_parameters() if parameter.requires_grad)
    tuning.close(model)
    assert list(model.state_dict()) == names


def test_lowrank_without_peft_says_what_to_install(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lowrank, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"tuning = 'lowrank' needs .* pip install 'p5rec\[peft\]'"):
        Lowrank(LowrankConfig()).open(sasrec(dataset))


def test_bias_moves_biases_and_what_is_open(train: Train, dataset: Dataset) -> None:
    model = sasrec(dataset)
    before = kept(model)
    history, _ = train(model=model, tuning=Bias(BiasConfig(open=("kinds.*",))), epochs=2)
    changed = moved(model, before)
    assert changed == {name for name in before if name.endswith("bias") or name == "kinds.weight"}
    assert history.trainable == sum(before[name].numel() for name in changed) < size(model) / 4


def size(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def test_nothing_open_is_a_sentence(train: Train) -> None:
    with pytest.raises(InputError, match=r"train.tuning: no parameter of the model or its tasks is open"):
        train(tuning=Frozen(FrozenConfig()))


def test_open_patterns_are_checked_by_each_tuning(dataset: Dataset) -> None:
    for tuning in (Bias(BiasConfig(open=("tower.*",))), Lowrank(LowrankConfig(open=("tower.*",)))):
        with pytest.raises(InputError, match=r"tuning.open: no parameter is called 'tower.\*'; there are"):
            tuning.open(sasrec(dataset))


def test_full_has_all_parameters_trainable(train: Train) -> None:
    history, model = train(steps=1)
    assert history.trainable == size(model)
