"""Pages: every fault with its path and the nearest right name, all together; every shipped page takes two steps."""

import json
import re
from pathlib import Path

import pytest
from command_toys import write_shop

from p5rec.commands import page as pages
from p5rec.commands import run as stage
from p5rec.core.errors import InputError


def test_all_faults_of_a_page_are_told_together_with_the_nearest_name():
    page = {
        "data": {"source": "table", "path": "x.csv", "split": "leave_one_oot", "filters": {"k_core": {"k_usr": 5}}},
        "model": {"sasrek": {}, "ease": {"max_item": 3}},
        "items": {"fusion": "gaet"},
        "responder": {"blend": {"of": ["itemknn", "easy"]}},
        "serve": {"responder": "blent"},
    }
    with pytest.raises(InputError) as caught:
        pages.resolve(page)
    text = str(caught.value)
    assert "'leave_one_oot'; did you mean 'leave_one_out'?" in text
    assert "data.filters.k_core.k_usr: there is no such setting; did you mean 'k_user'?" in text
    assert "model.sasrek: there is no model called 'sasrek'; did you mean 'sasrec'?" in text
    assert "model.ease.max_item: there is no such setting; did you mean 'max_items'?" in text
    assert "items.fusion: there is no fusion called 'gaet'; did you mean 'gate'?" in text
    assert "responder.blend.of: there is no model or earlier responder 'easy'; did you mean 'ease'?" in text
    assert "serve.responder: there is no model or responder 'blent'; did you mean 'blend'?" in text


def test_an_unknown_section_and_a_wrong_value_name_their_path():
    with pytest.raises(InputError, match="modle: there is no such setting; did you mean 'model'"):
        pages.resolve({"modle": {}})
    with pytest.raises(InputError, match=r"evaluate.bootstrap: found 3"):
        pages.resolve({"evaluate": {"bootstrap": 3}})


def test_settings_reach_a_plug_that_stands_by_its_name():
    page = pages.read("events", ["data.path=x.csv", "data.split.least=5", "data.source.user=who"])
    assert page.split.config.least == 5
    assert page.source.config.user == "who"
    with pytest.raises(InputError, match="'seed' is a value, not a table"):
        pages.read("events", ["seed=1", "seed.more=2"])


def test_faults_of_sections_and_of_plugs_are_told_together():
    page = {"data": {"source": "movielens", "pth": "x"}, "model": {"sasrec": {"widht": 3}}, "seed": "one"}
    with pytest.raises(InputError) as caught:
        pages.resolve(page)
    text = str(caught.value)
    assert "data.pth: there is no such setting; did you mean 'path'?" in text
    assert "model.sasrec.widht: there is no such setting; did you mean 'width'?" in text
    assert "seed: found 'one'" in text


def test_a_page_without_data_says_how_to_name_it():
    with pytest.raises(InputError, match=r"data.path: this page needs the path of your data.*--set data.path="):
        pages.resolve({})


def test_a_task_whose_powers_the_model_lacks_is_a_fault_of_the_page():
    page = {"data": {"source": "movielens"}, "model": {"sasrec": {"task": {"rating": {}}}}}
    with pytest.raises(InputError, match=r"model.sasrec.task.rating: this task needs the power Estimates"):
        pages.resolve(page)


def test_a_missing_page_names_the_shipped_ones():
    with pytest.raises(
        InputError, match="neither such a file nor a shipped page of this name; did you mean 'quickstart'"
    ):
        pages.read("quickstrat")


def test_set_reaches_any_key():
    page = pages.read("quickstart", ["model.p5.width=96", "seed=3", "evaluate.fitted_on=train+valid"])
    assert page.models["p5"].model.config.width == 96
    assert page.run.seed == 3
    assert page.run.evaluate.fitted_on == "train+valid"
    assert pages.resolve(__import__("tomllib").loads(page.text())).models["p5"].model.config.width == 96


def test_baselines_stand_in_every_table_unless_told():
    page = pages.resolve({"data": {"source": "movielens"}, "model": {"ease": {}}})
    assert list(page.models) == ["popular", "popular-recent", "itemknn", "ease"]
    assert list(pages.resolve({"data": {"source": "movielens"}, "evaluate": {"baselines": False}}).models) == []


def write_movielens(folder: Path) -> Path:
    """A folder that looks like MovieLens 100K, of made-up people and films."""
    folder.mkdir()
    lines = [
        f"{u}\t{1 + (u * 7 + n * 5) % 40}\t{1 + (u + n) % 5}\t{880000000 + n * 60}"
        for u in range(1, 31)
        for n in range(8)
    ]
    (folder / "u.data").write_text("\n".join(lines) + "\n")
    flags = "|".join(["0"] * 18 + ["1"])
    films = [f"{i}|Film {i} (19{50 + i})|01-Jan-19{50 + i}||http://x/{i}|{flags}" for i in range(1, 43)]
    (folder / "u.item").write_text("\n".join(films) + "\n", encoding="latin-1")
    (folder / "u.user").write_text("\n".join(f"{u}|{20 + u}|F|writer|0000{u % 10}" for u in range(1, 31)) + "\n")
    return folder


def write_events(folder: Path) -> Path:
    folder.mkdir()
    return Path(write_shop(folder)["path"])


def write_sequences(path: Path) -> Path:
    path.write_text(
        "\n".join(f"u{u} " + " ".join(f"i{(u * 3 + n * 4) % 25}" for n in range(6)) for u in range(40)) + "\n"
    )
    return path


def write_reviews(path: Path) -> Path:
    """Thirty people, each of whom reviews six things in Amazon's own field names."""
    rows = [
        {
            "reviewerID": f"u{user}",
            "asin": f"i{(user * 3 + n * 4) % 25}",
            "overall": float(1 + (user + n) % 5),
            "summary": f"a {'fine' if (user + n) % 5 > 2 else 'poor'} strap",
            "reviewText": f"The strap is {'fine' if (user + n) % 5 > 2 else 'poor'}. I use the strap with the guitar.",
            "unixReviewTime": 1_400_000_000 + 86_400 * n,
        }
        for user in range(30)
        for n in range(6)
    ]
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\n")
    return path


@pytest.mark.parametrize("name", pages.shipped())
def test_every_shipped_page_runs(name: str, tmp_path: Path):
    source = pages.read(name, ["data.path=x"]).source.name
    makers = {"movielens": write_movielens, "table": write_events, "sequences": write_sequences}
    makers |= {"amazon": write_reviews, "texts": write_reviews}
    data = makers[source](tmp_path / "data")
    page = pages.read(name, [f"data.path={data}", "evaluate.bootstrap=100"])
    short = [f"model.{model}.train.steps=2" for model, entry in page.models.items() if entry.tasks]
    report = stage.run(pages.read(name, [f"data.path={data}", "evaluate.bootstrap=100", *short]), tmp_path / "out")
    assert {row.name for row in report.rows} == {*page.models, *page.responders}
    assert all(row.test or "steps aside" in row.note for row in report.rows)
    assert (tmp_path / "out" / "artifact.json").is_file()


def test_every_shipped_page_is_headed_by_the_command_that_runs_it():
    for name in pages.shipped():
        text = (Path(pages.__file__).parents[1] / "pages" / f"{name}.toml").read_text()
        assert text.startswith("#")
        assert f"p5rec run {name} " in text.split("\n\n")[0]


def test_settings_of_a_source_need_no_name(tmp_path: Path) -> None:
    """The source is guessed from the path, and ``--set data.source.schema=FILE`` goes to it."""
    path = tmp_path / "events.csv"
    path.write_text("user_id,item_id,fold\na,b,train\n")
    data = {"path": str(path), "source": {"split": "fold"}, "split": "given"}
    source = pages.resolve({"data": data, "model": {"popular": {}}}).source
    assert (source.name, source.config.split) == ("table", "fold")


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("model.sasrec.train=3", "model.sasrec.train: found 3, expected a table of settings"),
        ("model.sasrec.task=3", "model.sasrec.task: found 3, expected a table of settings"),
        ("model.sasrec.task.next_item=3", "model.sasrec.task.next_item: found 3, expected a table of settings"),
        ("model.sasrec.task.next_item.weight=x", "model.sasrec.task.next_item.weight: found 'x', expected a number"),
        (
            "model.sasrec.balance=3",
            "model.sasrec.balance: found 3, expected the name of a balance, or a table with its",
        ),
    ],
)
def test_a_value_where_a_table_stands_is_one_sentence(setting: str, sentence: str) -> None:
    with pytest.raises(InputError, match=re.escape(sentence)):
        pages.read("sequences", ["data.path=events.txt", setting])
