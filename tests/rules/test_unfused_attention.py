"""unfused-attention: matrices of scores that go to memory and back."""

from __future__ import annotations

import pytest

from infprof.profiler.recording import Recording
from infprof.rules.finding import Outcome
from tests.build import recording
from tests.rules.judge import verdict_of

RULE = "unfused-attention"


def shapes(*dims: list[int]) -> str:
    types = ",".join(['"float"'] * len(dims))
    return f'{{"dims":[{",".join(map(str, dims))}],"types":[{types}]}}'.replace(" ", "")


def on_cpu(queries: int = 1024, keys: int = 1024, value: bool = True) -> Recording:
    """A request of 1 ms: products of 200 us each, scale, mask and softmax of 100 us each."""
    scores, wide = [8, queries, keys], [1, 8, queries, keys]
    last = shapes(scores if value else [8, 64, 64], [8, keys, 64])
    return recording(
        f"""
        main: 0-1000 request
        main: 100-300 op aten::matmul {shapes([1, 8, queries, 64], [1, 8, 64, keys])}
        main: 110-290 op aten::bmm {shapes([8, queries, 64], [8, 64, keys])}
        main: 300-400 op aten::mul {shapes(wide, [])}
        main: 400-500 op aten::add {shapes(wide, [1, 1, queries, keys])}
        main: 500-600 op aten::softmax {shapes(wide)}
        main: 510-590 op aten::_softmax {shapes(wide)}
        main: 600-800 op aten::bmm {last}
        main: 800-900 op aten::relu {shapes([1, 8, queries, 64])}
        """,
        gpus=(),
    )


def test_the_passes_over_the_scores_are_found() -> None:
    (finding,) = verdict_of(RULE, on_cpu()).findings
    assert (finding.saving.low_ns, finding.saving.high_ns) == (
        0,
        400_000,
    )  # and one pass in the products
    assert "8 of 1,024 x 1,024" in finding.why and finding.saving.confidence == "C"
    compile(finding.fix.code, "fix", "exec")


@pytest.mark.parametrize(
    ("queries", "keys"),
    [(511, 1024), (1024, 511), (7, 4096)],  # small ones fit into a cache; a few queries of many
)
def test_small_matrices_are_fine(queries: int, keys: int) -> None:
    assert verdict_of(RULE, on_cpu(queries, keys)).outcome is Outcome.CLEAR


def test_a_softmax_whose_result_nothing_multiplies_is_no_attention() -> None:
    assert verdict_of(RULE, on_cpu(value=False)).outcome is Outcome.CLEAR


def test_fused_attention_is_fine() -> None:
    fused = recording(
        f"main: 0-1000 request\n"
        f"main: 0-900 op aten::scaled_dot_product_attention {shapes([1, 8, 1024, 64])}\n"
        f"main: 10-890 op aten::_scaled_dot_product_flash_attention {shapes([1, 8, 1024, 64])}",
        gpus=(),
    )
    assert verdict_of(RULE, fused).outcome is Outcome.CLEAR


def on_gpu(feeder_us: int = 0) -> Recording:
    """After the feeder, products of 400 us each and a softmax of 300 us."""
    at = feeder_us
    return recording(f"""
        main: 0-{at + 1230} request
        main: 0-{at} range preprocess:decode
        main: {at + 10}-{at + 20} op aten::bmm {shapes([8, 1024, 64], [8, 64, 1024])}
        main: {at + 20}-{at + 30} op aten::_softmax {shapes([1, 8, 1024, 1024])}
        main: {at + 30}-{at + 40} op aten::bmm {shapes([8, 1024, 1024], [8, 1024, 64])}
        main: {at + 11}-{at + 15} call cudaLaunchKernel #1
        main: {at + 21}-{at + 25} call cudaLaunchKernel #2
        main: {at + 31}-{at + 35} call cudaLaunchKernel #3
        s7: {at + 100}-{at + 500} kernel gemm #1
        s7: {at + 500}-{at + 800} kernel softmax #2
        s7: {at + 800}-{at + 1200} kernel gemm #3
        main: {at + 40}-{at + 1210} call cudaDeviceSynchronize
    """)


def test_on_a_gpu_its_kernels_count() -> None:
    (finding,) = verdict_of(RULE, on_gpu()).findings
    # the softmax, and as much of the products
    assert (finding.saving.high_ns, finding.saving.basis) == (600_000, "replay")


def test_scores_in_another_view_are_scores() -> None:
    """Some models add their bias by rows and columns of a picture."""
    text = f"""
        main: 0-1200 request
        main: 110-290 op aten::bmm {shapes([8, 1024, 64], [8, 64, 1024])}
        main: 300-500 op aten::add {shapes([8, 32, 32, 32, 32], [8, 32, 32, 32, 1])}
        main: 500-600 op aten::_softmax {shapes([8, 1024, 1024])}
        main: 600-800 op aten::bmm {shapes([8, 1024, 1024], [8, 1024, 64])}
        main: 800-1000 op aten::linear {shapes([1, 2048], [4096, 2048])}
    """
    (finding,) = verdict_of(RULE, recording(text, gpus=())).findings
    assert finding.saving.high_ns == 450_000  # two passes, and one in the products


def test_while_the_feeder_takes_most_of_the_time_it_comes_first() -> None:
    assert verdict_of(RULE, on_gpu(500)).outcome is Outcome.FOUND
    assert verdict_of(RULE, on_gpu(1500)).outcome is Outcome.CLEAR


def test_without_shapes_there_is_no_verdict() -> None:
    verdict = verdict_of(RULE, recording("main: 0-100 request | main: 0-90 op aten::_softmax"))
    assert verdict.outcome is Outcome.UNKNOWN and "shapes" in verdict.reason
