"""Small copies of pictures: small, in one address, new, and never a crash."""

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from p5rec.towers import thumbnails as small
from p5rec.towers.modalities import _pictures

Image = pytest.importorskip("PIL.Image")
INFO = pytest.importorskip("PIL.PngImagePlugin")


def noise(width: int, height: int) -> Any:
    return Image.fromarray(np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8))


def saved(picture: Any, path: Path, **settings: Any) -> str:
    picture.save(path, **settings)
    return str(path)


def opened(address: str) -> Any:
    head, _, data = address.partition(",")
    assert head in ("data:image/png;base64", "data:image/jpeg;base64")
    return Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")


def test_a_copy_is_small_and_keeps_its_shape_and_colours(tmp_path: Path) -> None:
    told = [
        saved(Image.new("RGB", (400, 100), (200, 20, 20)), tmp_path / "wide.png"),
        saved(Image.new("RGB", (10, 20), (0, 0, 250)), tmp_path / "tiny.png"),
        saved(noise(3000, 2000), tmp_path / "large.jpg"),
    ]
    wide, tiny, large = (opened(one) for one in small.thumbnails(told, tmp_path))
    assert (wide.size, tiny.size, large.size) == ((96, 24), (10, 20), (96, 64))
    assert np.abs(np.asarray(wide, dtype=int) - (200, 20, 20)).max() < 8
    assert np.abs(np.asarray(tiny, dtype=int) - (0, 0, 250)).max() < 8


def test_drawings_keep_their_edges_and_photographs_are_packed(tmp_path: Path) -> None:
    drawing = Image.new("RGB", (96, 96), "white")
    drawing.paste("red", (20, 20, 70, 70))
    told = [saved(drawing, tmp_path / "a.png"), saved(noise(96, 96), tmp_path / "b.png")]
    drawn, seen = small.thumbnails(told, tmp_path)
    assert drawn.startswith("data:image/png")
    assert seen.startswith("data:image/jpeg")
    assert len(seen) < 12_000


def test_nothing_but_pixels_is_kept(tmp_path: Path) -> None:
    secret = INFO.PngInfo()
    secret.add_text("where", "taken at home")
    drawing, photograph = Image.new("RGB", (5, 5)), noise(96, 96)
    told = [
        saved(drawing, tmp_path / "a.png", pnginfo=secret),
        saved(drawing, tmp_path / "b.png", icc_profile=b"taken at home"),
        saved(photograph, tmp_path / "c.jpg", comment=b"taken at home"),
        saved(photograph, tmp_path / "d.jpg", icc_profile=b"taken at home"),
    ]
    for path, address in zip(told, small.thumbnails(told, tmp_path), strict=True):
        assert b"taken at home" in everything(Path(path).read_bytes())
        assert b"taken at home" not in everything(base64.b64decode(address.partition(",")[2]))


def everything(data: bytes) -> bytes:
    """A file, and what Pillow finds beside its pixels; PNG packs some of that."""
    return data + repr(Image.open(io.BytesIO(data)).info).encode()


def test_what_cannot_be_shown_is_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved(Image.new("RGB", (20, 20)), tmp_path / "good.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "good.png").read_bytes()[:40])
    (tmp_path / "drawn.svg").write_text("<svg onload='alert(1)'/>")
    told = ["good.png", None, "gone.png", "cut.png", "drawn.svg", ".", "", "data:;base64,?", "http://a.b/c.png"]
    found = small.thumbnails(told, tmp_path)
    assert [bool(one) for one in found] == [True] + [False] * 8
    monkeypatch.setattr(_pictures, "MOST", 100)
    assert small.thumbnails(["good.png"], tmp_path) == [""]


def test_all_together_fit_into_the_room(tmp_path: Path) -> None:
    told = [saved(noise(96, 96), tmp_path / "a.png"), saved(Image.new("L", (9, 9)), tmp_path / "b.png")]
    full, little = small.thumbnails(told, tmp_path)
    assert small.thumbnails(told, tmp_path, room=len(full) - 1) == ["", little]
    assert small.thumbnails(told, tmp_path, room=len(full)) == [full, ""]


def test_without_pillow_there_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = saved(Image.new("RGB", (5, 5)), tmp_path / "a.png")
    monkeypatch.setattr(small, "find_spec", lambda name: None)
    assert small.thumbnails([told], tmp_path) == [""]
