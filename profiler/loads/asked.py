"""A load generator's command line with what makes it write its result where we find it.

What the user's own options say stays as it is: a tool that already writes a result is read there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from glob import escape
from pathlib import Path

from infprof.profiler import registry
from infprof.profiler.loads.load import Arrivals

OUT = "{out}"
"""In a command: a file of ours, for tools that are not known here."""

LAUNCHERS = frozenset(
    "env nice ionice chrt time timeout taskset numactl stdbuf npx uv uvx poetry pipenv".split()
)
"""What may stand before a program's name. Not ``docker``: what runs there sees no file of ours."""
PYTHON = re.compile(r"python(\d(\.\d+t?)?)?")


@dataclass(frozen=True, slots=True)
class Asked:
    """A command, and where its result will be."""

    words: list[str]
    places: tuple[str, ...] = ()
    """Patterns of paths. What matches none is looked for in what the command prints."""
    after: list[str] | None = None
    """A command to run when the first has ended; it prints the result."""
    users: int | None = None
    """What the options alone tell, as in ``Level``: ``concurrency``, ``offered_per_s``."""
    rate_per_s: float | None = None
    arrivals: Arrivals | None = None


@dataclass(frozen=True, slots=True)
class Command:
    """The words that a user gave, from the program's name on looked at for options."""

    words: list[str]
    at: int = field(default=0)
    """Where the program's name is."""

    def named(self, *names: str) -> Command | None:
        """The same, if it runs a program, module or script with one of these names."""
        for place, word in enumerate(self.words):
            if Path(word).name.removesuffix(".py") in names:
                return Command(self.words, place)
            if place == 0 and not _launches(word):
                return None
        return None

    def has(self, *options: str) -> bool:
        """Whether one of these options is given, with or without a value behind ``=``."""
        return any(word.partition("=")[0] in options for word in self.words[self.at :])

    def value(self, *options: str) -> str | None:
        """What is given for one of these options; ``None`` where none is."""
        own = self.words[self.at :]
        for word, after in zip(own, [*own[1:], ""], strict=True):
            name, equals, value = word.partition("=")
            if name in options:
                return value if equals else after
        return None

    def number(self, *options: str) -> float | None:
        """As ``value``; ``None`` also where it is no number above 0."""
        try:
            found = float(self.value(*options) or 0)
        except ValueError:
            return None
        return found if 0 < found < float("inf") else None

    def users(self, *options: str) -> int | None:
        """As ``number``, whole."""
        found = self.number(*options)
        return None if found is None else round(found)

    def with_options(self, *options: str, after: str | None = None) -> list[str]:
        """The words with options behind the program's name, or behind its subcommand ``after``."""
        place = self.at if after is None else self.words.index(after, self.at)
        return [*self.words[: place + 1], *options, *self.words[place + 1 :]]


def asked(words: Sequence[str], folder: Path) -> Asked:
    """The command that writes its result into ``folder``, by the tool that knows it; else as it is,
    with ``OUT`` replaced."""
    if any(OUT in word for word in words):
        place = str(folder / "out")
        return Asked([word.replace(OUT, place) for word in words], (f"{escape(place)}*",))
    for tool in registry.load("infprof.profiler.loads.tools", "infprof.loads").values():
        ask = getattr(tool, "asked", None)
        found: Asked | None = None if ask is None else ask(Command(list(words)), folder)
        if found is not None:
            return found
    return Asked(list(words))


def _launches(word: str) -> bool:
    name = Path(word).name
    return name in LAUNCHERS or PYTHON.fullmatch(name) is not None
