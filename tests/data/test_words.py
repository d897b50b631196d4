import json
from pathlib import Path

import pytest

from p5rec.core.errors import InputError
from p5rec.data.lexicon import lexicon
from p5rec.data.words import Words
from p5rec.testing.sample import poisoned, sample
from p5rec.testing.sequences import from_sequences

TEXTS = ["The loud red guitar, twice as loud", "a red drum", "The drum is loud", "a guitar"] * 3


def test_texts_survive_the_round_trip_but_for_case_and_accents() -> None:
    words = Words.fit([*TEXTS, "Café crème"])
    said = words.decode(list(words.encode(["The Red Guitar is loud", "café CRÈME", "drumguitar", None])))
    assert said == ["the red guitar is loud", "cafe creme", "drumguitar", ""]


def test_the_order_of_texts_does_not_matter_and_the_size_is_kept() -> None:
    assert Words.fit(TEXTS, 60).tokens == Words.fit(TEXTS[::-1], 60).tokens
    assert Words.fit(TEXTS, 60).size <= 60
    assert Words.fit(TEXTS).encode(["guitar"]).lengths.tolist() == [1]
    assert Words.fit(TEXTS).tokens[Words.fit(TEXTS).end] == "[END]"


def test_further_words_join_behind_the_old_ones() -> None:
    words = Words.fit(TEXTS)
    joined = words.join(["zither", "red"])
    assert joined.tokens == [*words.tokens, "zither"]
    assert joined.encode(["red zither"])[0].tolist() == [words.encode(["red"])[0][0], words.size]


def test_words_are_saved_and_bad_files_refused(tmp_path: Path) -> None:
    words = Words.fit(TEXTS)
    words.save(tmp_path / "tokenizer.json")
    assert Words.load(tmp_path).tokens == words.tokens
    (tmp_path / "noise.json").write_text("{")
    with pytest.raises(InputError, match="this is no vocabulary of words"):
        Words.load(tmp_path / "noise.json")
    with pytest.raises(InputError, match="there is no such file; expected a vocabulary"):
        Words.load(tmp_path / "missing.json")


def test_a_language_models_vocabulary_takes_nothing_in(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models

    path = tmp_path / "tokenizer.json"
    Tokenizer(models.BPE({"a": 0, "b": 1, "</s>": 2}, [])).save(str(path))
    words = Words.load(path)
    assert words.end == 2
    with pytest.raises(InputError, match="the vocabulary of a language model cannot take in further words"):
        words.join(["c"])
    made = json.loads(path.read_text())
    made["model"] = {"type": "WordPiece", "vocab": {"tea": 0, "[SEP]": 1, "[UNK]": 2}, "unk_token": "[UNK]"}
    made["model"] |= {"continuing_subword_prefix": "##", "max_input_chars_per_word": 100}
    path.write_text(json.dumps(made))
    with pytest.raises(InputError, match="the vocabulary of a language model"):  # as BERT has
        Words.load(path).join(["jam"])


def test_one_packed_file_needs_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "small.gguf").touch()
    monkeypatch.setattr("p5rec.data.words.find_spec", lambda name: None if name == "gguf" else True)
    with pytest.raises(InputError, match=r"the vocabulary in .*small.gguf needs the package 'gguf'.*p5rec\[lm\]"):
        Words.load(tmp_path)


def test_only_training_rows_teach_words() -> None:
    rows = {"u": ["a", "b", "c"], "v": ["a", "b", "d"]}
    texts = {"review": {key: ["plain plain", "hidden hidden", "secret secret"] for key in rows}}
    dataset = from_sequences(rows, texts=texts, spoken=["which one"])
    assert dataset.words is not None
    assert {"plain", "which"} <= set(dataset.words.tokens)
    assert not {"hidden", "secret"} & set(dataset.words.tokens)


def test_held_out_rows_do_not_change_the_vocabulary() -> None:
    first, second = (lexicon(one, 300, None) for one in (sample(), poisoned(sample())))
    assert first is not None
    assert second is not None
    assert first.tokens == second.tokens
    assert lexicon(sample(), 0, None) is None
