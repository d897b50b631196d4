"""Whether pretraining helped: the same data from scratch, and from a pretrained model in several ways of tuning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from p5rec.evaluation.compare import RESAMPLES, Difference, corrected, intervals, paired
from p5rec.evaluation.evaluate import Measured
from p5rec.evaluation.standard import HEADLINE
from p5rec.evaluation.writing import label, number, signed

SCRATCH = "scratch"  # the same model without pretraining
ORDER = (SCRATCH, "pretrained", "full", "frozen", "lowrank", "bias")


@dataclass(frozen=True)
class Cost:
    """What a variant took: open parameters, seconds of training, peak memory of the process in MB."""

    trainable: int = 0
    seconds: float = 0.0
    peak_mb: float = 0.0


@dataclass(frozen=True)
class Variant:
    """One way to come to a model of this data.

    Attributes:
        name: ``scratch``, ``pretrained`` (as it was, not tuned), or the tuning: ``full``, ``frozen``, ``lowrank`` …
        values, intervals: metric → number on test queries, metric → 95 % interval.
        differences: metric → this variant minus the one from scratch, p corrected for the number of variants.
        cost: what it took.
        note: why it was not measured, where it was not.
    """

    name: str
    values: Mapping[str, float] = field(default_factory=dict)
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    differences: Mapping[str, Difference] = field(default_factory=dict)
    cost: Cost = Cost()
    note: str = ""


Gain = tuple[float, float, float]  # how much better, and the interval of that; more is always better


@dataclass(frozen=True)
class Comparison:
    """All variants on the same test queries.

    Attributes:
        variants: in the order of `ORDER`.
        directions: metric → whether more of it is better; the first decides whether pretraining helped.
    """

    variants: Sequence[Variant]
    directions: Mapping[str, bool] = field(default_factory=lambda: {HEADLINE[0]: True})

    @property
    def metric(self) -> str:
        """The one that decides."""
        return next(iter(self.directions))

    def gains(self, metric: str) -> dict[str, Gain]:
        """Variant → how much better than from scratch."""
        found = {}
        for one in self.variants:
            gap = one.differences.get(metric)
            if gap is not None:
                up = self.directions[metric]
                found[one.name] = (gap.mean, gap.low, gap.high) if up else (-gap.mean, -gap.high, -gap.low)
        return found

    def helps(self, metric: str = "") -> bool | None:
        """Whether some tuning is surely better than from scratch; None where there is nothing to compare."""
        tuned = [low for name, (_, low, _) in self.gains(metric or self.metric).items() if name != "pretrained"]
        return any(low > 0 for low in tuned) if tuned else None

    def sentence(self) -> str:
        """Plainly, whether pretraining helped, by how much each variant, and in which other metrics it did not."""
        if self.helps() is None:
            return "Nothing can be said of pretraining: it takes a variant from scratch and a tuned one."
        start = next(one.values[self.metric] for one in self.variants if one.name == SCRATCH)
        lead = "helps here" if self.helps() else "does not help here: no tuning is surely better than from scratch"
        told = "; ".join(_told(name, gain) for name, gain in self.gains(self.metric).items())
        others = [label(metric) for metric in self.directions if self.helps() and self.helps(metric) is False]
        rest = f" It does not help in {' and '.join(others)}." if others else ""
        return f"Pretraining {lead}. In {label(self.metric)}, where scratch has {number(start)}, {told}.{rest}"


def _told(name: str, gain: Gain) -> str:
    """``full is better by .0050 (.0020 to .0080)``."""
    mean, low, high = gain
    if low > 0:
        return f"{name} is better by {number(mean)} ({number(low)} to {number(high)})"
    if high < 0:
        return f"{name} is worse by {number(-mean)} ({number(-high)} to {number(-low)})"
    return f"{name} cannot be told apart (better by {signed(low)} to {signed(high)})"


def compared(
    measured: Mapping[str, Measured],
    costs: Mapping[str, Cost],
    metrics: Sequence[str] = HEADLINE,
    notes: Mapping[str, str] | None = None,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Comparison:
    """Variants from what was measured.

    Args:
        measured: variant → on the same test queries.
        costs: variant → what it took.
        metrics: to pair with the variant from scratch; the first that was measured decides.
        notes: variant → why it was not measured.
        resamples, seed: of the intervals.

    Raises:
        InputError: the variants were not measured on the same queries.
    """
    paired_with = _differences(measured, metrics, resamples, seed)
    every = [name for name in dict.fromkeys((*ORDER, *measured)) if name in measured or name in (notes or {})]
    variants = [
        Variant(
            name,
            measured[name].values if name in measured else {},
            intervals(measured[name], resamples=resamples, seed=seed) if name in measured else {},
            {metric: found[name] for metric, found in paired_with.items() if name in found},
            costs.get(name, Cost()),
            (notes or {}).get(name, ""),
        )
        for name in every
    ]
    some = next(iter(measured.values()))
    shown = [metric for metric in metrics if metric in some.values] or list(some.values)[:1]
    return Comparison(variants, {metric: some.metrics[metric].higher is not False for metric in shown})


def _differences(
    measured: Mapping[str, Measured], metrics: Sequence[str], resamples: int, seed: int
) -> dict[str, dict[str, Difference]]:
    """Metric → variant → minus the one from scratch, p corrected (Holm) over the variants of each metric."""
    start = measured.get(SCRATCH)
    if start is None:
        return {}
    chosen = [metric for metric in metrics if metric in start.values] or list(start.values)[:1]
    return {
        metric: corrected(
            {
                name: paired(one, start, metric, resamples=resamples, seed=seed)
                for name, one in measured.items()
                if name != SCRATCH and metric in one.values
            }
        )
        for metric in chosen
    }
