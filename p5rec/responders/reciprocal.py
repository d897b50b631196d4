"""Reciprocal rank fusion: only places count, so that rankers of any scale can be put together."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor

from p5rec.blocks.scales import scaled
from p5rec.core.config import Config as Settings
from p5rec.responders._summed import Summed


class Reciprocal(Summed):
    """Mean over rankers of ``1 / (constant + place)``, the best place being 1 (Cormack, Clarke, Büttcher, 2009).

    Items that a ranker does not tell apart share the last of their places, so what it says nothing of gains nothing.
    Behind the first 1,000 places scores decide. Needs no validation rows.
    """

    config: Config

    class Config(Settings):
        """Settings of reciprocal rank fusion."""

        constant: float = Field(60.0, ge=0, description="places that are worth about the same as the first")

    def value(self, scores: Tensor) -> Tensor:
        """Reciprocal places."""
        return scaled(scores, "rank", self.config.constant)
