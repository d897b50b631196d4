"""Outside ids and inside numbers, and the only translator between them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.feather as feather

from p5rec.core import seed as seeds
from p5rec.data.queries import UNKNOWN

MANY = 1000  # from so many ids on a vectorised look-up pays


class Vocabulary:
    """Raw ids (strings) ↔ numbers 0 … N-1.

    Numbers are a seeded permutation of the sorted ids, so they say nothing of order, time or popularity.
    """

    def __init__(self, keys: pa.Array) -> None:
        self._keys = keys

    @classmethod
    def fit(cls, ids: Iterable[str] | pl.Series, seed: int, name: str) -> Vocabulary:
        """Number distinct ids by a permutation that depends on `seed` and `name` only."""
        given = ids if isinstance(ids, pl.Series) else pl.Series(list(ids), dtype=pl.String)
        ordered = given.unique().sort()
        order = seeds.rng(seed, "vocabulary", name).permutation(len(ordered))
        return cls(ordered.gather(order).to_arrow().cast(pa.large_string()))

    @classmethod
    def load(cls, path: Path) -> Vocabulary:
        """Read what `save` wrote, memory-mapped."""
        column = feather.read_table(path, memory_map=True).column("id")
        return cls(column.combine_chunks() if column.num_chunks != 1 else column.chunk(0))

    def save(self, path: Path) -> None:
        """Write one column of ids, row n is number n."""
        feather.write_feather(pa.table({"id": self._keys}), str(path), compression="uncompressed")

    def __len__(self) -> int:
        return len(self._keys)

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {key: number for number, key in enumerate(self._keys.to_pylist())}

    def number(self, key: str) -> int:
        """The number of an id, `UNKNOWN` if it has none."""
        return self._numbers.get(key, UNKNOWN)

    def numbers(self, keys: Sequence[str] | pl.Series | pa.Array) -> np.ndarray:
        """(N,) int64 numbers, `UNKNOWN` for ids that have none."""
        if isinstance(keys, pl.Series):
            keys = keys.cast(pl.String).to_arrow()
        if isinstance(keys, pa.Array) or len(keys) >= MANY:
            wanted = pa.array(keys, type=pa.large_string()) if not isinstance(keys, pa.Array) else keys
            places = pc.index_in(wanted.cast(pa.large_string()), value_set=self._keys, skip_nulls=True)
            return pc.fill_null(places, UNKNOWN).to_numpy(zero_copy_only=False).astype(np.int64)
        known = self._numbers
        return np.fromiter((known.get(key, UNKNOWN) for key in keys), dtype=np.int64, count=len(keys))

    def key(self, number: int) -> str:
        """The id of a number."""
        found: str = self._keys[int(number)].as_py()
        return found

    def keys(self, numbers: Iterable[int] | np.ndarray) -> list[str]:
        """The ids of numbers."""
        wanted = numbers if isinstance(numbers, np.ndarray) else np.fromiter(numbers, dtype=np.int64)
        found: list[str] = self._keys.take(pa.array(wanted.astype(np.int64))).to_pylist()
        return found

    def all(self) -> pa.Array:
        """All ids, row n is number n."""
        return self._keys

    def grown(self, keys: Iterable[str]) -> Vocabulary:
        """A vocabulary with further ids behind the old ones, which keep their numbers."""
        new = [key for key in dict.fromkeys(keys) if key not in self._numbers]
        return Vocabulary(pa.concat_arrays([self._keys, pa.array(new, type=pa.large_string())]))
