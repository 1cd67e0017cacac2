"""Model calls of a program that marks nothing become requests, and leave it as it was."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from infprof import request
from infprof.profiler import model_cycles
from infprof.profiler.model_cycles import fingerprint
from infprof.profiler.recording import Phase
from infprof.profiler.schedule import Plan
from tests.models import ONE, Small, assert_untouched
from tests.recorded import Recorded, recorded


def begin(made: Recorded) -> None:
    """What the sampler's first tick does."""
    made.session.models.try_to_begin()


def test_turns_of_a_loop_are_requests(tmp_path: Path) -> None:
    model = Small()
    with recorded(tmp_path) as made:
        begin(made)
        for _ in range(9):
            model(ONE)
    assert_untouched(model)
    assert made.done.header.settings["requests"] == "model loop"
    assert made.phases == [Phase.COLD, *[Phase.WARMUP] * 2, *[Phase.PLAIN] * 5]
    assert [name for _, name in made.ranges if "Module" in name] == ["nn.Module: Small"] * 9


def test_a_warm_up_loop_before(tmp_path: Path) -> None:
    model = Small()
    with recorded(tmp_path) as made:
        begin(made)
        for _ in range(3):
            model(ONE)
        for _ in range(9):
            model(ONE)
    assert len(made.phases) == 10  # from the second of each loop on


def test_windows_open_and_close_at_turns(tmp_path: Path) -> None:
    model = Small()
    with recorded(tmp_path, Plan(warmup=1, plain=2, window=3, windows=1)) as made:
        begin(made)
        for _ in range(12):
            model(ONE)
    assert made.phases.count(Phase.TRACED) >= 2 and len(made.done.header.windows) == 1


def test_requests_of_the_program_come_first(tmp_path: Path) -> None:
    model = Small()
    with recorded(tmp_path) as made:
        begin(made)
        for _ in range(4):
            model(ONE)
        for _ in range(5):
            with request("serve"):
                model(ONE)
    assert len(made.phases) == 5 and "requests" not in made.done.header.settings


def test_threads(tmp_path: Path) -> None:
    model = Small()

    def loop() -> None:
        for _ in range(10):
            model(ONE)

    with recorded(tmp_path, Plan(warmup=0, plain=3, window=2, windows=2)) as made:
        begin(made)
        threads = [threading.Thread(target=loop) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert len(made.phases) == 3 * 9
    assert_untouched(model)


def test_many_short_calls_end_the_listening(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_cycles, "ENOUGH_CALLS", 20)
    monkeypatch.setattr(model_cycles, "COST_SHARE", 0.0)
    model = Small()
    with recorded(tmp_path) as made:
        begin(made)
        for _ in range(30):
            model(ONE)
        assert_untouched(model)
    assert "enough" in {note.code for note in made.done.header.notes}


def test_the_same_content_has_the_same_fingerprint() -> None:
    one = fingerprint([1, "x", torch.arange(6.0)])
    assert one is not None and one == fingerprint([torch.arange(6.0)]) and one[1] == 6
    assert one != fingerprint([torch.arange(6.0) + 1])
    assert one != fingerprint([torch.arange(6.0).reshape(2, 3)])
    large = torch.zeros(100_000)
    before = fingerprint([large])
    large[-1] = 1
    assert before != fingerprint([large])


def _emptied() -> torch.Tensor:
    tensor = torch.ones(10_000)[5:]
    tensor.untyped_storage().resize_(0)
    return tensor


@pytest.mark.parametrize(
    "inputs",
    [
        [],
        ["text"],
        [torch.ones(2, device="meta")],
        [torch.ones(4, 4).t()[:, :2]],
        [torch.ones(2, 2).to_sparse()],
        [torch.empty(0)],
        [_emptied()],
        [torch.nn.Parameter(ONE)],
    ],
)
def test_what_is_not_plain_memory_has_none(inputs: list[Any]) -> None:
    assert fingerprint(inputs) is None


def test_nobody_notices_the_question() -> None:
    class Noisy(TorchDispatchMode):  # type: ignore[no-untyped-call]
        def __torch_dispatch__(self, *_: Any, **__: Any) -> Any:
            raise AssertionError("asked")

    class Listening(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, *_: Any, **__: Any) -> Any:
            raise AssertionError("asked")

    noisy: Any = Noisy
    with noisy(), Listening():
        assert fingerprint([ONE]) is not None

    def under_vmap(x: torch.Tensor) -> torch.Tensor:
        assert fingerprint([x]) is None
        return x

    torch.vmap(under_vmap)(torch.ones(3, 2))
