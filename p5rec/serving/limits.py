"""How much one request may ask for."""

from __future__ import annotations

from pydantic import Field

from p5rec.core.config import Config


class Limits(Config):
    """Bounds of requests, so that no single one can take the service down."""

    k: int = Field(1000, description="most items of an answer", ge=1, le=100_000)
    events: int = Field(10_000, description="most events of one POST", ge=1)
    items: int = Field(1000, description="most new items of one POST", ge=1)
    joined: int = Field(1_000_000, description="most new items since training, all together", ge=1)
    history: int = Field(10_000, description="most live events read of a user, and most items of a given history", ge=1)
    candidates: int = Field(100_000, description="most candidates or excluded items of a request", ge=1)
    prompt: int = Field(2000, description="most characters of a prompt or an instruction", ge=1)
    id_length: int = Field(16_384, description="most characters of an id", ge=1)
    body_mb: float = Field(16.0, description="largest request body in MB (2^20 bytes)", gt=0)
    batch: int = Field(64, description="most requests answered by one call of the responder", ge=1)
    waiting: int = Field(4096, description="most requests that may wait; more get 503", ge=1)
    ahead: float = Field(86_400.0, description="seconds an event's time may be ahead of this clock", ge=0)
