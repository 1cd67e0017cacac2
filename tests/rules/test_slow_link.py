"""slow-link: the way to the GPU below what it is built for."""

from __future__ import annotations

import dataclasses

import pytest

from infprof.profiler.calibration import Calibration
from infprof.profiler.recording import Gpu, Recording
from infprof.rules.finding import Outcome
from tests.build import A100, recording
from tests.rules.judge import verdict_of

RULE = "slow-link"
FULL = A100.model_copy(update={"pcie_generation_max": 4, "pcie_width_max": 16})
UNLISTED = Gpu(name="A card nobody knows", sm_major=8, sm_minor=0)


def built(
    copy_us: int,
    *,
    size: int = 26_000_000,
    memory: str = "Pinned",
    gpu: Gpu = FULL,
    link: tuple[float, float] | None = None,
    load: float | None = 90.0,
) -> Recording:
    """A copy in a request of 10 ms; ``link`` is what NVML says of generation and width."""
    text = f"""
        main: 0-10000 request
        main: 100-110 call cudaMemcpyAsync #1
        s7: 110-{110 + copy_us} copy Memcpy HtoD ({memory} -> Device) #1 @{size}
        main: 110-120 call cudaLaunchKernel #2
        s7: {110 + copy_us}-9900 kernel gemm #2
        main: 120-10000 call cudaDeviceSynchronize
    """
    series: dict[str, list[tuple[int, float]]] = {}
    if load is not None:
        series["gpu.utilization"] = [(5000, load)]
    if link is not None:
        series |= {"gpu.pcie_generation": [(5000, link[0])], "gpu.pcie_width": [(5000, link[1])]}
    return recording(text, gpus=(gpu,), series=series)


def test_four_lanes_in_place_of_sixteen() -> None:
    (finding,) = verdict_of(RULE, built(4000, link=(4, 4))).findings
    assert (finding.saving.low_ns, finding.saving.high_ns) == (0, 3_000_000)
    assert "runs as PCIe 4 x4, and card and slot can do PCIe 4 x16" in finding.why
    assert "26.0 MB per request take 4.00 ms (40 % of the wall)" in finding.why
    assert finding.stage == "h2d" and finding.saving.confidence == "C"


def test_each_generation_halves_it() -> None:
    (finding,) = verdict_of(RULE, built(4000, link=(3, 16))).findings
    assert finding.saving.high_ns == 2_000_000


def test_pageable_copies_go_over_the_same_link() -> None:
    pageable = built(4000, memory="Pageable", link=(1, 16))
    (finding,) = verdict_of(RULE, pageable).findings
    assert finding.saving.high_ns == 3_500_000


def test_large_pinned_copies_tell_it_too() -> None:
    # 26 MB in 4 ms are 6.5 GB/s, where generation 4 gives 26
    (finding,) = verdict_of(RULE, built(4000)).findings
    assert finding.saving.high_ns == 3_000_000
    assert "reached 6.5 of 26.0 GB/s" in finding.why
    (finding,) = verdict_of(RULE, built(4000, link=(4, 16))).findings  # the link is as it should
    assert finding.saving.high_ns == 3_000_000


def test_what_the_machine_was_measured_to_do_counts() -> None:
    recorded = built(4000)
    measured = Calibration(
        made_at="2026-01-01",
        torch="2.13",
        device=A100.name,
        on_gpu=True,
        copy_bytes_per_s={"h2d.pinned": 7e9},
    )
    machine = recorded.header.machine.model_copy(update={"calibration": measured})
    header = recorded.header.model_copy(update={"machine": machine})
    found = verdict_of(RULE, dataclasses.replace(recorded, header=header))
    assert found.outcome is Outcome.CLEAR


def test_the_quickest_copy_counts() -> None:
    recorded = built(4000)
    text = "s7: 9905-9985 copy Memcpy HtoD (Pinned -> Device) #9 @2000000"  # small, but quick
    assert verdict_of(RULE, recorded).outcome is Outcome.FOUND
    quick = recording(
        f"""main: 0-10000 request
        s7: 110-4110 copy Memcpy HtoD (Pinned -> Device) #1 @26000000
        s7: 5000-6000 copy Memcpy DtoH (Device -> Pinned) #2 @26000000
        {text}""",
        gpus=(FULL,),
    )
    assert verdict_of(RULE, quick).outcome is Outcome.CLEAR


@pytest.mark.parametrize(
    "recorded",
    [
        built(1100),  # 23.6 GB/s
        built(1000, link=(4, 16)),
        built(4000, size=2_000_000, link=(4, 16)),  # too small to tell
        built(4000, gpu=Gpu(name="NVIDIA GH200 480GB")),  # no PCIe in between
        built(50, size=1000, link=(1, 4)),  # would save next to nothing
    ],
)
def test_silent(recorded: Recording) -> None:
    assert verdict_of(RULE, recorded).outcome is Outcome.CLEAR


def test_a_link_that_sleeps_is_not_looked_at() -> None:
    idle = built(1000, link=(1, 16), load=5.0)
    assert verdict_of(RULE, idle).outcome is Outcome.CLEAR


def test_without_copies_there_is_nothing_to_say() -> None:
    text = "main: 0-100 request | main: 1-5 call cudaLaunchKernel #1 | s7: 5-90 kernel gemm #1"
    assert verdict_of(RULE, recording(text)).outcome is Outcome.CLEAR


def test_unknown_without_a_link_or_a_large_copy() -> None:
    unlisted = verdict_of(RULE, built(4000, gpu=UNLISTED))
    assert unlisted.reason == "what the link between host and GPU can do is not known"
    small = verdict_of(RULE, built(4000, size=2_000_000, load=None))
    assert small.outcome is Outcome.UNKNOWN and "neither the link" in small.reason
