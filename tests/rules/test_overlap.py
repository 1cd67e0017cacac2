"""Loading beside the model: with the measured number of threads that advance at once."""

from __future__ import annotations

import pytest

from infprof.profiler.calibration import Calibration
from infprof.profiler.events import Kind
from infprof.profiler.recording import Cpu, Recording
from infprof.rules.cores_at_once import cores_at_once
from infprof.rules.finding import Finding, Outcome, Verdict
from infprof.rules.overlap import requests_in_a_row
from tests.build import recording
from tests.rules.judge import evidence_of, verdict_of

SERIAL = "enumerate(DataLoader)#_SingleProcessDataLoaderIter.__next__"


def flow(cores: float | None, pause_us: int = 0, batches: int = 1, number: int = 10) -> Recording:
    """Requests of 100 us on the CPU, of which they load 40."""
    rows = []
    for at in range(0, number * (100 + pause_us), 100 + pause_us):
        rows.append(f"main: {at}-{at + 100} request")
        step = 100 // batches
        for begin in range(at, at + 100, step):
            loaded = begin + 40 // batches
            rows.append(f"main: {begin}-{loaded} range {SERIAL}")
            rows.append(f"main: {loaded}-{begin + step} op aten::conv2d")
    built = recording("\n".join(rows), gpus=())
    built.header.machine.cpu = Cpu(usable=8)
    built.header.machine.calibration = Calibration(
        device="cpu", on_gpu=False, made_at="2026-01-01T00:00:00Z", torch="2", cores=cores
    )
    return built


def verdict(built: Recording) -> Verdict:
    return verdict_of("serial-dataloader", built)


def finding_of(built: Recording) -> Finding:
    (finding,) = verdict(built).findings
    return finding


def test_in_a_flow_loading_hides_behind_the_model() -> None:
    saving = finding_of(flow(cores=8.0)).saving
    # the first of ten requests in a row takes 100 us, the others 60
    assert (saving.low_ns, saving.high_ns) == (32_400, 36_000)
    assert saving.confidence == "A"


def test_a_lone_request_gains_nothing() -> None:
    """Its users wait for each, one at a time: nothing is there to be prepared ahead."""
    assert verdict(flow(cores=8.0, pause_us=50)).outcome is Outcome.CLEAR


def test_the_batches_of_a_lone_request_follow_each_other() -> None:
    saving = finding_of(flow(cores=8.0, pause_us=50, batches=2)).saving
    assert saving.high_ns == 20_000  # the second one's 20 us of loading, in half of the time


def test_on_few_cores_it_takes_what_the_cpu_needs() -> None:
    saving = finding_of(flow(cores=1.6)).saving
    # 100 us of work at 1.6 at once are 62.5; if all 40 fall together they take 10 more than alone
    assert saving.high_ns == pytest.approx(0.9 * 37_500, abs=10)
    assert saving.low_ns == pytest.approx(0.9 * 0.9 * 30_000, abs=10)


def test_threads_that_take_turns_gain_nothing() -> None:
    assert verdict(flow(cores=1.2)).outcome is Outcome.CLEAR


def test_operators_on_many_threads_leave_less_for_others() -> None:
    built = flow(cores=4.0)
    built.header.flags["threads"] = 4
    saving = finding_of(built).saving
    # small operators use one thread; if all use four, 40 + 4 * 60 us of work at 4 at once are 70
    assert saving.high_ns == 36_000
    assert saving.low_ns == pytest.approx(0.9 * 0.9 * 30_000, abs=10)


def test_unmeasured_it_is_a_bound_by_the_usable_cores() -> None:
    saving = finding_of(flow(cores=None)).saving
    assert (saving.low_ns, saving.high_ns, saving.confidence) == (0, 40_000, "B")


def test_beside_a_gpu_its_work_sets_the_pace() -> None:
    """The host loads for 40 of 100 us a batch, but the GPU works for 80."""
    rows = ["main: 0-1000 request", "main: 950-1000 call cudaDeviceSynchronize"]
    for number in range(10):
        at = 100 * number
        rows += [
            f"main: {at}-{at + 40} range {SERIAL}",
            f"main: {at + 41}-{at + 45} call cudaLaunchKernel #{number}",
            f"s7: {at + 50}-{min(at + 130, 998)} kernel gemm #{number}",
        ]
        rows += [f"main: {at + 50}-{at + 95} op aten::item"] if number < 9 else []
    built = recording("\n".join(rows))
    built.header.machine = flow(cores=8.0).header.machine
    saving = finding_of(built).saving
    assert saving.basis == "replay"
    assert saving.high_ns == pytest.approx(
        0.9 * 205_000, rel=0.05
    )  # of ten batches the first waits


def test_how_many_follow_each_other() -> None:
    assert requests_in_a_row(evidence_of(flow(None, pause_us=0, number=7))) == 7.0
    assert requests_in_a_row(evidence_of(flow(None, pause_us=50, number=7))) == 1.0
    assert requests_in_a_row(evidence_of(recording("main: 0-9 op aten::mm", gpus=()))) == 1.0


def two_threads(times: int) -> Recording:
    """Each stage takes 40 and 60 us alone; together 50 and 75."""
    rows, at = ["t2: 1-2 range other"], 0
    for _ in range(times):
        rows += [
            f"main: {at}-{at + 40} range preprocess:load",
            f"main: {at + 40}-{at + 100} range compute:model",
            f"main: {at + 100}-{at + 150} range preprocess:load",
            f"t2: {at + 100}-{at + 175} range compute:model",
            f"t2: {at + 175}-{at + 250} range compute:model",
            f"main: {at + 150}-{at + 200} range preprocess:load",
        ]
        at += 250
    rows.append(f"main: 0-{at} request")
    return recording("\n".join(rows), gpus=())


def test_what_threads_were_seen_to_do_at_once() -> None:
    evidence = evidence_of(two_threads(5))
    models = evidence.timeline.model_ranges
    loads = evidence.timeline.where(Kind.RANGE, lambda name: name, "load")
    assert cores_at_once(evidence, loads, models) == pytest.approx(0.8 + 0.8)


def test_seen_too_seldom_the_machine_tells() -> None:
    built = two_threads(2)
    evidence = evidence_of(built)
    models = evidence.timeline.model_ranges
    assert cores_at_once(evidence, models, models) is None
    built.header.machine.calibration = flow(1.7).header.machine.calibration
    assert cores_at_once(evidence_of(built), models, models) == 1.7
