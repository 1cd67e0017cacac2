"""Entry points of libraries are timed once each, as nobody can see, and put back."""

from __future__ import annotations

import functools
import socket
import sys
import time
import traceback
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from infprof.profiler import entry_points
from infprof.profiler.entry_points import EntryPoints
from infprof.profiler.marks import REQUEST, keys

LIBRARY = """
def load(x): return x + 1
def outer(x): return load(x) * 2
def fail(x): raise ValueError(x)
class Base:
    def read(self): return 'base'
    def __eq__(self, other): return True
    __hash__ = None
class Reader(Base):
    def own(self): return 'own'
    @classmethod
    def make(cls): return cls()
    @staticmethod
    def help(): return 'help'
number = 3
"""
TABLE = {
    "load": "io",
    "outer": "io",
    "fail": "io",
    "Reader.read": "io",
    "Reader.own": "io",
    "Reader.make": "io",
    "Reader.help": "io",
    "number": "io",
    "gone": "io",
    "Gone.too": "io",
}


class Noted:
    """Collects marks; ``names`` are the entries in order of their end."""

    def __init__(self) -> None:
        self.marks: list[tuple[int, ...]] = []

    def __call__(self, *mark: int) -> None:
        self.marks.append(mark)

    @property
    def names(self) -> list[str]:
        pairs = {key: pair for pair, key in keys.items()}
        return [pairs[mark[0]][1].partition(" in ")[0] for mark in self.marks]

    @property
    def places(self) -> list[str]:
        pairs = {key: pair for pair, key in keys.items()}
        return [pairs[mark[0]][1].partition(" in ")[2] for mark in self.marks]


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch) -> Noted:
    monkeypatch.setattr(entry_points, "LEAST_NS", 0)
    return Noted()


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Any:
    module = ModuleType("a_library")
    exec(compile(LIBRARY, "/x/site-packages/a_library.py", "exec"), vars(module))
    monkeypatch.setitem(sys.modules, "a_library", module)
    return module


@pytest.fixture
def points(noted: Noted, library: Any) -> Iterator[EntryPoints]:
    before = {name: dict(vars(getattr(library, name))) for name in ("Base", "Reader")}
    functions = dict(vars(library))
    made = EntryPoints(noted, {"a_library": TABLE})
    made.wrap_imported()
    yield made
    made.end()
    assert dict(vars(library)) == functions
    for name, attributes in before.items():
        now = dict(vars(getattr(library, name)))
        assert list(now) == list(attributes)
        assert all(now[key] is value for key, value in attributes.items())


def test_functions_and_methods(points: EntryPoints, library: Any, noted: Noted) -> None:
    reader = library.Reader()
    assert (library.load(1), reader.read(), reader.own()) == (2, "base", "own")
    assert (library.Reader.make().own(), library.Reader.help()) == ("own", "help")
    assert noted.names[:3] == ["a_library.load", "a_library.read", "a_library.own"]
    assert noted.places[0].startswith("test_functions_and_methods (test_entry_points.py:")
    assert library.Base().read() == "base" and noted.names.count("a_library.read") == 1
    assert library.number == 3 and library.load.__name__ == "load"


def test_the_outermost_one_counts(points: EntryPoints, library: Any, noted: Noted) -> None:
    assert library.outer(1) == 4
    assert noted.names == ["a_library.outer"]


def test_exceptions_pass_as_they_are(points: EntryPoints, library: Any, noted: Noted) -> None:
    with pytest.raises(ValueError) as caught:
        library.fail(7)
    names = [one.name for one in traceback.extract_tb(caught.value.__traceback__)]
    if sys.version_info >= (3, 11):
        assert names == ["test_exceptions_pass_as_they_are", "fail"]
    assert noted.names == ["a_library.fail"]
    library.load(1)
    assert noted.names[-1] == "a_library.load"


def test_names_taken_before_and_after(noted: Noted, library: Any) -> None:
    before = library.load
    points = EntryPoints(noted, {"a_library": TABLE})
    points.wrap_imported()
    after = library.load
    before(1)
    assert noted.names == []
    after(1)
    assert noted.names == ["a_library.load"]
    points.end()
    assert library.load is before and after(1) == 2


def test_somebody_elses_later_wrapper_stays(noted: Noted, library: Any) -> None:
    points = EntryPoints(noted, {"a_library": TABLE})
    points.wrap_imported()
    ours = library.load

    @functools.wraps(ours)
    def theirs(x: int) -> Any:
        return ours(x)

    library.load = theirs
    points.end()
    assert library.load is theirs and theirs(1) == 2


def test_one_called_very_often_is_left_alone(
    noted: Noted, library: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entry_points, "LEAST_NS", 1 << 62)
    monkeypatch.setattr(entry_points, "MANY_CALLS", 10)
    monkeypatch.setattr(entry_points, "MEAN_NS", 1 << 40)
    original, other = library.load, library.outer
    points = EntryPoints(noted, {"a_library": TABLE})
    points.wrap_imported()
    for _ in range(9):
        library.load(1)
    assert library.load is not original
    library.load(1)
    assert library.load is original and library.outer is not other
    points.end()
    points.end()
    assert library.outer is other


def test_what_the_table_names_is_put_back(noted: Noted) -> None:
    owner, sleep, own = socket.socket, time.sleep, dict(vars(socket.socket))
    points = EntryPoints(noted, {})
    points.wrap_imported()
    try:
        assert time.sleep is not sleep and "recv" in vars(owner)
        time.sleep(0)
        left, right = socket.socketpair()
        with left, right:
            left.sendall(b"x")
            assert right.recv(1) == b"x"
    finally:
        points.end()
    assert time.sleep is sleep and dict(vars(owner)) == own
    assert noted.names == ["time.sleep", "socket.sendall", "socket.recv"]


def test_a_named_function_of_the_program_is_found_once_it_is_there(
    noted: Noted, monkeypatch: pytest.MonkeyPatch
) -> None:
    main = ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", main)
    points = EntryPoints(noted, {"__main__": {"serve": "request"}})
    points.wrap_imported()
    awaited = [points.is_asked_for]
    vars(main)["serve"] = original = lambda: 5
    points.wrap_imported()
    awaited.append(points.is_asked_for)
    assert awaited == [True, False] and main.serve is not original
    assert main.serve() == 5
    points.end()
    assert main.serve is original


def test_a_module_still_being_imported_is_left_until_it_is_whole(
    noted: Noted, library: Any
) -> None:
    class Spec:
        _initializing = True

    library.__spec__ = Spec
    original = library.load
    points = EntryPoints(noted, {"a_library": TABLE})
    points.wrap_imported()
    assert library.load is original and points.is_asked_for
    Spec._initializing = False
    points.wrap_imported()
    assert library.load is not original
    points.end()
    assert (REQUEST, "a_library.load") not in keys
