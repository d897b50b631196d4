"""The net that reads a prompt, taken from the library transformers: a causal language model, or an encoder."""

from __future__ import annotations

import inspect
import json
from importlib.util import find_spec
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from p5rec.blocks.backbone import Backbone
from p5rec.blocks.memory import Memory
from p5rec.blocks.stream import at
from p5rec.core.errors import InputError, MissingExtra
from p5rec.core.hub import located, opening, packed


class Pretrained(Backbone):
    """A model of transformers that reads vectors of things beside those of its own words.

    Args:
        name: a folder, the name of a model on the hub, or the file of a configuration, which begins untrained.
        words: W, the size of the vocabulary, which must be the model's own; 0: prompts hold no words.
        length: things of the longest prompt.
        causal: a causal language model; else an encoder that reads both sides.

    Raises:
        InputError: it cannot be read, reads the other way, is too short, or has another vocabulary.
        MissingExtra: transformers is not installed.

    Attributes:
        level: root mean square of the numbers in its word vectors, which those of other things should have, too.
    """

    def __init__(self, name: str, words: int, length: int, causal: bool = True) -> None:
        super().__init__()
        if find_spec("transformers") is None:
            raise MissingExtra("transformers", "lm", f"backbone = {name!r}")
        self.causal, self.model = causal, _as_linear(_opened(name, causal))
        self.places: int | None = getattr(self._settings, "max_position_embeddings", None)
        self.width = self.lexicon.embedding_dim
        self._takes_places = causal and "position_ids" in inspect.signature(self.body.forward).parameters
        self._check(name, words, length)
        if words:
            self._resize(words)
        self.level = float(self.lexicon.weight.detach().square().mean().sqrt())
        self.train()

    @property
    def body(self) -> nn.Module:
        """The net without what says words."""
        return cast(nn.Module, self.model.base_model)

    @property
    def lexicon(self) -> nn.Embedding:  # type: ignore[override]
        """(W, H); no attribute, or its weights would be saved twice."""
        return cast(nn.Embedding, self.model.get_input_embeddings())

    @property
    def _settings(self) -> Any:
        """The configuration of what reads texts."""
        return self.model.config.get_text_config()

    def forward(self, x: Tensor, padding: Tensor, wanted: Tensor) -> Tensor:
        """(B, A, H); see `Backbone.forward`."""
        places = torch.arange(x.shape[1], device=x.device).expand(x.shape[:2])
        return at(self._run(x, ~padding, places, use_cache=False).last_hidden_state, wanted)

    def read(self, x: Tensor, memory: Memory, places: Tensor) -> Tensor:
        """(B, N, H); see `Backbone.read`."""
        memory.grow(x.shape[1])
        found = self._run(x, memory.seen, places, use_cache=True, past_key_values=memory.other)
        memory.other = found.past_key_values
        return found.last_hidden_state

    def _run(self, x: Tensor, seen: Tensor, places: Tensor, **settings: Any) -> Any:
        """The body's own output; places behind its last count as this one."""
        if self._takes_places:
            settings["position_ids"] = places if self.places is None else places.clamp(max=self.places - 1)
        if not self.causal:
            settings = {}
        return self.body(inputs_embeds=x, attention_mask=seen.long(), **settings)

    def speak(self, hidden: Tensor) -> Tensor:
        """(…, W); an encoder, which has no head for it, says the words that it reads."""
        head = self._head
        return F.linear(hidden, self.lexicon.weight) if head is None else head(hidden)

    @property
    def _head(self) -> nn.Linear | None:
        return self.model.get_output_embeddings() if self.causal else None

    def architecture(self) -> str:
        """The configuration as JSON; with the weights it is the whole net."""
        return self.model.config.to_json_string(use_diff=False)

    def rows(self) -> dict[str, str]:
        """What the rows of its tables are."""
        head = self._head
        tables = [self.lexicon.weight, *(head.parameters() if head is not None else ())]
        named = self.named_parameters()
        return {name: "words" for name, one in named if any(one is table for table in tables)}

    def grow(self, words: int) -> None:
        """New words begin as the mean of the old ones."""
        if words > self.lexicon.num_embeddings:
            self._resize(words)

    def _resize(self, words: int) -> None:
        """Just as many rows of words; towers hold the table itself, so it stays the same object."""
        table, head = self.lexicon, self._head
        tied = head is not None and head.weight is table.weight
        table.weight, table.num_embeddings, table.padding_idx = _sized(table.weight, words), words, None
        if head is not None:
            head.weight, head.out_features = table.weight if tied else _sized(head.weight, words), words
            if head.bias is not None:
                head.bias = _sized(head.bias, words)
        self._settings.vocab_size = words
        if (self._settings.pad_token_id or 0) >= words:
            self._settings.pad_token_id = None

    def _check(self, name: str, words: int, length: int) -> None:
        rows, own = self.lexicon.num_embeddings, _spoken(name)
        kind, faults = type(self.model).__name__, []
        if words and (words != own if own else words > rows):
            faults.append(
                f"backbone: the vocabulary of the data has {words:,} words and that of {name!r} {own or rows:,}; "
                f"prepare the data with data.features.vocabulary = {name!r}"
            )
        if self.places is not None and length > self.places:
            faults.append(
                f"backbone: {name!r} reads at most {self.places:,} things; set length = {self.places} or less"
            )
        found = _looks_ahead(self.body, self.width)
        if found is None:
            faults.append(f"backbone: {kind} of {name!r} does not put out vectors as wide as it reads; take another")
        elif found and self.causal:
            faults.append(f"backbone: {kind} of {name!r} reads both sides of a word; set causal = false")
        elif not found and not self.causal:
            faults.append(f"backbone: {kind} of {name!r} sees nothing behind a blank; set causal = true")
        if faults:
            raise InputError(faults)


def _opened(name: str, causal: bool) -> Any:
    """The model of a folder or of the hub with its weights, or a new one of a configuration.

    Raises:
        InputError: there is none.
    """
    from transformers import AutoConfig, AutoModel, AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()  # this project tells its own progress
    maker = AutoModelForCausalLM if causal else AutoModel
    with opening("backbone", name, "a causal language model" if causal else "a text encoder"):
        place = located(name)
        if place.is_file():
            told = json.loads(place.read_text(encoding="utf-8"))
            return maker.from_config(AutoConfig.for_model(**told), dtype=torch.float32)
        return maker.from_pretrained(place, local_files_only=True, dtype=torch.float32, gguf_file=packed(place))


def _spoken(name: str) -> int | None:
    """Words of the tokenizer in the folder; None where there is none."""
    from tokenizers import Tokenizer

    path = located(name) / "tokenizer.json"
    return int(Tokenizer.from_file(str(path)).get_vocab_size()) if path.is_file() else None


def _looks_ahead(body: nn.Module, width: int) -> bool | None:
    """Whether what stands behind a thing changes how it is read; None where other vectors come out than go in."""
    x = (torch.arange(3.0 * width) ** 1.5).sin().view(1, 3, width)
    body.eval()
    with torch.no_grad():
        first, second = (
            body(inputs_embeds=one, attention_mask=torch.ones(1, 3, dtype=torch.long)).last_hidden_state
            for one in (x, torch.cat([x[:, :2], -x[:, 2:]], dim=1))
        )
    return None if first.shape[-1] != width else not torch.allclose(first[:, 0], second[:, 0], atol=1e-6)


def _as_linear(model: Any) -> Any:
    """GPT-2 keeps its linear layers in a class of its own, which low-rank adapters would not find."""
    from transformers.pytorch_utils import Conv1D

    for parent in list(model.modules()):
        for name, part in list(parent.named_children()):
            if isinstance(part, Conv1D):
                layer = nn.Linear(*part.weight.shape)
                layer.weight, layer.bias = nn.Parameter(part.weight.detach().T.contiguous()), part.bias
                setattr(parent, name, layer)
    if not model.get_output_embeddings() and getattr(model, "pooler", None) is not None:
        model.pooler = None  # of whole sentences, which nobody asks for
    return model


def _sized(rows: Tensor, count: int) -> nn.Parameter:
    """The first `count` rows; further ones begin as the mean."""
    old = rows.detach()
    more = old.mean(0, keepdim=True).expand(max(count - len(old), 0), *old.shape[1:])
    return nn.Parameter(torch.cat([old[:count], more]))
