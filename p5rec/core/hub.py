"""Where a pretrained model lies: in a folder, or in the cache of the hub, under the name it has there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from p5rec.core.errors import InputError

HUB = "P5REC_HUB"  # set, a name that is no folder may be fetched over the network
FILES = ["*.json", "*.safetensors", "*.txt", "*.model"]
READ = {pattern[1:] for pattern in FILES} | {".bin"}  # a folder may hold weights of the older form, never fetched


def located(name: str) -> Path:
    """The file or folder of this name, or the folder of a model of the hub; nothing is fetched unless `HUB` is set.

    Raises:
        InputError: there is neither.
    """
    from huggingface_hub import snapshot_download

    if (path := Path(name)).exists():
        return path
    try:
        return Path(snapshot_download(name, local_files_only=not os.environ.get(HUB), allow_patterns=FILES))
    except (OSError, ValueError):  # the library's own, of many lines
        raise InputError(
            f"{name}: there is no such file or folder, and no model of the hub by this name on this machine; "
            f"name a folder, or set {HUB}=1 to fetch it"
        ) from None


def contents(folder: Path) -> list[Path]:
    """The files of a folder that say what its model is: settings, vocabulary and weights."""
    return sorted(path for path in folder.rglob("*") if path.suffix in READ)


@contextmanager
def opening(where: str, name: str, kind: str, needs: str = "config.json and weights") -> Iterator[None]:
    """A block that opens a model of `transformers`, whose faults are one sentence.

    Args:
        where: the setting that names it.
        name: as it was given.
        kind: what it should be.
        needs: what a folder must hold.

    Raises:
        InputError: it could not be opened.
    """
    try:
        yield
    except (InputError, OSError, ValueError, TypeError, ImportError, KeyError) as error:  # the library's, of many lines
        why = str(error).strip().partition("\n")[0]
        raise InputError(
            f"{where}: {name!r} cannot be read as {kind} ({why}); name a folder that holds {needs}, "
            f"or set {HUB}=1 to fetch it by its name"
        ) from None


def packed(folder: Path) -> str | None:
    """The GGUF file of a folder that holds a language model in one file and nothing beside it."""
    files = [] if (folder / "config.json").exists() else sorted(folder.glob("*.gguf"))
    return files[0].name if files else None


def speaks(name: str) -> bool:
    """Whether a vocabulary lies in the folder of this model.

    Raises:
        InputError: there is no such model.
    """
    place = located(name)
    return place.is_dir() and ((place / "tokenizer.json").is_file() or packed(place) is not None)
