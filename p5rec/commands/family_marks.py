"""What a model's answers to an exam are worth: the metrics that fit the kind of answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from p5rec.commands.family_exam import FLUENT, Exam
from p5rec.commands.folders import choose
from p5rec.contracts import Dataset, Metric, Numbers, Responder, Texts, Truth
from p5rec.core.config import Config
from p5rec.core.things import Kind
from p5rec.evaluation.evaluate import Measured, evaluate, judge
from p5rec.evaluation.standard import RATING, TEXT, names

ITEMS = (("ndcg", {"k": 10}), ("recall", {"k": 10}))
Answered = Numbers | Texts


class Mean(Metric):
    """A mean of statistics made elsewhere; in 0 … 1."""

    bounds = (0.0, 1.0)

    def measure(self, answers: Any, truth: Truth) -> np.ndarray:
        """(Q, 1) the answers themselves."""
        return np.asarray(answers, dtype=np.float64)[:, None]


def mean(name: str, values: np.ndarray, truth: Truth, dataset: Dataset) -> Measured:
    """(Q,) values in 0 … 1 as a measured metric."""
    metric = Mean(Config(), dataset)
    stats = metric.measure(values, truth)
    return Measured({name: metric}, {name: stats}, {name: metric.reduce(stats)}, truth, None, 0.0)


def metrics(exam: Exam, answer: str, dataset: Dataset) -> dict[str, Metric]:
    """Name → metric, for what an exam asks for."""
    if exam.kind == Kind.ITEM and exam.queries.candidates is not None:
        return {"accuracy": _made("recall", {"k": 1}, dataset)}
    if exam.kind == Kind.WORD and answer not in FLUENT:
        return {"accuracy": _made("exact", {}, dataset)}
    wanted = {Kind.ITEM: ITEMS, Kind.NUMBER: RATING}.get(exam.kind, TEXT)
    return {names(name, settings): _made(name, settings, dataset) for name, settings in wanted}


def marked(exam: Exam, answer: str, answerer: Any, dataset: Dataset) -> Measured:
    """The answers of a model, each kind asked for as what it is."""
    judges = metrics(exam, answer, dataset)
    if exam.kind == Kind.ITEM:
        return ranked(answerer.ranker, exam, judges)
    if exam.kind == Kind.NUMBER:
        return judge(Numbers(answerer.numbers(exam.queries)[:, None]), exam.truth, judges)
    return judge(answerer.texts(exam.queries), exam.truth, judges)


def ranked(ranker: Responder, exam: Exam, judges: Mapping[str, Metric]) -> Measured:
    """Items ranked among the whole catalogue, or among the candidates."""
    return evaluate(ranker, exam.queries, exam.truth, judges, title="prompts")


def kind_of_answer(exam: Exam, answerer: Any, dataset: Dataset) -> Measured:
    """How often a model tells from the prompt which kind of answer is asked for."""
    return mean("kind_accuracy", answerer.kinds(exam.queries) == exam.kind, exam.truth, dataset)


def _made(name: str, settings: Mapping[str, Any], dataset: Dataset) -> Metric:
    made: Metric = choose("metric", {"name": name, **settings}, f"metric.{name}").make(dataset)
    return made
