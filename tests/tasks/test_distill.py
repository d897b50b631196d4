"""A pupil answers as its teacher does, and is never asked for what it was told."""

from dataclasses import replace

import numpy as np
import torch

from p5rec.contracts import ItemLists, Responder
from p5rec.responders.scorer import Scorer
from p5rec.tasks.distill import Distill
from p5rec.testing.checks.tasks import Lesson
from p5rec.testing.making import drawn, ranker
from p5rec.testing.sample import sample


class Watching(Responder):
    """Remembers what it was asked."""

    def __init__(self, inner):
        self.inner, self.asked = inner, []

    def __call__(self, queries, k):
        self.asked.append(queries)
        return self.inner(queries, k)


def test_no_answer_is_an_item_that_the_user_has():
    repeating = sample()
    dataset = replace(repeating, facts={**repeating.facts, "repeat_rate": 0.0})
    lesson = Lesson(Distill, dataset)
    said = lesson.task.ask(dataset, ranker("itemknn", dataset))
    own = dataset.history("train")
    for user, places, items in zip(said["users"], said["places"], said["items"], strict=True):
        history = dataset.events["item"][places[places >= 0]]
        assert len(history)
        assert set(history.tolist()) <= set(own[user].tolist())
        assert not set(items.tolist()) & set(own[user].tolist())


def test_whole_histories_come_first():
    dataset = sample()
    lesson, watching = Lesson(Distill, dataset), Watching(ranker("itemknn", dataset))
    lesson.task.ask(dataset, watching)
    own = dataset.history("train")
    users = np.flatnonzero(own.lengths)
    for user, history in zip(users, watching.asked[0].history, strict=False):
        assert history.tolist() == own[user].tolist()


def test_a_pupil_agrees_with_its_teacher():
    with drawn(0):
        lesson = Lesson(Distill)
        teacher = ranker("itemknn", lesson.dataset)
        before = agreement(lesson, teacher)
        adam = torch.optim.Adam(lesson.model.parameters(), 0.01)
        for step in range(120):
            adam.zero_grad()
            lesson.loss(*lesson.batch(step)).backward()
            adam.step()
        assert agreement(lesson, teacher) > before + 0.25


def agreement(lesson: Lesson, teacher: Responder) -> float:
    """Share of the teacher's first five that are the pupil's, for histories that go on to the test."""
    queries, _ = lesson.dataset.held_out("valid")
    wanted = teacher(queries, 5)
    assert isinstance(wanted, ItemLists)
    found = Scorer(Scorer.Config(), {"model": lesson.model.eval()}, lesson.dataset)(queries, 5)
    lesson.model.train()
    return float(np.mean([len(set(a) & set(b)) / 5 for a, b in zip(wanted.items, found.items, strict=True)]))
