"""Rules from files of the user's own. Such a file is a program: to load it is to run it."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import get_args

from infprof.profiler.bad_input import BadInput
from infprof.profiler.nearest import no_such
from infprof.rules.evidence import Need

PREFIX = "infprof_own_rules."
"""Before the names of such modules, so that none hides another module."""

NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


def own_rules(files: Iterable[Path], known: Mapping[str, ModuleType]) -> dict[str, ModuleType]:
    """The known rules and those of the files. A rule is called as its file is.

    Raises ``BadInput`` for a file that holds no rule, or one whose name is taken.
    """
    found = dict(known)
    for file in files:
        rule = file.stem.replace("_", "-")
        if rule in found:
            raise BadInput(f"{file}: there is a rule {rule} already; give the file another name")
        found[rule] = _load(file)
    return found


def _load(file: Path) -> ModuleType:
    if file.suffix != ".py" or not NAME.fullmatch(file.stem):
        raise BadInput(f"{file}: name the rule's file like slow_database.py")
    if not file.is_file():
        raise BadInput(f"{file}: no such file")
    name = f"{PREFIX}{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file.absolute())
    assert spec is not None and spec.loader is not None, "the ending says that it is Python"
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look for their module there
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        said = " ".join(str(error).split())
        raise BadInput(f"{file}: does not load ({type(error).__name__}: {said})") from error
    _check(file, module)
    return module


def _check(file: Path, module: ModuleType) -> None:
    """A rule that cannot work is told now, and not in each report."""
    if not callable(getattr(module, "check", None)):
        raise BadInput(f"{file}: a rule has a function check(evidence)")
    if not (module.__doc__ or "").strip():
        raise BadInput(f"{file}: a rule has a docstring that says what it looks for")
    named, needs = getattr(module, "NEEDS", ()), get_args(Need)
    if not isinstance(named, (tuple, list)):
        raise BadInput(f'{file}: NEEDS must be a tuple, as ("requests",) is')
    for need in named:
        if need not in needs:
            otherwise = f"known are {', '.join(needs)}"
            raise BadInput(f"{file}: NEEDS: {no_such('need', str(need), needs, otherwise)}")
