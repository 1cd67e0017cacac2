"""debug-switches: what helps to find bugs is on while requests are served."""

from __future__ import annotations

import pytest

from infprof.profiler.recording import Recording
from infprof.rules.catalog.debug_switches import SWITCHES
from infprof.rules.finding import Outcome
from tests.build import A100, recording
from tests.rules.judge import verdict_of

RULE = "debug-switches"

SERVED = """
    main: 0-100000 request
    main: 0-40000 op aten::linear
    main: 0-100000 stack 60 serve.py:20:predict > lib/torch/nn/modules/linear.py:1:forward
"""

WRITING = "lib/torch/nn/modules/linear.py:1:forward > lib/torch/fx/traceback.py:5:format_stack"


def built(text: str, *on: str, gpu: bool = False, unknown: str = "") -> Recording:
    flags: dict[str, bool | int | str | None] = {
        name: name in on for name in SWITCHES if name != unknown
    }
    return recording(text, gpus=(A100,) if gpu else (), flags=flags)


def test_the_stacks_that_anomaly_detection_writes_down_are_claimed() -> None:
    text = SERVED.replace("stack 60", "stack 30") + (
        f"main: 0-100000 stack 30 serve.py:20:predict > {WRITING} > lib/traceback.py:9:extract"
    )
    (finding,) = verdict_of(RULE, built(text, "anomaly_detection")).findings
    # half of 60 samples; two sigma of 30 are 37 %
    assert (finding.saving.low_ns, finding.saving.high_ns) == (31_742_581, 50_000_000)
    assert "that is 50 % of the time of a request" in finding.why
    assert finding.where[0].name == "predict (serve.py:20)"
    assert finding.title == "Turn anomaly detection off where requests are served"


def test_without_such_samples_nothing_is_claimed() -> None:
    verdict = verdict_of(RULE, built(SERVED, "anomaly_detection"))
    assert verdict.outcome is Outcome.FOUND
    (finding,) = verdict.findings
    assert (finding.saving.high_ns, finding.saving.basis) == (0, "none")
    assert "a run without it shows" in finding.why


FILLED = """
    main: 0-100000 request
    main: 0-30000 op aten::empty
    main: 1000-21000 op aten::fill_
    main: 40000-50000 op aten::zeros
    main: 41000-49000 op aten::fill_
"""


def test_the_fills_of_new_memory_are_claimed_and_no_others() -> None:
    (finding,) = verdict_of(RULE, built(FILLED, "deterministic")).findings
    assert (finding.saving.low_ns, finding.saving.high_ns) == (0, 20_000_000)
    assert finding.stage == "compute"
    assert "the filling is 20.00 ms of each request (20 %)" in finding.why
    assert "fill_uninitialized_memory = False" in finding.fix.code


def test_on_a_gpu_the_kernels_that_fill_are_claimed() -> None:
    text = """
        main: 0-1000 request
        main: 0-30 op aten::empty
        main: 2-28 op aten::fill_
        main: 5-10 call cudaLaunchKernel #1 | s7: 20-420 kernel fill #1
        main: 40-50 call cudaLaunchKernel #2 | s7: 420-900 kernel gemm #2
        main: 60-1000 call cudaDeviceSynchronize
    """
    (finding,) = verdict_of(RULE, built(text, "deterministic", gpu=True)).findings
    assert 390_000 <= finding.saving.high_ns <= 430_000
    assert finding.change is not None


@pytest.mark.parametrize("name", sorted(SWITCHES.keys() - {"anomaly_detection", "deterministic"}))
def test_each_other_switch_is_named_without_a_time(name: str) -> None:
    text = "main: 0-90 request | main: 1-5 call cudaLaunchKernel #1 | s7: 5-80 kernel gemm #1"
    (finding,) = verdict_of(RULE, built(text, name, gpu=True)).findings
    assert finding.saving.high_ns == 0 and SWITCHES[name].name in finding.title
    assert finding.fix.references[0].startswith("https://")


def test_each_that_is_on_is_a_finding() -> None:
    verdict = verdict_of(RULE, built(SERVED, "torch_logs", "python_dev_mode", "deterministic"))
    assert len(verdict.findings) == 3


def test_silent() -> None:
    assert verdict_of(RULE, built(SERVED)).outcome is Outcome.CLEAR
    # where no GPU works its switches change nothing
    on = built(SERVED, "cuda_launch_blocking", "no_cuda_cache")
    assert verdict_of(RULE, on).outcome is Outcome.CLEAR


def test_unknown_without_the_switches() -> None:
    assert verdict_of(RULE, recording(SERVED, gpus=())).outcome is Outcome.UNKNOWN
    verdict = verdict_of(RULE, built(SERVED, unknown="torch_logs"))
    assert verdict.reason == "whether TORCH_LOGS was on was not recorded"
    found = built(SERVED, "python_dev_mode", unknown="torch_logs")
    assert verdict_of(RULE, found).outcome is Outcome.FOUND
