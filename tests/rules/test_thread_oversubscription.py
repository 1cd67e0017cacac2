"""thread-oversubscription: more computing threads than cores."""

from __future__ import annotations

import dataclasses

import pytest

from infprof.profiler.recording import Cpu, Recording
from infprof.rules.finding import Outcome, Verdict
from tests.build import recording
from tests.rules.judge import verdict_of

RULE = "thread-oversubscription"

ONE = """
    main: 0-1000000 request
    main: 100000-900000 op aten::linear
    main: 0-1000000 stack 50 serve.py:20:predict > lib/torch/nn/modules/module.py:1:_call_impl
"""
FOUR = "\n".join([ONE] + [ONE.replace("main:", f"t{i}:") for i in (2, 3, 4)])
"""Four threads serve at once."""


def built(
    text: str, threads: int | None, *, usable: int | None = 4, **load: float | None
) -> Recording:
    """``load`` in place of what a crowded machine shows: see ``crowded``."""
    crowded: dict[str, float | None] = {
        "cpu": 390.0, "machine_cpu": 98.0, "run_delay": 40.0, "involuntary_switches": 900.0,
    }  # fmt: skip
    crowded |= load
    series = {f"host.{name}": [(500_000, one)] for name, one in crowded.items() if one is not None}
    flags: dict[str, bool | int | str | None] = {"threads": threads}
    found = recording(text, gpus=(), flags=flags, series=series)
    machine = found.header.machine.model_copy(update={"cpu": Cpu(logical=4, usable=usable)})
    return dataclasses.replace(found, header=found.header.model_copy(update={"machine": machine}))


def verdict(text: str, threads: int | None, **load: float | None) -> Verdict:
    return verdict_of(RULE, built(text, threads, **load))  # type: ignore[arg-type]


def test_four_requests_at_once_with_four_threads_each() -> None:
    (finding,) = verdict(FOUR, 4).findings
    # 16 threads on 4 cores: at best 3/4 of 800 ms of compute were waiting
    assert (finding.saving.low_ns, finding.saving.high_ns) == (0, 600_000_000)
    assert finding.saving.confidence == "C"
    assert "4 threads of torch" in finding.why and "40 %" in finding.why
    assert finding.where[0].name == "predict (serve.py:20)"
    assert "torch.set_num_threads(1)" in finding.fix.code
    compile(finding.fix.code, "fix", "exec")


def test_more_threads_than_cores_for_one_request() -> None:
    (finding,) = verdict(ONE, 8).findings
    assert finding.saving.high_ns == 400_000_000
    assert "torch.set_num_threads(4)" in finding.fix.code


def test_a_short_delay_is_the_bound_where_it_is_smaller() -> None:
    (finding,) = verdict(ONE, 8, run_delay=5.0).findings
    assert finding.saving.high_ns == 400_000_000  # 8 threads may each be late in turn
    (finding,) = verdict(FOUR, 4, run_delay=6.0).findings
    assert finding.saving.high_ns == 240_000_000


@pytest.mark.parametrize(
    "load", [{"throttled_share": 30.0}, {"run_delay": None, "involuntary_switches": 900.0}]
)
def test_a_quota_or_forced_switches_are_proof_as_well(load: dict[str, float | None]) -> None:
    healthy: dict[str, float | None] = {"run_delay": 1.0, "involuntary_switches": 10.0}
    assert verdict(FOUR, 4, **healthy | load).outcome is Outcome.FOUND


@pytest.mark.parametrize(
    ("text", "threads", "load"),
    [
        (ONE, 4, {}),  # one process, as many threads as cores
        (FOUR, 1, {}),
        (FOUR, 4, {"run_delay": 1.0, "involuntary_switches": 2000.0}),  # nobody waits
        (FOUR, 4, {"run_delay": None, "involuntary_switches": 50.0}),
        (FOUR, 4, {"cpu": 100.0}),  # another program takes the other three cores
    ],
)
def test_silent(text: str, threads: int, load: dict[str, float | None]) -> None:
    assert verdict(text, threads, **load).outcome is Outcome.CLEAR


def test_requests_one_after_the_other_do_not_compete() -> None:
    second = "t2: 1000000-2000000 request | t2: 1100000-1900000 op aten::linear"
    assert verdict(ONE + second, 4).outcome is Outcome.CLEAR


def test_without_compute_there_is_nothing_to_save() -> None:
    text = FOUR.replace("100000-900000 op", "100000-100100 op")
    assert verdict(text, 4).outcome is Outcome.CLEAR


def test_unknown_without_samples_cores_or_threads() -> None:
    bare = recording(FOUR, gpus=(), flags={"threads": 4})
    assert verdict_of(RULE, bare).outcome is Outcome.UNKNOWN
    assert "cores" in verdict_of(RULE, built(FOUR, 4, usable=None)).reason
    assert "torch's threads" in verdict(FOUR, None).reason
    silent = verdict(FOUR, 4, run_delay=None, involuntary_switches=None)
    assert silent.outcome is Outcome.UNKNOWN
