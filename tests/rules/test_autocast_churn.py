"""autocast-churn: weights that each call casts to 16 bits."""

from __future__ import annotations

import pytest

from infprof.profiler.recording import Recording
from infprof.rules.finding import Outcome
from tests.build import recording
from tests.rules.judge import verdict_of

RULE = "autocast-churn"
LINEAR = '{"dims":[[32,64],[128,64],[128]],"types":["float","float","float"]}'


def cast(at: int, dims: str, types: str = '"c10::Half","float"') -> str:
    shapes = f'{{"dims":[{dims},{dims}],"types":[{types}]}}'
    return f"""
        main: {at}-{at + 100} op aten::to
        main: {at + 10}-{at + 90} op aten::_to_copy
        main: {at + 20}-{at + 80} op aten::copy_ {shapes}
    """


def on_cpu(*casts: str, layer: str = LINEAR) -> Recording:
    """A request of 1 ms; a layer of 800 us that casts for 100 us each."""
    inside = "".join(cast(100 + 150 * place, *one.split("|")) for place, one in enumerate(casts))
    return recording(f"main: 0-1000 request\nmain: 50-850 op aten::linear {layer}\n{inside}",
                     gpus=())  # fmt: skip


def test_casts_of_weight_and_bias_are_found() -> None:
    (finding,) = verdict_of(RULE, on_cpu("[128,64]", "[128]")).findings
    assert (finding.saving.low_ns, finding.saving.high_ns) == (0, 200_000)
    assert "2 times per request" in finding.why
    compile(finding.fix.code, "fix", "exec")


@pytest.mark.parametrize(
    "casts",
    [
        ("[128,64]",),  # a single layer kept in float32
        ("[32,64]", "[32,64]"),  # activations
        ('[128,64]|"float","c10::Half"', '[128]|"float","c10::Half"'),  # back to float32
        ('[128,64]|"float","float"', '[128]|"float","float"'),  # no cast at all
    ],
)
def test_other_copies_are_fine(casts: tuple[str, ...]) -> None:
    assert verdict_of(RULE, on_cpu(*casts)).outcome is Outcome.CLEAR


def test_casts_outside_of_layers_are_the_programs_own() -> None:
    recorded = recording(
        f"main: 0-1000 request\n{cast(100, '[128,64]')}\n{cast(300, '[128]')}"
        f"\nmain: 600-900 op aten::linear {LINEAR}",
        gpus=(),
    )
    assert verdict_of(RULE, recorded).outcome is Outcome.CLEAR


def on_gpu(kernel_us: int) -> Recording:
    """A request of 2 ms: two casts of weights, whose kernels run long after their dispatch."""
    return recording(f"""
        main: 0-2000 request
        main: 50-400 op aten::linear {LINEAR}
        {cast(100, "[128,64]")} {cast(220, "[128]")}
        main: 130-135 call cudaLaunchKernel #1
        main: 250-255 call cudaLaunchKernel #2
        main: 350-355 call cudaLaunchKernel #3
        s7: 140-{140 + kernel_us} kernel elementwise_kernel #1
        s7: {141 + kernel_us}-{141 + 2 * kernel_us} kernel elementwise_kernel #2
        s7: {142 + 2 * kernel_us}-1800 kernel gemm #3
        main: 400-1810 call cudaStreamSynchronize
    """)


def test_on_a_gpu_the_kernels_count() -> None:
    (finding,) = verdict_of(RULE, on_gpu(400)).findings
    # without casts the product is launched at 150 us and starts at 160 instead of 942
    assert finding.saving.high_ns == 782_000
    assert finding.saving.basis == "replay" and finding.where[-1].name == "aten::to"


def test_short_kernels_are_no_finding() -> None:
    verdict = verdict_of(RULE, on_gpu(10))
    assert verdict.outcome is Outcome.CLEAR and "at most" in verdict.reason


def test_without_shapes_there_is_no_verdict() -> None:
    verdict = verdict_of(RULE, recording("main: 0-100 request | main: 0-90 op aten::linear"))
    assert verdict.outcome is Outcome.UNKNOWN and "shapes" in verdict.reason
