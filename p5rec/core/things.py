"""What can stand at a place of a stream."""

from __future__ import annotations

from enum import IntEnum


class Kind(IntEnum):
    """What stands at a place."""

    PAD = 0
    START = 1
    WORD = 2
    USER = 3
    ITEM = 4
    NUMBER = 5
    BLANK = 6


ANSWERS = (Kind.ITEM, Kind.NUMBER, Kind.WORD)  # what a prompt can ask for, in the order of a model's `kinds`
