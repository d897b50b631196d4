"""The page in a real browser."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from report_toys import toy_report

from p5rec.evaluation.report import write

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.prove,
    pytest.mark.skipif(BROWSER is None, reason="no chromium on this machine to open the page with"),
]


def browse(page: Path, *options: str) -> subprocess.CompletedProcess[str]:
    assert BROWSER is not None
    command = [
        BROWSER,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        f"--user-data-dir={page.parent}/b",
    ]
    return subprocess.run([*command, *options, page.as_uri()], capture_output=True, text=True, timeout=120, check=True)


def test_a_browser_shows_every_section_and_asks_nobody(tmp_path: Path) -> None:
    write(tmp_path, toy_report())
    log = tmp_path / "net.json"
    found = browse(tmp_path / "report.html", "--dump-dom", f"--log-net-log={log}")
    for section in ("comparison", "samples", "slices", "popularity", "map", "curves", "dropped", "numbers", "made"):
        assert f'id="{section}"' in found.stdout
    asked = set(re.findall(r'"url":"(https?://[^"]+)"', log.read_text(errors="replace")))
    own = {url for url in asked if "google" not in url and "gvt1" not in url}  # the browser's own errands
    assert own == set()


@pytest.mark.parametrize("width", [400, 1280])
def test_nothing_stands_out_of_the_page(tmp_path: Path, width: int) -> None:
    write(tmp_path, toy_report())
    page = tmp_path / "report.html"
    probe = (
        "<script>document.title = 'over ' + (document.documentElement.scrollWidth - window.innerWidth)</script></body>"
    )
    page.write_text(page.read_text().replace("</body>", probe))
    found = browse(page, "--dump-dom", f"--window-size={width},2000")
    assert int(re.search(r"<title>over (-?\d+)</title>", found.stdout)[1]) <= 0  # type: ignore[index]
