"""Wrap any kind of callable in a context manager, without being seen.

Plain, async, generator and async-generator functions stay what they are. From Python 3.11 on our
frame is taken out of the traceback of an exception that passes; 3.10 shows it.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from contextlib import AbstractContextManager
from typing import Any, TypeVar, cast

Function = TypeVar("Function", bound=Callable[..., Any])
Scope = Callable[[], AbstractContextManager[Any]]


def wrap(function: Function, scope: Scope) -> Function:
    """``function`` with each call inside a new ``scope()``; of a generator, its whole life.

    Raises ``TypeError`` for what is not a function.
    """
    if isinstance(function, (classmethod, staticmethod)):  # decorated below us
        return cast(Function, type(function)(wrap(function.__func__, scope)))
    if inspect.isclass(function) or not callable(function):
        raise TypeError(f"decorate a function or a method, not {function!r}")
    if inspect.isasyncgenfunction(function):
        wrapped: Callable[..., Any] = _async_generator(function, scope)
    elif inspect.iscoroutinefunction(function):
        wrapped = _coroutine(function, scope)
    elif inspect.isgeneratorfunction(function):
        wrapped = _generator(function, scope)
    else:
        wrapped = _plain(function, scope)
    return cast(Function, functools.wraps(function)(wrapped))


def hide_own_frame(error: BaseException) -> None:
    """Drop the innermost traceback entry; a bare ``raise`` right after does not add it again."""
    if error.__traceback__ is not None:
        error.__traceback__ = error.__traceback__.tb_next


def _plain(function: Callable[..., Any], scope: Scope) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        with scope():
            try:
                return function(*args, **kwargs)
            except BaseException as error:
                hide_own_frame(error)
                raise

    return call


def _coroutine(function: Callable[..., Any], scope: Scope) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> Any:
        with scope():
            try:
                return await function(*args, **kwargs)
            except BaseException as error:
                hide_own_frame(error)
                raise

    return call


def _generator(function: Callable[..., Any], scope: Scope) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        with scope():
            try:
                return (yield from function(*args, **kwargs))
            except BaseException as error:
                hide_own_frame(error)
                raise

    return call


def _async_generator(function: Callable[..., Any], scope: Scope) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        with scope():
            try:
                inner = function(*args, **kwargs)
                value = await _first(inner)
                while True:
                    try:
                        sent = yield value
                    except GeneratorExit:
                        await inner.aclose()
                        raise
                    except BaseException as thrown:
                        hide_own_frame(thrown)
                        value = await inner.athrow(thrown)
                    else:
                        value = await inner.asend(sent)
            except StopAsyncIteration:
                return
            except BaseException as error:
                hide_own_frame(error)
                raise

    return call


def _first(inner: AsyncGenerator[Any, Any]) -> Coroutine[Any, Any, Any]:
    """The first step of a generator that nobody but its wrapper knows of.

    An event loop would otherwise keep a note of both, and at its end close both at once.
    """
    known = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(None, None)
    try:
        return inner.asend(None)
    finally:
        sys.set_asyncgen_hooks(*known)
