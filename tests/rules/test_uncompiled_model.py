"""uncompiled-model: chains of element-wise work that a compiler would fuse."""

from __future__ import annotations

from infprof.profiler.recording import Recording
from infprof.rules.finding import Outcome
from tests.build import recording
from tests.rules.judge import verdict_of

RULE = "uncompiled-model"
EAGER = "at::native::vectorized_elementwise_kernel"


def kernels(
    light: str = EAGER, *, count: int = 10, light_us: int = 30, heavy_us: int = 70, flag: str = ""
) -> Recording:
    step = light_us + heavy_us
    rows = [
        f"s7: {at}-{at + heavy_us} kernel ampere_bf16_gemm {flag} | "
        f"s7: {at + heavy_us}-{at + step} kernel {light} {flag}"
        for at in range(0, count * step, step)
    ]
    return recording("\n".join([f"main: 0-{count * step} request", *rows]))


def test_all_element_wise_time_is_the_ceiling() -> None:
    (finding,) = verdict_of(RULE, kernels()).findings
    assert (finding.saving.low_ns, finding.saving.high_ns) == (0, 300_000)
    assert finding.saving.confidence == "C"
    compile(finding.fix.code, "fix", "exec")


def test_dense_work_with_a_little_else_is_fine() -> None:
    assert verdict_of(RULE, kernels(light_us=19, heavy_us=81)).outcome == Outcome.CLEAR


def test_a_few_kernels_are_no_chain() -> None:
    assert verdict_of(RULE, kernels(count=7)).outcome == Outcome.CLEAR


def test_a_compiled_model_is_fine() -> None:
    generated = kernels("triton_poi_fused_add_relu_0", light_us=60, heavy_us=40)
    assert verdict_of(RULE, generated).outcome == Outcome.CLEAR
    assert verdict_of(RULE, kernels(flag="!graph")).outcome == Outcome.CLEAR


def test_a_vendors_fused_kernels_and_sorting_are_left_alone() -> None:
    for name in ("vllm::fused_add_rms_norm_kernel", "at::native::radixSortKVInPlace"):
        assert verdict_of(RULE, kernels(name)).outcome == Outcome.CLEAR


def test_a_launch_bound_forward_is_another_rules_case() -> None:
    rows = "\n".join(
        f"main: {at}-{at + 50} op aten::add | s7: {at + 50}-{at + 60} kernel {EAGER}"
        for at in range(0, 1200, 60)
    )
    assert verdict_of(RULE, recording(f"main: 0-1200 request\n{rows}")).outcome == Outcome.CLEAR


def on_cpu(light_us: int) -> Recording:
    rows = [
        f"main: {at}-{at + 100 - light_us} op aten::conv2d | "
        f"main: {at + 100 - light_us}-{at + 100} op aten::relu"
        for at in range(0, 1000, 100)
    ]
    return recording("\n".join(["main: 0-1000 request", *rows]), gpus=())


def test_element_wise_operators_on_a_cpu_count_alike() -> None:
    (finding,) = verdict_of(RULE, on_cpu(30)).findings
    assert (finding.saving.low_ns, finding.saving.high_ns) == (0, 300_000)
    assert verdict_of(RULE, on_cpu(19)).outcome == Outcome.CLEAR


def test_without_device_activity_there_is_no_verdict() -> None:
    blind = recording("main: 0-100 request | main: 10-20 call cudaLaunchKernel #1")
    assert verdict_of(RULE, blind).outcome == Outcome.UNKNOWN


def test_without_operators_a_cpu_tells_nothing() -> None:
    silent = recording("main: 0-100 request", missing={"ops": "not recorded"}, gpus=())
    assert verdict_of(RULE, silent).outcome == Outcome.UNKNOWN
