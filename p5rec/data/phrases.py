"""Noun phrases as features: what a review is about, as an explanation would name it ("tone", "strap locks").

A tagger with a lexicon of news text was tried first (textblob 0.20): it takes the commonest nouns of a shop for verbs
("pedal", "strap") and splits what belongs together. So nouns are told by the company they keep in the training text
itself. English marks a noun phrase by closed classes of words: it begins behind a determiner or preposition and ends
before a preposition, conjunction, auxiliary or sign. A word is a noun if it mostly ends such phrases, and is not mostly
led by what leads verbs ("to", "I", "can") or by what grades adjectives ("very", "too"). Words before it belong to
the phrase where the two occur together far more often than by chance (normalised pointwise mutual information; Bouma,
2009), which keeps "electric guitar" and drops "great" from "great guitar"; a gradable word has to show more of it.
Nouns that say nothing by themselves ("thing", "lot"; the shell nouns of Schmid, 2000) and times are no features.
"""

from __future__ import annotations

import hashlib
import heapq
import json
import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from p5rec.core.artifact import write_file
from p5rec.data.function_words import ARTICLES, BE, CLOSED, DEGREE, DETERMINERS, SHELLS, VERBAL

LIMIT = 20_000  # texts that are looked at: those with the least hashes, whatever the order
LEAST, MOST = 3, 30  # words of a sentence that explains
LENGTH = 3  # words of a phrase
NOUN, LED = 0.5, 0.1  # shares: of uses as a noun; of a phrase's uses that an article leads
ENDING = 0.3  # share of a noun's uses in noun phrases that are at the end of one
SEEN = 3  # uses at the end of a noun phrase that a noun has at least
JUDGED = 0.02  # share of a noun's uses beside a gradable word
STICKS, GRADED = 0.2, 0.45  # mutual information, -1 to 1, from which on a word belongs to the noun behind it
GRADABLE = 0.015  # share of a word's uses behind a word of degree, from which on it is gradable

ENDS = r"(?:(?<=[.!?])|(?<=[.!?][\"')]))(?<![.\s(][A-Za-z]\.)\s+"  # not behind "e.g."
SENTENCE = re.compile(ENDS + r"|(?<=[a-z0-9)][.!?])(?=[A-Z])|\s*\n+\s*")
WORD = re.compile(r"[^\W_]+(?:['’/&-][^\W_]+)*|[^\w\s]")


class Phrases:
    """The features of a body of text.

    Attributes:
        features: lower-case phrase → (as it is mostly written, texts that hold it).
        gradable: words that judge, as "great" and "cheap".
    """

    def __init__(self, features: Mapping[str, tuple[str, int]], gradable: Iterable[str] = ()) -> None:
        self.features, self.gradable = dict(features), frozenset(gradable)

    @classmethod
    def fit(cls, texts: Iterable[str], least: int = 5) -> Phrases:
        """Learn the features of training texts; the order of the texts does not matter.

        Args:
            texts: of which the `LIMIT` with the least hashes are looked at.
            least: texts that must hold a feature.
        """
        chosen = heapq.nsmallest(LIMIT, filter(None, texts), key=_hash)
        spoken = [[tokens for sentence in sentences(text) if (tokens := WORD.findall(sentence))] for text in chosen]
        lower = [[[token.lower() for token in tokens] for tokens in text] for text in spoken]
        counts = _Counts(lower)
        kept = counts.kept(least)
        shown = _as_written(spoken, kept)
        return cls({phrase: (shown[phrase], kept[phrase]) for phrase in sorted(kept)}, counts.gradable)

    def found(self, text: str) -> tuple[str, str] | None:
        """The first sentence of 3 to 30 words that holds a feature: (feature, sentence), or None.

        Of several features one that the sentence judges counts, then that of most words, then the rarest, then the
        first.
        """
        for sentence in sentences(text):
            tokens = WORD.findall(sentence)
            if LEAST <= sum(token[0].isalnum() for token in tokens) <= MOST:
                lower = [token.lower() for token in tokens]
                if held := list(matches(lower, self.features)):
                    start, size = min(held, key=lambda one: self._order(lower, *one))
                    return self.features[" ".join(lower[start : start + size])][0], sentence
        return None

    def _order(self, tokens: list[str], start: int, size: int) -> tuple[bool, int, int, int]:
        """Features of a sentence, the most telling first."""
        judged = is_judged(tokens, start, start + size, self.gradable)
        return not judged, -size, self.features[" ".join(tokens[start : start + size])][1], start

    def save(self, path: Path) -> None:
        """Write as JSON."""
        held = {"features": self.features, "gradable": sorted(self.gradable)}
        write_file(path, json.dumps(held, ensure_ascii=False))

    @classmethod
    def load(cls, path: Path) -> Phrases:
        """Read what `save` wrote."""
        held = json.loads(path.read_text("utf-8"))
        return cls({phrase: (shown, count) for phrase, (shown, count) in held["features"].items()}, held["gradable"])


def sentences(text: str) -> Iterator[str]:
    """The sentences of a text, also where the blank behind a full stop is missing."""
    return (part.strip() for part in SENTENCE.split(text) if part.strip())


def matches(tokens: list[str], features: Mapping[str, object]) -> Iterator[tuple[int, int]]:
    """Place and size of the features in lower-case tokens, the longest at each place; not those that only qualify a
    noun behind them, and no single word behind what leads a verb.
    """
    place = 0
    while place < len(tokens):
        size = next((size for size in range(LENGTH, 0, -1) if _stands(tokens, place, size, features)), 0)
        if size:
            yield place, size
        place += size or 1


def _stands(tokens: list[str], place: int, size: int, features: Mapping[str, object]) -> bool:
    stop = place + size
    if stop > len(tokens) or " ".join(tokens[place:stop]) not in features:
        return False
    if stop < len(tokens) and tokens[stop] in features:
        return False
    return size > 1 or not _is_verb(tokens[place - 1] if place else "", tokens[stop] if stop < len(tokens) else "")


def _is_verb(before: str, after: str) -> bool:
    """Whether a word that mostly is a noun is none between these."""
    return before in VERBAL or (after in ARTICLES and before not in DETERMINERS)


def is_judged(tokens: list[str], start: int, stop: int, gradable: Collection[str]) -> bool:
    """Whether a gradable word stands right before a phrase, or is said of it."""
    if start and tokens[start - 1] in gradable:
        return True
    said = tokens[stop + 1 : stop + 3] if stop < len(tokens) and tokens[stop] in BE else []
    return any(word in gradable for word in said)


class _Counts:
    """Words and phrases of lower-case sentences, by the company they keep."""

    def __init__(self, texts: list[list[list[str]]]) -> None:
        self.words: Counter[str] = Counter()
        self.noun: Counter[str] = Counter()
        self.other: Counter[str] = Counter()
        self.before: Counter[str] = Counter()  # in a noun phrase, not at its end
        self.graded: Counter[str] = Counter()
        self.judged: Counter[str] = Counter()
        for text in texts:
            for tokens in text:
                self._company(tokens)
        self.nouns = {word for word, count in self.noun.items() if self._is_noun(word, count)}
        self.gradable = {w for w, count in self.graded.items() if count >= max(GRADABLE * self.words[w], 2)}
        self.phrases: Counter[str] = Counter()
        self.led: Counter[str] = Counter()
        self.holders: Counter[str] = Counter()
        for text in texts:
            self.holders.update({phrase for tokens in text for phrase in self._phrases(tokens)})

    def _company(self, tokens: list[str]) -> None:
        """Count what each word stands between."""
        self.words.update(tokens)
        padded = [".", ".", *tokens, "."]
        for before, left, word, right in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
            if not is_open(word):
                continue
            ends = not is_open(right)
            if left in VERBAL or left in DEGREE or (left in BE and ends):
                self.other[word] += 1
                self.graded[word] += left in DEGREE
            elif left in ARTICLES or (is_open(left) and before in ARTICLES):
                (self.noun if ends else self.before)[word] += 1

    def _is_noun(self, word: str, count: int) -> bool:
        return count >= max(SEEN, NOUN * (count + self.other[word]), ENDING * (count + self.before[word]))

    def _phrases(self, tokens: list[str]) -> Iterator[str]:
        """Phrases that end in a noun with no noun behind it, counted on the way."""
        for end, word in enumerate(tokens):
            if word not in self.nouns or (end + 1 < len(tokens) and tokens[end + 1] in self.nouns):
                continue
            for size in range(1, min(LENGTH, end + 1) + 1):
                start = end - size + 1
                if not is_open(tokens[start]):
                    break
                phrase = " ".join(tokens[start : end + 1])
                self.phrases[phrase] += 1
                self.led[phrase] += start > 0 and tokens[start - 1] in ARTICLES
                self.judged[phrase] += is_judged(tokens, start, end + 1, self.gradable)
                yield phrase

    def kept(self, least: int) -> dict[str, int]:
        """Feature → texts that hold it."""
        able = {phrase: count for phrase, count in self.holders.items() if count >= least}
        return {phrase: count for phrase, count in able.items() if self._is_feature(phrase.split(" "))}

    def _is_feature(self, words: list[str]) -> bool:
        if words[-1] in SHELLS or len(words[-1]) < 2:
            return False
        if self.judged[words[-1]] < JUDGED * self.phrases[words[-1]]:
            return False
        if len(words) == 1:
            return True
        phrase, rest = " ".join(words), words[1:]
        if self.led[phrase] < LED * self.phrases[phrase] or (len(rest) > 1 and not self._is_feature(rest)):
            return False
        return self._together(words[0], rest) >= (GRADED if words[0] in self.gradable else STICKS)

    def _together(self, word: str, rest: list[str]) -> float:
        """Normalised mutual information of a word and the phrase behind it, -1 to 1."""
        total, phrase = sum(self.words.values()), " ".join(rest)
        both = self.phrases[f"{word} {phrase}"] / total
        behind = (self.words[phrase] if len(rest) == 1 else self.phrases[phrase]) / total
        return math.log(both / (self.words[word] / total * behind)) / -math.log(both)


def is_open(word: str) -> bool:
    """Whether a token is a word of an open class; numbers and signs are not."""
    return word not in CLOSED and word[0].isalnum() and not word.isdigit()


def _as_written(texts: list[list[list[str]]], kept: Mapping[str, int]) -> dict[str, str]:
    """Each feature as it is mostly written."""
    forms: dict[str, Counter[str]] = {}
    for tokens in (tokens for text in texts for tokens in text):
        lower = [token.lower() for token in tokens]
        for start in range(len(tokens)):
            for size in range(1, LENGTH + 1):
                if (phrase := " ".join(lower[start : start + size])) in kept:
                    forms.setdefault(phrase, Counter())[" ".join(tokens[start : start + size])] += 1
    return {phrase: min(found, key=lambda form: (-found[form], form)) for phrase, found in forms.items()}


def _hash(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=8).digest()
