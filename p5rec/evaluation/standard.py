"""The metrics that stand in every table, and how a metric with its settings is called there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from p5rec.core.config import Config

STANDARD: tuple[tuple[str, dict[str, Any]], ...] = (
    *((name, {"k": k}) for name in ("recall", "ndcg", "hit_rate") for k in (5, 10, 20)),
    ("mrr", {}),
    ("map", {"k": 10}),
    ("auc", {}),
    ("coverage", {"k": 10}),
    ("novelty", {"k": 10}),
    ("popularity_bias", {"k": 10}),
    ("diversity", {"k": 10}),
)
RATING: tuple[tuple[str, dict[str, Any]], ...] = (("rmse", {}), ("mae", {}))
HEADLINE = ("ndcg@10", "recall@10")  # the metrics of the screen, of paired tests and of slices


def names(metric: str, config: Config | Mapping[str, Any]) -> str:
    """The name of a metric in tables and reports: ``recall@10``; settings other than k only where they were changed.

    ``names("recall", {"k": 10}) == "recall@10"``, ``names("mrr", {}) == "mrr"``,
    ``names("recall", {"k": 10, "capped": True}) == "recall@10[capped=True]"``.
    """
    given = config.model_dump(exclude_defaults=True) if isinstance(config, Config) else dict(config)
    k = getattr(config, "k", None) if isinstance(config, Config) else given.get("k")
    others = ",".join(f"{key}={value}" for key, value in given.items() if key != "k")
    return metric + (f"@{k}" if k is not None else "") + (f"[{others}]" if others else "")
