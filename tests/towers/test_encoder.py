"""Frozen encoders of texts: read once, kept by content, whatever is drawn; faults are sentences."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from p5rec.core import memo
from p5rec.core.errors import InputError, MissingExtra
from p5rec.data.features import Column, Features, Kind
from p5rec.data.ragged import Ragged
from p5rec.testing.making import FOLDERS
from p5rec.towers.modalities import _text_encoder

PLUG = FOLDERS["modality"].load("encoder")
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "red", "blue", "green", "tea", "pot", "cup", ".", ",", "hot"]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(memo.CACHE, str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    bert(folder)
    return folder


def bert(folder: Path) -> None:
    """A random BERT in the form of a folder."""
    transformers = pytest.importorskip("transformers")
    folder.mkdir(exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(WORDS), encoding="utf-8")
    transformers.BertTokenizerFast(vocab={word: n for n, word in enumerate(WORDS)}).save_pretrained(folder)
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(WORDS), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    )
    transformers.BertModel(config).save_pretrained(folder)


def features(titles: list[str | None]) -> Features:
    count = len(titles)
    return Features(
        count,
        {
            "title": Column(Kind.TEXT, np.array(titles, dtype=object)),
            "kind": Column(Kind.CATEGORY, np.arange(count, dtype=np.int32) % 2 - 1, ("hot",)),
            "tags": Column(Kind.LIST, Ragged.of([[]] * (count - 1) + [[0, 1]], np.int32), ("cup", "pot")),
        },
    )


def made(told: Features, **settings: Any) -> tuple[Any, torch.Tensor]:
    torch.manual_seed(0)
    modality = PLUG(PLUG.Config(**settings), 8)
    return modality, modality.read(told)


def test_a_row_is_read_as_one_text_and_an_empty_one_is_missing(tiny: Path) -> None:
    told = features(["red tea", None, None, "blue cup"])
    _, values = made(told, model=str(tiny))
    assert values.isnan().all(1).tolist() == [False, False, True, False]
    assert np.allclose(values[3], _text_encoder.encoded(str(tiny), ["blue cup. hot. cup, pot"])[0], atol=1e-6)
    modality, bare = made(told, model=str(tiny), names=False)
    assert modality.present(bare).tolist() == [True, False, False, True]


def test_the_vector_is_the_mean_of_the_words_alone_or_in_company(tiny: Path) -> None:
    from transformers import AutoModel, AutoTokenizer

    found = _text_encoder.encoded(str(tiny), ["red", "blue green hot tea pot", "red"])
    model, tokenizer = AutoModel.from_pretrained(tiny).eval(), AutoTokenizer.from_pretrained(tiny)
    with torch.no_grad():
        alone = model(**tokenizer("red", return_tensors="pt")).last_hidden_state[0].mean(0)
    assert np.allclose(found[0], alone, atol=1e-5)
    assert np.array_equal(found[0], found[2])


def test_a_second_run_opens_no_model(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = features(["red tea", "blue pot", "cup"])
    first, values = made(told, model=str(tiny))
    monkeypatch.setattr(_text_encoder, "_opened", lambda *_: pytest.fail("the encoder ran again"))
    again, same = made(told, model=str(tiny))
    assert torch.equal(values, same)
    assert torch.equal(first.encode(values), again.encode(same)), "what was drawn depends on the cache"


def test_only_new_texts_are_read(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    run = _text_encoder._run
    monkeypatch.setattr(
        _text_encoder, "_run", lambda name, at, texts, limit: read.extend(texts) or run(name, at, texts, limit)
    )
    modality, values = made(features(["red tea", "blue pot", "cup"]), model=str(tiny), names=False)
    grown = modality.read(features(["red tea", "blue pot", "cup", "green pot", "green pot"]))
    assert read == ["red tea", "blue pot", "cup", "green pot"]
    assert torch.equal(grown[:3], values)
    assert torch.equal(grown[3], grown[4])


def test_another_model_is_not_taken_for_this_one(tiny: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    for path in tiny.iterdir():
        (other / path.name).write_bytes(path.read_bytes())
    (other / "1_Pooling").mkdir()
    (other / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_cls_token": True}), encoding="utf-8")
    one, two = (_text_encoder.encoded(str(folder), ["red tea"]) for folder in (tiny, other))
    assert not np.allclose(one, two)


def test_long_texts_are_cut(tiny: Path) -> None:
    long = "red blue tea " * 400
    cut, short = (_text_encoder.encoded(str(tiny), [long], longest)[0] for longest in (None, 8))
    assert np.isfinite(cut).all()
    assert np.allclose(short, _text_encoder.encoded(str(tiny), ["red blue tea red blue tea"], 8)[0], atol=1e-5)


def test_a_folder_that_is_no_model_is_a_sentence(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    with pytest.raises(InputError, match="cannot be read as an encoder of texts"):
        made(features(["red", "tea"]), model=str(tmp_path))


@pytest.mark.parametrize("package", ["transformers", _text_encoder.PACKAGE])
def test_a_missing_package_is_a_sentence(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    there = importlib.util.find_spec
    monkeypatch.setattr(_text_encoder, "find_spec", lambda name: None if name == package else there("numpy"))
    with pytest.raises(
        MissingExtra, match=rf"the modality 'encoder' .* needs the package '{package}'.*p5rec\[encoders\]"
    ):
        made(features(["red", "tea"]))


def test_a_text_that_is_hashed_needs_no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_text_encoder, "find_spec", lambda name: None)
    near, like, far = _text_encoder.encoded("hashed", ["A red teapot", "red teapots", "Blue jeans"])
    assert near @ like > 0.5 > 0.2 > abs(near @ far)


@pytest.mark.prove
def test_minilm_knows_what_is_alike() -> None:
    if importlib.util.find_spec(_text_encoder.PACKAGE) is None:
        pytest.skip(f"{_text_encoder.PACKAGE} is not installed")
    texts = ["a pot to brew tea in", "kettle for hot drinks", "running shoes for men"]
    found = _text_encoder.encoded(_text_encoder.MINILM, texts)
    found = found / np.linalg.norm(found, axis=1, keepdims=True)
    assert found.shape == (3, 384)
    assert found[0] @ found[1] > found[0] @ found[2] + 0.2
