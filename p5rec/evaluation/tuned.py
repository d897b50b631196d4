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


@dataclass(frozen=True)
class Comparison:
    """All variants on the same test queries.

    Attributes:
        variants: in the order of `ORDER`.
        metric: the one that decides whether pretraining helped.
        higher: whether more of it is better.
    """

    variants: Sequence[Variant]
    metric: str = HEADLINE[0]
    higher: bool = True

    def gains(self) -> dict[str, tuple[float, float, float]]:
        """Variant → how much better than from scratch, and the interval of that; more is always better."""
        found = {}
        for one in self.variants:
            gap = one.differences.get(self.metric)
            if gap is not None:
                found[one.name] = (gap.mean, gap.low, gap.high) if self.higher else (-gap.mean, -gap.high, -gap.low)
        return found

    def helps(self) -> bool | None:
        """Whether some tuning is surely better than from scratch; None where there is nothing to compare."""
        tuned = [low for name, (_, low, _) in self.gains().items() if name != "pretrained"]
        return any(low > 0 for low in tuned) if tuned else None

    def sentence(self) -> str:
        """Plainly, whether pretraining helped, and for each variant by how much."""
        gains, metric = self.gains(), label(self.metric)
        if self.helps() is None:
            return "Nothing can be said of pretraining: it takes a variant from scratch and a tuned one."
        start = next(one.values[self.metric] for one in self.variants if one.name == SCRATCH)
        lead = (
            "Pretraining helps here" if self.helps() else "Pretraining does not help here: no tuning is surely better"
        )
        told = "; ".join(f"{name} {_gain(*gain)}" for name, gain in gains.items())
        return f"{lead}. Against {number(start)} {metric} from scratch, better by: {told}."


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
    decides = next((metric for metric in metrics if metric in some.values), next(iter(some.values)))
    return Comparison(variants, decides, some.metrics[decides].higher is not False)


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


def _gain(mean: float, low: float, high: float) -> str:
    """``+.0050 (+.0020 to +.0080)``, and what it means."""
    sure = "" if low > 0 else ", surely worse" if high < 0 else ", may be chance"
    return f"{signed(mean)} ({signed(low)} to {signed(high)}{sure})"
