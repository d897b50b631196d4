"""Second stages and pupils in a whole run: what waits for what, what a killed run keeps, what is served."""

from pathlib import Path

import numpy as np
import pytest
from command_toys import shop_page, write_shop

import p5rec
from p5rec.commands import run as stage
from p5rec.commands.made import opened
from p5rec.commands.page import resolve
from p5rec.commands.recommender import memory_store
from p5rec.core.errors import InputError
from p5rec.responders._network import Network
from p5rec.responders.stack import Stack


def page(data: dict) -> dict:
    small = {"width": 16, "heads": 2, "length": 16, "train": {"epochs": 1, "warmup": 1}}
    tasks = {"next_item": {}, "distill": {"teacher": "fused", "depth": 5}}
    return shop_page(
        data,
        model={"ease": {}, "content": {}, "distilled": {"kind": "sasrec", **small, "task": tasks}},
        responder={
            "fused": {"kind": "stack", "of": ["itemknn", "ease", "content"]},
            "late": {"kind": "blend", "of": ["distilled", "ease"]},
        },
        serve={"responder": "fused"},
    )


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stages")
    stage.train(resolve(page(write_shop(folder))), folder / "run")
    return folder


def test_what_is_served_is_what_was_measured(done: Path):
    made, _ = opened(done / "run")
    assert set(made.learned) == {"fused", "late"}
    assert Network.of(made.learned.texts["fused"]).text() == made.learned.texts["fused"]
    recommender = p5rec.load(done / "run")
    queries, _ = made.dataset.held_out("test")
    first = recommender.responder("fused")(queries, 5)
    again = p5rec.load(done / "run").responder("fused")(queries, 5)
    np.testing.assert_array_equal(first.items, again.items)
    users = made.dataset.users.keys(np.array([0, 1]))
    told = recommender.recommend(users=users, k=5)
    offline = recommender.responder("fused")(made.dataset.latest(np.array([0, 1])), 5)
    assert told["item_id"].to_list() == made.dataset.items.keys(offline.items.ravel())


def test_an_item_that_joined_competes_in_the_second_stage(done: Path):
    recommender = p5rec.load(done / "run")
    jam = {"item_id": "new jam", "title": "jam number 99", "category": "jam"}
    assert recommender.add_items([jam], keep=False).added == 1
    told = recommender.recommend(histories=[["i1", "i4"]], k=33, responder="fused")["item_id"].to_list()
    others = [told.index(f"i{item}") for item in range(30) if item % 3 != 1]
    assert told.index("new jam") < np.median(others), "jam is wanted, and it is told in the words of jam"


def test_a_second_run_learns_nothing_anew(done: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Stack, "learn", lambda *a: pytest.fail("it learned again"))
    before = opened(done / "run")[1]["version"]
    (done / "run" / "artifact.json").unlink()
    stage.train(resolve(page(write_shop(done))), done / "run")
    assert opened(done / "run")[1]["version"] == before


@pytest.mark.parametrize(
    ("teacher", "sentence"),
    [("nobody", "there is no responder or model 'nobody'"), ("late", "which has a teacher itself")],
)
def test_teachers_that_cannot_teach(tmp_path: Path, teacher: str, sentence: str):
    values = page(write_shop(tmp_path))
    values["model"]["distilled"]["task"]["distill"]["teacher"] = teacher
    with pytest.raises(InputError, match=sentence):
        resolve(values)


def test_two_teachers(tmp_path: Path):
    values = page(write_shop(tmp_path))
    values["model"]["distilled"]["task"]["other"] = {"kind": "distill", "teacher": "ease"}
    with pytest.raises(InputError, match="it has the teachers ease, fused; name one, made of both"):
        resolve(values)


def test_the_service_answers_as_the_run_does(done: Path):
    recommender = p5rec.load(done / "run")
    service = recommender.service(memory_store(), "fused")
    told = service.recommend("u3", k=4)
    service.close()
    assert [one.item_id for one in told.items] == recommender.recommend(["u3"], k=4)["item_id"].to_list()


def test_users_of_one_training_event_teach_no_second_stage(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    rows = [f"u{user},i{(user + n) % 9},{n}" for user in range(30) for n in range(3)]  # one is left for training
    (tmp_path / "few.csv").write_text("user_id,item_id,timestamp\n" + "\n".join(rows) + "\n")
    stage.train(resolve(page({"path": str(tmp_path / "few.csv")})), tmp_path / "run")
    assert "fused: no user has two training events, so it learns nothing" in capsys.readouterr().err
    assert opened(tmp_path / "run")[0].learned["fused"]["share"] == 0
    assert p5rec.load(tmp_path / "run").recommend(["u1"], k=3).height == 3


def test_a_teacher_whose_models_all_stepped_aside(tmp_path: Path):
    values = page(write_shop(tmp_path))
    values["model"] |= {"ease": {"max_items": 1}}
    values["model"]["distilled"]["task"]["distill"]["teacher"] = "ease"
    values["responder"] = {}
    values["serve"] = {"responder": "distilled"}
    with pytest.raises(InputError, match="its teacher 'ease' has nothing to answer with, all under it stepped aside"):
        stage.train(resolve(values), tmp_path / "run")
