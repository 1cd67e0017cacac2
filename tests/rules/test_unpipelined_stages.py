"""unpipelined-stages: a job that prepares and computes in turns."""

from __future__ import annotations

import pytest

from infprof.profiler.calibration import Calibration
from infprof.profiler.recording import Cpu, Lane, Recording
from infprof.rules.finding import Outcome
from infprof.rules.own_loop import IN_A_ROW
from tests.build import recording
from tests.rules.judge import verdict_of

RULE = "unpipelined-stages"

JOB = "job.py:30:main"
HANDLER = "lib/python3.11/socketserver.py:1:finish_request > job.py:30:handle"


def job(
    *,
    cores: float | None = 2.0,
    prepare_us: int = 40_000,
    wait_us: int = 0,
    pause_us: int = 0,
    caller: str = JOB,
    number: int = 20,
    pressure: float = 0.0,
) -> Recording:
    """Requests of 100 ms: a wait, then the preparing of an input, then the model on the CPU."""
    rows = []
    for at in range(0, number * (100_000 + pause_us), 100_000 + pause_us):
        ready, end = at + wait_us + prepare_us, at + 100_000
        rows.append(f"main: {at}-{end} request")
        rows.append(f"main: {at}-{at + wait_us} range queue:wait")
        rows.append(f"main: {at + wait_us}-{ready} range preprocess:prepare")
        rows.append(f"main: {ready}-{end} range nn.Module: Net")
        rows.append(f"main: {ready}-{end} op aten::conv2d")
        rows.append(f"main: {at + wait_us}-{ready} stack 2 {caller} > job.py:9:prepare")
        rows.append(f"main: {ready}-{end} stack 3 {caller}")
    built = recording("\n".join(rows), gpus=(), series={"host.pressure_cpu": [(50_000, pressure)]})
    built.header.machine.cpu = Cpu(usable=8)
    built.header.machine.calibration = Calibration(
        device="cpu", on_gpu=False, made_at="2026-01-01T00:00:00Z", torch="2", cores=cores
    )
    return built


def test_the_shorter_stage_hides_behind_the_longer() -> None:
    (finding,) = verdict_of(RULE, job()).findings
    # the first of twenty takes 100 ms, the others 60
    assert finding.saving.high_ns == 38_000_000 and finding.saving.confidence == "A"
    assert finding.saving.low_ns == pytest.approx(0.9 * 38_000_000, abs=10)
    assert "40.00 ms preparing its input (40 % of the wall) and then 60.00 ms" in finding.why
    assert finding.where[0].name == "prepare (job.py:9)"
    compile(finding.fix.code, "fix", "exec")


def test_what_waits_for_too_few_cores_gains_less() -> None:
    (finding,) = verdict_of(RULE, job(cores=1.6)).findings
    assert finding.saving.high_ns == pytest.approx(0.95 * 37_500_000, abs=100)


@pytest.mark.parametrize(
    "recorded",
    [
        job(cores=1.2),  # threads would only take turns
        job(prepare_us=10_000),
        job(prepare_us=90_000),
        job(wait_us=15_000),  # what comes from outside sets the pace
        job(pause_us=20_000),  # users send one at a time
        job(caller=HANDLER),  # and so they do here, as fast as they are answered
        job(number=int(IN_A_ROW) - 1),
        job(pressure=25.0),  # others have the CPUs
    ],
)
def test_what_gains_nothing_or_is_no_job_is_fine(recorded: Recording) -> None:
    verdict = verdict_of(RULE, recorded)
    assert (verdict.outcome, verdict.reason) == (Outcome.CLEAR, "")


def test_a_thread_that_is_not_the_main_one_serves_others() -> None:
    built = job()
    built.header.lanes[0] = Lane(type="thread", process=1, id=7)
    assert verdict_of(RULE, built).outcome is Outcome.CLEAR


def test_without_a_measured_number_of_cores_there_is_no_verdict() -> None:
    verdict = verdict_of(RULE, job(cores=None))
    assert verdict.outcome is Outcome.UNKNOWN and "--calibrate" in verdict.reason


def test_without_samples_nobody_knows_who_calls() -> None:
    blind = recording(
        "\n".join(
            f"main: {at}-{at + 100} request\n"
            f"main: {at}-{at + 40} range preprocess:x\n"
            f"main: {at + 40}-{at + 100} op aten::conv2d"
            for at in range(0, 2000, 100)
        ),
        gpus=(),
    )
    verdict = verdict_of(RULE, blind)
    assert verdict.outcome is Outcome.UNKNOWN and "samples" in verdict.reason
