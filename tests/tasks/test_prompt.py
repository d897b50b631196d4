"""Families of prompts in training: who steps aside, and what a batch asks."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from p5rec.blocks.stream import Kind
from p5rec.commands import assemble, folders
from p5rec.commands.page import read
from p5rec.contracts import StepsAside
from p5rec.core.errors import InputError
from p5rec.data import template as templates
from p5rec.models.p5 import P5
from p5rec.tasks.prompt import Prompt, PromptConfig
from p5rec.testing.making import fitted, setting
from p5rec.testing.sample import sample


def task(family: str, **settings: object) -> Prompt:
    return Prompt(PromptConfig(family=family, rows=32, **settings), setting(sample()))  # type: ignore[arg-type]


def test_a_family_the_data_cannot_fill_steps_aside_and_says_what_is_missing() -> None:
    with pytest.raises(
        StepsAside, match="no wording of the family 'review' can be filled, as the data has no headline"
    ):
        task("review").steps(sample())
    with pytest.raises(StepsAside, match="as the data has no words"):
        task("sequential").steps(replace(sample(), words=None))


def test_a_model_without_any_task_left_is_a_fault() -> None:
    page = read({"data": {"source": "movielens"}, "model": {"p5": {"task": {"prompt": {"family": "review"}}}}})
    with pytest.raises(InputError, match=r"model.p5.task.prompt: no wording .*; name another task"):
        assemble.tasks(page.models["p5"], setting(sample()), sample())


def test_all_answers_stand_in_the_stream_and_candidates_hold_the_right_one() -> None:
    dataset = sample()
    model = fitted(P5, dataset, setting(dataset))
    kinds = set()
    for family in ("rating", "sequential", "direct", "instruct"):
        for step in range(4):
            stream, target = task(family).batch(dataset, model, 0, step)
            first = stream.asks[:, 0]
            assert (first > 0).all()
            kind = stream.kinds.gather(1, first[:, None])[:, 0]
            kinds |= set(kind.tolist())
            right = stream.values.gather(1, first[:, None])
            chosen = target.candidates[:, 0] >= 0
            assert (target.candidates[chosen] == right[chosen]).any(1).all()
            assert (kind[chosen] == Kind.ITEM).all()
    assert kinds == {Kind.ITEM, Kind.NUMBER, Kind.WORD}


def test_held_out_wordings_are_never_trained_on_and_a_file_in_the_plugs_is_a_family(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(templates, "OWN", [])
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "mine.toml").write_text(
        '[[template]]\nprompt = "{history} go on"\nanswer = "{item}"\n'
        '[[template]]\nheld_out = true\nprompt = "{history} secret"\nanswer = "{item}"\n'
    )
    folders.use_own(tmp_path)
    assert folders.own_files([]) == [tmp_path / "prompts" / "mine.toml"]
    own = task("mine")
    assert [one.text for one in own.wordings] == ["{history} go on"]
    dataset = sample()
    stream, _ = own.batch(dataset, fitted(P5, dataset, setting(dataset)), 0, 0)
    assert dataset.words is not None
    words = stream.values[stream.kinds == Kind.WORD].tolist()
    assert set(dataset.words.decode([words])[0].split()) == {"go", "on"}


def test_an_unknown_family_is_a_fault_of_the_page_with_the_nearest_name() -> None:
    page = {"data": {"source": "movielens"}, "model": {"p5": {"task": {"prompt": {"family": "sequentiel"}}}}}
    wanted = r"model.p5.task.prompt.family: found 'sequentiel', there is no family .*'sequential'"
    with pytest.raises(InputError, match=wanted):
        read(page)


def test_a_closed_category_is_never_told() -> None:
    dataset = sample()
    assert dataset.words is not None
    made = task("instruct", closed=("a",))
    names = made.knowledge(dataset).names
    told = set()
    for step in range(20):
        known = made.knowledge(dataset)
        told |= {name for name, open_ in zip(names, known.told, strict=True) if open_}
        made.batch(dataset, fitted(P5, dataset, setting(dataset)), 0, step)
    assert "a" not in told
    assert "b" in told


def test_nothing_of_the_event_itself_is_read_before_it_is_asked() -> None:
    """What stands before the first ask is the past, the user, and what the wording tells."""
    dataset = sample()
    model = fitted(P5, dataset, setting(dataset)).eval()
    stream, _ = task("sequential").batch(dataset, model, 0, 1)
    with torch.inference_mode():
        before = model.encode(stream)["hidden"][:, 0]
        changed = replace(stream, values=stream.values.scatter(1, stream.asks[:, :1], np.int64(1).item()))
        assert torch.allclose(model.encode(changed)["hidden"][:, 0], before, atol=1e-5)
