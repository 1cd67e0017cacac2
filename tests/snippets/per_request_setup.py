"""Each kind of thing that the rule knows to be set up, and what requests do with it."""

from __future__ import annotations

from collections.abc import Callable

from infprof.rules.setup_frames import SETUPS

VALUES = [{"first": kind} for kind in range(len(SETUPS))]


def load_settings() -> dict[str, int]:
    return {"width": 4}


def answer(request: int) -> int:
    return request + 1


def test_a_request_is_answered(handle: Callable[[int], int]) -> None:
    assert handle(1) == 2
