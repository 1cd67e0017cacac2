"""full-precision-compute: float64 and float32 where the processor has a faster path."""

from __future__ import annotations

import pytest

from infprof.profiler.recording import Gpu, Recording
from infprof.rules.finding import Finding, Outcome
from tests.build import A100, recording
from tests.rules.judge import verdict_of

Flags = dict[str, bool | int | str | None]
RULE = "full-precision-compute"
FLOAT = '{"dims":[[64,64],[64,64]],"types":["float","float"]}'
SCALAR = '{"dims":[[64,64],[]],"types":["float","double"]}'


def kernel(name: str, gpu: Gpu = A100, flags: Flags | None = None) -> Recording:
    text = f"main: 0-1000 request | s7: 100-900 kernel {name} | s7: 900-1000 kernel add_kernel"
    return recording(text, gpus=(gpu,), flags=flags)


def finding_of(recorded: Recording) -> Finding:
    (finding,) = verdict_of(RULE, recorded).findings
    compile(finding.fix.code, "fix", "exec")
    return finding


def test_float32_gains_what_the_peaks_allow() -> None:
    finding = finding_of(kernel("ampere_sgemm_128x64_tn"))
    assert finding.saving.high_ns == int(800_000 * (1 - 19.5 / 312))
    assert finding.saving.low_ns == int(800_000 * (1 - 19.5 / (0.5 * 156)))
    assert "TF32" in finding.title and "bfloat16" in finding.title


def test_float64_is_worse() -> None:
    hopper = Gpu(name="NVIDIA H100 80GB HBM3", sm_major=9, sm_minor=0)
    assert finding_of(kernel("sm90_xmma_dgemm", hopper)).saving.high_ns == int(
        800_000 * (1 - 67 / 989)
    )


def test_a_peak_that_is_not_published_makes_its_precision_unknown_and_no_other() -> None:
    blackwell = Gpu(name="NVIDIA B200", sm_major=10, sm_minor=0)
    assert finding_of(kernel("sm80_sgemm", blackwell)).saving.high_ns == int(
        800_000 * (1 - 80 / 2250)
    )
    assert verdict_of(RULE, kernel("sm80_dgemm", blackwell)).outcome == Outcome.UNKNOWN


def test_a_short_kernel_may_be_bound_by_memory() -> None:
    short = "\n".join(f"s7: {at}-{at + 49} kernel ampere_sgemm" for at in range(0, 1000, 50))
    finding = finding_of(recording(f"main: 0-1000 request\n{short}"))
    assert finding.saving.low_ns == 0 and finding.saving.high_ns == 918_750


def test_turing_is_told_float16_and_no_tf32() -> None:
    finding = finding_of(
        kernel("volta_sgemm_128x64_nn", Gpu(name="Tesla T4", sm_major=7, sm_minor=5))
    )
    assert "float16" in finding.fix.code and "bfloat16" not in finding.fix.code
    assert "set_float32_matmul_precision" not in finding.fix.code
    assert finding.saving.low_ns == 0


def test_tf32_is_not_advised_where_it_gains_nothing() -> None:
    finding = finding_of(kernel("ampere_sgemm", Gpu(name="NVIDIA A10G", sm_major=8, sm_minor=6)))
    assert "TF32" not in finding.title
    assert finding.saving.high_ns == 400_000 and finding.saving.low_ns == 0


def test_tf32_is_not_advised_twice() -> None:
    finding = finding_of(kernel("ampere_sgemm", flags={"matmul_precision": "high"}))
    assert "TF32" not in finding.title


def test_an_unlisted_device_is_promised_the_least() -> None:
    finding = finding_of(
        kernel("ampere_sgemm", Gpu(name="NVIDIA PG509-210", sm_major=8, sm_minor=0))
    )
    assert (finding.saving.low_ns, finding.saving.high_ns) == (0, 400_000)
    assert finding.saving.confidence == "C"


@pytest.mark.parametrize(
    "name",
    [
        "cutlass_80_tensorop_s1688gemm_tf32",
        "ampere_bf16_s16816gemm_bf16_64x64",
        "ampere_fp16_s16816gemm",
    ],
)
def test_tensor_core_kernels_are_fine(name: str) -> None:
    verdict = verdict_of(RULE, kernel(name))
    assert (verdict.outcome, verdict.reason) == (Outcome.CLEAR, "")


def test_a_float32_head_is_fine() -> None:
    head = recording(
        "main: 0-1000 request | s7: 0-860 kernel ampere_bf16_s16816gemm | s7: 860-1000 kernel sgemm"
    )
    assert verdict_of(RULE, head).outcome == Outcome.CLEAR


def test_unknown_names_are_unknown_and_not_no() -> None:
    verdict = verdict_of(RULE, kernel("my_secret_gemm"))
    assert verdict.outcome == Outcome.UNKNOWN and "precision" in verdict.reason


def launched(types: str, flags: Flags | None = None) -> Recording:
    return recording(
        f"main: 0-1000 request | main: 0-50 op aten::mm {types} | "
        "main: 10-20 call cudaLaunchKernel #1 | s7: 50-998 kernel my_secret_gemm #1 | "
        "main: 50-1000 call cudaDeviceSynchronize",
        flags=flags,
    )


def test_the_operator_tells_where_the_kernel_does_not() -> None:
    assert verdict_of(RULE, launched(FLOAT.replace("float", "double"))).outcome == Outcome.FOUND
    half = FLOAT.replace("float", "c10::Half")
    assert verdict_of(RULE, launched(half)).outcome == Outcome.CLEAR


def test_float_inputs_may_run_in_tf32_unless_it_is_off() -> None:
    assert verdict_of(RULE, launched(FLOAT)).outcome == Outcome.UNKNOWN
    off = launched(FLOAT, {"matmul_precision": "highest"})
    assert verdict_of(RULE, off).outcome == Outcome.FOUND


def test_a_damaged_shape_is_no_shape() -> None:
    assert verdict_of(RULE, launched('{"dims": oops}')).outcome == Outcome.UNKNOWN


def test_without_a_gpu_there_are_no_peaks() -> None:
    nameless = recording("main: 0-1000 request | s7: 100-900 kernel sgemm", gpus=())
    verdict = verdict_of(RULE, nameless)
    assert verdict.outcome == Outcome.UNKNOWN and "which GPU" in verdict.reason


def test_a_launch_bound_forward_gains_nothing_from_faster_kernels() -> None:
    rows = "\n".join(
        f"main: {at}-{at + 50} op aten::mm | s7: {at + 50}-{at + 60} kernel ampere_sgemm"
        for at in range(0, 1200, 60)
    )
    assert verdict_of(RULE, recording(f"main: 0-1200 request\n{rows}")).outcome == Outcome.CLEAR


def test_the_feeder_comes_first() -> None:
    fed = recording(
        "main: 0-1000 request | main: 0-510 range preprocess:decode | s7: 510-1000 kernel sgemm"
    )
    assert verdict_of(RULE, fed).outcome == Outcome.CLEAR


def on_cpu(shapes: str) -> Recording:
    text = (
        f"main: 0-1000 request | main: 0-600 op aten::addmm {shapes} | main: 600-990 op aten::relu"
    )
    return recording(text, gpus=())


def test_float64_on_a_cpu_doubles_the_work() -> None:
    finding = finding_of(on_cpu(FLOAT.replace("float", "double")))
    assert (finding.saving.low_ns, finding.saving.high_ns) == (0, 300_000)


def test_float32_on_a_cpu_is_fine_and_so_is_a_float64_scalar() -> None:
    assert verdict_of(RULE, on_cpu(FLOAT)).outcome == Outcome.CLEAR
    assert verdict_of(RULE, on_cpu(SCALAR)).outcome == Outcome.CLEAR


def test_without_shapes_a_cpu_tells_nothing() -> None:
    assert verdict_of(RULE, on_cpu("")).outcome == Outcome.UNKNOWN
