"""A store that is read by a function which blocks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace


def read_from_store(key: int) -> str:
    return f"row {key}"


def test_the_row_is_read(handle: Callable[[SimpleNamespace], Awaitable[str]]) -> None:
    async def serve() -> str:
        return await handle(SimpleNamespace(id=7))

    assert asyncio.run(serve()) == "row 7"
