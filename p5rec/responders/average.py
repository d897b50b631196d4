"""The plain mean of several rankings: nothing is chosen, so nothing can be chosen wrongly."""

from __future__ import annotations

from torch import Tensor

from p5rec.blocks.scales import standard
from p5rec.core.config import Config as Settings
from p5rec.responders._summed import Summed


class Average(Summed):
    """Mean over rankers of the scores, each standardised over the items of a query to mean 0 and deviation 1.

    Needs no validation rows. `blend` is the same with weights.
    """

    class Config(Settings):
        """An average has no settings."""

    def value(self, scores: Tensor) -> Tensor:
        """Standardised scores."""
        return standard(scores)
