"""How metrics, numbers and times are written for people."""

from __future__ import annotations

TEXTS = {"bleu": "BLEU", "rouge": "ROUGE", "distinct": "Distinct"}
NAMES = {"ndcg": "NDCG", "mrr": "MRR", "map": "MAP", "auc": "AUC", "rmse": "RMSE", "mae": "MAE"}


def label(metric: str) -> str:
    """How a metric is written for people: ``NDCG@10``, ``Recall@10``, ``Hit rate@5``, ``BLEU-4``, ``ROUGE-L``."""
    for text, written in TEXTS.items():
        head, found, kind = metric.rpartition(text)
        if found and (not head or head.endswith("_")):
            return f"{head.replace('_', ' ').capitalize()}{written}-{kind}"
    name, at, k = metric.partition("@")
    head, _, last = name.rpartition("_")  # of what, where the metric of a family is of a part of it
    words = f"{head} {NAMES[last]}" if last in NAMES else name
    return (NAMES.get(name) or words[:1].upper() + words[1:].replace("_", " ")) + at + k


def number(value: float) -> str:
    """Four digits, no leading zero below one: ``.0494``."""
    if value != value:
        return "–"
    return f"{value:.4f}".replace("0.", ".", 1) if abs(value) < 1 else f"{value:.3f}"


def seconds(value: float) -> str:
    """``0.4 s``, ``12 s``, ``3 min 05 s``."""
    if value < 10:
        return f"{value:.1f} s"
    return f"{value:.0f} s" if value < 120 else f"{int(value) // 60} min {int(value) % 60:02d} s"


def signed(value: float) -> str:
    """``+.0050``, ``−.0013``."""
    return ("−" if value < 0 else "+") + number(abs(value))
