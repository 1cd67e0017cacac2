"""Frames become a tree of calls, each written once, that the reader gets back whole."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from infprof.profiler import call_tree
from infprof.profiler.call_tree import (
    CallTree,
    Stack,
    is_ours,
    is_user,
    name_of,
    open_tree,
    stack_of,
)
from infprof.profiler.session_files import read_stacks

HERE = __file__


def frame_here() -> FrameType:
    return sys._getframe(1)


def rows_of(file: io.StringIO) -> list[list[Any]]:
    return [json.loads(line) for line in file.getvalue().splitlines()]


def test_the_same_place_is_one_call_and_another_a_new_one() -> None:
    tree = CallTree(io.StringIO())
    found = [tree.add(frame_here()) for _ in range(3)]
    assert len(set(found)) == 1
    assert tree.add(frame_here()) not in found
    assert tree.add(None) == -1


def test_what_a_model_calls_is_known() -> None:
    tree = CallTree(io.StringIO())
    name = os.path.join("site", call_tree.MODEL_FILE)
    space: dict[str, Any] = {}
    exec(compile("def _wrapped_call_impl(look): return look()", name, "exec"), space)
    inside = space["_wrapped_call_impl"](lambda: tree.add(frame_here()))
    assert tree.in_model(inside)
    assert not tree.in_model(tree.add(frame_here())) and not tree.in_model(-1)


def test_parents_come_before_their_children() -> None:
    file = io.StringIO()
    tree = CallTree(file)

    def inner() -> int:
        return tree.add(frame_here())

    last = inner()
    rows = rows_of(file)
    assert last == len(rows) - 1
    assert all(row[0] < number for number, row in enumerate(rows))
    assert rows[-1][2].endswith("inner") and rows[rows[-1][0]][2].startswith("test_parents")
    assert rows[-1][1] == HERE and rows[-1][5] is True


def test_a_stack_stays_where_it_was_read() -> None:
    file = io.StringIO()
    tree, seen = CallTree(file), list[Stack]()

    def stopped() -> int:
        seen.append(stack_of(frame_here()))
        return len(seen)  # by now the frame itself is here, and soon it is over

    stopped()
    tree.add_stack(seen[0])
    assert rows_of(file)[-1][3] == stopped.__code__.co_firstlineno + 1


def test_a_jump_back_has_the_line_before_it() -> None:
    def loop(count: int) -> None:
        for _ in range(count):
            if count > 1:
                count -= 1

    first = loop.__code__.co_firstlineno
    lines = {
        call_tree._line_before(loop.__code__, offset)
        for offset in range(0, len(loop.__code__.co_code), 2)
    }
    assert lines | {first} == {first, first + 1, first + 2, first + 3}


def test_generators_and_recursion() -> None:
    file = io.StringIO()
    tree = CallTree(file)

    def walk(depth: int) -> Iterator[int]:
        if depth:
            yield from walk(depth - 1)
        else:
            yield tree.add(frame_here())

    call = next(walk(3))
    names = [row[2] for row in rows_of(file)]
    assert names[-4:] == [name_of(walk.__code__)] * 4 and call == len(names) - 1


def test_a_deep_stack_keeps_its_inner_end() -> None:
    file = io.StringIO()
    tree = CallTree(file)

    def deeper(left: int) -> int:
        return deeper(left - 1) if left else tree.add(frame_here())

    deeper(300)
    rows = rows_of(file)
    assert len(rows) == call_tree.DEEPEST and rows[0][2].endswith("deeper")


def test_a_full_tree_gives_the_nearest_known_call(monkeypatch: pytest.MonkeyPatch) -> None:
    tree = CallTree(io.StringIO())
    known = tree.add(frame_here().f_back)
    monkeypatch.setattr(call_tree, "MOST_CALLS", known + 1)
    assert tree.add(frame_here()) == known


def test_an_odd_offset_begins_a_turn() -> None:
    code = compile("while x:\n  f()\n", "<string>", "exec")
    starts = [at for at in range(0, len(code.co_code), 2) if call_tree._begins_turn(code, at)]
    assert starts and len(starts) < len(code.co_code) // 4
    assert not call_tree._begins_turn(code, -1)
    assert not call_tree._begins_turn(code, len(code.co_code))


@pytest.mark.parametrize(
    ("file", "user"),
    [
        ("/srv/app/serve.py", True),
        ("<string>", True),
        ("<frozen importlib._bootstrap>", False),
        ("<attrs generated init>", False),
        (os.__file__, False),
        ("/x/lib/python3.11/site-packages/torch/nn/modules/module.py", False),
        ("/opt/another/lib/python3.12/json/decoder.py", False),
        (call_tree.__file__, False),
        (HERE, True),
    ],
)
def test_whose_code_it_is(file: str, user: bool) -> None:
    assert is_user(file) is user
    assert is_ours(file) is (file == call_tree.__file__)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    tree = open_tree(tmp_path)
    calls = [tree.add(frame_here()), tree.add(frame_here())]
    tree.close()
    (tmp_path / "stacks.bin").write_bytes(b"")
    read = read_stacks(tmp_path)
    assert len(read.places) == max(calls) + 1
    place = read.calls.build().place(read.places[calls[0]])
    assert place.function == "test_what_is_written_is_read_again"


def test_names_are_short_and_of_any_script() -> None:
    def café() -> None:
        pass

    assert name_of(café.__code__) == "café"
    file = io.StringIO()
    CallTree(file)._write(-1, café.__code__, 0, 1)
    assert file.getvalue().isascii() and rows_of(file)[0][2] == "café"
