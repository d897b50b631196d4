"""The command line: the same verbs as in Python; exit codes 0, 1 a fault of the run, 2 a fault of the input."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from p5rec.core.errors import InputError, P5Error

app = typer.Typer(help="From a raw interaction log to a live recommender.", no_args_is_help=True, add_completion=False)
screen = Console(highlight=False, emoji=False)  # ":name:" in a title is no emoji
told = Console(stderr=True, highlight=False, emoji=False)

Settings = Annotated[list[str] | None, typer.Option("--set", metavar="A.B=C", help="change any key of the page")]
Out = Annotated[Path, typer.Option("--out", help="folder to write; it counts as finished only when whole")]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON, as the service answers")]
Run = Annotated[Path, typer.Argument(metavar="DIR", help="folder of a finished run")]
New = Annotated[Path | None, typer.Option("--items", help="a table of new items that join for this answer only")]
Which = Annotated[str | None, typer.Option("--responder", help="model or responder of the run")]


@app.command()
def run(
    page: Annotated[str, typer.Argument(help="a page (TOML file), or the name of a shipped one: p5rec list page")],
    out: Out = Path("runs/latest"),
    settings: Settings = None,
) -> None:
    """The whole job: prepare, train, evaluate, recommend."""
    from p5rec.commands import page as pages
    from p5rec.commands import run as stage

    stage.tell(stage.run(pages.read(page, settings or ()), out), out, screen)


@app.command()
def prepare(
    source: Annotated[str, typer.Argument(help="file or folder of events; 'movielens' fetches MovieLens 100K")],
    out: Out,
    settings: Settings = None,
    users: Annotated[str | None, typer.Option(help="table of users")] = None,
    items: Annotated[str | None, typer.Option(help="table of items")] = None,
) -> None:
    """From a raw log to a dataset folder."""
    from p5rec.commands import verbs

    for name, value in verbs.prepare(source, out, settings or (), users, items).describe().items():
        screen.print(f"{name}: {value}", markup=False)


@app.command()
def train(
    page: Annotated[str, typer.Argument(help="a page, or the name of a shipped one")],
    out: Out,
    data: Annotated[Path | None, typer.Option(help="a prepared dataset folder; else the page's own data")] = None,
    settings: Settings = None,
) -> None:
    """Train the models of a page and choose the weights of its responders."""
    from p5rec.commands import verbs

    verbs.train(page, out, settings or (), data)
    screen.print(f"trained: {out}; measure it with: p5rec evaluate {out}", markup=False)


@app.command()
def evaluate(folder: Run) -> None:
    """Measure a trained run again: the table, report.html and report.json."""
    from p5rec.commands import comparison as stage
    from p5rec.evaluation.table import table

    screen.print(table(stage.run(folder)))
    screen.print(f"report: {folder / 'report.html'}", markup=False)


@app.command()
def tune(
    page: Annotated[str, typer.Argument(help="a page with a \\[tune] section: settings and their ranges")],
    out: Out = Path("runs/tune"),
    settings: Settings = None,
) -> None:
    """Search settings on validation rows; a search that was cut off goes on."""
    from p5rec.commands import page as pages
    from p5rec.commands import show
    from p5rec.commands import tune as stage

    show.search(stage.run(pages.read(page, settings or ()), out), out, screen)


@app.command()
def recommend(
    folder: Run,
    user: Annotated[list[str] | None, typer.Option("--user", help="raw user id; may be repeated")] = None,
    history: Annotated[str | None, typer.Option(help="raw item ids as a line of CSV, oldest first")] = None,
    k: Annotated[int, typer.Option("-k", min=1, max=1000, help="items each")] = 10,
    candidates: Annotated[str | None, typer.Option(help="only these raw item ids, with commas between")] = None,
    exclude: Annotated[str | None, typer.Option(help="none of these raw item ids, with commas between")] = None,
    responder: Which = None,
    instruction: Annotated[str, typer.Option(help="words that steer: 'something from Comedy', 'not Horror'")] = "",
    items: New = None,
    as_json: AsJson = False,
) -> None:
    """Items for users or for a history, each with its reason."""
    from p5rec.commands import ask, show

    with ask.opened(folder, responder, items) as counter:
        names, answers = counter.recommend(user, _ids(history), k, _ids(candidates), _ids(exclude), instruction)
    if as_json:
        typer.echo(show.as_json(answers))
    else:
        show.recommendations(counter.recommender, names, answers, screen)


@app.command()
def ask(
    folder: Run,
    prompt: Annotated[
        str,
        typer.Argument(
            help="words, and {user} {history} {item} {candidates}; those you give and do not name "
            "stand in front in this order"
        ),
    ],
    user: Annotated[str | None, typer.Option("--user", help="{user}, and whose history {history} is")] = None,
    history: Annotated[str | None, typer.Option(help="{history}: raw item ids, oldest first")] = None,
    item: Annotated[str | None, typer.Option("--item", help="{item}: raw item id")] = None,
    candidates: Annotated[str | None, typer.Option(help="{candidates}: only these raw item ids are ranked")] = None,
    k: Annotated[int, typer.Option("-k", min=1, max=1000, help="items, where the prompt asks for items")] = 10,
    as_json: AsJson = False,
) -> None:
    """A prompt in words, answered with items, a number or a text, as it asks."""
    from p5rec.commands import ask as asking
    from p5rec.commands import show

    with asking.opened(folder) as counter:
        answer = counter.ask(prompt, user, _ids(history), item, _ids(candidates), k)
    typer.echo(show.as_json([answer])) if as_json else show.reply(answer, screen)


@app.command()
def explain(
    folder: Run,
    user: Annotated[str, typer.Option("--user", help="raw user id")],
    item: Annotated[str, typer.Option("--item", help="raw item id")],
    feature: Annotated[str, typer.Option(help="what the sentence shall speak of, as 'sound'")] = "",
    as_json: AsJson = False,
) -> None:
    """Why a user may like an item, or not."""
    from p5rec.commands import ask as asking
    from p5rec.commands import show

    with asking.opened(folder) as counter:
        answer = counter.explain(user, item, feature)
        if as_json:
            typer.echo(show.as_json([answer]))
        else:
            show.explanation(counter.recommender, answer, screen)


@app.command()
def similar(
    folder: Run,
    item: Annotated[str, typer.Option("--item", help="raw item id")],
    k: Annotated[int, typer.Option("-k", min=1, max=1000, help="items")] = 10,
    responder: Which = None,
    items: New = None,
    as_json: AsJson = False,
) -> None:
    """The items most like one."""
    from p5rec.commands import ask, show

    with ask.opened(folder, responder, items) as counter:
        answer = counter.similar(item, k)
    if as_json:
        typer.echo(show.as_json([answer]))
    else:
        show.recommendations(counter.recommender, [f"like {item}"], [answer], screen, reasons=False)


@app.command("add-items")
def add_items(
    folder: Run,
    table: Annotated[Path, typer.Argument(metavar="TABLE", help="new items: CSV, TSV, Parquet or JSON lines")],
    as_json: AsJson = False,
) -> None:
    """New items join a run by their content, at once and for good; a running service takes them by POST /items."""
    from p5rec.commands import show
    from p5rec.commands.recommender import Recommender

    added = Recommender.load(folder).add_items(table)
    typer.echo(show.as_json([added])) if as_json else show.added(added, screen)


@app.command()
def serve(
    folder: Run,
    host: Annotated[str, typer.Option(help="address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one")] = 8000,
    store: Annotated[Path | None, typer.Option(help="folder of the event log; DIR/store by default")] = None,
) -> None:
    """Answer over HTTP: events, recommendations, similar items, new items."""
    from p5rec.commands import serve as stage

    stage.run(folder, host, port, store)


@app.command()
def inspect(
    file: Annotated[str, typer.Argument(help="a file or folder of events")],
    out: Annotated[Path | None, typer.Option("--out", help="write the schema as TOML, to edit and give back")] = None,
) -> None:
    """The schema inferred from a file."""
    from p5rec.commands import inspect as stage

    stage.run(file, screen, out)


@app.command("list")
def list_(kind: Annotated[str, typer.Argument(help="model, task, source, split, …, or page")]) -> None:
    """All plugs of a kind with their settings, or all shipped pages."""
    from p5rec.commands import show

    show.plugs(kind, screen)


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """What is installed, what is missing and what it would bring."""
    from p5rec.commands import show

    show.findings(screen, as_json)


def main() -> None:
    """Entry point: a fault is a sentence on stderr, never a traceback; 2 for the input's, 1 for the run's."""
    try:
        app(standalone_mode=False)
    except P5Error as error:
        told.print(str(error), markup=False, soft_wrap=True)
        sys.exit(error.exit_code)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        told.print(f"{where}{error.strerror or error}", markup=False, soft_wrap=True)
        sys.exit(1)
    except typer.Exit as done:
        sys.exit(done.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        sys.exit(130)
    except Exception as error:
        if not hasattr(error, "exit_code") or not hasattr(error, "format_message"):
            raise
        told.print(error.format_message(), markup=False)
        sys.exit(error.exit_code)


def _ids(text: str | None) -> list[str] | None:
    """Ids with commas between, quoted as in CSV where they hold commas; or a JSON list."""
    if text is None:
        return None
    if text.startswith("["):
        try:
            return [str(key) for key in json.loads(text)]
        except json.JSONDecodeError as error:
            raise InputError(f"{text}: this looks like a JSON list and is not one: {error}") from None
    return [key.strip() for key in next(csv.reader([text], skipinitialspace=True), []) if key.strip()]
