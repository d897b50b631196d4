"""What the service answers; the command line prints the same."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field


class Scored(BaseModel):
    """One recommended item."""

    item_id: str = Field(description="the item's id as it came in")
    score: float = Field(description="higher is better; comparable within one answer only")
    title: str = Field(description="a name to show, the id where the data has none")
    because: str | None = Field(None, description="id of the event that speaks for it most, where reasons were wanted")


class Recommendation(BaseModel):
    """A list of items, best first."""

    version: str = Field(description="of the artifact that answered")
    events_seen: int = Field(description="events of this user (or of the given history) known when it was answered")
    items: list[Scored] = Field(description="best first")
    note: str | None = Field(None, description="what to know about this answer, e.g. why it has fewer than k items")


class Reply(BaseModel):
    """The answer to a prompt, of the kind that it asks for."""

    version: str = Field(description="of the artifact that answered")
    events_seen: int = Field(description="events of this user (or of the given history) known when it was answered")
    kind: Literal["items", "number", "text"] = Field(description="what the prompt asks for, told from its words")
    items: list[Scored] | None = Field(None, description="best first, where it asks for items")
    number: float | None = Field(None, description="on the scale of the data's labels, where it asks for a number")
    text: str | None = Field(None, description="words, where it asks for words")
    note: str | None = Field(None, description="what to know about this answer")


class Explanation(BaseModel):
    """Why a user may like an item, or not."""

    version: str = Field(description="of the artifact that answered")
    events_seen: int = Field(description="events of this user known when it was answered")
    item_id: str = Field(description="the item's id as it came in")
    title: str = Field(description="a name to show, the id where the data has none")
    text: str | None = Field(None, description="a sentence, where a model was trained on explanations")
    because: str | None = Field(None, description="item of the user's history that speaks most for it")
    note: str | None = Field(None, description="what to know about this answer")


class Appended(BaseModel):
    """What became of posted events."""

    accepted: int = Field(description="new events, kept on disk")
    duplicates: int = Field(description="events whose event_id was known already")


class Added(BaseModel):
    """What became of posted items."""

    added: int = Field(description="items that are new and can be recommended now")
    known: int = Field(description="items that were known already, kept as they were")
    note: str | None = Field(None, description="why they may not be recommended yet")


class Erased(BaseModel):
    """What was erased."""

    erased: int = Field(description="live events removed")


class State(BaseModel):
    """Health."""

    status: str = Field(description="live, ready or starting")
    version: str | None = Field(None, description="of the artifact that answers")
    events: int | None = Field(None, description="events ever accepted by the store")


class Fault(BaseModel):
    """Every answer that is not 2xx."""

    detail: str = Field(description="what was found, where, and what was expected")
