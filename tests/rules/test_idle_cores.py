"""idle-cores: compute on one core while others are idle."""

from __future__ import annotations

import dataclasses

import pytest

from infprof.profiler.recording import Cpu, Recording
from infprof.rules.finding import Outcome
from tests.build import A100, recording
from tests.rules.judge import verdict_of

RULE = "idle-cores"

LARGE = """
    main: 0-100000 request
    main: 0-40000 op aten::conv2d
    main: 40000-80000 op aten::linear
    main: 40000-79000 op aten::addmm
    main: 0-100000 stack 50 serve.py:20:predict > lib/torch/nn/modules/module.py:1:_call_impl
"""


def built(
    text: str,
    *,
    threads: int | None = 1,
    usable: int | None = 4,
    busy: float | None = 25.0,
    gpu: bool = False,
    chosen: bool | None = False,
) -> Recording:
    series = {"host.cpu": [(50_000, 100.0)]}
    if busy is not None:
        series["host.machine_cpu"] = [(50_000, busy)]
    flags: dict[str, bool | int | str | None] = {
        "threads": threads,
        "threads_by_environment": chosen,
    }
    found = recording(text, gpus=(A100,) if gpu else (), flags=flags, series=series)
    machine = found.header.machine.model_copy(update={"cpu": Cpu(logical=4, usable=usable)})
    return dataclasses.replace(found, header=found.header.model_copy(update={"machine": machine}))


def test_large_ops_on_one_of_four_cores() -> None:
    (finding,) = verdict_of(RULE, built(LARGE)).findings
    assert (finding.saving.low_ns, finding.saving.high_ns) == (0, 60_000_000)  # 80 ms * 3/4
    assert finding.title == "Compute on all 4 cores, not on one"
    assert finding.where[0].name == "predict (serve.py:20)"
    assert [one.name for one in finding.where[1:]] == ["aten::linear", "aten::conv2d"]
    assert "2.0 large ops" in finding.why and "torch.set_num_threads" in finding.fix.code
    compile(finding.fix.code, "fix", "exec")


def test_only_idle_cores_count() -> None:
    (finding,) = verdict_of(RULE, built(LARGE, busy=75.0)).findings  # one of four is idle
    assert finding.saving.high_ns == 40_000_000
    (finding,) = verdict_of(RULE, built(LARGE, usable=2)).findings
    assert finding.saving.high_ns == 40_000_000


def test_only_large_ops_count() -> None:
    text = LARGE + "".join(
        f"main: {80_000 + 500 * i}-{80_500 + 500 * i} op aten::linear\n" for i in range(40)
    )
    (finding,) = verdict_of(RULE, built(text)).findings
    assert finding.saving.high_ns == 60_000_000


SMALL = "main: 0-100000 request\n" + "".join(
    f"main: {500 * i}-{500 * i + 499} op aten::linear\n" for i in range(200)
)


@pytest.mark.parametrize(
    "recorded",
    [
        built(LARGE, threads=4),
        built(LARGE, threads=2),
        built(LARGE, usable=1),
        built(LARGE, busy=95.0),  # other programs use the cores
        built(SMALL),
        built(LARGE.replace("aten::conv2d", "aten::sort").replace("aten::linear", "aten::sort")
              .replace("aten::addmm", "aten::sort")),  # not known to divide
        built("main: 0-100000 request | main: 0-40000 op aten::linear"),  # 40 % compute
        built(LARGE, chosen=True),
        # requests run in parallel, each on a core of its own
        built(LARGE + LARGE.replace("main:", "t2:")),
    ],
)  # fmt: skip
def test_silent(recorded: Recording) -> None:
    assert verdict_of(RULE, recorded).outcome is Outcome.CLEAR


def test_silent_where_a_gpu_computes() -> None:
    text = LARGE + "main: 1000-1010 call cudaLaunchKernel #1 | s7: 1010-90000 kernel gemm #1"
    assert verdict_of(RULE, built(text, gpu=True)).outcome is Outcome.CLEAR


def test_requests_one_after_the_other_on_two_threads() -> None:
    text = LARGE + "t2: 100000-200000 request | t2: 100000-190000 op aten::linear"
    assert verdict_of(RULE, built(text)).outcome is Outcome.FOUND


def test_unknown_without_samples_cores_or_threads() -> None:
    bare = recording(LARGE, gpus=(), flags={"threads": 1, "threads_by_environment": False})
    assert verdict_of(RULE, bare).outcome is Outcome.UNKNOWN
    assert "busy" in verdict_of(RULE, built(LARGE, busy=None)).reason
    assert "environment" in verdict_of(RULE, built(LARGE, chosen=None)).reason
    assert "usable cores" in verdict_of(RULE, built(LARGE, usable=None)).reason
    assert "torch's threads" in verdict_of(RULE, built(LARGE, threads=None)).reason
