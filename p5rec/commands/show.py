"""What the commands print: recommendations, similar items, schemas, plugs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from p5rec.commands import doctor
from p5rec.commands.folders import FOLDERS
from p5rec.commands.page import shipped
from p5rec.commands.recommender import Recommender
from p5rec.core.errors import InputError, nearest
from p5rec.core.plugins import Plug
from p5rec.evaluation.search import Search
from p5rec.serving.answer import Added, Explanation, Recommendation, Reply


def recommendations(
    recommender: Recommender, asked: list[str], answers: list[Recommendation], screen: Console, reasons: bool = True
) -> None:
    """A short table for each user, history or item: titles, and why."""
    items, titles = recommender.dataset.items, recommender.dataset.titles
    for name, answer in zip(asked, answers, strict=True):
        table = Table(title=Text(name, "bold"), title_justify="left", box=None, padding=(0, 2, 0, 0))
        for head in ("", "item", "because") if reasons else ("", "item", "id"):
            table.add_column(head)
        for rank, one in enumerate(answer.items, start=1):
            why = f"because you chose {titles[items.number(one.because)]}" if one.because else "many choose it"
            table.add_row(str(rank), Text(one.title), Text(why if reasons else one.item_id))
        screen.print(table)
        if answer.note:
            screen.print(f"  {answer.note}", markup=False)


def added(answer: Added, screen: Console) -> None:
    """How many items joined."""
    known = f", {answer.known:,} known already" if answer.known else ""
    screen.print(f"{answer.added:,} new items can be recommended now{known}", markup=False)
    if answer.note:
        screen.print(f"  {answer.note}", markup=False)


def reply(answer: Reply, screen: Console) -> None:
    """Ranked titles, a number, or a text."""
    for rank, one in enumerate(answer.items or (), start=1):
        screen.print(f"{rank:>3}  {one.title}  ({one.item_id})", markup=False)
    if answer.number is not None:
        screen.print(f"{answer.number:.2f}", markup=False)
    if answer.text is not None:
        screen.print(answer.text, markup=False)
    if answer.note:
        screen.print(f"  {answer.note}", markup=False)


def explanation(recommender: Recommender, answer: Explanation, screen: Console) -> None:
    """The sentence, and the item of the history that speaks most for the item."""
    items, titles = recommender.dataset.items, recommender.dataset.titles
    if answer.text is not None:
        screen.print(answer.text, markup=False)
    why = f"you chose {titles[items.number(answer.because)]}" if answer.because else "many choose it"
    screen.print(f"{answer.title}: because {why}", markup=False)
    if answer.note:
        screen.print(f"  {answer.note}", markup=False)


def as_json(answers: Sequence[BaseModel]) -> str:
    """The answers as the service gives them; one object, or a list where several were asked for."""
    found = [answer.model_dump(mode="json", exclude_none=True) for answer in answers]
    return json.dumps(found[0] if len(found) == 1 else found, ensure_ascii=False)


def search(found: Search, out: Path, screen: Console) -> None:
    """The best settings of a search, what mattered, and where things lie."""
    best = found.best
    if best is not None:
        screen.print(
            f"{found.metric} of {found.of} on validation rows: {best.value:.4f} (trial {best.number})", markup=False
        )
        for key, value in best.settings.items():
            share = f"  ({found.importance[key]:.0%} of what mattered)" if key in found.importance else ""
            screen.print(f"  {key} = {json.dumps(value)}{share}", markup=False)
    screen.print(
        f"\npage      {out / 'best.toml'}\nlook      {out / 'tune.html'}\nnumbers   {out / 'trials.csv'}", markup=False
    )


def plugs(kind: str, screen: Console) -> None:
    """All plugs of a kind with their settings, from the one place where each is written.

    Raises:
        InputError: there is no such kind.
    """
    if kind in ("page", "pages"):
        for name in shipped():
            screen.print(name, markup=False)
        return
    if kind not in FOLDERS:
        raise InputError(f"list: there is no kind {kind!r}; {nearest(kind, [*FOLDERS, 'page'])}")
    for name in FOLDERS[kind].offered():
        plug: type[Plug] = FOLDERS[kind].load(name)
        screen.print(f"[bold]{escape(name)}[/]  {escape((plug.__doc__ or '').strip().splitlines()[0])}")
        for setting, field in plug.Config.model_fields.items():
            screen.print(
                f"    {escape(setting)} = {escape(_default(field))}  [dim]{escape(field.description or '')}[/]"
            )


def findings(screen: Console, as_json: bool) -> None:
    """What ``p5rec doctor`` says."""
    if as_json:
        found = {one.package: one.version or None for one in doctor.findings()}
        screen.print_json(data={"packages": found, "machine": doctor.machine()})
    else:
        screen.print(doctor.table())


def _default(field: FieldInfo) -> str:
    return (
        "(required)" if field.is_required() else json.dumps(field.get_default(call_default_factory=True), default=str)
    )
