"""The thresholds of a rule: the numbers that its module names, each with its reason.

Others can be had without touching the module: it is made anew, with other numbers in the same
places.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType

Number = int | float


@dataclass(frozen=True, slots=True)
class Threshold:
    """A number that a rule's verdict turns on."""

    value: Number
    reason: str


def thresholds(module: ModuleType) -> dict[str, Threshold]:
    """The module's thresholds by name, in the order of the file; ``min_bytes`` is ``MIN_BYTES``."""
    body = _tree(module).body
    return {
        name.lower(): Threshold(value, _reason(after))
        for node, after in zip(body, [*body[1:], None], strict=False)
        for name, value in _named_numbers(node)
    }


def with_thresholds(module: ModuleType, values: Mapping[str, Number]) -> ModuleType:
    """A module like this one but for these values; this one stays as it is."""
    tree = _tree(module)
    for node in tree.body:
        for name, _ in _named_numbers(node):
            if name.lower() in values:
                assert isinstance(node, (ast.Assign, ast.AnnAssign))
                node.value = ast.copy_location(ast.Constant(values[name.lower()]), node)
    made = ModuleType(module.__name__, module.__doc__)
    made.__dict__.update(__file__=module.__file__, __package__=module.__package__)
    exec(compile(tree, str(module.__file__), "exec"), made.__dict__)
    return made


def _tree(module: ModuleType) -> ast.Module:
    try:
        return ast.parse(inspect.getsource(module))
    except (OSError, TypeError):  # a stranger's module without its source
        return ast.Module([], [])


def _named_numbers(node: ast.stmt) -> Iterator[tuple[str, Number]]:
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, ast.AnnAssign):
        targets = [node.target]
    else:
        return
    value = node.value.value if isinstance(node.value, ast.Constant) else None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return
    for target in targets:
        if isinstance(target, ast.Name) and target.id.isupper():
            yield target.id, value


def _reason(node: ast.stmt | None) -> str:
    """The string below an assignment, on one line."""
    text = node.value if isinstance(node, ast.Expr) else None
    said = text.value if isinstance(text, ast.Constant) else None
    return " ".join(said.split()) if isinstance(said, str) else ""
