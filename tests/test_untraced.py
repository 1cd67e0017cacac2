"""Untraced requests are explained by their own spans, and models' insides by traced calls."""

from __future__ import annotations

from dataclasses import replace

from infprof.profiler.breakdown import Breakdown
from infprof.profiler.recording import Recording, Window
from infprof.profiler.timeline import Timeline
from infprof.profiler.untraced import ENOUGH_REQUESTS, untraced
from tests.build import recording

MODEL = "lib/torch/nn/modules/module.py:1:_call_impl"


def plain(number: int, pause: int = 0) -> str:
    """A request of 100 us: 40 of preparation, a model call of 50, 10 of formatting. The garbage
    collector may have paused it for longer."""
    at = number * 1000
    end = at + 100 + pause
    return f"""
        main: {at}-{end} request plain
        main: {at + 40}-{at + 90} range nn.Module: Net
        main: {at}-{at + 40} stack 4 serve.py:10:main > serve.py:3:prepare
        main: {at + 50}-{at + 80} stack 3 serve.py:11:main > {MODEL}
        main: {at + 90}-{at + 100} stack 1 serve.py:12:main > serve.py:7:answer
    """ + (f"main: {at + 100}-{end} range python:garbage collection" if pause else "")


def traced(number: int) -> str:
    """The same under a tracer, which adds 30 us to the interpreter's time inside the model."""
    at = number * 1000
    return f"""
        main: {at}-{at + 130} request traced
        main: {at + 40}-{at + 120} range nn.Module: Net
        main: {at + 40}-{at + 80} op aten::mm
    """


def recorded(requests: int, windows: int = 2, pause: int = 0) -> Recording:
    rows = [plain(number, pause if number == 3 else 0) for number in range(requests)]
    rows += [traced(1000 + number) for number in range(windows)]
    found = recording("\n".join(rows), gpus=())
    spans = [Window(start_ns=10**9, end_ns=2 * 10**9)]
    return replace(found, header=found.header.model_copy(update={"windows": spans}))


def explained(found: Recording) -> Breakdown:
    answer = untraced(Timeline(found))
    assert answer is not None
    return answer[1]


def shares(breakdown: Breakdown) -> dict[str, float]:
    return {stage: one / breakdown.wall_ns for stage, (one, _) in breakdown.stages.items()}


def test_the_tracer_s_own_time_is_left_out() -> None:
    breakdown = explained(recorded(20))
    assert len(breakdown.requests) == 20 and breakdown.wall_ns == 20 * 100_000
    found = shares(breakdown)
    assert abs(found["preprocess"] - 0.4) < 0.01 and abs(found["postprocess"] - 0.1) < 0.01
    assert abs(found["compute"] - 0.4) < 0.01  # traced: 40 us of ops in 80; untraced, in 50
    assert abs(found["python"] - 0.1) < 0.01
    assert sum(one for one, _ in breakdown.stages.values()) == breakdown.wall_ns


def test_what_comes_rarely_counts_as_often_as_it_comes() -> None:
    breakdown = explained(recorded(20, pause=500))
    assert breakdown.exposed_ns("python.garbage collection") == 500_000


def test_without_windows_or_with_few_requests_there_is_none() -> None:
    assert untraced(Timeline(recorded(20, windows=0))) is None
    assert untraced(Timeline(recorded(ENOUGH_REQUESTS - 1))) is None
    assert untraced(Timeline(recording("main: 0-100 request plain", gpus=()))) is None
