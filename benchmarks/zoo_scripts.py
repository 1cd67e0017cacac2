"""What the scripts of the zoo say they plant, read without running them."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "zoo"


@dataclass(frozen=True, slots=True)
class Script:
    """What a script's ``ZOO`` says, read without running it."""

    path: Path
    zoo: dict[str, Any]
    lines: frozenset[int]
    """Where the comments ``# planted`` stand."""

    @property
    def how(self) -> str:
        """Which command of infprof is asked: ``run``, ``attach`` or ``report``."""
        return str(self.zoo.get("how", "run"))

    def stages(self, cured: bool) -> tuple[str, ...]:
        """Stages that may come first in the report; none where the report is of a load test."""
        key = "cured_stage" if cured else "stage"
        return (self.zoo[key], *self.zoo.get(f"{key}_also", [])) if key in self.zoo else ()

    def rules(self) -> tuple[str, ...]:
        """Rules that may come first; nothing where the stage is all that can be asked for."""
        return tuple(rule for rule in (self.zoo["rule"], *self.zoo["also"]) if rule)

    def true(self) -> tuple[str, ...]:
        """Rules whose findings are no false ones; what is true as well, but no first answer, stands
        in ``true_too``, beside what shows it."""
        return (*self.rules(), *self.zoo.get("true_too", []))

    def healthy(self, cured: bool) -> bool:
        """Whether nothing at all should be found."""
        return bool(self.zoo["healthy"] or (cured and self.zoo.get("healthy_when_cured", False)))


def scripts(names: list[str] | None = None) -> list[Script]:
    """The scripts of the zoo, or those with these names; what starts with ``_`` is no script."""
    found = sorted(FOLDER.glob("[!_]*.py"))
    if unknown := set(names or ()) - {path.stem for path in found}:
        raise SystemExit(f"No such script in the zoo: {', '.join(sorted(unknown))}.")
    return [read(path) for path in found if not names or path.stem in names]


def read(path: Path) -> Script:
    """A script's ``ZOO`` and its planted lines."""
    text = path.read_text()
    lines = frozenset(n for n, line in enumerate(text.splitlines(), 1) if "# planted" in line)
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "ZOO":
            return Script(path, ast.literal_eval(node.value), lines)
    raise LookupError(f"{path.name} has no ZOO")
