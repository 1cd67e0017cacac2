"""unsupported-dtype: types that the processor has no fast instructions for."""

from __future__ import annotations

import pytest

from infprof.profiler.recording import Cpu, Gpu, Recording
from infprof.rules.finding import Finding, Outcome
from tests.build import A100, recording
from tests.rules.judge import verdict_of

RULE = "unsupported-dtype"

T4 = Gpu(name="Tesla T4", sm_major=7, sm_minor=5, multiprocessors=40)
ZEN4 = ["avx2", "avx512_bf16", "avx512_vnni", "avx512f"]
SAPPHIRE_RAPIDS = ["amx_bf16", "amx_int8", "avx2", "avx512_bf16", "avx512_fp16", "avx512f"]


def shapes(kind: str, *dims: str) -> str:
    types = ",".join(f'"{kind}"' for _ in dims)
    return f'{{"dims":[{",".join(dims)}],"types":[{types}]}}'


def linear(kind: str, rows: int = 64) -> str:
    return f"aten::linear {shapes(kind, f'[{rows},512]', '[512,512]')}"


def convolution(kind: str) -> str:
    return f"aten::conv2d {shapes(kind, '[1,3,32,32]', '[8,3,3,3]')}"


def on_cpu(*ops: str, features: list[str] | None) -> Recording:
    """A request of 1 ms in which each operator takes 400 us."""
    rows = [f"main: {400 * at}-{400 * (at + 1)} op {op}" for at, op in enumerate(ops)]
    built = recording(" | ".join(["main: 0-1000 request", *rows]), gpus=())
    built.header.machine.cpu = Cpu(features=features)
    return built


def finding_of(recorded: Recording) -> Finding:
    (finding,) = verdict_of(RULE, recorded).findings
    compile(finding.fix.code, "fix", "exec")
    return finding


def test_float16_without_instructions_for_it() -> None:
    finding = finding_of(on_cpu(linear("c10::Half"), features=ZEN4))
    assert finding.saving.low_ns == 200_000 and finding.saving.high_ns == int(400_000 * 6 / 7)
    assert finding.title == "Compute in bfloat16 on this CPU instead of float16"


def test_a_convolution_gains_more() -> None:
    recorded = on_cpu(convolution("c10::BFloat16"), linear("c10::BFloat16"), features=["avx2"])
    finding = finding_of(recorded)
    assert finding.saving.low_ns == 400_000
    assert finding.saving.high_ns == int(400_000 * 6 / 7) + 400_000 * 63 // 64
    assert "float32 on this CPU" in finding.title


@pytest.mark.parametrize(
    ("op", "features"),
    [
        (linear("c10::BFloat16"), ZEN4),
        (linear("c10::Half"), SAPPHIRE_RAPIDS),
        (linear("c10::BFloat16"), SAPPHIRE_RAPIDS),
        (linear("c10::Half", rows=1), ["avx2"]),  # bound by the weights' bytes
        (linear("float"), ["avx2"]),
        (f"aten::embedding {shapes('c10::Half', '[9000,64]', '[32,16]')}", ["avx2"]),
    ],
)
def test_what_the_cpu_multiplies_or_reads_is_fine(op: str, features: list[str]) -> None:
    verdict = verdict_of(RULE, on_cpu(op, features=features))
    assert (verdict.outcome, verdict.reason) == (Outcome.CLEAR, "")


def test_a_cpu_that_tells_nothing_cannot_be_judged() -> None:
    verdict = verdict_of(RULE, on_cpu(linear("c10::Half"), features=None))
    assert verdict.outcome is Outcome.UNKNOWN and "float16" in verdict.reason
    assert verdict_of(RULE, on_cpu(linear("float"), features=None)).outcome is Outcome.CLEAR


def on_gpu(gpu: Gpu, kernel: str, op: str = "aten::mm") -> Recording:
    text = f"""
        main: 0-1000 request
        main: 0-90 op {op}
        main: 10-20 call cudaLaunchKernel #1
        s7: 100-900 kernel {kernel} #1
        main: 90-910 call cudaStreamSynchronize
    """
    return recording(text, gpus=(gpu,))


def test_bfloat16_on_a_t4() -> None:
    finding = finding_of(
        on_gpu(T4, "gemm_kernel", f"aten::mm {shapes('c10::BFloat16', '[8,8]', '[8,8]')}")
    )
    assert finding.title == "Compute in float16 on this GPU instead of bfloat16"
    assert finding.saving.high_ns == pytest.approx(800_000 * (1 - 8.1 / 65), rel=0.01)
    assert "7.5" in finding.why


def test_fp8_before_ada() -> None:
    op = f"aten::_to_copy {shapes('c10::Float8_e4m3fn', '[512,512]')}"
    finding = finding_of(on_gpu(A100, "cast_kernel", op))
    assert finding.title == "Compute in bfloat16 on this GPU instead of FP8"
    assert finding.saving.high_ns == pytest.approx(800_000, abs=100_000)


@pytest.mark.parametrize(
    ("major", "minor", "kind"), [(8, 0, "c10::BFloat16"), (8, 9, "c10::Float8_e4m3fn")]
)
def test_a_gpu_that_multiplies_the_type_is_fine(major: int, minor: int, kind: str) -> None:
    gpu = Gpu(name="Some GPU", sm_major=major, sm_minor=minor)
    recorded = on_gpu(gpu, "gemm_kernel", f"aten::mm {shapes(kind, '[8,8]', '[8,8]')}")
    assert verdict_of(RULE, recorded).outcome is Outcome.CLEAR


def test_an_unknown_gpu_cannot_be_judged() -> None:
    op = f"aten::mm {shapes('c10::BFloat16', '[8,8]', '[8,8]')}"
    recorded = on_gpu(Gpu(name="Some GPU"), "gemm_kernel", op)
    assert verdict_of(RULE, recorded).outcome is Outcome.UNKNOWN


def test_int8_for_the_cpu_beside_a_gpu() -> None:
    text = "main: 0-1000 request | main: 0-800 op quantized::linear"
    finding = finding_of(recording(text, gpus=(A100,)))
    assert (finding.saving.low_ns, finding.saving.high_ns) == (0, 800_000)
    assert verdict_of(RULE, recording(text, gpus=(), flags={})).findings == ()


def test_unknown_without_operators() -> None:
    assert verdict_of(RULE, recording("main: 0-100 request")).outcome is Outcome.UNKNOWN
