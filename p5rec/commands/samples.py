"""What a report shows besides numbers: real users with their recommendations, and the map of item vectors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from p5rec.commands import assemble
from p5rec.commands.made import Made, finished
from p5rec.contracts import Factored, ItemLists, Model
from p5rec.core import seed as seeds
from p5rec.data.answers import NOTHING
from p5rec.data.dataset import Dataset
from p5rec.data.features import Kind
from p5rec.data.queries import Queries
from p5rec.evaluation.item_map import ItemMap, item_map
from p5rec.evaluation.report import Pick, Report, Sample, Shown
from p5rec.towers.thumbnails import thumbnails

USERS, CARDS, WIDE = 3, 6, 5  # users on the screen and in the report, fewest events of one
SHOWN, MISSED = 8, 3  # items of a history, and of what was taken next but not recommended
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
    rows = np.array([row for row, user in enumerate(queries.users) if int(user) in wanted][:CARDS], dtype=np.int64)
    if name not in rankers or not len(rows):
        return []
    ranker, asked = assemble.unseen(rankers[name], made.served), queries.rows(rows)
    lists = ranker(asked, 10)
    assert isinstance(lists, ItemLists)
    because = ranker.because(asked, lists)
    told = [_Told(asked, lists, because, truth.items[int(place)], row) for row, place in enumerate(rows)]
    pictures = _pictures(made, [item for one in told for item in one.items()])
    return [one.sample(made.dataset, pictures, name) for one in told]


@dataclass(frozen=True)
class _Told:
    """One user of the samples: the row of the answers, and what was right."""

    asked: Queries
    lists: ItemLists
    because: np.ndarray
    right: np.ndarray
    row: int

    @property
    def history(self) -> list[int]:
        return [int(item) for item in self.asked.history[self.row][-SHOWN:]]

    @property
    def picks(self) -> list[int]:
        return [int(item) for item in self.lists.items[self.row] if item != NOTHING]

    @property
    def missed(self) -> list[int]:
        return [int(item) for item in self.right if item not in self.picks][:MISSED]

    def items(self) -> list[int]:
        """All that is shown."""
        return [*self.history, *self.picks, *self.missed]

    def sample(self, dataset: Dataset, pictures: Mapping[int, str], by: str) -> Sample:
        """The same as the report shows it."""
        titles = dataset.titles

        def shown(items: list[int]) -> list[Shown]:
            return [Shown(titles[item], pictures.get(item)) for item in items]

        why = (f"because of {titles[one]}" if one != NOTHING else "many choose it" for one in self.because[self.row])
        picks = [
            Pick(titles[item], pictures.get(item), reason, item in self.right)
            for item, reason in zip(self.picks, why, strict=False)  # what is no item stands last
        ]
        user = dataset.users.key(int(self.asked.users[self.row]))
        return Sample(user, shown(self.history), picks, by, shown(self.missed))


def _pictures(made: Made, items: list[int]) -> dict[int, str]:
    """Item → its picture, "" for an empty box; nothing where no picture of these items can be shown."""
    told: dict[int, str | None] = dict.fromkeys(items)
    for column in made.dataset.item_features.of_kind(Kind.IMAGE).values():
        told |= {item: str(column.values[item]) for item in told if told[item] is None and column.values[item]}
    folders = [getattr(one.config, "folder", "") for one in made.page.modalities["items"] if one.name == "image"]
    found = dict(zip(told, thumbnails(told.values(), Path(*folders[:1])), strict=True))
    return found if any(found.values()) else {}


def _map(made: Made, report: Report) -> ItemMap | None:
    models = finished(made.final)
    for row in report.ranked():
        model: Model | None = models.get(row.name)
        if isinstance(model, Factored) and (vectors := assemble.vectors(model)).shape[1] > FLAT:
            return item_map(vectors, made.dataset, row.name)
    return None
