"""unused-gpu: a model on the CPU beside a free GPU."""

from __future__ import annotations

import dataclasses
import json

import pytest

from infprof.profiler.recording import Gpu, Recording
from infprof.rules.finding import Outcome
from tests.build import A100, recording
from tests.rules.judge import verdict_of

RULE = "unused-gpu"

FLOAT = json.dumps({"dims": [[4096, 4096], [4096, 4096]], "types": ["float"] * 2})

MODEL = f"""
    main: 0-100000 request
    main: 0-40000 op aten::mm {FLOAT}
    main: 40000-80000 op aten::mm {FLOAT}
    main: 0-100000 stack 50 serve.py:20:predict > lib/torch/nn/modules/module.py:1:_call_impl
"""


def built(
    text: str = MODEL,
    *,
    gpus: tuple[Gpu, ...] = (A100,),
    load: float | None = 0.0,
    used: float = 1e9,
    torch: tuple[str | None, str | None] = ("2.13.0", "13.0"),
    cuda_available: bool | None = None,
    missing: dict[str, str] | None = None,
) -> Recording:
    """``torch`` are the versions of torch and of the CUDA that it was built for."""
    series = {"gpu.memory_used": [(4_000, used)]}
    if load is not None:
        series["gpu.utilization"] = [(4_000, load)]
    flags: dict[str, bool | int | str | None] = {"cuda_available": cuda_available}
    found = recording(
        text, gpus=gpus, flags=flags, series=series if gpus else {}, missing=missing or {}
    )
    machine = found.header.machine.model_copy(update={"torch": torch[0], "cuda": torch[1]})
    return dataclasses.replace(found, header=found.header.model_copy(update={"machine": machine}))


def test_two_products_that_a_gpu_does_in_milliseconds() -> None:
    (finding,) = verdict_of(RULE, built()).findings
    # 2 * 2 * 4096^3 operations at 19.5 TFLOP/s are 14.10 ms; two operators to issue: 10 us
    assert finding.saving.low_ns == 0
    assert finding.saving.high_ns == pytest.approx(80e6 - 14.096e6 - 0.01e6, rel=1e-4)
    assert finding.saving.confidence == "C" and finding.stage == "compute"
    assert "It needs 14 ms at its peak rates" in finding.why
    assert finding.title == "Compute on the NVIDIA A100-SXM4-80GB, which is idle"
    assert finding.where[0].name == "predict (serve.py:20)"
    assert "pip" not in finding.fix.code
    compile(finding.fix.code, "fix", "exec")


def test_a_torch_for_the_cpu_alone_has_to_be_replaced() -> None:
    (finding,) = verdict_of(RULE, built(torch=("2.13.0+cpu", None))).findings
    assert "This torch is built for the CPU alone." in finding.why
    assert "pip install --force-reinstall torch" in finding.fix.code


def test_a_gpu_that_is_not_listed_has_no_peaks() -> None:
    unlisted = Gpu(name="A card nobody knows", memory_bytes=80 * 10**9)
    (finding,) = verdict_of(RULE, built(gpus=(unlisted,))).findings
    assert finding.saving.high_ns == 80_000_000 - 10_000 and "much less" in finding.why


TINY = "main: 0-5000 request\n" + "".join(
    f"main: {15 * i}-{15 * i + 14} op aten::mm\n" for i in range(300)
)
"""4.2 ms of operators that would take 4.5 ms to issue."""


@pytest.mark.parametrize(
    "recorded",
    [
        built(TINY),
        built(load=80.0),  # somebody else's
        built(used=70e9),
        built("main: 0-100000 request | main: 0-40000 op aten::mm"),  # 40 % compute
        built(gpus=(), cuda_available=False),  # a torch that could use one found none
    ],
)
def test_silent(recorded: Recording) -> None:
    assert verdict_of(RULE, recorded).outcome is Outcome.CLEAR


def test_silent_where_the_gpu_works() -> None:
    text = MODEL + "main: 100-110 call cudaLaunchKernel #1 | s7: 110-200 kernel gemm #1"
    assert verdict_of(RULE, built(text)).outcome is Outcome.CLEAR


def test_unknown_without_samples_of_the_gpu_or_the_machine() -> None:
    assert verdict_of(RULE, recording(MODEL, gpus=())).outcome is Outcome.UNKNOWN
    why = {"gpu": "nvidia-ml-py is not installed"}
    blind = verdict_of(RULE, built(gpus=(), torch=("2.13.0+cpu", None), missing=why))
    assert blind.reason.endswith("has a GPU is not known: nvidia-ml-py is not installed")
    assert "was not sampled" in verdict_of(RULE, built(load=None)).reason
    launched = built("main: 0-100 request | main: 5-90 call cudaLaunchKernel #1")
    assert verdict_of(RULE, launched).outcome is Outcome.UNKNOWN
