"""What makes a comparison dishonest, said in words before any number is shown."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from p5rec.core.errors import InputError
from p5rec.data.facts import REPEATS
from p5rec.data.queries import Queries

BASELINES = ("popular", "itemknn")
FEW = 200  # test queries below which intervals are too wide to tell models apart
TIED = 0.1  # share of tied times from which their order decides results
SCALARS = 20  # numbers a run may choose on validation rows


@dataclass(frozen=True)
class Finding:
    """One doubt: a comparison that is refused, or one that is shown with this sentence above it."""

    level: Literal["refuse", "warn"]
    sentence: str


@dataclass(frozen=True)
class Protocol:
    """How models were compared.

    Attributes:
        split: the split's name and settings, in words.
        ranking: the whole catalogue, drawn candidates, or none (pairs: numbers are estimated).
        seen: whether items of the user's own history are left out of the ranking.
        fitted_on: the rows the tested models were fitted on.
        seed: of the run.
        chosen_on: the rows that settings, early stopping and weights were chosen on.
        scalars: how many numbers were chosen on validation rows.
        validated_on_fitted: names of models or responders chosen on validation rows that their parts had been
            fitted on.
    """

    split: str = "leave_one_out"
    ranking: Literal["full", "sampled", "pairs"] = "full"
    seen: Literal["excluded", "included"] = "excluded"
    fitted_on: Literal["train", "train+valid"] = "train"
    seed: int = 0
    chosen_on: Literal["valid", "test", "nothing"] = "valid"
    scalars: int = 0
    validated_on_fitted: tuple[str, ...] = ()

    def words(self) -> str:
        """What was done with each test query, in a few words."""
        if self.ranking == "pairs":
            return "held-out pairs estimated"
        ranked = "all items ranked" if self.ranking == "full" else "sampled candidates ranked"
        return f"{ranked} · seen items {self.seen}"


def examine(
    protocol: Protocol,
    *,
    queries: Queries | None = None,
    leaks: Sequence[str] = (),
    rows: Collection[str] = (),
    facts: Mapping[str, Any] | None = None,
) -> list[Finding]:
    """All doubts about a comparison, refusals first.

    Args:
        protocol: how models were compared.
        queries: the test queries.
        leaks: what a checker of the split found, one sentence each.
        rows: names of the compared models.
        facts: of the dataset (``ties``, ``repeat_rate``).
    """
    found = [
        *_sampled(protocol, queries),
        *(_refusal(f"this split leaks: {sentence}") for sentence in leaks),
        *_validation(protocol),
        *_baselines(rows),
        *_data(protocol, facts or {}),
        *_few(queries),
    ]
    return sorted(found, key=lambda finding: finding.level != "refuse")


def _refusal(sentence: str) -> Finding:
    return Finding("refuse", sentence)


def _warning(sentence: str) -> Finding:
    return Finding("warn", sentence)


def refuse(findings: Sequence[Finding]) -> None:
    """Stop where a comparison would be dishonest.

    Raises:
        InputError: all refusals together.
    """
    if faults := [finding.sentence for finding in findings if finding.level == "refuse"]:
        raise InputError(faults)


def _sampled(protocol: Protocol, queries: Queries | None) -> list[Finding]:
    if protocol.ranking == "sampled":
        return [
            _refusal(
                "ranking among sampled candidates misleads: models can change places against the full ranking "
                "(Krichene and Rendle, 2020); set evaluate.ranking to 'full'",
            )
        ]
    if queries is not None and queries.candidates is not None:
        most = int(queries.candidates.lengths.max(initial=0))
        return [
            _refusal(
                f"the protocol says full ranking, but the queries rank lists of at most {most} candidates; "
                "leave the candidates out",
            )
        ]
    return []


def _validation(protocol: Protocol) -> list[Finding]:
    found = []
    if protocol.chosen_on == "test":
        found.append(
            _refusal(
                "settings were chosen on the test rows, so the test numbers are too good by an unknown amount; "
                "choose on validation rows",
            )
        )
    if protocol.validated_on_fitted:
        names = ", ".join(protocol.validated_on_fitted)
        found.append(
            _refusal(
                f"{names}: chosen on validation rows that the models had been fitted on, which favours those that "
                "learn by heart; fit on training rows, choose, then refit",
            )
        )
    if protocol.fitted_on == "train+valid":
        found.append(
            _warning(
                "test numbers are of models refitted on training and validation rows; compare them with published "
                "numbers of the same protocol only (validation numbers are of models fitted on training rows)",
            )
        )
    if protocol.scalars > SCALARS:
        found.append(
            _warning(
                f"{protocol.scalars} numbers were chosen on validation rows, more than the {SCALARS} a run may choose; "
                "they may have learned the validation rows",
            )
        )
    return found


def _baselines(rows: Collection[str]) -> list[Finding]:
    missing = [name for name in BASELINES if name not in rows]
    if not rows or not missing:
        return []
    return [
        _warning(
            f"this table lacks {' and '.join(missing)}: without simple baselines nobody can tell how good a model is",
        )
    ]


def _data(protocol: Protocol, facts: Mapping[str, Any]) -> list[Finding]:
    if protocol.ranking == "pairs":
        return []
    found = []
    if (tied := share_of_ties(facts)) >= TIED:
        found.append(
            _warning(
                f"{tied:.0%} of the events share their time with another event of the same user: their order is drawn "
                "from a seed, and which event is held out depends on it",
            )
        )
    repeats = float(facts.get("repeat_rate") or 0.0)
    if protocol.seen == "included" and repeats < REPEATS:
        found.append(
            _warning(
                f"items a user has seen stay in the ranking although only {repeats:.1%} of events repeat one, which "
                "lowers all numbers; leave seen items out",
            )
        )
    if protocol.seen == "excluded" and repeats >= REPEATS:
        found.append(
            _warning(
                f"seen items are left out of the ranking although {repeats:.0%} of events repeat one; held-out "
                "repeats can never be hit",
            )
        )
    return found


def share_of_ties(facts: Mapping[str, Any]) -> float:
    """The share of events whose time is shared, however the facts tell it."""
    ties = facts.get("ties") or 0.0
    return float(ties.get("share", 0.0)) if isinstance(ties, Mapping) else float(ties)


def _few(queries: Queries | None) -> list[Finding]:
    if queries is None or len(queries) >= FEW:
        return []
    return [
        _warning(
            f"few test queries ({len(queries)}): the intervals are wide and differences between models hard to prove",
        )
    ]
