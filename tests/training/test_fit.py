"""The one way to train: curves, the end, the best weights, precision, loggers."""

import json
import math
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from p5rec.contracts import Dataset, Model, Stream
from p5rec.core.config import build
from p5rec.core.errors import InputError, MissingExtra, P5Error
from p5rec.models.sasrec import Sasrec, SasrecConfig
from p5rec.tasks.next_item import NextItem, NextItemConfig
from p5rec.testing.making import setting
from p5rec.training import loggers, optimiser, precision
from p5rec.training.average import Average
from p5rec.training.config import TrainConfig
from p5rec.training.tuning.frozen import Frozen, FrozenConfig

Train = Callable[..., Any]


def test_losses_fall_and_the_curves_are_plain_json(train: Train) -> None:
    history, model = train(epochs=8)
    row = history.losses["next_item"]
    assert len(row) == len(history.rates) == history.steps == 8 * history.steps_per_epoch
    assert sum(row[-4:]) < 0.97 * sum(row[:4])
    assert history.stopped == "epochs"
    assert history.best_epoch == 8
    assert not model.training
    assert json.loads(json.dumps(asdict(history))) == asdict(history)


def test_the_same_seed_gives_the_same_run_and_another_seed_another(train: Train) -> None:
    first, again, other = train()[0], train()[0], train(seed=1)[0]
    assert first.losses == again.losses
    assert first.losses != other.losses


def test_training_leaves_the_global_generator_alone(train: Train) -> None:
    train(steps=1)  # building the model draws, the fixture seeds: the same state before and after what follows
    before = torch.get_rng_state()
    train(steps=3)
    assert torch.equal(torch.get_rng_state(), before)


def test_patience_ends_the_run_and_the_best_weights_come_back(train: Train) -> None:
    scores = iter([0.1, 0.5, 0.4, 0.3, 0.9])
    seen: list[dict[str, Tensor]] = []

    def validate(model: Model) -> float:
        assert not model.training
        seen.append({name: tensor.clone() for name, tensor in model.state_dict().items()})
        return next(scores)

    history, model = train(validate=validate, epochs=20, patience=2)
    assert [one["score"] for one in history.valid] == [0.1, 0.5, 0.4, 0.3]
    assert (history.stopped, history.best_score, history.best_epoch) == ("patience", 0.5, 2)
    assert all(torch.equal(tensor, seen[1][name]) for name, tensor in model.state_dict().items())


def test_who_watches_the_curve_may_end_the_run(train: Train) -> None:
    seen: list[list[float]] = []

    def watch(history: Any) -> None:
        seen.append([one["score"] for one in history.valid])
        if len(seen) == 2:
            raise KeyError("enough")

    scores = iter([0.1, 0.5, 0.4])
    with pytest.raises(KeyError, match="enough"):
        train(validate=lambda model: next(scores), watch=watch)
    assert seen == [[0.1], [0.1, 0.5]]


def test_the_last_weights_may_be_kept_though_others_validated_better(train: Train) -> None:
    scores, seen = iter([0.9, 0.5, 0.1]), []

    def validate(model: Model) -> float:
        seen.append(next(iter(model.parameters())).detach().clone())
        return next(scores)

    history, model = train(validate=validate, epochs=3, patience=0, keep="last")
    assert torch.equal(next(iter(model.parameters())), seen[-1])
    assert not torch.equal(seen[0], seen[-1])
    assert (history.best_score, history.best_step, history.stopped) == (0.1, history.steps, "epochs")


def test_validation_may_come_several_times_a_pass_and_always_at_the_end(train: Train) -> None:
    history, _ = train(validate=lambda model: 0.0, epochs=2, validate_every=0.5, patience=0)
    steps = [one["step"] for one in history.valid]
    assert len(steps) == 4
    assert steps[-1] == history.steps


def test_steps_and_seconds_end_a_run(train: Train) -> None:
    history, _ = train(steps=5)
    assert (history.steps, history.stopped) == (5, "steps")
    history, _ = train(validate=lambda model: 1.0, epochs=100_000, seconds=0.05, patience=0)
    assert history.stopped == "seconds"
    assert history.valid[-1]["step"] == history.steps


def test_the_average_is_what_is_validated_and_kept(train: Train) -> None:
    seen: list[dict[str, Tensor]] = []

    def validate(model: Model) -> float:
        seen.append({name: tensor.clone() for name, tensor in model.state_dict().items()})
        return float(len(seen))

    plain = train(epochs=2)[1].state_dict()
    history, model = train(validate=validate, epochs=2, average=0.9)
    averaged = model.state_dict()
    assert history.best_score == 2
    assert all(torch.equal(tensor, seen[-1][name]) for name, tensor in averaged.items())
    assert any(not torch.allclose(tensor, averaged[name], atol=1e-4) for name, tensor in plain.items())


def test_an_average_of_a_still_model_is_the_model() -> None:
    net = nn.Linear(3, 2)
    average = Average(net, 0.9)
    kept = net.weight.detach().clone()
    average.update(0)
    with average.swapped():
        assert torch.equal(net.weight, kept)
    with torch.no_grad():
        net.weight.add_(1.0)
    average.update(1000)
    with average.swapped():
        assert torch.allclose(net.weight, kept + 0.1, atol=1e-6)
    assert torch.allclose(net.weight, kept + 1)


def test_bfloat16_learns_like_float32(train: Train) -> None:
    low, high = train(epochs=4, precision="bfloat16")[0], train(epochs=4)[0]
    assert low.losses["next_item"][-1] == pytest.approx(high.losses["next_item"][-1], rel=0.05)


def test_auto_precision_is_decided_by_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = torch.device("cpu")
    for fast in (True, False):
        monkeypatch.setattr(precision, "_has_fast_bfloat16", lambda fast=fast: fast)
        assert precision.low(TrainConfig(), cpu) is fast
        assert precision.low(TrainConfig(precision="bfloat16"), cpu)
        assert not precision.low(TrainConfig(precision="float32"), cpu)


def test_weights_tables_and_vectors_decay_apart(dataset: Dataset) -> None:
    model = Sasrec(SasrecConfig(width=16), setting(dataset))
    model.kinds.requires_grad_(False)
    parts = optimiser.groups(model, TrainConfig(decay=0.5, table_decay=0.25))
    shapes = {part["weight_decay"]: [tuple(p.shape) for p in part["params"]] for part in parts}  # type: ignore[attr-defined]
    assert set(shapes) == {0.5, 0.25, 0.0}
    assert (dataset.n_items, 16) in shapes[0.25]
    assert (48, 16) in shapes[0.5]
    assert all(len(shape) < 2 for shape in shapes[0.0])
    total = sum(math.prod(shape) for row in shapes.values() for shape in row)
    assert total == sum(p.numel() for p in model.parameters() if p.requires_grad)


@pytest.mark.parametrize("schedule", ["constant", "linear", "cosine"])
def test_the_rate_rises_and_falls(schedule: Any) -> None:
    config = TrainConfig(rate=2.0, warmup=10, schedule=schedule)
    row = [optimiser.rate(config, step, 100) for step in range(100)]
    assert row[0] == pytest.approx(0.2)
    assert row[4] < row[9]
    assert max(row) <= 2.0
    assert row[-1] == (2.0 if schedule == "constant" else pytest.approx(0, abs=0.03))


def test_several_tasks_share_a_step(train: Train, dataset: Dataset) -> None:
    made_for = setting(dataset)
    tasks = {
        "long": NextItem(NextItemConfig(positions=256), made_for),
        "short": NextItem(NextItemConfig(positions=1024, loss="sampled", negatives=8), made_for),
    }
    history, _ = train(tasks=tasks, epochs=1)
    assert history.steps_per_epoch == tasks["long"].steps(dataset)
    assert len(history.losses["long"]) == len(history.losses["short"]) == history.steps


def test_frozen_parameters_stay(train: Train, dataset: Dataset) -> None:
    torch.manual_seed(1)
    model = Sasrec(SasrecConfig(width=16, dropout=0.2, length=12), setting(dataset))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    train(model=model, tuning=Frozen(FrozenConfig(open=("net.norm.*",))), epochs=1)
    moved = {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])}
    assert moved == {"net.norm.weight", "net.norm.bias"}


def test_a_pattern_that_opens_nothing_is_a_fault(dataset: Dataset) -> None:
    model = Sasrec(SasrecConfig(width=16), setting(dataset))
    with pytest.raises(InputError, match=r"no parameter is called 'heads.\*'; there are .*net\.norm\.weight"):
        Frozen(FrozenConfig(open=("heads.*",))).open(model)


class Exploding(NextItem):
    def loss(self, model: Model, stream: Stream, target: Any) -> Tensor:
        return super().loss(model, stream, target) * float("nan")


def test_a_loss_that_is_no_number_ends_the_run_with_a_sentence(train: Train, dataset: Dataset) -> None:
    tasks = {"wild": Exploding(NextItemConfig(positions=256), setting(dataset))}
    with pytest.raises(P5Error, match=r"the loss of wild is nan at step 1; lower train.rate \(now 0.01\)"):
        train(tasks=tasks)


def test_no_folder_is_left_behind_and_nothing_is_said(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    train(folder=tmp_path / "state", save_every=0, steps=3)
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")


def test_tensorboard_gets_the_curves(train: Train, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="the extra tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    made = loggers.build(["tensorboard"], tmp_path)
    train(loggers=made, validate=lambda model: 0.25, epochs=5)
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert {"loss/next_item", "rate", "valid"} <= set(events.Tags()["scalars"])
    assert events.Scalars("valid")[0].value == 0.25


def test_unknown_and_missing_loggers_are_sentences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="there is no logger called 'tensorbord'; did you mean 'tensorboard'"):
        loggers.build(["tensorbord"], tmp_path)
    monkeypatch.setattr(loggers, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"pip install 'p5rec\[wandb\]'"):
        loggers.build(["wandb"], tmp_path)


def test_training_without_lightning_says_what_to_install(train: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    from p5rec.training import fit as room

    monkeypatch.setattr(room, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"pip install 'p5rec\[train\]'"):
        train()


def test_settings_are_checked() -> None:
    with pytest.raises(InputError, match=r"train.rate: found 0"):
        build(TrainConfig, {"rate": 0}, "train")
