"""The peak of memory of whole runs beside the estimate that `p5rec run` prints before it trains.

    python benchmarks/memory.py PAGE[,key=value…] … [--out benchmarks/results/memory.md]

Each page runs in a process of its own, e.g. `sequences,data.path=sequences.txt,model.sasrec.train.epochs=1`: the
passes do not change the peak. Both numbers are the program's own: the first estimate, and the peak of the resident
memory, sampled twenty times a second.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import recorded
import torch


def measured(page: str, settings: list[str]) -> tuple[float, float]:
    """MB that were told, and MB that were taken."""
    with TemporaryDirectory() as folder:
        sets = [part for one in settings for part in ("--set", one)]
        program = "from p5rec.cli import main; main()"
        command = [sys.executable, "-c", program, "run", page, *sets, "--out", f"{folder}/run"]
        done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    told = re.findall(r"estimate: [^\n]*memory ([\d,]+) MB", done.stderr)
    took = re.findall(r"peak memory ([\d,]+) MB", done.stderr)
    return _number(told[0]), _number(took[-1])


def _number(text: str) -> float:
    return float(text.replace(",", ""))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", nargs="+")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    lines = ["| page | settings | told, MB | taken, MB | told / taken |", "|---|---|---|---|---|"]
    for given in options.pages:
        page, *settings = given.split(",")
        told, took = measured(page, settings)
        shown = ", ".join(one.replace(str(Path(one.split("=", 1)[1]).parent) + "/", ".../") for one in settings)
        lines.append(f"| {page} | {shown} | {told:,.0f} | {took:,.0f} | {told / took:.2f} |")
        print(lines[-1], flush=True)
    head = [
        "# Memory, told and taken",
        "",
        f"`python benchmarks/memory.py PAGE,SETTINGS …` with the pages and settings of the table, "
        f"{datetime.now(UTC):%Y-%m-%d}, commit {recorded.commit()}, {os.cpu_count()} cores, {platform.machine()}, "
        f"torch {torch.__version__}.",
        "",
    ]
    if options.out:
        options.out.write_text("\n".join([*head, *lines]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
