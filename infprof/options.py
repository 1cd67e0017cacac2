"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from infprof.asked import Asked

Command = Callable[..., Any]

folder = click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    default=Path("infprof-report"),
    show_default=True,
    help="Folder for report.html, report.json and recording/.",
)
tables = click.option(
    "--tables",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Your own libraries' stages, beside the known ones (JSON; see docs/how-it-works.md).",
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")

_ignore = click.option(
    "--ignore",
    multiple=True,
    metavar="RULE",
    help="Do not ask this rule. May be repeated; infprof.toml may say it too (docs/settings.md).",
)
_rules = click.option(
    "--rules",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A rule of your own, a Python file, which is run. May be repeated (docs/own-rules.md).",
)
_price = click.option(
    "--price-per-hour",
    type=float,
    metavar="PRICE",
    help="What the machine costs an hour, in any currency: the report says what requests cost.",
)


def judged(command: Command) -> Command:
    """Gives a command the options on how to judge, and gives it what they say as ``asked``."""

    @wraps(command)
    def call(*args: Any, **options: Any) -> Any:
        asked = Asked(**{name: options.pop(name) for name in Asked._fields})
        return command(*args, asked=asked, **options)

    return _ignore(_rules(_price(call)))
