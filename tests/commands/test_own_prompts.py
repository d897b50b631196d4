"""Families of one's own travel with a run, as own plugs do."""

import shutil
from pathlib import Path

import pytest

import p5rec
from p5rec.data import template as templates


def test_a_run_with_a_family_of_ones_own_can_be_opened_elsewhere(
    shop: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(templates, "OWN", [])
    mine = tmp_path / "mine" / "prompts"
    mine.mkdir(parents=True)
    (mine / "zeugma.toml").write_text('[[template]]\nprompt = "{history} zeugma ?"\nanswer = "{item}"\n')
    tiny = {"width": 16, "length": 12, "task": {"prompt": {"family": "zeugma"}}, "train": {"steps": 2}}
    page = {"plugs": str(mine.parent), "data": shop, "model": {"p5": tiny}, "serve": {"responder": "p5"}}
    p5rec.run({**page, "evaluate": {"baselines": False, "bootstrap": 100}}, tmp_path / "out")
    shutil.rmtree(mine.parent)
    shutil.move(tmp_path / "out", tmp_path / "elsewhere")
    templates.OWN.clear()
    recommender = p5rec.load(tmp_path / "elsewhere")
    assert "zeugma" in templates.families()
    assert recommender.dataset.words is not None
    assert "zeugma" in recommender.dataset.words.tokens, "the words of all templates are known"
    assert recommender.ask("{history} zeugma ?", user="u1").version == recommender.facts["version"]
