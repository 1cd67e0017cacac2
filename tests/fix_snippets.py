"""The code that rules give as fixes: found in their sources, filled in, and run."""

from __future__ import annotations

import ast
import builtins
import gc
import importlib
import inspect
import os
import tracemalloc
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import torch

from tests.snippets import reader

HERE = Path(__file__).parent / "snippets"

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # torch's compiler uses what torch calls deprecated
    importlib.import_module("torch._inductor.compile_fx")
torch._inductor.config.compile_threads = 1  # here, without a pool of processes for so little


class Snippet(NamedTuple):
    """The code of one fix, as a report shows it."""

    rule: str
    number: int
    code: str

    def __str__(self) -> str:
        return f"{self.rule}-{self.number}"


def fixes(module: ModuleType) -> Iterator[ast.Call]:
    """Every place in a rule's source that makes a ``Fix``."""
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Fix":
            yield node


def snippets(rule: str, module: ModuleType) -> list[Snippet]:
    """The code of a rule's fixes; more than one of a fix that is filled in in several ways."""
    written = [one.value for fix in fixes(module) for one in fix.keywords if one.arg == "code"]
    try:
        values = getattr(around(rule), "VALUES", [{}])
        codes = [code for one in written for code in _filled(one, vars(module), values)]
    except (LookupError, ImportError, AttributeError) as error:  # this rule's test alone must fail
        said = f"tests/snippets/{rule.replace('-', '_')}.py: {type(error).__name__}: {error}"
        codes = [f"raise LookupError({said!r})"]
    return [Snippet(rule, number, code) for number, code in enumerate(filter(None, codes), 1)]


def _filled(written: ast.expr, known: dict[str, Any], values: list[dict[str, Any]]) -> list[str]:
    asked = {one.id for one in ast.walk(written) if isinstance(one, ast.Name)}
    asked -= known.keys() | vars(builtins).keys()
    if not asked:
        values = [{}]
    fitting = [one for one in values if asked <= one.keys()]
    if not fitting:
        raise LookupError(f"no VALUES for {', '.join(sorted(asked))}")
    program = compile(ast.Expression(written), "<code>", "eval")
    return list(dict.fromkeys(eval(program, {**known, **one}) for one in fitting))


def around(rule: str) -> ModuleType:
    """What this rule's code leaves to its reader beside the usual, anew at each call."""
    name = rule.replace("-", "_")
    if not (HERE / f"{name}.py").is_file():
        return ModuleType("nothing")
    return importlib.reload(importlib.import_module(f"tests.snippets.{name}"))


def stated(snippet: Snippet, name: str) -> str | None:
    """``NOT_PYTHON`` or ``NEEDS_GPU`` as it is said of this code: of all, or of one with a text."""
    words: str | dict[str, str] = getattr(around(snippet.rule), name, {})
    if isinstance(words, str):
        return words
    return next((why for text, why in words.items() if text in snippet.code), None)


def not_installed(tree: ast.Module) -> list[str]:
    """The packages that a code imports and that are not here."""
    roots = {name.split(".")[0] for name, _ in _imports(tree)}
    return sorted(root for root in roots if find_spec(root) is None)


def _imports(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Each module that is imported from, with what name it gets or what is taken from it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((one.name, "") for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", one.name) for one in node.names)


def unknown_names(tree: ast.Module) -> list[str]:
    """What a code takes from torch, or from what it imports, and is not there: names and keywords
    of calls. A code that cannot run here is checked by this alone."""
    scope: dict[str, object] = {"torch": torch}
    wrong = []
    for module, name in _imports(tree):
        if find_spec(module.split(".")[0]) is None:
            continue
        loaded = importlib.import_module(module)
        if not name:
            root = module.split(".")[0]
            scope[root] = importlib.import_module(root)
        elif hasattr(loaded, name):
            scope[name] = getattr(loaded, name)
        else:
            wrong.append(f"{module}.{name}")
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and _value(node.value, scope) is not None:
            wrong += [] if hasattr(_value(node.value, scope), node.attr) else [ast.unparse(node)]
        if isinstance(node, ast.Call):
            wrong += _unknown_keywords(node, _value(node.func, scope))
    return wrong


def _value(node: ast.expr, scope: dict[str, object]) -> object | None:
    """What a dotted name stands for, as far as that is known without running anything."""
    if isinstance(node, ast.Name):
        return scope.get(node.id)
    if not isinstance(node, ast.Attribute):
        return None
    return getattr(_value(node.value, scope), node.attr, None)


def _unknown_keywords(call: ast.Call, function: object) -> list[str]:
    if not callable(function):
        return []
    try:
        known = inspect.signature(function).parameters
    except ValueError:  # made in C, and silent about it
        return []
    if any(one.kind is one.VAR_KEYWORD for one in known.values()):
        return []
    asked = [one.arg for one in call.keywords if one.arg]
    return [f"{ast.unparse(call.func)}({name}=)" for name in asked if name not in known]


def as_run_here(code: str) -> str:
    """The code with a CPU in the GPU's place, where there is no GPU."""
    if torch.cuda.is_available():
        return code
    return code.replace('"cuda"', '"cpu"').replace("pin_memory=True", "pin_memory=False")


def run(snippet: Snippet) -> None:
    """Run the code, then the tests of what it made. What is deprecated is an error."""
    own = around(snippet.rule)
    names = {**vars(importlib.reload(reader)), **vars(own)}
    program = compile(as_run_here(snippet.code), f"<{snippet}>", "exec", dont_inherit=True)
    if hasattr(own, "before"):
        own.before()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        exec(program, names)
    for test, asked in checks_of(own, snippet):
        test(**{name: names[name] for name in asked})


def checks_of(own: ModuleType, snippet: Snippet) -> Iterator[tuple[Callable[..., None], list[str]]]:
    """The tests that ask for nothing that the code does not speak of, with what they ask for."""
    spoken_of = set(_names(ast.parse(snippet.code)))
    for name, test in vars(own).items():
        asked = list(inspect.signature(test).parameters) if name.startswith("test_") else None
        if asked is not None and spoken_of.issuperset(asked):
            yield test, asked


def _names(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name
        elif isinstance(node, ast.alias):
            yield node.asname or node.name


@contextmanager
def undone(folder: Path) -> Iterator[None]:
    """In a folder of its own, and what is set for the whole process is set back."""
    before, environment = Path.cwd(), dict(os.environ)
    threads, thresholds = torch.get_num_threads(), gc.get_threshold()
    was_traced = tracemalloc.is_tracing()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
        os.environ.clear()
        os.environ.update(environment)
        torch.set_num_threads(threads)
        gc.unfreeze()
        gc.set_threshold(*thresholds)
        if not was_traced:
            tracemalloc.stop()
        torch.autograd.set_detect_anomaly(False)
        torch.use_deterministic_algorithms(False)
        torch.compiler.set_stance("default")
        torch.compiler.reset()
