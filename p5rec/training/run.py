"""One training run step by step: what is done, kept and resumed. It knows nothing of who drives the loop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from p5rec.contracts import Balance, Bound, Dataset, Modality, Model, Stream, Task, Tower
from p5rec.core import seed as seeds
from p5rec.core.errors import P5Error
from p5rec.core.progress import say
from p5rec.training import optimiser as optimisers
from p5rec.training import precision, state
from p5rec.training.average import Average
from p5rec.training.config import TrainConfig
from p5rec.training.history import History
from p5rec.training.turns import Turns

Batch = Mapping[str, tuple[Stream, Any]]
LOG_EVERY = 20  # steps


class Run:
    """The state of a run. `step` trains once; `ended` says whether and why it is over.

    Every draw depends on the seed and the step's number only, so that a resumed run goes on as if uninterrupted.
    """

    def __init__(
        self,
        model: Model,
        tasks: Mapping[str, Task],
        dataset: Dataset,
        config: TrainConfig,
        turns: Turns,
        balance: Balance,
        validate: Callable[[Model], float] | None,
        folder: Path | None,
        seed: int,
        loggers: Sequence[Any],
        fingerprint: str,
        watch: Callable[[History], None] | None = None,
    ) -> None:
        self.watch = watch
        self.model, self.tasks, self.dataset, self.config = model, tasks, dataset, config
        self.turns, self.balance, self.validate = turns, balance, validate
        self.folder, self.seed, self.loggers, self.fingerprint = folder, seed, loggers, fingerprint
        for task in tasks.values():
            task.begin(model)
        self.all = nn.ModuleDict({"model": model, "tasks": nn.ModuleDict(dict(tasks))})
        self.parameters = optimisers.opened(self.all)
        if isinstance(balance, nn.Module):
            self.all["balance"] = balance
        self.optimiser = optimisers.adamw(self.all, config)
        self.average = Average(model, config.average) if config.average else None
        per_epoch = turns.steps({name: task.steps(dataset) for name, task in tasks.items()})
        trainable = sum(p.numel() for group in self.optimiser.param_groups for p in group["params"])
        self.history = History(steps_per_epoch=per_epoch, trainable=trainable, losses={name: [] for name in tasks})
        self.total = min(config.epochs * per_epoch, config.steps or config.epochs * per_epoch)
        self.best: dict[str, Tensor] | None = None
        self.stale = 0
        self._clock = self._saved = time.perf_counter()

    # ------------------------------------------------------------ one step

    def batch(self, step: int) -> Batch:
        """The data of a step, for the tasks that have their turn."""
        turns = self.turns.at(step)
        return {name: self.tasks[name].batch(self.dataset, self.model, self.seed, own) for name, own in turns.items()}

    def step(self, batch: Batch) -> None:
        """Train once, then whatever is due: validation, a state to resume from, the end."""
        begin, number = time.perf_counter(), self.history.steps
        torch.manual_seed(seeds.number(self.seed, "step", number))
        rate = optimisers.rate(self.config, number, self.config.epochs * self.history.steps_per_epoch)
        losses = self._losses(batch)
        self._descend(losses, rate)
        self._note({name: float(loss.detach()) for name, loss in losses.items()}, rate)
        self.history.training_seconds += time.perf_counter() - begin
        if self._validation_is_due():
            self._validate()
        self._tick()
        if self.folder and time.perf_counter() - self._saved >= self.config.save_every:
            self.save()

    def _losses(self, batch: Batch) -> dict[str, Tensor]:
        self._refresh()
        with self._precision():
            return {name: self.tasks[name].loss(self.model, *pair) for name, pair in batch.items()}

    def _refresh(self) -> None:
        if isinstance(self.model, Bound):
            self.model.refresh()

    def _settle(self) -> None:
        """What is derived from learned vectors, as a model that is measured or kept has it."""
        if isinstance(tower := getattr(self.model, "items", None), Tower):
            for part in tower.modules():
                if isinstance(part, Modality):
                    part.settle(self.dataset)
        self._refresh()

    def _precision(self) -> AbstractContextManager[Any]:
        device = self.parameters[0].device
        if not precision.low(self.config, device):
            return nullcontext()
        return torch.autocast(device.type, dtype=torch.bfloat16)

    def _descend(self, losses: Mapping[str, Tensor], rate: float) -> None:
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.zero_grad(set_to_none=True)
        self.balance.backward(losses, self.parameters)
        if self.config.clip:
            nn.utils.clip_grad_norm_(self.parameters, self.config.clip)
        self.optimiser.step()
        if self.average:
            self.average.update(self.history.steps)
        for task in self.tasks.values():
            task.after_step(self.model)

    def _note(self, losses: Mapping[str, float], rate: float) -> None:
        for name, value in losses.items():
            if not math.isfinite(value):
                raise P5Error(
                    f"the loss of {name} is {value} at step {self.history.steps + 1}; "
                    f"lower train.rate (now {self.config.rate}) or set train.precision = 'float32'"
                )
        weights = self.balance.counted()
        self.history.note({name: round(value, 6) for name, value in losses.items()}, weights, rate)
        if self.history.steps % LOG_EVERY == 0:
            shown = {f"loss/{name}": row[-1] for name, row in self.history.losses.items() if row}
            self._log(shown | {f"weight/{name}": weight for name, weight in weights.items()} | {"rate": rate})

    def _log(self, values: Mapping[str, float]) -> None:
        for logger in self.loggers:
            logger.log_metrics(dict(values), step=self.history.steps)

    def _tick(self) -> None:
        now = time.perf_counter()
        self.history.seconds += now - self._clock
        self._clock = now

    # ------------------------------------------------------------ validation and the end

    def _validation_is_due(self) -> bool:
        """Each `validate_every` passes, counted in whole steps, and at the end."""
        gap = self.config.validate_every * self.history.steps_per_epoch
        steps = self.history.steps
        return self.validate is not None and (int(steps / gap) > int((steps - 1) / gap) or steps >= self.total)

    def _validate(self) -> None:
        assert self.validate is not None
        self.model.eval()
        with self.average.swapped() if self.average else nullcontext(), torch.no_grad():
            self._settle()
            score = float(self.validate(self.model))
            if self.history.best_score is None or score > self.history.best_score:
                self.best = {name: tensor.detach().clone() for name, tensor in self.model.state_dict().items()}
                self._keep(score)
            else:
                self.stale += 1
        self.model.train()
        self._tick()
        epoch = self.history.steps / self.history.steps_per_epoch
        self.history.valid.append(
            {
                "step": self.history.steps,
                "epoch": round(epoch, 3),
                "seconds": round(self.history.seconds, 2),
                "score": score,
            }
        )
        self._log({"valid": score})
        shown = ", ".join(f"{name} {value:.4f}" for name, value in self.history.recent().items())
        say(f"  epoch {epoch:g}: loss {shown}; validation {score:.4f}; {self.history.seconds:.0f} s")
        if self.watch is not None:
            self.watch(self.history)

    def _keep(self, score: float | None) -> None:
        self.stale = 0
        self.history.best_score, self.history.best_step = score, self.history.steps
        self.history.best_epoch = math.ceil(self.history.steps / self.history.steps_per_epoch)

    def ended(self) -> str:
        """Why the run is over; "" while it is not."""
        if self.history.steps >= self.total:
            return "epochs" if self.total == self.config.epochs * self.history.steps_per_epoch else "steps"
        if self.config.seconds and self.history.seconds >= self.config.seconds:
            return "seconds"
        return "patience" if self.config.patience and self.stale >= self.config.patience else ""

    def finish(self) -> History:
        """The kept weights into the model: the best ones, or the last (averaged), as without validation."""
        if self.validate is not None and (
            not self.history.valid or self.history.valid[-1]["step"] < self.history.steps
        ):
            self._validate()
        stopped = self.ended() or "seconds"
        if self.best is not None and self.config.keep == "best":
            self.model.load_state_dict(self.best)
        else:
            self._keep(self.history.valid[-1]["score"] if self.history.valid else None)
            if self.average:
                with torch.no_grad():
                    for name, parameter in self.model.named_parameters():
                        parameter.copy_(self.average.weights.get(name, parameter))
        self.model.eval()
        with torch.no_grad():
            self._settle()
        self._tick()
        self.history.stopped = stopped
        return self.history

    # ------------------------------------------------------------ resuming

    def save(self) -> None:
        """Write the state to resume from."""
        assert self.folder is not None
        tensors = {
            **state.prefixed("all", self.all.state_dict()),
            **state.prefixed("optimiser", state.of_optimiser(self.optimiser, self.all)),
            **state.prefixed("average", self.average.weights if self.average else {}),
            **state.prefixed("best", self.best or {}),
        }
        facts = {"fingerprint": self.fingerprint, "stale": self.stale, "history": vars(self.history)}
        state.write(self.folder, tensors, facts)
        self._saved = time.perf_counter()

    def resume(self) -> None:
        """Go on from a state of the same run, if there is one."""
        found = state.read(self.folder) if self.folder else None
        if found is None or found[1]["fingerprint"] != self.fingerprint:
            return
        tensors, facts = found
        self.all.load_state_dict(state.under("all", tensors))
        state.into_optimiser(self.optimiser, self.all, state.under("optimiser", tensors))
        if self.average:
            self.average.weights.update(state.under("average", tensors))
        self.best = state.under("best", tensors) or None
        self.stale, self.history = facts["stale"], History(**facts["history"])
        self.history.resumed += 1
        say(f"  going on from step {self.history.steps} of a run that was cut off")
