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
TEXT: tuple[tuple[str, dict[str, Any]], ...] = (
    ("bleu", {"n": 1}),
    ("bleu", {"n": 4}),
    ("rouge", {"kind": "1"}),
    ("rouge", {"kind": "L"}),
    ("distinct", {"n": 2}),
)
NAMED = {"k": "@", "n": "", "kind": ""}  # settings that are part of a metric's name, and the sign before them
HEADLINE = ("ndcg@10", "recall@10")  # the metrics of the screen, of paired tests and of slices


def names(metric: str, config: Config | Mapping[str, Any]) -> str:
    """The name of a metric in tables and reports: ``recall@10``, ``bleu4``; other settings only where changed.

    ``names("recall", {"k": 10}) == "recall@10"``, ``names("mrr", {}) == "mrr"``,
    ``names("recall", {"k": 10, "capped": True}) == "recall@10[capped=True]"``, ``names("bleu", {"n": 4}) == "bleu4"``,
    ``names("rouge", {"kind": "L"}) == "rougeL"``.
    """
    every = config.model_dump() if isinstance(config, Config) else dict(config)
    given = config.model_dump(exclude_defaults=True) if isinstance(config, Config) else every
    named = {key: sign for key, sign in NAMED.items() if every.get(key) is not None}
    others = ",".join(f"{key}={value}" for key, value in given.items() if key not in NAMED)
    return metric + "".join(f"{sign}{every[key]}" for key, sign in named.items()) + (f"[{others}]" if others else "")
