"""The bodies of requests, with examples for the OpenAPI page."""

from __future__ import annotations

import math
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from p5rec.contracts import Event
from p5rec.serving.prompting import Prompt
from p5rec.serving.questions import UNTOLD, Question

Context = Annotated[
    dict[str, str | float | None],
    Field(description="context columns of the data by name (device, place, …), as they were known before the event"),
]


class Body(BaseModel):
    """Values are taken as they are: a number is not an id, a text is not a number."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)


class EventBody(Body):
    """One thing that happened."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"event_id": "a-1", "user_id": "196", "item_id": "242", "time": 1767225600}]}
    )

    user_id: str = Field(description="who")
    item_id: str = Field(description="what; items that are not known are kept and count once they are")
    event_id: str | None = Field(None, description="makes sending twice harmless; made up where it is missing")
    time: float | None = Field(None, description="seconds since 1970; now where it is missing", ge=0)
    kind: str | None = Field(None, description="event kind of the data; the one that is recommended for by default")
    label: float | None = Field(None, description="rating or reward, on the scale of the data")
    context: Context = Field(default_factory=dict)

    def event(self) -> Event:
        """As the store keeps it."""
        return Event(
            event_id=self.event_id or "",
            user_id=self.user_id,
            item_id=self.item_id,
            time=UNTOLD if self.time is None else self.time,
            kind=self.kind or "",
            label=math.nan if self.label is None else self.label,
            context=self.context,
        )


class QuestionBody(Body):
    """A request for recommendations: of a user, or of a history."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"user_id": "196", "k": 10},
                {"history": ["242", "302"], "k": 5},
                {"user_id": "196", "instruction": "recommend Comedy"},
            ]
        }
    )

    user_id: str | None = Field(None, description="whose history, live events included")
    history: list[str] | None = Field(None, description="item ids, oldest first, in place of a user")
    k: int = Field(10, description="items wanted", ge=1)
    candidates: list[str] | None = Field(None, description="only these items may be answered")
    exclude: list[str] = Field(default_factory=list, description="these items must not be answered")
    time: float | None = Field(None, description="of the request, seconds since 1970; now where it is missing", ge=0)

    context: Context = Field(default_factory=dict)
    instruction: str = Field("", description="words that steer: 'something from Comedy', 'not Horror'")
    reasons: bool = Field(False, description="say which event speaks for each item; takes longer")

    @model_validator(mode="after")
    def _one_asker(self) -> QuestionBody:
        if (self.user_id is None) == (self.history is None):
            raise ValueError(
                "expected either user_id or history, found " + ("neither" if self.history is None else "both")
            )
        return self

    def question(self) -> Question:
        """As the service takes it."""
        return Question(
            user_id=self.user_id,
            history=None if self.history is None else tuple(self.history),
            k=self.k,
            candidates=None if self.candidates is None else tuple(self.candidates),
            exclude=tuple(self.exclude),
            time=UNTOLD if self.time is None else self.time,
            context=self.context,
            instruction=self.instruction,
            reasons=self.reasons,
        )


class PromptBody(Body):
    """Words with {user}, {history}, {item} and {candidates} in them; what is given and not named stands in front."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"prompt": "{history} what comes next ?", "user_id": "196", "k": 5},
                {"prompt": "how many stars will {user} give to {item} ?", "user_id": "196", "item_id": "242"},
                {"prompt": "which of these comes next ? {candidates}", "history": ["242"], "candidates": ["302", "51"]},
            ]
        }
    )

    prompt: str = Field(description="the words; the model tells from them what kind of answer is asked for")
    user_id: str | None = Field(None, description="{user}; also whose history {history} is, unless one is given")
    history: list[str] | None = Field(None, description="{history}: item ids, oldest first")
    item_id: str | None = Field(None, description="{item}")
    candidates: list[str] | None = Field(None, description="{candidates}: only these are ranked")
    k: int = Field(10, description="items wanted, where it asks for items", ge=1)

    def asked(self) -> Prompt:
        """As the service takes it."""
        return Prompt(
            prompt=self.prompt,
            user_id=self.user_id,
            history=None if self.history is None else tuple(self.history),
            item_id=self.item_id,
            candidates=None if self.candidates is None else tuple(self.candidates),
            k=self.k,
        )


class ItemBody(Body):
    """A new item: its id, and any columns of the item table as they came in the data."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={"examples": [{"item_id": "9001", "title": "A new film (2026)", "genres": ["Drama"]}]},
    )

    item_id: str = Field(description="the id that events will name")

    def row(self) -> dict[str, Any]:
        """As a row of the item table."""
        return self.model_dump()


def _shape(value: Any) -> str:
    return "many" if isinstance(value, list) else "one"


OneOrMoreEvents = Annotated[
    Annotated[EventBody, Tag("one")] | Annotated[list[EventBody], Tag("many")], Discriminator(_shape)
]
OneOrMoreItems = Annotated[
    Annotated[ItemBody, Tag("one")] | Annotated[list[ItemBody], Tag("many")], Discriminator(_shape)
]
