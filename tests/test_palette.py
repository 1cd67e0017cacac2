"""The report's colours: text is readable, and stages stay apart for colour-blind readers."""

from __future__ import annotations

import itertools
import math
import re

import numpy as np
import numpy.typing as npt
import pytest

from infprof.profiler.events import STAGES
from infprof.reports import as_html

Colour = npt.NDArray[np.float64]
"""Linear red, green and blue."""

SEEN_BY = {
    "anybody": np.eye(3),
    "protanopes": np.array(
        [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]]
    ),
    "deuteranopes": np.array(
        [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]
    ),
    "tritanopes": np.array(
        [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]]
    ),
}
"""Machado, Oliveira and Fernandes (2009), severity 1.0."""

TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
WHITE = np.array([0.9505, 1.0, 1.089])


def palette(theme: int) -> dict[str, Colour]:
    """Every custom property of the style sheet, in the light (0) or the dark (1) theme."""
    found: dict[str, Colour] = {}
    for name, value in re.findall(r"--([\w-]+): ([^;]+);", as_html._template("report.css")):
        colours = re.findall(r"#([0-9a-f]{3,6})\b", value)
        found.setdefault(name, linear(colours[min(theme, len(colours) - 1)]))
    return found


def linear(code: str) -> Colour:
    code = code if len(code) == 6 else "".join(digit * 2 for digit in code)
    parts = np.array([int(code[i : i + 2], 16) / 255 for i in (0, 2, 4)])
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def contrast(one: Colour, other: Colour) -> float:
    """WCAG 2: 4.5 is enough for text, 3 for large text."""
    low, high = sorted(float(TO_XYZ[1] @ colour) for colour in (one, other))
    return (high + 0.05) / (low + 0.05)


def lab(colour: Colour) -> list[float]:
    x, y, z = (TO_XYZ @ np.clip(colour, 0, 1)) / WHITE
    f = [t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116 for t in (x, y, z)]
    return [116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])]


TEXT = [
    *((text, page) for text in ("ink", "quiet", "link") for page in ("page", "card", "code")),
    ("ink", "warn-page"), ("quiet", "warn-page"), ("warn", "warn-page"),
    ("ink", "bad-page"), ("quiet", "bad-page"), ("bad", "bad-page"),
    *((f"on-{stage}", stage) for stage in STAGES if stage != "unattributed"),
]  # fmt: skip


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("text", "page"), TEXT)
def test_text_is_readable(theme: int, text: str, page: str) -> None:
    colours = palette(theme)
    assert contrast(colours[text], colours[page]) >= 4.5


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("reader", SEEN_BY)
def test_no_two_stages_look_the_same(theme: int, reader: str) -> None:
    colours = palette(theme)
    seen = {stage: lab(SEEN_BY[reader] @ colours[stage]) for stage in STAGES[:-1]}
    closest = min(math.dist(seen[a], seen[b]) for a, b in itertools.combinations(seen, 2))
    assert closest >= 15  # about six times the smallest difference one can notice
