"""The HTML report in a real browser: it draws, it follows the theme, and nothing is blocked."""

from __future__ import annotations

import re
import shutil
import subprocess
import zlib
from pathlib import Path

import pytest

from infprof.reports import as_html
from infprof.reports.report import Report
from tests.hostile import HOSTILE, full_of
from tests.sample_report import sample

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH"),
]

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync "
    "--disable-background-networking --disable-component-update --hide-scrollbars "
    "--virtual-time-budget=3000 --window-size=1200,2400 --enable-logging=stderr"
).split()
DARK, LIGHT = 0, 1

CLICKS = """
const dark = () => getComputedStyle(document.body).backgroundColor;
const seen = [dark()];
document.getElementById("theme").click();
seen.push(dark());
document.documentElement.dataset.seen = seen.join(" then ");
document.documentElement.dataset.copies = document.querySelectorAll(".snippet button").length;
document.querySelectorAll("details").forEach((details) => { details.open = true; });
"""


def browse(folder: Path, page: str, *flags: str) -> str:
    """Open ``page`` from disk; returns what the browser prints, and fails on any complaint."""
    path = folder / "report.html"
    path.write_text(page, "utf-8")
    command = [str(CHROMIUM), *FLAGS, f"--user-data-dir={folder / 'profile'}", *flags]
    done = subprocess.run(
        [*command, path.as_uri()], capture_output=True, text=True, timeout=120, check=True
    )
    assert "CONSOLE" not in done.stderr, done.stderr
    return done.stdout


def dom(folder: Path, report: Report) -> str:
    return browse(folder, as_html.render(report), "--dump-dom")


def corner(image: bytes) -> tuple[int, ...]:
    """Red, green and blue of a PNG's first pixel, which no PNG filter changes."""
    parts, at = b"", 8
    while at < len(image):
        length = int.from_bytes(image[at : at + 4], "big")
        if image[at + 4 : at + 8] == b"IDAT":
            parts += image[at + 8 : at + 8 + length]
        at += 12 + length
    return tuple(zlib.decompressobj().decompress(parts, 4)[1:4])


@pytest.mark.parametrize(("theme", "darkest", "brightest"), [(LIGHT, 240, 255), (DARK, 0, 40)])
def test_it_draws_its_charts_and_follows_the_theme(
    tmp_path: Path, theme: int, darkest: int, brightest: int
) -> None:
    image, report = tmp_path / "page.png", sample()
    flags = (f"--screenshot={image}", f"--blink-settings=preferredColorScheme={theme}")
    shown = browse(tmp_path, as_html.render(report), "--dump-dom", *flags)
    assert f"<h1>{report.verdict.sentence}</h1>" in shown
    assert 'data-charts="9"' in shown  # the histogram and the eight charts that are not folded
    assert "data-errors" not in shown
    assert all(darkest <= part <= brightest for part in corner(image.read_bytes()))
    assert image.stat().st_size > 50_000  # there is something on it


def test_its_buttons_and_folds_work(tmp_path: Path) -> None:
    page = re.sub(r"<meta http-equiv[^>]*>", "", as_html.render(sample()))
    shown = browse(
        tmp_path,
        page.replace("</body>", f"<script>{CLICKS}</script></body>"),
        "--dump-dom",
        f"--blink-settings=preferredColorScheme={LIGHT}",
    )
    assert 'data-seen="rgb(248, 248, 246) then rgb(19, 21, 25)"' in shown
    assert 'data-theme="dark"' in shown
    assert 'data-copies="8"' in shown  # seven findings and the command line
    assert 'data-charts="11"' in shown
    assert "data-errors" not in shown


def test_a_script_that_is_not_ours_is_blocked_and_noticed(tmp_path: Path) -> None:
    page = as_html.render(sample())
    path = tmp_path / "report.html"
    path.write_text(page.replace("</body>", "<script>document.title = 'owned'</script></body>"))
    command = [str(CHROMIUM), *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom"]
    shown = subprocess.run(
        [*command, path.as_uri()], capture_output=True, text=True, timeout=120, check=True
    ).stdout
    assert "<title>owned</title>" not in shown
    assert "data-errors" in shown


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    everything = " ".join(text for text in HOSTILE if len(text) < 1000)
    shown = dom(tmp_path, full_of(everything))
    assert 'data-charts="9"' in shown
    assert "data-errors" not in shown
    assert "<iframe" not in shown.partition('<script type="application/json"')[0]
