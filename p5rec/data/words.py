"""Words and their numbers: a vocabulary of pieces learned from the data's own text, or a language model's own."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import polars as pl
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

from p5rec.core.artifact import write_file
from p5rec.core.errors import InputError, MissingExtra
from p5rec.core.hub import packed
from p5rec.data.ragged import Ragged

END, UNKNOWN = "[END]", "[UNKNOWN]"
ENDS = (END, "<|im_end|>", "<|endoftext|>", "</s>", "<eos>", "<|end_of_text|>", "[SEP]")  # as tokenizers call theirs
LETTERS = 512  # distinct characters that are spelled; words of others are unknown
WHOLE = 80  # percent of the vocabulary that whole words may take
LONGEST = 5  # letters of a piece of a word


class Words:
    """A vocabulary of W pieces of words, and the rule that cuts a text into them.

    Attributes:
        end: the number of the piece that ends a text.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        found = (tokenizer.token_to_id(name) for name in ENDS)
        self.end: int = next((number for number in found if number is not None), 0)

    @classmethod
    def fit(cls, texts: Iterable[str], size: int = 8_000) -> Words:
        """Learn at most `size` pieces from texts; case and accents are ignored.

        Pieces are the letters, the most frequent words, and the most frequent beginnings and endings of all other
        words, ties by the alphabet: counts alone decide, so the order of the texts does not matter.
        """
        counts = _counted(texts)
        letters = [letter for letter, _ in Counter("".join(sorted(counts))).most_common(LETTERS)]
        pieces = [END, UNKNOWN, *sorted(letters), *(f"##{letter}" for letter in sorted(letters))]
        words = _most_frequent(counts, max(size - len(pieces), 0) * WHOLE // 100, least=2)
        rare = {word: count for word, count in counts.items() if word not in set(words)}
        parts = _most_frequent(_parts(rare), size - len(pieces) - len(words), least=4)
        vocabulary = {piece: number for number, piece in enumerate(dict.fromkeys([*pieces, *words, *parts]))}
        tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token=UNKNOWN, max_input_chars_per_word=60))
        tokenizer.normalizer = normalizers.Sequence(
            [normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase()]
        )
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.decoder = decoders.WordPiece(cleanup=True)
        tokenizer.add_special_tokens([END, UNKNOWN])
        return cls(tokenizer)

    @property
    def size(self) -> int:
        """W."""
        return int(self._tokenizer.get_vocab_size())

    @property
    def tokens(self) -> list[str]:
        """(W,) the pieces in the order of their numbers."""
        by_name = self._tokenizer.get_vocab()
        return sorted(by_name, key=by_name.__getitem__)

    def encode(self, texts: Sequence[str | None]) -> Ragged:
        """Rows of int64 numbers, one row a text; None and empty texts have none."""
        found = self._tokenizer.encode_batch([text or "" for text in texts], add_special_tokens=False)
        return Ragged.of([one.ids for one in found])

    def decode(self, rows: Sequence[np.ndarray | Sequence[int]]) -> list[str]:
        """Texts of rows of numbers."""
        plain = [[int(number) for number in row] for row in rows]
        return [str(text) for text in self._tokenizer.decode_batch(plain, skip_special_tokens=True)]

    def join(self, tokens: Iterable[str]) -> Words:
        """This vocabulary with further pieces behind its own, whose numbers stay.

        Raises:
            InputError: the vocabulary is a language model's, which cannot take pieces in.
        """
        new = [token for token in tokens if self._tokenizer.token_to_id(token) is None]
        if not new:
            return self
        if self._tokenizer.token_to_id(END) is None:  # `fit` has it
            raise InputError("words: the vocabulary of a language model cannot take in further words; keep it")
        made = json.loads(self._tokenizer.to_str())
        vocabulary = made["model"]["vocab"]
        for token in new:
            vocabulary.setdefault(token, len(vocabulary))
        return Words(Tokenizer.from_str(json.dumps(made)))

    def save(self, path: Path) -> None:
        """Write as JSON that the tokenizers library reads, too."""
        write_file(path, self._tokenizer.to_str())

    @classmethod
    def load(cls, path: Path) -> Words:
        """Read what `save` wrote, a language model's ``tokenizer.json``, or the folder that holds it or a GGUF file.

        Raises:
            InputError: there is no such file, or it is no vocabulary.
            MissingExtra: a GGUF file needs packages that are not installed.
        """
        place = path / "tokenizer.json" if path.is_dir() else path
        if path.is_dir() and not place.exists() and (file := packed(path)):
            return cls(_unpacked(path, file))
        try:
            return cls(Tokenizer.from_str(place.read_text(encoding="utf-8")))
        except OSError:
            raise InputError(f"{place}: there is no such file; expected a vocabulary (tokenizer.json)") from None
        except Exception as error:  # the library raises nothing narrower
            raise InputError(f"{place}: this is no vocabulary of words ({error}); expected a tokenizer.json") from None


def _unpacked(folder: Path, file: str) -> Tokenizer:
    """The tokenizer inside of a GGUF file."""
    for package in ("transformers", "gguf"):
        if find_spec(package) is None:
            raise MissingExtra(package, "lm", f"the vocabulary in {folder / file}")
    from transformers import AutoTokenizer

    read = AutoTokenizer.from_pretrained(folder, gguf_file=file, local_files_only=True)
    return Tokenizer.from_str(read.backend_tokenizer.to_str())


def _counted(texts: Iterable[str]) -> dict[str, int]:
    """How often each word occurs."""
    lower = (
        pl.Series("word", [text for text in texts if text], dtype=pl.String).str.normalize("NFKD").str.to_lowercase()
    )
    found = lower.str.replace_all(r"\p{Mn}", "").str.extract_all(r"\w+|[^\w\s]").explode().drop_nulls()
    return dict(found.value_counts(sort=False).iter_rows())


def _parts(counts: Mapping[str, int]) -> dict[str, int]:
    """How often words begin with some letters, and how often they go on with some."""
    found: Counter[str] = Counter()
    for word, count in counts.items():
        for long in range(2, min(LONGEST, len(word) - 1) + 1):
            found[word[:long]] += count
            for start in range(1, len(word) - long + 1):
                found[f"##{word[start : start + long]}"] += count
    return found


def _most_frequent(counts: Mapping[str, int], most: int, least: int) -> list[str]:
    """The `most` keys of the highest counts, of those that occur at least so often."""
    able = [key for key, count in counts.items() if count >= least]
    return sorted(able, key=lambda key: (-counts[key], key))[: max(most, 0)]
