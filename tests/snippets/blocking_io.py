"""Files that are read, and a model of what is in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

FILES = {f"{number}.txt": str(number) for number in range(9)}


def read(path: str) -> str:
    return Path(path).read_text()


preprocess, model = int, float


def test_each_is_served_once_and_in_order(
    serve: Callable[[Iterable[str]], Iterator[float]], reader: ThreadPoolExecutor
) -> None:
    assert list(serve(FILES)) == [float(number) for number in range(9)]
    assert list(serve(list(FILES)[:2])) == [0.0, 1.0]
    assert list(serve([])) == []
    reader.shutdown()
