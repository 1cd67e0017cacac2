"""weight-streaming: layers that are read for a few rows."""

from __future__ import annotations

import pytest

from infprof.profiler.recording import Gpu, Recording
from infprof.rules.finding import Outcome
from tests.build import A100, recording
from tests.rules.judge import verdict_of

RULE = "weight-streaming"
UNLISTED = Gpu(name="A card nobody knows", sm_major=8, sm_minor=0)


def served(
    rows: int = 1, kernel_us: int = 100, half: str = "c10::BFloat16", flag: str = "",
    gpu: Gpu = A100,
) -> Recording:  # fmt: skip
    """Eight layers of 8192 x 8192: 134 MB in 16 bits, 66 us on an A100. The host is far ahead."""
    shapes = f'{{"dims":[[{rows},8192],[8192,8192]],"types":["{half}","{half}"]}}'
    lines = [f"main: 0-{100 + 8 * kernel_us + 20} request"]
    for place in range(8):
        at, start = 10 * place, 100 + place * kernel_us
        lines.append(f"main: {at}-{at + 9} op aten::linear {shapes}")
        lines.append(f"main: {at + 1}-{at + 5} call cudaLaunchKernel #{place}")
        lines.append(f"s7: {start}-{start + kernel_us} kernel gemv #{place} {flag}")
    lines.append(f"main: 90-{100 + 8 * kernel_us + 10} call cudaDeviceSynchronize")
    return recording("\n".join(lines), gpus=(gpu,), flags={"matmul_precision": "highest"})


def test_layers_read_at_the_memorys_rate_are_found() -> None:
    (finding,) = verdict_of(RULE, served()).findings
    # 4 bits with their scales leave 4.25 of 16; each of the eight kernels is rounded
    assert finding.saving.low_ns == 0 and abs(finding.saving.high_ns - 587_500) <= 8
    assert "1.07 GB of weights per request, at 66 %" in finding.why
    assert "at most 1 rows" in finding.why and finding.saving.confidence == "C"
    compile(finding.fix.code, "fix", "exec")


def test_a_request_is_found_up_to_64_rows() -> None:
    assert verdict_of(RULE, served(64)).outcome is Outcome.FOUND
    assert verdict_of(RULE, served(65)).outcome is Outcome.CLEAR


@pytest.mark.parametrize(
    ("kernel_us", "half"),
    [
        (130, "c10::BFloat16"),  # 51 % of the memory's rate: something else holds it up
        (100, "float"),  # 32 bits: full-precision-compute comes first
    ],
)
def test_other_products_are_fine(kernel_us: int, half: str) -> None:
    verdict = verdict_of(RULE, served(1, kernel_us, half))
    assert (verdict.outcome, verdict.reason) == (Outcome.CLEAR, "")


def test_a_rate_is_not_judged_where_the_memorys_is_not_known() -> None:
    verdict = verdict_of(RULE, served(gpu=UNLISTED))
    assert verdict.outcome is Outcome.UNKNOWN and "memory" in verdict.reason


def test_products_in_graphs_are_unknown() -> None:
    graph = recording("""
        main: 0-1000 request
        main: 0-10 op aten::add {"dims":[[1]],"types":["float"]}
        main: 10-20 call cudaGraphLaunch #1
        s7: 30-900 kernel gemv_bf16 #1 !graph
        main: 20-910 call cudaDeviceSynchronize
    """)
    verdict = verdict_of(RULE, graph)
    assert verdict.outcome is Outcome.UNKNOWN and "CUDA graphs" in verdict.reason


def test_without_shapes_there_is_no_verdict() -> None:
    bare = recording("main: 0-9 request | main: 0-9 op aten::linear | s7: 1-8 kernel gemv")
    verdict = verdict_of(RULE, bare)
    assert verdict.outcome is Outcome.UNKNOWN and "shapes" in verdict.reason
