"""What training made, and where its parts lie in the folder of a run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from p5rec.commands import assemble
from p5rec.commands.folders import use_own
from p5rec.commands.origin import PAGE as PAGE
from p5rec.commands.page import Page, resolve
from p5rec.commands.weights import Trained
from p5rec.contracts import Model
from p5rec.core import artifact
from p5rec.core.config import read_toml
from p5rec.core.errors import InputError
from p5rec.data import storage
from p5rec.data.dataset import Dataset

DATA, MODELS, LEARNED, PLUGS, STORE = "data", "models", "responders.json", "plugs", "store"
CHOSEN = "chosen"  # models fitted on training rows only, where the served ones are refitted
STAGES = "stages"  # first stages fitted without each user's last training event, and what second stages learned there


class Lore(dict[str, Mapping[str, Any]]):
    """What responders learned, by name: their few weights, and, of second stages, texts.

    Attributes:
        texts: name → all that a second stage learned on its fold.
    """

    def __init__(self, weights: Mapping[str, Mapping[str, Any]] | None = None, texts: Mapping[str, str] | None = None):
        super().__init__(weights or {})
        self.texts = dict(texts or {})

    def told(self) -> list[Any]:
        """Weights and texts as JSON values."""
        return [dict(self), self.texts]


@dataclass(frozen=True)
class Made:
    """A trained run: models that validation judges, models that are tested and served, fitted weights.

    With ``fitted_on = "train"`` the two sets of models are the same. `learned` and `seconds` are by responder.
    """

    page: Page
    dataset: Dataset
    chosen: Mapping[str, Trained]
    final: Mapping[str, Trained]
    learned: Lore
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def refitted(self) -> bool:
        """Whether the served models were fitted on validation rows too."""
        return self.page.run.evaluate.fitted_on == "train+valid"

    @property
    def served(self) -> Dataset:
        """The training data of the final models."""
        return self.dataset.merged() if self.refitted else self.dataset


def finished(trained: Mapping[str, Trained]) -> dict[str, Model]:
    """The models that did not step aside."""
    return {name: one.model for name, one in trained.items() if one.model is not None}


def opened(folder: Path, chosen: bool = True) -> tuple[Made, dict[str, Any]]:
    """Open the folder of a finished run: its parts, and the facts of its marker.

    Args:
        folder: of the run.
        chosen: open the models that validation judges too, where they are others than the final ones.

    Raises:
        InputError: the folder is missing, unfinished, damaged, of another kind, or of a later format.
    """
    facts = artifact.read_marker(folder, "recommender")
    if (folder / PLUGS).is_dir():
        use_own(folder / PLUGS)
    page = resolve(read_toml(folder / PAGE))
    dataset = storage.load(folder / DATA)
    lore, seconds = _learned(folder)
    refit = page.run.evaluate.fitted_on == "train+valid"
    final = assemble.load(page, dataset.merged() if refit else dataset, folder / MODELS)
    judged = assemble.load(page, dataset, folder / CHOSEN) if refit and chosen else final
    return Made(page, dataset, judged, final, lore, seconds), facts


def _learned(folder: Path) -> tuple[Lore, Mapping[str, float]]:
    """What responders learned, and the seconds that took.

    Raises:
        InputError: a file of it is missing or damaged.
    """
    file = folder / LEARNED
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        weights, seconds, texts = told["learned"], told["seconds"], dict[str, str]()
        for name, place in told.get("texts", {}).items():
            file = folder / place
            texts[name] = file.read_text(encoding="utf-8")
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        why = getattr(error, "strerror", None) or error
        raise InputError(
            f"{file}: what responders learned is missing or damaged ({why}); run the page again with --out {folder}"
        ) from None
    return Lore(weights, texts), seconds
