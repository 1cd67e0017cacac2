"""memory-growth: memory that rises with every request, and GPU memory that is nearly full."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import pytest

from infprof.profiler.recording import Cpu, Gpu, Note, Recording, Requests, Window
from infprof.rules.finding import Outcome
from tests.build import A100, recording
from tests.rules.judge import verdict_of

RULE = "memory-growth"

MB, SECOND = 1e6, 1_000_000
Memory = Callable[[float], float]
"""Bytes in use after so many seconds."""


def served(
    memory: Memory | None = None,
    gpu: Memory | None = None,
    *,
    requests: int = 300,
    gpus: tuple[Gpu, ...] = (A100,),
    missing: dict[str, str] | None = None,
) -> Recording:
    """Requests of 100 ms, one after the other from second 2 on; memory, twice a second."""
    rows = [
        f"main: {(20 + one) * 100_000}-{(21 + one) * 100_000 - 10} request plain"
        for one in range(requests)
    ]
    times = [half / 2 for half in range(2 * (requests // 10 + 4))]
    asked = {"host.rss": memory, "gpu.memory_used": gpu}
    series = {
        name: [(round(time * SECOND), one(time)) for time in times]
        for name, one in asked.items()
        if one is not None
    }
    built = recording("\n".join(rows), gpus=gpus, series=series, missing=missing)
    machine = built.header.machine.model_copy(update={"cpu": Cpu(memory_bytes=8 * 10**9)})
    header = built.header.model_copy(update={"machine": machine})
    return dataclasses.replace(built, header=header)


def leaking(time: float) -> float:
    return 200 * MB + 10 * MB * time


def test_outputs_that_stay_are_found_and_no_time_is_promised() -> None:
    (finding,) = verdict_of(RULE, served(leaking)).findings
    assert (finding.saving.high_ns, finding.saving.basis) == (0, "none")
    assert "rises by 1.0 MB per request" in finding.why
    assert "8.0 GB are full after 7,4" in finding.why  # 520 MB are taken at the end
    compile(finding.fix.code, "fix", "exec")


def test_a_gpu_leaks_in_blocks() -> None:
    blocks: Memory = lambda time: 10**9 + 20 * MB * (time * 10 * MB // (20 * MB))  # noqa: E731
    (finding,) = verdict_of(RULE, served(gpu=blocks)).findings
    assert "Memory of GPU 0 rises by 1.0 MB per request" in finding.why
    compile(finding.fix.code, "fix", "exec")


@pytest.mark.parametrize(
    "memory",
    [
        lambda _: 500 * MB,
        lambda time: 500 * MB + 300 * MB * (1 - math.exp(-time / 6)),  # a cache that fills
        lambda time: 500 * MB + (200 * MB if time > 20 else 0),  # a jump
        lambda time: 500 * MB + 40 * MB * (time % 5),  # a sawtooth: garbage and its collections
        lambda time: 500 * MB + 5 * MB * (time * 7919 % 1),  # noise
        lambda time: 500 * MB + 0.1 * MB * time,  # 3 MB in all
        lambda time: 5 * 10**9 + 1.5 * MB * time,  # 1 % of a large process in the whole recording
    ],
)
def test_what_warms_up_fills_or_swings_is_fine(memory: Memory) -> None:
    verdict = verdict_of(RULE, served(memory))
    assert (verdict.outcome, verdict.reason) == (Outcome.CLEAR, "")


def test_memory_that_a_window_takes_is_not_the_program_s() -> None:
    built = served(lambda time: 200 * MB + 60 * MB * ((time > 8) + (time > 16)))
    for start in (8, 16):
        window = Window(start_ns=start * 10**9, end_ns=(start + 1) * 10**9)
        built.header.windows.append(window)
    assert verdict_of(RULE, built).outcome is Outcome.CLEAR


def test_a_loop_whose_requests_are_told_apart_no_more_goes_on() -> None:
    """The first 70 of 300 requests are known, and samples that the model is called after them."""
    built = served(leaking)
    first = Requests(
        *(getattr(built.requests, one.name)[:70] for one in dataclasses.fields(Requests))
    )
    in_model = recording(
        "main: 0-1 request plain\n"
        "main: 2000000-30000000 stack 60 serve.py:20:predict"
        " > lib/torch/nn/modules/module.py:1:_call_impl"
    )
    built.header.model_calls = in_model.header.model_calls
    known = dataclasses.replace(built, requests=first, stacks=in_model.stacks)
    assert verdict_of(RULE, known).outcome is Outcome.UNKNOWN
    built.header.notes.append(Note(code="enough", text="Requests were told apart no more."))
    (finding,) = verdict_of(RULE, known).findings
    assert "rises by 1.0 MB per request" in finding.why


def test_gpu_memory_that_is_nearly_full() -> None:
    filling: Memory = lambda time: (20 if time < 3 else 76) * 10**9  # noqa: E731
    (finding,) = verdict_of(RULE, served(gpu=filling)).findings
    assert finding.title == "Leave room in the GPU's memory" and "(95 %)" in finding.why
    compile(finding.fix.code, "fix", "exec")


@pytest.mark.parametrize("level", [76 * 10**9, 60 * 10**9])
def test_memory_taken_before_the_first_request_is_taken_on_purpose(level: float) -> None:
    assert verdict_of(RULE, served(gpu=lambda _: level)).outcome is Outcome.CLEAR


def test_a_short_run_cannot_tell() -> None:
    verdict = verdict_of(RULE, served(leaking, requests=90))
    assert verdict.outcome is Outcome.UNKNOWN and "90 requests" in verdict.reason


def test_without_samples_there_is_no_verdict() -> None:
    verdict = verdict_of(RULE, served(missing={"host": "psutil is not installed"}))
    assert (verdict.outcome, verdict.reason) == (Outcome.UNKNOWN, "psutil is not installed")


def test_without_requests_there_is_no_verdict() -> None:
    assert verdict_of(RULE, recording("main: 0-100 op aten::mm")).outcome is Outcome.UNKNOWN
