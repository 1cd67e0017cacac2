"""The Report as one HTML file that opens from disk and never asks the network for anything.

Names in it come from other people's programs. They reach the page by autoescape or as JSON in a
data block; scripts run only if their hash is in the page's content security policy.
"""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from infprof.profiler.events import STAGES
from infprof.reports import (
    advice_words,
    cost_words,
    facts,
    load_words,
    phrases,
    roofline_words,
    serving_words,
    wording,
)
from infprof.reports.report import Report
from infprof.reports.request_paths import slowest_in_words

if TYPE_CHECKING:
    from jinja2 import Environment

EXTENSION = "html"

SHOWN_CHARTS = 8
SHOWN_FUNCTIONS = 8
"""More would push the findings off the first screens; the drawings below have them all."""

_ACTIVE = re.compile(f"[<>&]|{wording.UNSAFE.pattern}")
_LINK = re.compile(r"https?://[\w.~:/?#@!$&()*+,;=%-]+", re.ASCII)
_FILTERS = {
    "ms": wording.ms,
    "share": wording.share,
    "size": wording.size,
    "count": wording.count,
    "count_or_dash": wording.count_or_dash,
    "saving": phrases.saving,
    "trust": phrases.trust,
    "chart_title": facts.chart_title,
    "chart_summary": facts.chart_summary,
}


def get_ready() -> None:
    """Compile the templates, which takes longer than to render them."""
    environment = _environment()
    for name in environment.list_templates(extensions=["html"]):
        environment.get_template(name)


def render(report: Report) -> str:
    """The whole page."""
    from markupsafe import Markup

    scripts = [_template("chart.umd.min.js"), _template("report.js")]
    return (
        _environment()
        .get_template("report.html")
        .render(
            report=report,
            facts=facts,
            phrases=phrases,
            advice=advice_words,
            cost=cost_words,
            roofline=roofline_words,
            serving=serving_words,
            load=load_words,
            slowest_in_words=slowest_in_words,
            shown_charts=SHOWN_CHARTS,
            most_functions=SHOWN_FUNCTIONS,
            style=Markup(_template("report.css")),
            scripts=[Markup(script) for script in scripts],
            hashes=Markup(" ".join(f"'sha256-{_sha256(script)}'" for script in scripts)),
            data=Markup(data_block(report)),
        )
    )


def data_block(report: Report) -> str:
    """The Report as JSON in which nothing can end the script element that holds it."""
    return _ACTIVE.sub(lambda found: _json_escape(found[0]), report.to_json(indent=None))


def is_link(text: str) -> bool:
    """Whether ``text`` is a plain web address, and nothing that could act or deceive."""
    return _LINK.fullmatch(text) is not None


def stage_class(stage: str) -> str:
    """The CSS class that colours a stage; a stage we do not know is grey."""
    return stage if stage in STAGES else "unknown"


def width(part: float, whole: float) -> str:
    """Per cent of ``whole``, as the style sheet wants it, whatever the document says."""
    return f"{100 * min(max(part / whole, 0), 1):.2f}" if whole > 0 else "0"


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("infprof.reports"),
        autoescape=True,
        finalize=_finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(_FILTERS, name=_name, stage_class=stage_class, width=width)
    environment.tests["link"] = is_link
    return environment


def _finalize(value: object) -> object:
    """Nothing invisible or reversing reaches the page, wherever a template prints a value."""
    return value if hasattr(value, "__html__") else wording.printable(str(value))


@cache
def _json_escape(character: str) -> str:
    units = character.encode("utf-16-be")
    return "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2))


def _name(text: str) -> str:
    return wording.plain(text, facts.LONGEST)


@cache
def _template(name: str) -> str:
    return files("infprof.reports").joinpath("templates", name).read_text("utf-8")


def _sha256(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
