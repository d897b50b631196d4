"""What a report shows besides numbers: real users with their recommendations, and the map of item vectors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from p5rec.commands import assemble
from p5rec.commands.made import Made, finished
from p5rec.contracts import Factored, ItemLists, Model
from p5rec.core import seed as seeds
from p5rec.data.answers import NOTHING
from p5rec.data.dataset import Dataset
from p5rec.data.queries import Queries
from p5rec.evaluation.item_map import ItemMap, item_map
from p5rec.evaluation.report import Pick, Report, Sample

USERS, SHOWN, WIDE = 3, 8, 5  # users shown, titles of their history, fewest events a shown user has
FLAT = 4  # vectors of so few numbers have nothing to map


def added(made: Made, report: Report) -> Report:
    """The report with samples of the serving row and the map of the best row that has vectors."""
    return replace(report, samples=_samples(made, report.serves), item_map=_map(made, report))


def users(dataset: Dataset, count: int = USERS) -> np.ndarray:
    """Numbers of a few users with a history to speak of, drawn by the seed."""
    lengths = dataset.bounds[:, -1] - dataset.bounds[:, 0]
    enough = np.flatnonzero(lengths >= min(WIDE, int(lengths.max(initial=0))))
    return np.sort(seeds.rng(dataset.seed, "sample users").choice(enough, min(count, len(enough)), replace=False))


def _samples(made: Made, name: str) -> list[Sample]:
    """Test queries of a few users: what they had, what was recommended and why, and whether they took it next."""
    rankers = assemble.responders(made.page, made.served, finished(made.final), made.learned)
    queries, truth = made.dataset.held_out("test")
    wanted = set(users(made.dataset, 50).tolist())
    rows = np.array([row for row, user in enumerate(queries.users) if int(user) in wanted][:USERS], dtype=np.int64)
    if name not in rankers or not len(rows):
        return []
    ranker, asked = assemble.unseen(rankers[name], made.served), queries.rows(rows)
    lists = ranker(asked, 10)
    assert isinstance(lists, ItemLists)
    because = ranker.because(asked, lists)
    hits = [set(truth.items[row].tolist()) for row in rows]
    return [_sample(made.dataset, asked, lists, because, hits[row], row, name) for row in range(len(rows))]


def _sample(
    dataset: Dataset, asked: Queries, lists: ItemLists, because: np.ndarray, hits: set[int], row: int, name: str
) -> Sample:
    titles = dataset.titles
    picks = [
        Pick(titles[item], f"because of {titles[why]}" if why != NOTHING else "many choose it", item in hits)
        for item, why in zip(lists.items[row].tolist(), because[row].tolist(), strict=True)
        if item != NOTHING
    ]
    history = [titles[int(item)] for item in asked.history[row][-SHOWN:]]
    return Sample(user=dataset.users.key(int(asked.users[row])), history=history, picks=picks, by=name)


def _map(made: Made, report: Report) -> ItemMap | None:
    models = finished(made.final)
    for row in report.ranked():
        model: Model | None = models.get(row.name)
        if isinstance(model, Factored) and (vectors := assemble.vectors(model)).shape[1] > FLAT:
            return item_map(vectors, made.dataset, row.name)
    return None
