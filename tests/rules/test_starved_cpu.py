"""starved-cpu: threads that are ready to run and get no core."""

from __future__ import annotations

import dataclasses

import pytest

from infprof.profiler.recording import Cpu, Recording
from infprof.rules.finding import Outcome
from tests.build import recording
from tests.rules.judge import verdict_of

RULE = "starved-cpu"

ONE = """
    main: 0-1000000 request plain
    main: 0-600000 range compute:model
    main: 600000-900000 range preprocess:resize
    main: 900000-1000000 range io:read
"""

QUIET: dict[str, float | None] = {
    "cpu": 100.0, "machine_cpu": 50.0, "run_delay": 0.3, "pressure_cpu": 1.0,
    "throttled_share": None, "stolen": 0.0,
}  # fmt: skip
"""One thread on a machine of four cores, of which others use one."""


def built(text: str = ONE, threads: int | None = 1, **load: float | None) -> Recording:
    """``load`` in place of what a quiet machine shows."""
    series = {
        f"host.{name}": [(500_000, one)] for name, one in (QUIET | load).items() if one is not None
    }
    flags: dict[str, bool | int | str | None] = {"threads": threads}
    found = recording(text, gpus=(), flags=flags, series=series)
    machine = found.header.machine.model_copy(update={"cpu": Cpu(logical=4, usable=4)})
    return dataclasses.replace(found, header=found.header.model_copy(update={"machine": machine}))


def test_other_programs_have_the_cores() -> None:
    crowd = built(run_delay=40.0, machine_cpu=100.0, pressure_cpu=90.0)
    (finding,) = verdict_of(RULE, crowd).findings
    # 40 % of what wants a core: 600 ms of compute and 300 ms of preprocessing, not the read
    assert (finding.saving.low_ns, finding.saving.high_ns) == (0, 360_000_000)
    assert finding.saving.confidence == "C" and finding.stage == "compute"
    assert "without a core 40 % of the time, and some thread of the machine is 90 %" in finding.why
    assert "other programs use 3.0 cores" in finding.why
    assert "taskset" in finding.fix.code


def test_an_op_waits_for_its_last_thread() -> None:
    (finding,) = verdict_of(RULE, built(threads=2, run_delay=20.0)).findings
    assert finding.saving.high_ns == 240_000_000 + 60_000_000  # 2 * 20 % of compute
    (finding,) = verdict_of(RULE, built(threads=16, run_delay=20.0)).findings
    assert finding.saving.high_ns == 480_000_000 + 60_000_000  # 16 threads on 4 cores
    (finding,) = verdict_of(RULE, built(threads=4, run_delay=60.0)).findings
    assert finding.saving.high_ns == 600_000_000 + 150_000_000  # all of it, and half of the rest


def test_no_more_comes_back_than_the_others_have() -> None:
    # they use 1 of 4 cores, and the program 3: at best it is a quarter quicker
    load = built(run_delay=40.0, cpu=300.0, machine_cpu=100.0)
    (finding,) = verdict_of(RULE, load).findings
    assert finding.saving.high_ns == 225_000_000


def test_the_quota_runs_out() -> None:
    (finding,) = verdict_of(RULE, built(run_delay=30.0, throttled_share=80.0)).findings
    assert finding.saving.high_ns == 270_000_000
    assert "its quota of CPU time runs out in 80 % of the periods" in finding.why
    assert "limits.cpu" in finding.fix.code
    (finding,) = verdict_of(RULE, built(run_delay=None, throttled_share=8.0)).findings
    assert finding.saving.high_ns == 72_000_000  # each of those periods may have stood still
    assert finding.why.startswith("Its quota of CPU time runs out")


def test_a_quota_that_seldom_runs_out_is_not_the_cause() -> None:
    crowd = built(run_delay=70.0, throttled_share=2.0, machine_cpu=100.0)
    (finding,) = verdict_of(RULE, crowd).findings
    assert "other programs use 3.0 cores" in finding.why


def test_the_host_of_a_virtual_machine_has_them() -> None:
    (finding,) = verdict_of(RULE, built(run_delay=10.0, machine_cpu=60.0, stolen=25.0)).findings
    assert "the host of this virtual machine takes 25 % of its CPU time" in finding.why


def test_a_wait_is_of_requests_where_there_are_pauses_between_them() -> None:
    text = ONE + "main: 2000000-3000000 request plain | main: 2000000-3000000 range compute:model"
    (finding,) = verdict_of(RULE, built(text, run_delay=20.0)).findings
    # 20 % of three seconds are 30 % of the two in which a request was under way
    assert finding.saving.high_ns == 285_000_000


@pytest.mark.parametrize(
    "load",
    [
        {},
        {"run_delay": 4.9, "pressure_cpu": 95.0, "machine_cpu": 100.0},  # others wait, not we
        {"throttled_share": 0.5},
        {"run_delay": None, "throttled_share": 0.0},
        {"run_delay": 40.0, "cpu": 390.0, "machine_cpu": 100.0},  # its own threads, all of them
    ],
)
def test_silent(load: dict[str, float | None]) -> None:
    assert verdict_of(RULE, built(**load)).outcome is Outcome.CLEAR  # type: ignore[arg-type]


def test_what_waits_for_a_disk_wants_no_core() -> None:
    text = "main: 0-1000000 request plain | main: 0-1000000 range io:read"
    verdict = verdict_of(RULE, built(text, run_delay=50.0))
    assert verdict.outcome is Outcome.CLEAR


def test_unknown_without_samples() -> None:
    bare = recording(ONE, gpus=())
    assert verdict_of(RULE, bare).outcome is Outcome.UNKNOWN
    whose = verdict_of(RULE, built(run_delay=20.0, machine_cpu=None))
    assert whose.reason == "threads wait for a core, and who has the cores was not sampled"
    verdict = verdict_of(RULE, built(run_delay=None))
    assert verdict.reason == "how long threads waited for a core was not sampled"
