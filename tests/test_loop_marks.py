"""Which model calls begin a new turn of a loop, and in which function the loop runs."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from types import FrameType
from typing import Any

from infprof.profiler.loop_marks import Marker, begins_turn

Model = Callable[[], object]
N = None


def turns_of(program: Callable[[Model], object]) -> list[int | None]:
    """For each model call of a program: how many functions deep the loop is that turns."""
    found = list[int | None]()

    def model() -> None:
        found.append(begins_turn(sys._getframe(1)))

    model()
    mark = sys._getframe().f_trace
    assert isinstance(mark, Marker)
    program(model)
    return [depth if depth is None else depth - mark.depth for depth in found[1:]]


def test_a_single_loop() -> None:
    def program(model: Model) -> None:
        for _ in range(4):
            model()

    assert turns_of(program) == [N, 1, 1, 1]


def test_a_while_loop() -> None:
    def program(model: Model) -> None:
        left = 3
        while left:
            left -= 1
            model()

    assert turns_of(program) == [N, 1, 1]


def test_a_call_before_the_loop() -> None:
    def program(model: Model) -> None:
        model()
        for _ in range(3):
            model()

    assert turns_of(program) == [N, N, 1, 1]


def test_two_models_a_turn() -> None:
    def program(detect: Model) -> None:
        classify = detect
        for _ in range(3):
            detect()
            classify()

    assert turns_of(program) == [N, N, 1, N, 1, N]


def test_one_model_a_turn_of_two() -> None:
    """Which one is called is the input's business: each turn calls exactly one."""

    def program(model: Model) -> None:
        for turn in range(5):
            if turn % 2:
                model()
            else:
                model()

    assert turns_of(program)[3:] != [N, N]


def test_a_model_called_several_times_a_turn() -> None:
    def program(model: Model) -> None:
        for _ in range(3):
            model()
            for _ in range(2):
                model()

    assert turns_of(program) == [N, N, 1, 1, N, N, 1, N, N]


def test_a_function_called_in_a_loop() -> None:
    def serve(model: Model) -> None:
        model()

    def program(model: Model) -> None:
        for _ in range(3):
            serve(model)

    assert turns_of(program) == [N, 1, 1]


def test_a_decode_loop_inside_a_function_inside_a_loop() -> None:
    def generate(model: Model) -> None:
        for _ in range(3):
            model()

    def program(model: Model) -> None:
        for _ in range(3):
            generate(model)

    assert turns_of(program) == [N, 2, 2, 1, 2, 2, 1, 2, 2]


def test_a_comprehension() -> None:
    depth = 1 if sys.version_info >= (3, 12) else 2

    def program(model: Model) -> None:
        [model() for _ in range(3)]

    assert turns_of(program) == [N, depth, depth]


def test_two_loops_one_after_the_other() -> None:
    def program(model: Model) -> None:
        for _ in range(3):
            model()
        for _ in range(4):
            model()

    assert turns_of(program) == [N, 1, 1, N, 1, 1, 1]


def test_two_loops_with_a_context_or_a_try_in_each() -> None:
    """Their handlers lie behind both, and jump back from there."""

    def program(model: Model) -> None:
        for _ in range(3):
            with nullcontext():
                model()
        for _ in range(3):
            try:
                model()
            except ValueError:
                continue

    assert turns_of(program) == [N, 1, 1, N, 1, 1]


def test_two_loops_inside_a_third() -> None:
    def program(model: Model) -> None:
        for _ in range(2):
            for _ in range(2):
                model()
            for _ in range(2):
                model()

    assert turns_of(program) == [N, 1, N, N, 1, 1, N, N]


def test_a_warm_up_loop_in_a_function_of_its_own() -> None:
    def warm_up(model: Model) -> None:
        for _ in range(2):
            model()

    def program(model: Model) -> None:
        warm_up(model)
        for _ in range(3):
            model()

    assert turns_of(program) == [N, 2, N, 1, 1]


def test_recursion_is_no_loop() -> None:
    def program(model: Model, depth: int = 3) -> None:
        model()
        if depth:
            program(model, depth - 1)

    assert turns_of(program) == [N, N, N, N]


def test_a_generator_that_calls_the_model() -> None:
    def source(model: Model) -> Iterator[object]:
        while True:
            yield model()

    def program(model: Model) -> None:
        results = source(model)
        for _ in range(3):
            next(results)

    assert turns_of(program) == [N, 2, 2]


def test_a_coroutine_that_calls_the_model() -> None:
    def program(model: Model) -> None:
        async def serve() -> None:
            for _ in range(3):
                await asyncio.sleep(0)
                model()

        asyncio.run(serve())

    found = turns_of(program)
    assert found[0] is N and len(set(found[1:])) == 1 and None not in found[1:]


def test_each_thread_has_its_own_loops() -> None:
    def loop(model: Model) -> None:
        for _ in range(3):
            model()

    def program(model: Model) -> None:
        threads = [threading.Thread(target=loop, args=(model,)) for _ in range(2)]
        for thread in threads:
            thread.start()
            thread.join()

    found = turns_of(program)
    assert [depth is None for depth in found] == [True, False, False] * 2


def test_a_tracer_of_somebody_else_stays() -> None:
    def theirs(frame: FrameType, event: str, value: Any) -> Any:
        return theirs

    def program(model: Model) -> None:
        sys._getframe().f_trace = theirs
        for _ in range(3):
            model()
        assert sys._getframe().f_trace is theirs

    turns_of(program)


def test_a_tracer_set_later_is_not_disturbed() -> None:
    lines = list[int]()

    def tracer(frame: FrameType, event: str, value: Any) -> Any:
        lines.append(frame.f_lineno)
        return tracer

    def traced() -> int:
        return 1

    def program(model: Model) -> None:
        model()
        before = sys.gettrace()
        sys.settrace(tracer)
        try:
            traced()
        finally:
            sys.settrace(before)
        model()

    assert turns_of(program) == [N, N]
    first = traced.__code__.co_firstlineno
    assert [line - first for line in lines[:3]] == [0, 1, 1]


def test_a_marker_goes_with_its_frame() -> None:
    frames = list[Any]()

    def program(model: Model) -> None:
        model()
        frames.append(sys._getframe().f_trace)

    turns_of(program)
    mark = frames.pop()
    assert sys.getrefcount(mark) == 2 and mark() is None
