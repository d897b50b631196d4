"""A run that understands words: asked in Python, at the command line and over HTTP by a real server."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pytest
from prompt_toys import SAID, reviews_page, write_reviews
from serving_toys import made, served, world

from p5rec import cli
from p5rec.commands import run as stage
from p5rec.commands.page import resolve
from p5rec.commands.prompting import speaker
from p5rec.commands.recommender import Recommender, memory_store
from p5rec.contracts import Event
from p5rec.core.errors import InputError
from p5rec.core.things import Kind
from p5rec.serving.prompting import FEATURELESS, MUTE, UNTAUGHT, Prompt, asked
from p5rec.serving.questions import Question, pasts
from p5rec.serving.service import Service

NEXT, STARS = "{history} what comes next ?", "how many stars will {user} give to {item} ?"
CHOICE = "{history} which of these comes next ? {candidates} . choose one :"
DEAF = "the instruction was not read: what serves here reads no instructions; p5 does, trained on 'instruct'"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("reviews")
    families = ("rating", "sequential", "explanation", "instruct")
    stage.train(resolve(reviews_page(write_reviews(out), families)), out / "run")
    return out / "run"


@pytest.fixture(scope="module")
def run(folder: Path) -> Recommender:
    return Recommender.load(folder)


@pytest.fixture
def service(run: Recommender) -> Iterator[Service]:
    opened = run.service(memory_store())
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def client(run: Recommender) -> Iterator[httpx.Client]:
    with served(run.service(memory_store())) as opened:
        yield opened


def things(service: Service, prompt: Prompt) -> list[tuple[Kind, int]]:
    """What the model reads of a prompt."""
    engine, question = service._engine, prompt.question()
    known = pasts(engine.ground, service.store, [question], 100, 0)
    laid = asked(engine, known, [prompt]).prompt
    assert laid is not None
    return [(Kind(kind), int(value)) for kind, value in zip(laid.kinds, laid.values, strict=True)]


# ---------------------------------------------------------------- what is read


def test_placeholders_are_filled_and_what_is_not_named_stands_in_front(service: Service) -> None:
    items = service._engine.dataset.items.number
    read = things(service, Prompt("rate {item} now", "u1", ("i1", "i4"), "i7", ("i2", "i5")))
    front = [(Kind.ITEM, items(key)) for key in ("i1", "i4", "i2", "i5")]
    assert read[:5] == [(Kind.USER, service._engine.dataset.users.number("u1")), *front]
    item = read.index((Kind.ITEM, items("i7")))
    assert all(kind == Kind.WORD for kind, _ in [*read[5:item], *read[item + 1 :]])
    assert 5 < item < len(read) - 1


def test_the_history_of_a_user_is_their_own_live_events_included(service: Service) -> None:
    before = things(service, Prompt("{history} next", "u1"))
    service.events([Event("", "u1", "i0", 1_700_000_000.0)])
    after = things(service, Prompt("{history} next", "u1"))
    met = [value for kind, value in after if kind == Kind.ITEM]
    assert len(after) == len(before) + 1
    assert met[-1] == service._engine.dataset.items.number("i0")
    assert service.reply(Prompt(NEXT, "u1")).result().events_seen == 7


# ---------------------------------------------------------------- what is answered


def test_a_prompt_is_answered_with_what_it_asks_for(run: Recommender) -> None:
    found = run.ask(NEXT, user="u1", k=3)
    assert (found.kind, len(found.items or ()), found.number, found.text) == ("items", 3, None, None)
    met = set(run.dataset.latest(np.array([run.dataset.users.number("u1")])).history[0].tolist())
    assert not met & {run.dataset.items.number(one.item_id) for one in found.items or ()}
    rated = run.ask(STARS, user="u1", item="i4")
    assert rated.kind == "number"
    assert 1 <= (rated.number or 0) <= 5
    said = run.ask("explain to {user} why {item} :", user="u1", item="i4")
    assert said.kind == "text"
    assert said.text


def test_candidates_are_ranked_among_themselves(run: Recommender) -> None:
    found = run.ask(CHOICE, history=["i1", "i4"], candidates=["i2", "i7", "gone"], k=2)
    assert sorted(one.item_id for one in found.items or ()) == ["i2", "i7"]
    assert found.note == "candidates that are not known: 1, the first is 'gone'"


def test_an_explanation_says_a_sentence_and_a_reason(run: Recommender) -> None:
    found = run.explain("u1", "i4")
    assert found.text
    assert set(found.text.rstrip(".").split()) <= set(" ".join(SAID).split())
    assert found.because is None or found.because in run.dataset.items.keys(np.arange(run.dataset.n_items))
    assert run.explain("u1", "i4", "handle").text


def test_a_feature_that_no_wording_names_is_told(run: Recommender) -> None:
    plain = Service(
        run.dataset,
        run.responder(),
        memory_store(),
        version="v",
        speaker=lambda: replace(run.speaker(), featured=None),
    )
    told, without = plain.explain("u1", "i4", "handle").result(), plain.explain("u1", "i4").result()
    assert told.note == FEATURELESS
    assert (told.text, without.note) == (without.text, None)
    plain.close()


def test_wordings_that_the_data_cannot_fill_do_not_count(run: Recommender) -> None:
    bare = replace(run.dataset, texts={}, item_features=replace(run.dataset.item_features, columns={}))
    found = speaker(run.page, bare, run.models, "p5")
    assert (found.explaining, found.featured, found.steered) == (None, None, False)
    assert found.answers is not None
    assert speaker(run.page, run.dataset, {"ease": run.models["ease"]}, "ease").answers is None


def test_prompts_together_are_answered_as_alone(service: Service) -> None:
    prompts = [Prompt(NEXT, f"u{n}", k=4) for n in range(6)] + [Prompt(STARS, "u2", item_id="i5", k=4)]
    together = service._reply(prompts)
    for one, prompt in zip(together, prompts, strict=True):
        alone = service.reply(prompt).result()
        assert not isinstance(one, Exception)
        assert one.kind == alone.kind
        assert one.number == pytest.approx(alone.number, abs=1e-4)
        assert [i.item_id for i in one.items or ()] == [i.item_id for i in alone.items or ()]


# ---------------------------------------------------------------- instructions


def test_an_instruction_stands_behind_the_history_and_changes_scores(run: Recommender) -> None:
    read = run.queries(["u1"], instruction="something from jam").prompt
    assert read is not None
    words = read.kinds == Kind.WORD
    assert words[-1]
    assert not words[: len(words) - int(words.sum())].any()
    plain, steered = (run.recommend(["u1"], k=9, instruction=told) for told in ("", "something from jam"))
    assert not np.allclose(plain["score"], steered["score"])


def test_a_blend_with_p5_reads_instructions_and_ease_says_that_it_does_not(run: Recommender) -> None:
    for name, note in (("both", None), ("ease", DEAF)):
        service = run.service(memory_store(), name)
        plain, told = (service.recommend("u1", instruction=words) for words in ("", "something from tea"))
        assert told.note == note
        assert ([one.score for one in plain.items] == [one.score for one in told.items]) == (name == "ease")
        service.close()


def test_in_python_it_is_said_too(run: Recommender, capsys: pytest.CaptureFixture[str]) -> None:
    frame = run.recommend(["u1"], k=3, responder="ease", instruction="not tea")
    assert frame.equals(run.recommend(["u1"], k=3, responder="ease"))
    assert "the instruction was not read: what answers here reads no instructions" in " ".join(
        capsys.readouterr().err.split()
    )


def test_an_instruction_of_somebody_new_is_read_before_the_fallback(service: Service) -> None:
    first, second = (service.recommend(history=(), instruction=f"something from {kind}") for kind in ("tea", "pot"))
    assert [one.score for one in first.items] != [one.score for one in second.items]


# ---------------------------------------------------------------- faults


@pytest.mark.parametrize(
    ("prompt", "sentence"),
    [
        (Prompt("rate {itme}", "u1"), "prompt: there is no placeholder {itme}; did you mean 'item'"),
        (Prompt("rate {item}", "u1"), "prompt: it names {item}, and no item is given"),
        (Prompt(NEXT), "prompt: it names {history}, and no history is given"),
        (Prompt("rate", "u1", item_id="gone"), "item_id: 'gone' is not among the 24 items of this run"),
        (Prompt("next", candidates=("a", "b")), "candidates: none of 2 is an item of this run, as 'a'"),
        (Prompt(NEXT, history=("a",)), "history: none of 1 is an item of this run, as 'a'"),
        (Prompt(" "), "prompt: found no words, expected a question such as 'what comes next ?'"),
        (Prompt("x" * 2001), "prompt: found 2001 characters, expected at most 2000"),
        (Prompt("next", k=0), "k: found 0, expected 1 to 1000"),
        (Prompt("\ud800"), "prompt: found text that is not Unicode"),
    ],
)
def test_wrong_prompts_are_refused_in_words(service: Service, prompt: Prompt, sentence: str) -> None:
    with pytest.raises(InputError) as found:
        service.reply(prompt)
    assert sentence in str(found.value)


def test_long_instructions_are_refused(service: Service) -> None:
    with pytest.raises(InputError, match="instruction: found 2001 characters, expected at most 2000"):
        service.ask(Question("u1", instruction="x" * 2001))


def test_long_prompts_are_cut_to_what_the_model_reads(run: Recommender) -> None:
    assert run.ask("good " * 390 + "what comes next ?", history=["i1", "i4"]).kind in ("items", "number", "text")


def test_a_run_without_words_says_so_and_still_has_reasons() -> None:
    service = made(world())
    with pytest.raises(InputError) as found:
        service.reply(Prompt("next", "u1"))
    assert str(found.value) == MUTE
    told = service.explain("u1", "i9").result()
    assert (told.text, told.because, told.note) == (None, "i5", UNTAUGHT)
    service.close()


# ---------------------------------------------------------------- over HTTP


def test_the_web_answers_prompts(client: httpx.Client, run: Recommender) -> None:
    told = client.post("/ask", json={"prompt": NEXT, "user_id": "u3", "k": 2}).json()
    here = run.ask(NEXT, user="u3", k=2)
    assert set(told) == {"version", "events_seen", "kind", "items"}
    assert [one["item_id"] for one in told["items"]] == [one.item_id for one in here.items or ()]
    rated = client.post("/ask", json={"prompt": STARS, "user_id": "u3", "item_id": "i3"}).json()
    assert rated["kind"] == "number"
    assert rated["number"] == pytest.approx(run.ask(STARS, user="u3", item="i3").number, abs=1e-4)


def test_the_web_explains_and_takes_instructions(client: httpx.Client) -> None:
    told = client.get("/users/u1/explanations/i4").json()
    assert told["item_id"] == "i4"
    assert told["text"]
    plain = client.get("/users/u1/recommendations").json()
    query = client.get("/users/u1/recommendations", params={"instruction": "not tea"}).json()
    body = client.post("/recommendations", json={"user_id": "u1", "instruction": "not tea"}).json()
    assert query["items"] == body["items"] != plain["items"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "sentence"),
    [
        ("POST", "/ask", {"prompt": "{who} next"}, 422, "prompt: there is no placeholder {who}"),
        ("POST", "/ask", {"user_id": "u1"}, 422, "prompt: this field is required"),
        ("POST", "/ask", {"prompt": "next", "itemid": "i1"}, 422, "itemid: there is no such field; did you mean"),
        ("GET", "/users/u1/explanations/gone", None, 404, "there is no item 'gone'"),
    ],
)
def test_web_faults_are_sentences(
    client: httpx.Client, method: str, path: str, body: object, status: int, sentence: str
) -> None:
    told = client.request(method, path, json=body) if body else client.request(method, path)
    assert told.status_code == status
    assert sentence in told.json()["detail"]


def test_many_at_once_get_their_own_answers(client: httpx.Client) -> None:
    def ask(n: int) -> dict:
        return client.post("/ask", json={"prompt": NEXT, "user_id": f"u{n}", "k": 3}).json()

    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(ask, range(12)))
    for n, told in enumerate(together):
        assert [one["item_id"] for one in told["items"]] == [one["item_id"] for one in ask(n)["items"]]


# ---------------------------------------------------------------- at the command line


def p5rec(*words: object, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    old, sys.argv = sys.argv, ["p5rec", *map(str, words)]
    try:
        cli.main()
        code = 0
    except SystemExit as done:
        code = int(done.code or 0)
    finally:
        sys.argv = old
    return (code, *capsys.readouterr())


def test_ask_and_explain_at_the_command_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = p5rec("ask", folder, NEXT, "--history", "i1,i4", "-k", 2, "--json", capsys=capsys)
    assert (code, json.loads(out)["kind"], len(json.loads(out)["items"])) == (0, "items", 2)
    _, out, _ = p5rec("ask", folder, STARS, "--user", "u1", "--item", "i4", capsys=capsys)
    assert 1 <= float(out) <= 5
    _, out, _ = p5rec("explain", folder, "--user", "u1", "--item", "i4", capsys=capsys)
    assert "jam 4: because" in out
    _, out, _ = p5rec("recommend", folder, "--user", "u1", "--instruction", "not tea", "--json", capsys=capsys)
    assert json.loads(out)["items"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["ask", "{nobody} ?"], "there is no placeholder {nobody}"),
        (["ask", "rate", "--item", "gone"], "item_id: 'gone' is not among the 24 items"),
        (["explain", "--user", "u1", "--item", "gone"], "--item: 'gone' is not among the 24 items of this run"),
    ],
)
def test_faults_at_the_command_line(
    folder: Path, words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = p5rec(words[0], folder, *words[1:], capsys=capsys)
    assert code == 2
    assert sentence in " ".join(err.split())
