"""The order of events: by user, then time; ties by file order only where that is the order of happening."""

from __future__ import annotations

import numpy as np

from p5rec.core import seed as seeds

MIX = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def pair_hash(user: np.ndarray, item: np.ndarray, seed: int) -> np.ndarray:
    """(N,) uint64, a seeded hash of each pair (the finaliser of SplitMix64; Steele et al., 2014)."""
    state = (user.astype(np.uint64) << np.uint64(32)) | item.astype(np.uint64)
    state += np.uint64(seeds.number(seed, "ties"))
    state = (state ^ (state >> np.uint64(30))) * MIX[0]
    state = (state ^ (state >> np.uint64(27))) * MIX[1]
    return state ^ (state >> np.uint64(31))


def chronological(
    user: np.ndarray,
    seconds: np.ndarray,
    fraction: np.ndarray | None,
    item: np.ndarray,
    others: list[np.ndarray],
    seed: int,
    ordered: bool,
) -> tuple[np.ndarray, float]:
    """The order of N events and the share of them that have ties.

    Args:
        user, item: (N,) numbers.
        seconds, fraction: (N,) times, and the rest below a second if known.
        others: further columns that tell apart events of one pair at one time, whatever the order of rows.
        seed: of the tie-break.
        ordered: the rows of a user stand in the order of happening, so row numbers break ties.

    Returns:
        (N,) int64 row numbers in order, and the share of events that share user and time with another.
    """
    key = _packed(user, seconds)
    order = np.argsort(key, kind="stable" if ordered else "quicksort")
    key = key[order]
    same = key[1:] == key[:-1]
    tied = np.zeros(len(key), dtype=bool)
    tied[1:] |= same
    tied[:-1] |= same
    if not tied.any() or (ordered and fraction is None):
        return order, float(tied.mean()) if len(tied) else 0.0
    rows = order[tied]
    keys = [key[tied]] if fraction is None else [fraction[rows], key[tied]]
    breaks = [rows] if ordered else [*(other[rows] for other in others), pair_hash(user[rows], item[rows], seed)]
    order[tied] = rows[np.lexsort((*breaks, *keys))]
    return order, _share(order, key, tied, fraction)


def _packed(user: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    """(N,) uint64 that sorts by user, then time."""
    start = int(seconds.min(initial=0))
    span = int(seconds.max(initial=0)) - start + 1
    if span * (int(user.max(initial=0)) + 1) < 2**64:
        return user.astype(np.uint64) * np.uint64(span) + (seconds - start).astype(np.uint64)
    _, dense = np.unique(seconds, return_inverse=True)
    return (user.astype(np.uint64) << np.uint64(32)) | dense.astype(np.uint64)


def _share(order: np.ndarray, key: np.ndarray, tied: np.ndarray, fraction: np.ndarray | None) -> float:
    """Share of events that tie, a second's fraction counted too."""
    if fraction is None:
        return float(tied.mean())
    fine = fraction[order]
    same = (key[1:] == key[:-1]) & (fine[1:] == fine[:-1])
    found = np.zeros(len(key), dtype=bool)
    found[1:] |= same
    found[:-1] |= same
    return float(found.mean())
