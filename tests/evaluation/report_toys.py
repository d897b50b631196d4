"""A report of toy models with everything in it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from evaluation_toys import METRICS, Table

from p5rec.contracts import Dataset
from p5rec.evaluation.entrants import Entrant, rows
from p5rec.evaluation.evaluate import Measured, evaluate
from p5rec.evaluation.honesty import Protocol, examine
from p5rec.evaluation.item_map import item_map
from p5rec.evaluation.likeness import item_vectors
from p5rec.evaluation.report import Pick, Report, Sample, Shown
from p5rec.evaluation.slices import cuts
from p5rec.evaluation.standard import STANDARD, names
from p5rec.testing.worlds import category, from_sequences

PIXEL = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"


def shop(users: int = 60, items: int = 50) -> Dataset:
    """A toy shop whose items have hostile titles and a category."""
    rng = np.random.default_rng(0)
    sequences = {
        f"user/{u}": [f"<b>item</b> {i} & more" for i in rng.permutation(items)[: 4 + u % 9]] for u in range(users)
    }
    plain = from_sequences(sequences)
    kinds = {key: f"kind {place % 3}" for place, key in enumerate(plain.items.all().to_pylist())}
    return from_sequences(sequences, item_columns={"kind": category(plain.items, kinds)})


def measured(dataset: Dataset, part: str, skill: float, seed: int) -> Measured:
    """A toy that scores the right items `skill` higher than noise."""
    queries, truth = dataset.held_out(part)  # type: ignore[arg-type]
    scores = np.random.default_rng(seed).normal(size=(dataset.n_users, dataset.n_items))
    row, item = truth.items.flat()
    scores[queries.users[row], item] += skill
    metrics = {}
    for name, settings in STANDARD:
        plug = METRICS.load(name)
        config = plug.Config(**settings)
        metrics[names(name, config)] = plug(config, dataset)
    return evaluate(Table(scores), queries, truth, metrics)


def toy_report() -> Report:
    dataset = shop()
    queries, truth = dataset.held_out("test")
    skills = {"popular": 0.0, "itemknn": 1.0, "sasrec": 2.5}
    history = {"loss": {"next_item": [1.0, 0.8, float("nan"), 0.6]}, "valid": [0.1, 0.3], "steps": [2, 4]}
    entrants = [
        Entrant(
            name,
            measured(dataset, "valid", skill, place),
            measured(dataset, "test", skill, 10 + place),
            seconds_fit=12.5,
            parameters=1000,
            peak_mb=300.0,
            curves=history if name == "sasrec" else {},
        )
        for place, (name, skill) in enumerate(skills.items())
    ]
    entrants.append(Entrant("ease", note="steps aside: 30,000 items are more than the 20,000 it takes"))
    protocol = Protocol()
    return Report(
        title="Toys & <tags>",
        data={**dataset.facts, "ties": 0.25},
        protocol=protocol,
        rows=rows(entrants, dataset, cuts(queries, truth, dataset), resamples=100),
        serves="sasrec",
        findings=examine(protocol, queries=queries, rows=skills, facts={"ties": 0.25}),
        samples=[sample()],
        item_map=item_map(item_vectors(dataset), dataset, "co-occurrence", limit=30),
        dropped=[{"stage": "core", "reason": "fewer than 5 events", "rows": 1234, "users": 5, "items": 6}],
        page='[model.sasrec]\nname = "<script>alert(1)</script>"',
        environment={"torch": "2.13.0"},
        ancestry={"data": "abc123"},
        directions={"ndcg@10": True},
    )


def sample() -> Sample:
    """A user with hostile titles; of three pictures one is a pixel, one is broken, and one is hostile itself."""
    picks = [
        Pick("<i>pick</i>", PIXEL, "because of <b>item</b> 3", True),
        Pick("second", "", "many choose it"),
        Pick("third", '"><script>alert(2)</script>'),
    ]
    history = [Shown('"><b>item</b> 3', PIXEL), Shown("silent", "")]
    return Sample("user/1", history, picks, "sasrec", [Shown("<i>missed</i>", PIXEL)])


def without_tests(report: Report) -> Report:
    return replace(report, rows=[replace(row, test={}, intervals={}, slices=(), exposure=None) for row in report.rows])
