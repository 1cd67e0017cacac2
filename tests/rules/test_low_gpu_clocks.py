"""low-gpu-clocks: a loaded GPU below its highest clock, and why."""

from __future__ import annotations

import dataclasses

import pytest

from infprof.profiler.recording import Recording
from infprof.rules.finding import Outcome
from tests.build import A100, recording
from tests.rules.judge import verdict_of

RULE = "low-gpu-clocks"

BUSY = """
    main: 0-1000 request
    main: 0-10 op aten::mm | main: 2-8 call cudaLaunchKernel #1 | s7: 10-810 kernel gemm #1
    main: 10-1000 call cudaDeviceSynchronize
"""

THERMAL, HARDWARE, BRAKE, POWER, SET, IDLE = 32, 8, 128, 4, 2, 1


def built(
    reasons: int | tuple[int, ...],
    clock: float | tuple[float, ...],
    *,
    load: float | None = 97.0,
    limits: tuple[float | None, float | None] = (400.0, 400.0),
    highest: int | None = 1400,
    text: str = BUSY,
) -> Recording:
    """Ten samples of NVML; ``limits`` are the power limit and its default."""
    times = range(0, 1000, 100)

    def series(of: float | tuple[float, ...]) -> list[tuple[int, float]]:
        values = of if isinstance(of, tuple) else (of,)
        return [(time, values[number % len(values)]) for number, time in enumerate(times)]

    samples = {
        "gpu.sm_clock": series(clock),
        "gpu.throttle_reasons": series(reasons),
        "gpu.temperature": series(88.0),
    }
    if load is not None:
        samples["gpu.utilization"] = series(load)
    gpu = A100.model_copy(
        update={
            "sm_clock_max_mhz": highest,
            "power_limit_w": limits[0],
            "power_limit_default_w": limits[1],
        }
    )
    return recording(text, gpus=(gpu,), series=samples)


def test_a_hot_gpu_is_slower_in_proportion() -> None:
    (finding,) = verdict_of(RULE, built(THERMAL, 1050.0)).findings
    assert (finding.saving.low_ns, finding.saving.high_ns) == (0, 200_000)  # a quarter of 800 us
    assert finding.saving.confidence == "C" and finding.stage == "compute"
    assert "at 1050 of 1400 MHz on average at 88 °C, because it is too hot" in finding.why


def test_only_the_time_with_the_reason_counts() -> None:
    half = built((THERMAL, 0), (700.0, 1400.0))  # half the clock for half of the time
    (finding,) = verdict_of(RULE, half).findings
    assert finding.saving.high_ns == 200_000
    other = built((THERMAL, 0), (1400.0, 700.0))  # low only without a reason: not yet awake
    assert verdict_of(RULE, other).outcome is Outcome.CLEAR


@pytest.mark.parametrize(
    ("reasons", "limits", "words", "code"),
    [
        (HARDWARE, (400.0, 400.0), "hardware slows it down", "POWER,PERFORMANCE"),
        (BRAKE, (400.0, 400.0), "hardware slows it down", "POWER,PERFORMANCE"),
        (POWER, (250.0, 400.0), "power limit is below", "nvidia-smi -pl 400"),
        (SET, (400.0, 400.0), "somebody set it", "nvidia-smi -rgc"),
        (64 | POWER, (400.0, 400.0), "too hot", "TEMPERATURE"),
    ],
)
def test_each_reason_has_its_cure(
    reasons: int, limits: tuple[float, float], words: str, code: str
) -> None:
    (finding,) = verdict_of(RULE, built(reasons, 1050.0, limits=limits)).findings
    assert words in finding.why and code in finding.fix.code


@pytest.mark.parametrize(
    "recorded",
    [
        built(0, 1400.0),
        built(0, 1000.0),  # the driver gives no reason
        built(IDLE, 300.0, load=3.0),  # no load, so it rests
        built(POWER, 1050.0),  # at its own limit, as dense products bring it to
        built(POWER, 1300.0, limits=(350.0, 400.0)),  # 7 %: a limit that hardly matters
        built(SET, 1250.0),
        built(THERMAL, 1370.0),
        built(THERMAL, 1980.0),  # above what is called the highest
    ],
)
def test_silent(recorded: Recording) -> None:
    assert verdict_of(RULE, recorded).outcome is Outcome.CLEAR


def test_a_clock_of_kernels_that_hide_behind_the_host_saves_nothing() -> None:
    text = "\n".join(
        f"main: {100 * i}-{100 * i + 90} op aten::mm | main: {100 * i + 1}-{100 * i + 5}"
        f" call cudaLaunchKernel #{i} | s7: {100 * i + 6}-{100 * i + 10} kernel gemm #{i}"
        for i in range(1, 10)
    )
    hidden = built(THERMAL, 1050.0, text=f"main: 0-1000 request\n{text}")
    assert verdict_of(RULE, hidden).outcome is Outcome.CLEAR


def test_unknown_without_samples_limits_or_a_gpu_s_name() -> None:
    assert verdict_of(RULE, recording(BUSY)).outcome is Outcome.UNKNOWN
    assert "load of the GPU" in verdict_of(RULE, built(THERMAL, 700.0, load=None)).reason
    assert "highest clock" in verdict_of(RULE, built(THERMAL, 700.0, highest=None)).reason
    capped = built(POWER, 1000.0, limits=(250.0, None))
    assert "was lowered" in verdict_of(RULE, capped).reason


def test_it_does_not_apply_without_a_gpu() -> None:
    bare = dataclasses.replace(recording("main: 0-9 request | main: 0-8 op aten::mm", gpus=()))
    assert verdict_of(RULE, bare).outcome is Outcome.CLEAR
