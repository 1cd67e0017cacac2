"""From what a user asks for to a ``Choice`` of rules. What names nothing is a ``BadInput``."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType

from infprof.profiler.bad_input import BadInput
from infprof.profiler.nearest import no_such
from infprof.rules.choice import Choice, catalog
from infprof.rules.own import own_rules
from infprof.rules.thresholds import Number, thresholds, with_thresholds

Values = Mapping[str, object]

LIST_THEM = "`infprof rules` lists them all"


def choose(
    ignored: Iterable[tuple[str, str]],
    values: Mapping[str, Values],
    own: Iterable[Path] = (),
    said_by: str = "",
) -> Choice:
    """The rules to ask. ``ignored`` has each rule with who says so, ``values`` has thresholds by
    rule and name, which ``said_by`` says, and ``own`` files with rules of the user's.

    Raises ``BadInput`` for a name that is no rule or no threshold, a value that cannot be one, and
    a file that holds no rule.
    """
    rules = own_rules(own, catalog())
    silent = {_known(rule, rules, said_by): said_by for rule, said_by in ignored}
    for rule, new in values.items():
        place = f"{said_by}: thresholds.{rule}"
        name = _known(rule, rules, f"{said_by}: thresholds")
        if new:
            rules[name] = with_thresholds(rules[name], _checked(rules[name], new, place))
    return Choice(rules, silent)


def _known(rule: str, rules: Mapping[str, ModuleType], said_by: str) -> str:
    name = rule.lower()
    if name not in rules:
        raise BadInput(f"{said_by}: {no_such('rule', rule, rules, LIST_THEM)}")
    return name


def _checked(module: ModuleType, values: Values, place: str) -> dict[str, Number]:
    known, found = thresholds(module), dict[str, Number]()
    for name, value in values.items():
        if name.lower() not in known:
            named = f"known are {', '.join(known)}" if known else "this rule has none"
            raise BadInput(f"{place}: {no_such('threshold', name, known, named)}")
        found[name.lower()] = _number(value, known[name.lower()].value, f"{place}.{name}")
    return found


def _number(value: object, like: Number, place: str) -> Number:
    """``value`` as a number of the same kind as ``like``."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
        raise BadInput(f"{place}: must be a number from 0 up, as {like} is")
    if isinstance(like, int) and value != int(value):
        raise BadInput(f"{place}: must be a whole number, as {like} is")
    return type(like)(value)
