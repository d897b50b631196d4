"""The command line as a person meets it: exit codes, sentences, JSON, and no traceback."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import typer

from p5rec import cli
from p5rec.commands.doctor import BRINGS


def p5rec(*words: object, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command."""
    old, sys.argv = sys.argv, ["p5rec", *map(str, words)]
    try:
        cli.main()
        code = 0
    except SystemExit as done:
        code = int(done.code or 0)
    finally:
        sys.argv = old
    out, err = capsys.readouterr()
    return code, out, err


def test_recommend_prints_titles_with_reasons(finished: Path, capsys):
    code, out, _ = p5rec("recommend", finished, "--user", "u3", "-k", 4, capsys=capsys)
    assert code == 0
    assert "user u3" in out
    assert "number" in out
    assert "because you chose" in out


def test_recommend_as_json_is_the_answer_of_the_service(finished: Path, capsys):
    code, out, _ = p5rec("recommend", finished, "--history", "i0,i3", "-k", 2, "--json", capsys=capsys)
    answer = json.loads(out)
    assert code == 0
    assert set(answer) >= {"version", "events_seen", "items"}
    assert answer["events_seen"] == 2
    assert len(answer["items"]) == 2
    assert {"item_id", "score"} <= set(answer["items"][0])


def test_similar(finished: Path, capsys):
    code, out, _ = p5rec("similar", finished, "--item", "i3", "-k", 2, "--json", capsys=capsys)
    assert code == 0
    assert len(json.loads(out)["items"]) == 2
    code, _, err = p5rec("similar", finished, "--item", "nothing", capsys=capsys)
    assert code == 2
    assert "nothing" in err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["recommend", "nowhere", "--user", "1"], "there is no such folder"),
        (["run", "nopage"], "neither such a file nor a shipped page"),
        (["prepare", "nofile.csv", "--out", "x"], "nofile.csv"),
        (["list", "modle"], "there is no kind 'modle'; did you mean 'model'"),
        (["recommend"], "Missing argument"),
        (["fly"], "No such command"),
        (["run", "quickstart", "--set", "a"], "expected PATH=VALUE"),
    ],
)
def test_faults_of_the_input_are_a_sentence_and_exit_with_2(words, sentence, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, err = p5rec(*words, capsys=capsys)
    assert code == 2
    assert sentence in err.replace("\n", " ")
    assert "Traceback" not in err
    assert not list(tmp_path.iterdir())


def test_neither_user_nor_history_is_a_sentence(finished: Path, capsys):
    code, _, err = p5rec("recommend", finished, capsys=capsys)
    assert code == 2
    assert "give either --user or --history" in err


def test_ids_with_commas_are_quoted_and_an_unknown_history_is_told(finished: Path, capsys):
    code, out, _ = p5rec("recommend", finished, "--history", '"i0", i3', "-k", 1, "--json", capsys=capsys)
    assert json.loads(out)["events_seen"] == 2
    code, _, err = p5rec("recommend", finished, "--history", '"a,b"', capsys=capsys)
    assert code == 2
    assert "--history: none of 1 is an item of this run, as 'a,b'" in err
    code, _, err = p5rec("recommend", finished, "--history", "[1", capsys=capsys)
    assert code == 2
    assert "this looks like a JSON list and is not one" in err


def test_inspect_shows_and_saves_the_schema(shop: dict, tmp_path: Path, capsys):
    code, out, _ = p5rec("inspect", shop["path"], "--out", tmp_path / "schema.toml", capsys=capsys)
    assert code == 0
    assert "user_id" in out
    assert "timestamp" in out
    assert "user_id" in (tmp_path / "schema.toml").read_text()
    code, _, err = p5rec("inspect", shop["path"], "--out", tmp_path / "schema.toml", capsys=capsys)
    assert code == 2
    assert "exists already" in err


@pytest.mark.parametrize(
    "kind", ["model", "task", "source", "split", "filter", "responder", "metric", "modality", "page"]
)
def test_list_names_plugs_and_their_settings(kind: str, capsys):
    code, out, _ = p5rec("list", kind, capsys=capsys)
    assert code == 0
    assert {"model": "sasrec", "page": "quickstart", "split": "leave_one_out"}.get(kind, "") in out


def test_list_leaves_out_what_no_page_can_name(capsys):
    _, out, _ = p5rec("list", "responder", capsys=capsys)
    assert {"blend", "unseen"} <= {*out.split()}
    assert not {"scorer", "answerer"} & {line.split()[0] for line in out.splitlines()}


def test_help_keeps_its_square_brackets(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    _, out, _ = p5rec("tune", "--help", capsys=capsys)
    assert "a page with a [tune] section" in out


@pytest.mark.parametrize("command", typer.main.get_command(cli.app).commands.values(), ids=lambda one: one.name)
def test_nothing_of_a_help_text_is_lost(command, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "400")
    _, out, _ = p5rec(command.name, "--help", capsys=capsys)
    for parameter in command.params:
        assert (getattr(parameter, "help", None) or "").replace("\\[", "[") in " ".join(out.replace("│", " ").split())


def test_doctor_knows_what_each_extra_brings():
    declared = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    extras = declared["project"]["optional-dependencies"]
    assert {extra for extra, _ in BRINGS.values()} == set(extras) - {"all", "dev"}
    named = {re.split("[<>=]", one)[0] for some in extras.values() for one in some}
    assert set(BRINGS) <= named, "a package that no extra installs"


def test_doctor_says_what_is_there_and_what_is_missing(capsys, monkeypatch):
    code, out, _ = p5rec("doctor", capsys=capsys)
    assert code == 0
    assert "torch" in out
    monkeypatch.setattr("p5rec.commands.doctor._version", lambda name: "")
    code, out, _ = p5rec("doctor", capsys=capsys)
    assert "missing" in out
    code, out, _ = p5rec("doctor", "--json", capsys=capsys)
    assert json.loads(out)["packages"]["lightning"] is None


def test_a_recommending_process_loads_no_training_library(finished: Path):
    script = (
        "import sys, p5rec; r = p5rec.load(sys.argv[1]); r.recommend(users=['u1'], k=2);"
        "print(sorted(m for m in ('lightning', 'matplotlib') if m in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script, str(finished)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
