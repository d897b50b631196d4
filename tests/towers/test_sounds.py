"""Sounds: any common file is heard, a bad one is a missing part and one sentence, nothing is read twice."""

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
from p5rec.towers.modalities import _sound_encoder, _sounds
from p5rec.towers.modalities._files import BadFileError

soundfile = pytest.importorskip("soundfile")
PLUG = FOLDERS["modality"].load("audio")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(memo.CACHE, str(tmp_path / "cache"))


def wave(tone: float = 440.0, rate: int = 16_000, seconds: float = 0.5) -> np.ndarray:
    return 0.3 * np.sin(2 * np.pi * tone * np.arange(int(rate * seconds)) / rate)


def written(samples: np.ndarray, rate: int = 16_000, format: str = "WAV", **others: Any) -> bytes:
    data = io.BytesIO()
    soundfile.write(data, samples, rate, format=format, **others)
    return data.getvalue()


def made(told: list[str | None], **settings: Any) -> tuple[Any, torch.Tensor]:
    torch.manual_seed(0)
    modality = PLUG(PLUG.Config(**settings), 8)
    return modality, modality.read(Features(len(told), {"s": Column(Kind.AUDIO, np.array(told, dtype=object))}))


def loudest(sound: np.ndarray, bands: int = 32) -> int:
    return int(_sounds.log_mel(sound, bands).mean(1).argmax())


@pytest.mark.parametrize("format", ["WAV", "FLAC", "OGG", "MP3"])
def test_every_format_is_heard(format: str) -> None:
    heard = _sounds.opened(written(wave(), format=format), 16_000, 10)
    assert 7_900 < len(heard) < 11_000
    assert loudest(heard) == loudest(wave().astype(np.float32))


@pytest.mark.parametrize("rate", [8_000, 11_025, 12_347, 44_100, 96_000])
def test_every_rate_sounds_alike(rate: int) -> None:
    both = np.stack([wave(rate=rate), wave(rate=rate)], axis=1)
    heard = _sounds.opened(written(both, rate), 16_000, 10)
    assert len(heard) == pytest.approx(8_000, abs=10)
    assert np.abs(heard[500:1500] - wave()[500:1500]).max() < 0.02


def test_a_tone_stands_in_the_band_of_its_pitch() -> None:
    places = [loudest(wave(tone).astype(np.float32), 64) for tone in (200, 400, 1_000, 3_000, 7_000)]
    mel = [2595 * np.log10(1 + tone / 700) for tone in (200, 400, 1_000, 3_000, 7_000)]
    low, high = (2595 * np.log10(1 + edge / 700) for edge in (125, 7_500))
    assert places == pytest.approx([65 * (one - low) / (high - low) - 1 for one in mel], abs=1)


def test_a_long_sound_is_read_from_its_beginning() -> None:
    long = np.concatenate([wave(300, seconds=1), wave(3_000, seconds=4)])
    heard = _sounds.opened(written(long), 16_000, 1.0)
    assert len(heard) == 16_000
    assert loudest(heard) == loudest(wave(300).astype(np.float32))


def test_how_loud_a_recording_is_tells_nothing() -> None:
    quiet, loud = (_sounds.log_mel((factor * wave()).astype(np.float32), 16) for factor in (0.01, 1.0))
    assert torch.allclose(quiet, loud, atol=1e-3)


BAD = [
    (written(np.zeros(8_000)), "it is silent"),
    (written(np.zeros(0)), "it is empty"),
    (written(wave(seconds=0.01)), "160 samples are too few"),
    (written(wave(), rate=90), "90 samples a second are no rate of sound"),
    (written(np.full(800, np.nan), subtype="FLOAT"), "not all samples are numbers"),
    (written(np.zeros((10, 900)), rate=96_000), "900 channels of 96,000 samples a second are too many"),
    (b"", "Error opening"),
    (b"no sound at all", "Error opening"),
    (written(wave(), format="FLAC")[:40], "Error opening"),
]


@pytest.mark.parametrize(("data", "why"), BAD, ids=[why for _, why in BAD])
def test_a_bad_sound_says_why(data: bytes, why: str) -> None:
    with pytest.raises(BadFileError, match=why):
        _sounds.opened(data, 16_000, 10)


def test_a_bad_sound_is_one_sentence_and_a_missing_part(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, (data, _) in enumerate(BAD):
        (tmp_path / f"{number}.wav").write_bytes(data)
    (tmp_path / "good.ogg").write_bytes(written(wave(), format="OGG"))
    told = ["good.ogg", None, "/dev/zero", ".", *(f"{number}.wav" for number in range(len(BAD)))]
    for _ in range(2):  # what is remembered is told, too
        monkeypatch.setattr(progress, "_SAID", set())  # as in another run
        modality, values = made(told, folder=str(tmp_path))
        assert modality.present(values).tolist() == [True] + [False] * (len(told) - 1)
        assert torch.isfinite(modality.encode(values)).all()
        said = " ".join(capsys.readouterr().err.split())
        assert f"s: {len(told) - 2} of {len(told) - 1} sounds cannot be read" in said
        assert "count as missing, e.g. /dev/zero (it is no file)" in said


def test_a_silent_file_is_told_by_its_reason(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / "calm.wav").write_bytes(written(np.zeros(8_000)))
    made(["calm.wav"], folder=str(tmp_path))
    assert "1 of 1 sounds cannot be read and count as missing, e.g. calm.wav (it is silent)" in capsys.readouterr().err


def test_a_second_run_reads_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.flac").write_bytes(written(wave(), format="FLAC"))
    (tmp_path / "b.wav").write_bytes(written(wave(900)))
    first, values = made(["a.flac", "b.wav", "a.flac"], folder=str(tmp_path))
    monkeypatch.setattr(_sound_encoder, "opened", lambda *_: pytest.fail("the sounds were read again"))
    again, same = made(["a.flac", "b.wav", "a.flac"], folder=str(tmp_path))
    assert torch.equal(first.encode(values), again.encode(same))
    assert torch.equal(values[0], values[2])
    assert not torch.equal(values[0], values[1])


def test_other_settings_are_other_sounds(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(written(wave()))
    for bands, parts in ((16, 4), (16, 8), (8, 8)):
        _, values = made(["a.wav"], folder=str(tmp_path), bands=bands, parts=parts)
        assert values.shape == (1, 2 * bands * parts)


def test_bytes_in_a_table_are_sounds_too(tmp_path: Path) -> None:
    column = plain_column(pl.Series("s", [written(wave()), None, b""], dtype=pl.Binary), Kind.AUDIO)
    (tmp_path / "a.wav").write_bytes(written(wave()))
    _, values = made([*column.values, "a.wav"], folder=str(tmp_path))
    assert values.isnan().all(1).tolist() == [False, True, True, False]
    assert torch.equal(values[0], values[3])


def test_the_small_net_learns_pitch() -> None:
    tones, (high, low) = np.linspace(150, 900, 24), (1.0, -1.0)
    sounds = plain_column(pl.Series("s", [written(wave(tone, seconds=0.2)) for tone in tones]), Kind.AUDIO)
    modality, values = made(list(sounds.values), bands=24, parts=4, filters=16)
    wanted = torch.where(torch.from_numpy(tones) > 500, high, low)
    optimiser = torch.optim.Adam(modality.parameters(), lr=0.01)
    for _ in range(40):
        optimiser.zero_grad()
        loss = (modality.encode(values[::2])[:, 0] - wanted[::2]).square().mean()
        loss.backward()
        optimiser.step()
    found = modality.encode(values[1::2])[:, 0].sign()  # sounds that it has not heard before
    assert (found == wanted[1::2]).float().mean() > 0.9


def test_no_sounds_are_no_parts() -> None:
    modality, values = made([plain_column(pl.Series("s", [written(wave())]), Kind.AUDIO).values[0], None])
    assert modality.encode(values[:0]).shape == (0, 8)
    assert (modality.encode(values[1:]) == 0).all()


def tiny(kind: str, folder: Path) -> None:
    """A random model of a kind, in a folder with its front end."""
    import transformers as t

    size = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    if kind == "ast":
        t.ASTFeatureExtractor(num_mel_bins=16, max_length=32).save_pretrained(folder)
        t.ASTModel(t.ASTConfig(num_mel_bins=16, max_length=32, patch_size=8, **size)).save_pretrained(folder)
    elif kind == "wav2vec2":
        convolutions = {"conv_dim": (8, 8), "conv_stride": (20, 16), "conv_kernel": (20, 16)}
        config = t.Wav2Vec2Config(**size, **convolutions, num_feat_extract_layers=2, num_conv_pos_embedding_groups=2)
        t.Wav2Vec2FeatureExtractor().save_pretrained(folder)
        t.Wav2Vec2Model(config).save_pretrained(folder)
    else:
        layers = {"encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2, "decoder_attention_heads": 2}
        small = {"d_model": 8, "encoder_ffn_dim": 8, "decoder_ffn_dim": 8, "vocab_size": 16, "num_mel_bins": 16}
        tokens = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 1}
        config = t.WhisperConfig(**layers, **small, **tokens, max_source_positions=50)
        t.WhisperFeatureExtractor(feature_size=16, chunk_length=1).save_pretrained(folder)
        t.WhisperModel(config).save_pretrained(folder)


@pytest.mark.parametrize("kind", ["ast", "wav2vec2", "whisper"])
def test_any_audio_model_of_transformers(kind: str, tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    tiny(kind, tmp_path / kind)
    (tmp_path / "a.wav").write_bytes(written(wave(rate=8_000), 8_000))
    (tmp_path / "b.wav").write_bytes(written(np.random.default_rng(0).normal(0, 0.1, 8_000)))
    modality, values = made(["a.wav", None, "b.wav"], folder=str(tmp_path), reader=str(tmp_path / kind))
    assert values.shape == (3, 8)
    assert values.isnan().all(1).tolist() == [False, True, False]
    assert not torch.allclose(values[0], values[2])
    assert torch.isfinite(modality.encode(values)).all()


def test_what_is_no_audio_model_is_a_sentence(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    (tmp_path / "none").mkdir()
    (tmp_path / "a.wav").write_bytes(written(wave()))
    with pytest.raises(InputError, match="cannot be read as an audio model"):
        made(["a.wav"], folder=str(tmp_path), reader=str(tmp_path / "none"))


def test_a_missing_package_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_sound_encoder, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"the modality 'audio' needs .*p5rec\[audio\]"):
        made(["a.wav"])
    with pytest.raises(MissingExtra, match=r"the modality 'audio' with reader = 'x' needs .*p5rec\[audio\]"):
        made(["a.wav"], reader="x")
