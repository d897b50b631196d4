"""p5 beside the contract checks: speaking with a memory, numbers, and what a prompt may look at."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from p5rec.blocks.stream import Kind
from p5rec.collate import collate
from p5rec.contracts import Prompts, Queries, Segment, Stream
from p5rec.data.ragged import Ragged
from p5rec.models.p5 import P5, P5Config
from p5rec.testing.making import fitted, setting
from p5rec.testing.sample import sample


def made(**settings: object) -> P5:
    dataset = sample()
    config = P5Config(**{"width": 16, "length": 24, "dropout": 0.0, **settings})  # type: ignore[arg-type]
    model: P5 = fitted(P5, dataset, setting(dataset, ("id", "text")), config)
    return model


def prompts() -> Queries:
    """Three prompts of different length, with words, items, a user and a number."""
    history = Ragged.of([[1, 2, 3], [4], []])
    queries = Queries.of([[1, 2, 3], [4], []], users=np.array([0, -1, 2]))
    rating = Segment(Kind.NUMBER, Ragged.of([[0], [], [0]]), numbers=np.array([4.0, 1.0], np.float32))
    parts = [
        Segment(Kind.WORD, Ragged.of([[5, 6], [7], []])),
        Segment(Kind.ITEM, replace(queries.history), history=True),
        Segment(Kind.USER, Ragged.of([[0], [0], [0]])),
        rating,
        Segment(Kind.WORD, Ragged.of([[8], [9, 10, 11, 12], [13]])),
    ]
    assert history.lengths.tolist() == [3, 1, 0]
    return replace(queries, prompt=Prompts.laid(parts))


def slowly(model: P5, stream: Stream, limit: int) -> list[list[int]]:
    """Greedy words, everything read anew for each."""
    said = []
    for row in range(len(stream)):
        one = stream.rows(torch.tensor([row]))
        place, words = int(one.asks.max()), []
        kinds, values = (torch.nn.functional.pad(grid[:, :place], (0, limit)) for grid in (one.kinds, one.values))
        numbers = torch.nn.functional.pad(one.numbers[:, :place], (0, limit))
        for step in range(limit):
            asked = replace(
                one,
                kinds=kinds,
                values=values,
                numbers=numbers,
                asks=torch.tensor([[place + step]]),
                outcome={},
                context={},
            )
            logits = model.words(model.encode(asked))[0, 0]
            if not step:
                logits[model.end] = -torch.inf  # nobody is silent
            word = int(logits.argmax())
            if word == model.end:
                break
            kinds[0, place + step], values[0, place + step] = Kind.WORD, word
            words.append(word)
        said.append(words)
    return said


@pytest.mark.parametrize("positions", ["start", "rotary"])
@pytest.mark.parametrize("ligr", [False, True])
def test_words_said_with_a_memory_are_those_of_reading_everything_anew(positions: str, ligr: bool) -> None:
    model = made(positions=positions, ligr=ligr)
    torch.nn.init.normal_(model.echo)  # what was read of items and of a text counts, too
    torch.nn.init.normal_(model.tone.solved)
    stream = collate(prompts(), model.length)
    with torch.inference_mode():
        words, lengths = model.generate(stream, 6)
        plain = slowly(model, stream, 6)
    assert [row[:n] for row, n in zip(words.tolist(), lengths.tolist(), strict=True)] == plain


def test_drawn_words_depend_on_the_seed_alone_and_limits_hold() -> None:
    model = made()
    stream = collate(prompts(), model.length)
    with torch.inference_mode():
        first, again = (model.generate(stream, 5, top_p=0.9, seed=3)[0] for _ in range(2))
        assert torch.equal(first, again)
        assert not torch.equal(first, model.generate(stream, 5, top_p=0.9, seed=4)[0])
        assert model.generate(stream, 9, seconds=0.0)[0].shape[1] <= 1
        assert model.generate(stream, 0)[0].shape == (3, 0)


def test_a_finished_model_stays_on_the_scale_of_the_labels() -> None:
    model = made()
    with torch.inference_mode():
        numbers = model.number(model.encode(collate(prompts(), model.length)))
        wild = model.estimate(model.encode(collate(prompts(), model.length)), torch.arange(30))
    assert ((numbers >= 1) & (numbers <= 5)).all()
    assert ((wild >= 1) & (wild <= 5)).all()


def test_the_number_of_an_item_is_its_estimate_and_depends_on_the_item() -> None:
    model = made()
    history = Queries.of([[1, 2]], users=np.array([3]))
    told = [
        replace(
            history,
            prompt=Prompts.laid([Segment(Kind.ITEM, Ragged.of([[1, 2]])), Segment(Kind.ITEM, Ragged.of([[item]]))]),
        )
        for item in (5, 6)
    ]
    with torch.inference_mode():
        first, second = (model.encode(collate(one)) for one in told)
        assert first["item"].tolist() == [[5]]
        assert torch.allclose(model.number(first), model.estimate(first, torch.tensor([5]))[:, :, 0])
        assert not torch.allclose(model.number(first), model.number(second))


def test_users_are_dropped_in_training_only() -> None:
    model = made(unknown=0.9)
    stream = collate(Queries.of([[1, 2]] * 64, users=np.arange(64) % 30), model.length)
    torch.manual_seed(0)
    assert 0 < int((model.train().encode(stream)["user"] == -1).sum()) < 64
    assert (model.eval().encode(stream)["user"] >= 0).all()


def test_text_modality_reads_with_the_words_of_the_model() -> None:
    model = made()
    shared = model.items.views["text"].lexicon  # type: ignore[attr-defined]
    assert shared is model.net.lexicon
    loss = model.vectors(model.encode(collate(Queries.of([[1, 2]]), model.length))).sum()
    loss.backward()
    assert model.net.lexicon.weight.grad is not None
    assert model.net.lexicon.weight.grad.any()


def test_labels_before_an_ask_tell_of_new_users_only() -> None:
    """Of known ones they would tell the label that is asked for: all labels of the user less those before."""
    model, asked = made(), torch.arange(30)
    with torch.inference_mode():
        for user, differs in ((3, False), (-1, True)):
            said, level = [], []
            for labels in ([1.0, 1.0, 1.0], [5.0, 5.0, 5.0]):
                queries = Queries.of([[1, 2, 3]], users=np.array([user]))
                side = {"label": replace(queries.history, values=np.array(labels, np.float32))}
                state = model.encode(collate(replace(queries, side=side), model.length))
                said.append(model.estimate(state, asked))
                level.append(float(state["level"]))
            assert bool((said[1] - said[0]).abs().max() > 1e-4) is differs
        assert level[1] > 0 > level[0]
