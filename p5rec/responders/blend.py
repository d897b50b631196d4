"""A weighted sum of several rankings, on a scale that makes them comparable; weights chosen on validation."""

from __future__ import annotations

from p5rec.responders._weighed import Weighed


class Blend(Weighed):
    """Sum over rankers of weight x scaled score: one weight a ranker, the same for all users.

    `gated` has weights that depend on the history.
    """

    class Config(Weighed.Config):
        """Settings of a blend."""
