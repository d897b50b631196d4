"""What to know about an answer, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from p5rec.contracts import Dataset, Grows, ItemLists, Model, Tower
from p5rec.data.queries import UNKNOWN
from p5rec.serving.admission import shown
from p5rec.serving.questions import Past, Question


def of_answer(dataset: Dataset, question: Question, past: Past, short: str | None, steered: bool = True) -> str | None:
    """All that is unusual about an answer; None where nothing is."""
    notes = (
        _stranger(question, past),
        _ignored(past),
        _unknown_candidates(dataset, question),
        _deaf(question, steered),
        short,
    )
    return "; ".join(note for note in notes if note) or None


def short(lists: ItemLists, row: int, found: int, k: int) -> str | None:
    """Why a list has fewer than k items: the responder's reason, if it gave one."""
    if found >= k:
        return None
    return lists.short.get(row) or f"asked for {k} items, only {found} can be answered"


def of_new_items(dataset: Dataset, models: Mapping[str, Model], keys: Sequence[str]) -> str | None:
    """Why new items may not be recommended yet."""
    if not dataset.item_features.columns:
        return "the data has no item columns, so nothing is known of new items until trained again"
    names = sorted(name for name, model in models.items() if not isinstance(model, Grows))
    notes = [f"not ranked until trained again by: {', '.join(names)}"] if names else []
    if strange := _strangers(dataset, models, keys):
        notes.append(
            f"nothing that a model reads is told of {len(strange)} of them, e.g. {shown(strange[0])}, so that they "
            "come last until trained again"
        )
    return "; ".join(notes) or None


def _strangers(dataset: Dataset, models: Mapping[str, Model], keys: Sequence[str]) -> list[str]:
    """Those of some items of which no model that has grown knows any part."""
    towers = [getattr(model, "items", None) for model in models.values() if isinstance(model, Grows)]
    views = [tuple(tower.known().values()) for tower in towers if isinstance(tower, Tower)]
    told = [torch.stack(parts).any(0) for parts in views if parts]
    numbers = dataset.items.numbers(list(keys)).tolist()
    return [key for key, at in zip(keys, numbers, strict=True) if told and not any(known[at] for known in told)]


def _stranger(question: Question, past: Past) -> str | None:
    if question.user_id is None or past.seen or past.user != UNKNOWN:
        return None
    return f"nothing is known of user {shown(question.user_id)}, so these are for a new user"


def _ignored(past: Past) -> str | None:
    return f"events left out since this version does not know their items: {past.ignored}" if past.ignored else None


def _deaf(question: Question, steered: bool) -> str | None:
    if steered or not question.instruction:
        return None
    return "the instruction was not read: what serves here reads no instructions; p5 does, trained on 'instruct'"


def _unknown_candidates(dataset: Dataset, question: Question) -> str | None:
    missing = [key for key in question.candidates or () if dataset.items.number(key) == UNKNOWN]
    return f"candidates that are not known: {len(missing)}, the first is {shown(missing[0])}" if missing else None
