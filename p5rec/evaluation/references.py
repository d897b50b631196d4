"""What was answered beside what was really written."""

from __future__ import annotations

from p5rec.core.errors import InputError
from p5rec.data.answers import Texts
from p5rec.data.queries import Truth


def beside(answers: Texts, truth: Truth, judge: str) -> list[tuple[str, str]]:
    """Q pairs of answer and reference.

    Args:
        answers: one text a query.
        truth: with its texts.
        judge: the metric that asks, for its sentence.

    Raises:
        InputError: the truth has no texts, or not one a query.
    """
    if truth.texts is None:
        raise InputError(
            f"{judge} compares with what was really written, and these queries come without reference texts; "
            "judge a family whose answers are words"
        )
    if len(truth.texts) != len(answers):
        raise InputError(f"{judge} was given {len(answers)} texts for {len(truth.texts)} references; one each")
    return list(zip(answers.values, truth.texts, strict=True))
