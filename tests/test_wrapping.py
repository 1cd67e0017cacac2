"""A wrapped callable is the callable itself to everybody but the scope around it."""

from __future__ import annotations

import asyncio
import functools
import inspect
import pickle
import sys
import traceback
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from infprof.profiler import wrapping
from infprof.profiler.wrapping import wrap

log: list[str] = []


@contextmanager
def scope() -> Iterator[None]:
    log.append("in")
    try:
        yield
    finally:
        log.append("out")


@pytest.fixture(autouse=True)
def _empty_log() -> None:
    log.clear()


def wrapped(function: Any) -> Any:
    return wrap(function, scope)


@wrapped
def plain(number: int, *, factor: int = 2) -> int:
    """Multiply."""
    log.append("body")
    return number * factor


@wrapped
def counting(upto: int) -> Generator[Any, Any, Any]:
    """Count."""
    total: Any = 0
    try:
        for number in range(upto):
            total += (yield number) or 0
    except KeyError as error:
        yield f"caught {error}"
    finally:
        log.append("closed")
    return total


@wrapped
async def waiting(number: int) -> int:
    """Wait."""
    await asyncio.sleep(0)
    log.append("body")
    return number


@wrapped
async def streaming(upto: int) -> AsyncGenerator[Any, Any]:
    """Stream."""
    try:
        for number in range(upto):
            await asyncio.sleep(0)
            got = yield number
            if got is not None:
                yield f"got {got}"
    except KeyError as error:
        yield f"caught {error}"
    finally:
        await asyncio.sleep(0)
        log.append("closed")


def test_a_call_runs_inside_its_scope_and_returns_its_value() -> None:
    assert plain(3, factor=5) == 15
    assert log == ["in", "body", "out"]


def test_a_coroutine_is_inside_its_scope_while_it_runs() -> None:
    coroutine = waiting(4)
    assert log == []
    assert asyncio.run(coroutine) == 4
    assert log == ["in", "body", "out"]


def test_tasks_interleave_each_in_its_own_scope() -> None:
    async def both() -> list[int]:
        return list(await asyncio.gather(waiting(1), waiting(2)))

    assert asyncio.run(both()) == [1, 2]
    assert log == ["in", "in", "body", "out", "body", "out"]


def test_a_generator_is_inside_its_scope_for_its_whole_life() -> None:
    items = counting(2)
    assert log == []
    assert [next(items), next(items)] == [0, 1]
    assert log == ["in"]
    assert list(items) == []
    assert log == ["in", "closed", "out"]


def test_a_generator_takes_values_and_returns_one() -> None:
    def driver() -> Generator[Any, Any, Any]:
        return (yield from counting(2))

    outer = driver()
    assert next(outer) == 0
    assert outer.send(10) == 1
    with pytest.raises(StopIteration) as end:
        outer.send(5)
    assert end.value.value == 15


def test_a_generator_takes_exceptions_and_is_closed() -> None:
    items: Any = counting(9)
    next(items)
    assert items.throw(KeyError("x")) == "caught 'x'"
    items.close()
    assert log == ["in", "closed", "out"]
    items.close()
    with pytest.raises(StopIteration):
        next(items)


def test_an_async_generator_takes_values_and_exceptions_and_is_closed() -> None:
    async def drive() -> list[Any]:
        items: Any = streaming(5)
        seen = [await anext(items), await items.asend("v"), await anext(items)]
        seen.append(await items.athrow(KeyError("x")))
        await items.aclose()
        return [*seen, [item async for item in streaming(3)]]

    assert asyncio.run(drive()) == [0, "got v", 1, "caught 'x'", [0, 1, 2]]
    assert log == ["in", "closed", "out"] * 2


def test_an_abandoned_async_generator_ends_with_its_loop_without_complaint() -> None:
    """The loop closes what is left; it must find one generator, not also the one inside."""
    complaints: list[Any] = []

    async def abandon() -> Any:
        asyncio.get_running_loop().set_exception_handler(lambda _, what: complaints.append(what))
        items = streaming(5)
        async for _ in items:
            return items

    kept = asyncio.run(abandon())
    assert kept is not None and complaints == []
    assert log == ["in", "closed", "out"]


@pytest.mark.parametrize("function", [plain, counting, waiting, streaming])
def test_metadata_and_kind_are_kept(function: Callable[..., Any]) -> None:
    bare = inspect.unwrap(function)
    assert bare is not function
    for question in (
        inspect.isfunction,
        inspect.iscoroutinefunction,
        inspect.isgeneratorfunction,
        inspect.isasyncgenfunction,
        inspect.signature,
        inspect.getdoc,
    ):
        assert question(function) == question(bare)
    for name in ("__name__", "__qualname__", "__module__", "__annotations__"):
        assert getattr(function, name) == getattr(bare, name)
    assert pickle.loads(pickle.dumps(function)) is function


class Service:
    """Every kind of method, decorated above and below its own decorator."""

    factor = 3

    @wrapped
    def method(self, number: int) -> int:
        return number * self.factor

    @wrapped
    @classmethod
    def outer_class(cls, number: int) -> int:
        return number * cls.factor

    @classmethod
    @wrapped
    def inner_class(cls, number: int) -> int:
        return number * cls.factor

    @wrapped
    @staticmethod
    def outer_static(number: int) -> int:
        return number * 3

    @staticmethod
    @wrapped
    def inner_static(number: int) -> int:
        return number * 3

    @wrapped
    async def later(self, number: int) -> int:
        return number * self.factor

    @wrapped
    def __call__(self, number: int) -> int:
        return number * self.factor


@pytest.mark.parametrize(
    "name",
    ["method", "outer_class", "inner_class", "outer_static", "inner_static", "__call__"],
)
def test_methods_of_every_kind(name: str) -> None:
    assert getattr(Service(), name)(2) == 6
    assert log == ["in", "out"]


def test_an_async_method() -> None:
    assert asyncio.run(Service().later(2)) == 6


def test_callables_without_a_name() -> None:
    assert wrapped(functools.partial(int, base=2))("101") == 5
    assert wrapped(Service())(2) == 6
    assert wrapped(len)([1, 2]) == 2


@pytest.mark.parametrize("thing", [Service, 5, None])
def test_what_is_no_function_is_refused_at_once(thing: Any) -> None:
    with pytest.raises(TypeError, match="decorate a function"):
        wrapped(thing)


@wrapped
def failing() -> None:
    raise LookupError("plain")


@wrapped
def failing_generator() -> Iterator[int]:
    yield 1
    raise LookupError("generator")


@wrapped
async def failing_coroutine() -> None:
    raise LookupError("coroutine")


@wrapped
async def failing_stream() -> AsyncIterator[int]:
    yield 1
    raise LookupError("stream")


async def _drain(items: Any) -> None:
    async for _ in items:
        pass


async def _throw(items: Any) -> None:
    await anext(items)
    await items.athrow(LookupError("thrown"))


FAILURES: dict[str, Callable[[], Any]] = {
    "plain": lambda: failing(),
    "generator": lambda: list(failing_generator()),
    "coroutine": lambda: asyncio.run(failing_coroutine()),
    "stream": lambda: asyncio.run(_drain(failing_stream())),
    "thrown": lambda: asyncio.run(_throw(failing_stream())),
}


@pytest.mark.parametrize("kind", FAILURES)
def test_an_exception_passes_untouched_and_without_our_frames(kind: str) -> None:
    with pytest.raises(LookupError) as caught:
        FAILURES[kind]()
    assert str(caught.value) == kind
    assert caught.value.__cause__ is None and caught.value.__context__ is None
    assert log == ["in", "out"]
    files = [frame.filename for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert files[-1] == __file__
    if sys.version_info >= (3, 11):
        assert wrapping.__file__ not in files


def test_interruption_and_exit_pass_too() -> None:
    for error in (KeyboardInterrupt, SystemExit, GeneratorExit):

        @wrapped
        def leave(error: type[BaseException] = error) -> None:
            raise error

        with pytest.raises(error):
            leave()
    assert log == ["in", "out"] * 3
