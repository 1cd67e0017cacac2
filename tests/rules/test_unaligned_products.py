"""unaligned-products: widths that tensor cores cannot load at once."""

from __future__ import annotations

import pytest

from infprof.profiler.recording import Gpu, Recording
from infprof.rules.finding import Outcome
from tests.build import A100, recording
from tests.rules.judge import verdict_of

RULE = "unaligned-products"
UNLISTED = Gpu(name="A card nobody knows", sm_major=8, sm_minor=0)


def served(
    width: int = 4100, rows: int = 4096, kernel_us: int = 1000, other_us: int = 1000,
    half: str = "c10::BFloat16", gpu: Gpu = A100,
) -> Recording:  # fmt: skip
    """A product of rows x 4096 x width and another kernel. 138 GFLOP need 0.44 ms on an A100."""
    shapes = f'{{"dims":[[{rows},4096],[{width},4096]],"types":["{half}","{half}"]}}'
    end = 100 + kernel_us + other_us
    return recording(
        f"""
        main: 0-{end + 20} request
        main: 0-20 op aten::linear {shapes}
        main: 1-5 call cudaLaunchKernel #1
        main: 21-25 call cudaLaunchKernel #2
        s7: 100-{100 + kernel_us} kernel gemm #1
        s7: {100 + kernel_us}-{end} kernel elementwise_kernel #2
        main: 30-{end + 10} call cudaDeviceSynchronize
        """,
        gpus=(gpu,),
    )


def test_a_slow_product_of_an_odd_width_is_found() -> None:
    (finding,) = verdict_of(RULE, served()).findings
    reached = 2 * 4096 * 4096 * 4100 / 312e12 / 1e-3  # 44 % of an A100's peak
    assert finding.saving.low_ns == 0
    assert abs(finding.saving.high_ns - 1_000_000 * (1 - reached / 0.8)) < 2_000
    assert "like 4,100" in finding.why and "reach 44 %" in finding.why
    compile(finding.fix.code, "fix", "exec")


@pytest.mark.parametrize(
    "recorded",
    [
        served(4096),  # a multiple of 8
        served(kernel_us=800),  # 55 % of the peak
        served(rows=64),  # bound by memory
        served(other_us=9000),  # a tenth of the compute
        served(half="float"),
    ],
    ids=["aligned", "quick", "few rows", "rare", "float"],
)
def test_other_products_are_fine(recorded: Recording) -> None:
    verdict = verdict_of(RULE, recorded)
    assert (verdict.outcome, verdict.reason) == (Outcome.CLEAR, "")


def test_without_the_peak_nothing_is_slow() -> None:
    verdict = verdict_of(RULE, served(gpu=UNLISTED))
    assert verdict.outcome is Outcome.UNKNOWN and "at most" in verdict.reason
    assert verdict_of(RULE, served(4096, gpu=UNLISTED)).outcome is Outcome.CLEAR


def test_products_in_graphs_are_unknown() -> None:
    graph = recording("""
        main: 0-1000 request
        main: 0-10 op aten::add {"dims":[[1]],"types":["float"]}
        main: 10-20 call cudaGraphLaunch #1
        s7: 30-900 kernel gemm_bf16 #1 !graph
        main: 20-910 call cudaDeviceSynchronize
    """)
    verdict = verdict_of(RULE, graph)
    assert verdict.outcome is Outcome.UNKNOWN and "CUDA graphs" in verdict.reason


def test_without_shapes_there_is_no_verdict() -> None:
    bare = recording("main: 0-9 request | main: 0-9 op aten::linear | s7: 1-8 kernel gemm")
    verdict = verdict_of(RULE, bare)
    assert verdict.outcome is Outcome.UNKNOWN and "shapes" in verdict.reason
