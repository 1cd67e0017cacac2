"""Requests between which garbage is collected."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator

import torch


def warm_up(model: torch.nn.Module) -> None:
    model(torch.ones(1, 4))


def handle(request: int) -> int:
    return -request


def test_all_are_served_and_what_existed_is_frozen(
    serve: Callable[[Iterable[int]], Iterator[int]],
) -> None:
    assert gc.get_freeze_count() > 0
    assert sum(1 for _ in serve(range(1001))) == 1001
