"""Where a pretrained model is looked for."""

from pathlib import Path
from typing import Any

import huggingface_hub
import pytest

from p5rec.core.errors import InputError
from p5rec.core.hub import HUB, located, packed


def test_a_folder_is_itself_and_a_name_is_looked_up_without_the_network(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    calls: list[tuple[str, bool]] = []

    def download(name: str, local_files_only: bool, **others: Any) -> str:
        calls.append((name, local_files_only))
        return str(tmp_path / "cached")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    monkeypatch.delenv(HUB, raising=False)
    assert located(str(tmp_path)) == tmp_path
    assert located("people/model") == tmp_path / "cached"
    monkeypatch.setenv(HUB, "1")
    located("people/model")
    assert calls == [("people/model", True), ("people/model", False)]


def test_what_is_nowhere_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(HUB, raising=False)
    for name in ("nobody/nothing", "no/such/folder"):
        with pytest.raises(InputError, match="no model of the hub by this name on this machine; name a folder, or set"):
            located(name)


def test_a_single_file_counts_only_without_a_configuration(tmp_path: Path) -> None:
    assert packed(tmp_path) is None
    (tmp_path / "small.gguf").touch()
    assert packed(tmp_path) == "small.gguf"
    (tmp_path / "config.json").touch()
    assert packed(tmp_path) is None
