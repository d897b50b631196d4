"""Stage three: every model and responder on held-out rows, the table, and the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Literal

import numpy as np

from p5rec.commands import assemble, doctor, families, samples, start
from p5rec.commands.made import Made, finished
from p5rec.commands.page import Page
from p5rec.commands.weights import Trained
from p5rec.contracts import Metric, Numbers, Queries, Responder, Truth
from p5rec.core import artifact
from p5rec.core import seed as seeds
from p5rec.core.errors import InputError
from p5rec.core.progress import say
from p5rec.data.dataset import Dataset
from p5rec.data.leaks import leaks
from p5rec.data.schema import Role
from p5rec.evaluation.compare import paired
from p5rec.evaluation.entrants import Entrant, rows
from p5rec.evaluation.evaluate import Measured, evaluate
from p5rec.evaluation.honesty import Finding, Protocol, examine, refuse
from p5rec.evaluation.report import Report
from p5rec.evaluation.slices import cuts
from p5rec.evaluation.standard import HEADLINE, names

Part = Literal["valid", "test"]
SURE, FAR = 0.05, 0.1  # p-value, and share of the best, from which on a better row than the serving one is told


def report(made: Made, serves: str = "") -> Report:
    """Measure all models and responders of a run on validation and test rows.

    Args:
        made: the trained run.
        serves: the row that answers live requests; the best on validation where the page names none.

    Raises:
        InputError: an honest comparison is not possible, or no user has a held-out event.
    """
    page, dataset = made.page, made.dataset
    metrics = metrics_of(page, dataset)
    findings = doubts(made)
    valid = measure(page, dataset, made.chosen, made.learned, "valid", metrics)
    queries, truth = held_out(page, dataset, "test")
    test = measure(page, made.served, made.final, made.learned, "test", metrics, (queries, truth))
    before = _before(made, metrics, (queries, truth))
    entrants = [
        _entrant(made, name, valid.get(name), test.get(name), before.get(name))
        for name in [*page.models, *page.responders]
    ]
    headline = headline_of(metrics)
    headlines = [name for name in HEADLINE if name in metrics] or [headline]
    table = rows(
        entrants,
        dataset,
        cuts(queries, truth, dataset),
        headlines=headlines,
        resamples=page.run.evaluate.bootstrap,
        seed=page.run.seed,
    )
    prompts = families.measured(made)
    table = [replace(row, families=prompts.get(row.name, ())) for row in table]
    found = Report(
        title=page.run.title or "Recommender",
        data={key: value for key, value in dataset.facts.items() if key != "dropped"},
        protocol=protocol(made),
        rows=table,
        headline=headline,
        findings=findings,
        dropped=dataset.facts.get("dropped", []),
        page=page.text(),
        environment={"time": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC", **doctor.machine(), **artifact.versions()},
        ancestry={"data": dataset.facts.get("fingerprint")},
        directions={name: metric.higher for name, metric in metrics.items()},
    )
    found = replace(found, serves=serves or serving(made, found))
    found = replace(found, findings=[*findings, *_served_below(found, valid)])
    return samples.added(made, found)


def _before(made: Made, metrics: Mapping[str, Metric], held: tuple[Queries, Truth]) -> dict[str, Measured]:
    """What the models that were fitted on training rows alone do on test rows, where others are tested and served."""
    if made.chosen is made.final:
        return {}
    return measure(made.page, made.dataset, made.chosen, made.learned, "test", metrics, held)


def measure(
    page: Page,
    dataset: Dataset,
    trained: Mapping[str, Trained],
    learned: Mapping[str, Mapping[str, Any]],
    part: Part,
    metrics: Mapping[str, Metric],
    held: tuple[Queries, Truth] | None = None,
) -> dict[str, Measured]:
    """Name → what each model and responder did on the held-out rows of a part; empty where there are none."""
    queries, truth = held or held_out(page, dataset, part)
    if not len(queries):
        return {}
    found = {}
    for name, responder in judged(page, dataset, trained, learned, metrics).items():
        found[name] = evaluate(responder, queries, truth, metrics, title=f"{name} on {part} rows")
        headline = headline_of(metrics)
        say(f"{name}: {part} {headline} {found[name].values[headline]:.4f}")
    return found


def judged(
    page: Page,
    dataset: Dataset,
    trained: Mapping[str, Trained],
    learned: Mapping[str, Mapping[str, Any]],
    metrics: Mapping[str, Metric],
) -> dict[str, Responder]:
    """The responders that can be judged by these metrics: rankers of items, or estimators of numbers."""
    models = finished(trained)
    if numbers(metrics):
        return assemble.estimators(models, dataset)
    made = assemble.responders(page, dataset, models, learned)
    return {name: assemble.unseen(responder, dataset) for name, responder in made.items()}


def held_out(page: Page, dataset: Dataset, part: Part) -> tuple[Queries, Truth]:
    """Held-out queries and truth, a seeded sample of the users where the page wants one."""
    queries, truth = dataset.held_out(part)
    most = page.run.evaluate.users
    if most is None or most >= len(queries):
        return queries, truth
    chosen = np.sort(seeds.rng(page.run.seed, "measured users").choice(len(queries), most, replace=False))
    return queries.rows(chosen), truth.rows(chosen)


def metrics_of(page: Page, dataset: Dataset) -> dict[str, Metric]:
    """The metrics of a page by their names in the table.

    Raises:
        InputError: metrics of items and of numbers are mixed.
    """
    made = {names(chosen.name, chosen.config): chosen.make(dataset) for chosen in page.metrics}
    if len({numbers({name: metric}) for name, metric in made.items()}) > 1:
        raise InputError("evaluate.metrics: metrics of rankings and of numbers are mixed; take one kind a page")
    return made


def numbers(metrics: Mapping[str, Metric]) -> bool:
    """Whether these metrics judge estimated numbers rather than rankings."""
    return any(metric.judges is Numbers for metric in metrics.values())


def headline_of(metrics: Mapping[str, Metric]) -> str:
    """The metric that decides: NDCG@10 where it is measured, else the first."""
    return HEADLINE[0] if HEADLINE[0] in metrics else next(iter(metrics))


def serving(made: Made, found: Report) -> str:
    """The row that answers live requests: as the page says, else the best on validation."""
    best = found.best("valid") or found.best("test")
    return _wanted(made) or (best.name if best else next(iter(made.page.models)))


def _served_below(found: Report, valid: Mapping[str, Measured]) -> list[Finding]:
    """A warning where another row is far and surely better on validation than the one that serves."""
    best = found.best("valid")
    if best is None or found.serves not in valid or best.name == found.serves:
        return []
    values = [valid[name].values[found.headline] for name in (best.name, found.serves)]
    gap = paired(valid[best.name], valid[found.serves], found.headline)
    if gap.p >= SURE or abs(gap.mean) < FAR * abs(values[0]):
        return []
    told = f"{found.headline} {values[0]:.4f} against {values[1]:.4f}"
    sentence = (
        f"{found.serves} serves, as the page says, though {best.name} is surely better on validation rows: {told}"
    )
    return [Finding("warn", sentence)]


def _wanted(made: Made) -> str:
    """The row that serves by the page, "" where it names none, or one that is not there."""
    name = made.page.run.serve.responder
    if name and name not in assemble.responders(made.page, made.served, finished(made.final), made.learned):
        say(f"serve.responder: {name!r} stepped aside, so the best on validation serves")
        return ""
    return name or ""


def chosen(made: Made) -> str:
    """The row that serves a run that is not measured on test rows."""
    if name := _wanted(made):
        return name
    metrics = metrics_of(made.page, made.dataset)
    name = headline_of(metrics)
    valid = measure(made.page, made.dataset, made.chosen, made.learned, "valid", {name: metrics[name]})
    sign = -1.0 if metrics[name].higher is False else 1.0
    return max(valid, key=lambda row: sign * valid[row].values[name]) if valid else next(iter(finished(made.final)))


def protocol(made: Made) -> Protocol:
    """How the models of a run were compared, in the words of the report."""
    page = made.page
    excludes = bool(assemble.unseen(None, made.dataset).excludes)
    scalars = sum(_scalars(weights) for weights in made.learned.values())
    return Protocol(
        split=str((made.dataset.facts.get("split") or {}).get("name", page.split.name)),
        ranking="pairs" if numbers(metrics_of(page, made.dataset)) else page.run.evaluate.ranking,
        seen="excluded" if excludes else "included",
        fitted_on=page.run.evaluate.fitted_on,
        seed=page.run.seed,
        scalars=scalars + sum(bool(one.facts.get("history")) for one in made.chosen.values()),
        validated_on_fitted=tuple(made.learned) if made.refitted and made.chosen is made.final else (),
    )


def doubts(made: Made) -> list[Finding]:
    """What is to be said of an honest comparison.

    Raises:
        InputError: the comparison would not be honest.
    """
    queries, _ = made.dataset.held_out("test")
    rankings = not numbers(metrics_of(made.page, made.dataset))
    if not rankings and made.dataset.schema.column(Role.LABEL) is None:
        raise InputError(
            "evaluate.metrics: these metrics judge estimated labels, and no event column has the role label; name it "
            "with --set data.source.label=COLUMN, or measure rankings"
        )
    found = start.doubts(made.page, made.dataset, rankings) + examine(
        protocol(made),
        queries=queries,
        leaks=leaks(made.dataset),
        rows=[*finished(made.final)] if rankings else (),
        facts=made.dataset.facts,
    )
    refuse(found)
    return found


def _scalars(weights: Any) -> int:
    """Numbers among chosen weights; weights that sum to one have one less to choose."""
    if isinstance(weights, Mapping):
        return sum(_scalars(value) for value in weights.values())
    return int(isinstance(weights, int | float | str))


def _entrant(made: Made, name: str, valid: Measured | None, test: Measured | None, before: Measured | None) -> Entrant:
    """A row of the table: what it did and what it cost."""
    trained = made.final.get(name)
    if trained is None:
        cost = made.seconds.get(name, 0.0)
        return Entrant(
            name, valid, test, before, kind="responder", seconds_fit=cost, learned=made.learned.get(name, {})
        )
    facts = trained.facts
    note = facts["note"] or ("" if test else "it ranks items and estimates no numbers")
    return Entrant(
        name,
        valid,
        test,
        before,
        seconds_fit=facts["seconds"],
        parameters=facts["parameters"],
        peak_mb=facts["peak_mb"],
        note=note,
        curves=_curves(made.chosen[name].facts.get("history") or {}),
    )


def _curves(history: Mapping[str, Any]) -> dict[str, Any]:
    """Losses and validation scores as the report draws them."""
    if not history:
        return {}
    return {
        "loss": history["losses"],
        "steps": [one["step"] for one in history["valid"]],
        "valid": [one["score"] for one in history["valid"]],
    }
