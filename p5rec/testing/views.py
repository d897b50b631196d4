"""Worlds where only the picture, only the text or only the sound of an item tells who takes it, or any of them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from p5rec.core import seed as seeds
from p5rec.data.features import Column, Kind
from p5rec.testing.sample import sound
from p5rec.testing.sequences import from_sequences
from p5rec.testing.worlds import World

VIEWS = {"image": "picture", "text": "title", "audio": "sound"}  # modality → the column that it reads
LEVELS, COPIES = 4, 3  # of each trait; items of each triple of traits, the last of which are new
EACH = COPIES * LEVELS ** (len(VIEWS) - 1)  # items of one level
SIDE = 12  # pixels of a picture
COLOURS = np.array([[200, 40, 40], [40, 60, 200]])
TELLING, IDLE = ("amber", "copper", "willow", "marble"), ("fine", "old", "small", "plain", "set", "of", "new", "good")
LOWEST, SPREAD = 300.0, 0.08  # hertz of the lowest tone, which differs by so much of it; the next is an octave higher


def views_decide(follow: Sequence[str] = tuple(VIEWS), seed: int = 0, users: int = 240) -> World:
    """A user takes the items of one level of one trait: their look, their word or their tone, each told in one view.

    The three traits of an item are independent. All held-out items are new, so content must be read: who ranks all
    items of the wanted level first has recall 1 at their number; who reads other views has the share of a level.

    Args:
        follow: the modalities whose trait users may follow; each user follows one, by chance.
        seed: of the data.
        users: how many.
    """
    rng = seeds.rng(seed, "views decide")
    triples = np.stack(np.unravel_index(np.arange(LEVELS ** len(VIEWS)), (LEVELS,) * len(VIEWS)), axis=1)
    traits = np.tile(triples, (COPIES, 1))
    new = np.arange(len(traits)) >= len(traits) - len(triples)
    follows = rng.choice([list(VIEWS).index(one) for one in follow], users)
    liked = rng.integers(LEVELS, size=users)[:, None] == traits[:, follows].T
    taken = {f"u{user:04d}": _taken(rng, liked[user], new) for user in range(users)}
    names = [f"i{item:04d}" for item in range(len(traits))]
    sequences = {user: [names[item] for item in row] for user, row in taken.items()}
    inside = [int(key[1:]) for key in from_sequences(sequences, items=names, seed=seed).items.all().to_pylist()]
    columns = _columns(rng, traits[inside])
    dataset = from_sequences(sequences, items=names, item_columns=columns, seed=seed)
    wanted = liked[[int(key[1:]) for key in dataset.users.all().to_pylist()]][:, inside].astype(np.float32)
    metric = f"recall@{EACH}"
    chance = {metric: 1 / LEVELS}
    return World(dataset, lambda queries: wanted[queries.users], {metric: 1.0}, chance, modalities=tuple(follow))


def alone(world: World, *modalities: str) -> World:
    """The same world, looked at by some of its views only."""
    return replace(world, modalities=modalities)


def shuffled(world: World, *modalities: str, seed: int = 0) -> World:
    """The same world, the content of some views dealt out anew among the items."""
    rng, features = seeds.rng(seed, "dealt out"), world.dataset.item_features
    columns = dict(features.columns)
    for name in (VIEWS[one] for one in modalities):
        columns[name] = replace(columns[name], values=rng.permutation(np.asarray(columns[name].values)))
    return replace(world, dataset=replace(world.dataset, item_features=replace(features, columns=columns)))


def _taken(rng: np.random.Generator, liked: np.ndarray, new: np.ndarray, known: int = 6) -> list[int]:
    """Some known items, then two new ones for validation and test."""
    first, last = (rng.permutation(np.flatnonzero(liked & which)) for which in (~new, new))
    return [*first[:known].tolist(), *last[:2].tolist()]


def _columns(rng: np.random.Generator, traits: np.ndarray) -> dict[str, Column]:
    """What the items look like, are called and sound like; no two look or sound the same."""
    told = {
        "picture": (Kind.IMAGE, [_picture(rng, level) for level in traits[:, 0]]),
        "title": (Kind.TEXT, [_title(rng, level) for level in traits[:, 1]]),
        "sound": (Kind.AUDIO, [_tone(rng, level) for level in traits[:, 2]]),
    }
    return {name: Column(kind, np.array(values, dtype=object)) for name, (kind, values) in told.items()}


def _picture(rng: np.random.Generator, level: int) -> str:
    """A red or blue, full or hollow square on paper, not always in the same place or shade."""
    drawn = np.zeros((SIDE, SIDE), dtype=bool)
    down, right = rng.integers(1, 4, 2)
    drawn[down : down + 8, right : right + 8] = True
    if level % 2:
        drawn[down + 2 : down + 6, right + 2 : right + 6] = False
    pixels = rng.integers(215, 256, (SIDE, SIDE, 3))
    pixels[drawn] = COLOURS[level // 2] + rng.integers(-40, 40, 3)
    data = f"P6 {SIDE} {SIDE} 255 ".encode() + pixels.astype(np.uint8).tobytes()
    return "data:image/x-portable-pixmap;base64," + base64.b64encode(data).decode()


def _title(rng: np.random.Generator, level: int) -> str:
    """The telling word among idle ones."""
    return " ".join(rng.permutation([TELLING[level], *rng.choice(IDLE, 3, replace=False)]))


def _tone(rng: np.random.Generator, level: int) -> str:
    """A tone about an octave above that of the level below."""
    return sound(LOWEST * 2**level * (1 + SPREAD * rng.uniform(-1, 1)), seconds=rng.uniform(0.1, 0.2))
