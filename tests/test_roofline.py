"""The roofline on small recordings, worked out by hand for an A100 (312 TFLOP/s, 2039 GB/s)."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infprof.profiler.calibration import Calibration
from infprof.profiler.recording import Cpu, Gpu
from infprof.profiler.roofline import Roofline, roofline
from infprof.profiler.timeline import Timeline
from infprof.profiler.work_groups import Group
from tests.build import A100, recording, timeline


def shapes(kind: str, *dims: list[int]) -> str:
    return json.dumps({"dims": [*dims], "types": [kind] * len(dims)})


HALF, FLOAT = "c10::Half", "float"
SQUARE = [1024, 1024]
FLOPS = 2 * 1024**3
PRODUCT = shapes(HALF, SQUARE, SQUARE)
IN_FLOAT = shapes(FLOAT, SQUARE, SQUARE)


def group(found: Roofline, family: str) -> Group:
    (one,) = [group for group in found.groups if group.family == family]
    return one


def test_a_product_by_hand() -> None:
    found = roofline(
        timeline(
            f"main: 0-1000 request | main: 10-40 op aten::mm {PRODUCT}"
            "| main: 20-25 call cudaLaunchKernel #1 | s7: 100-200 kernel fp16_s16816gemm #1"
        )
    )
    gemm = group(found, "gemm")
    assert gemm.precision == "fp16" and gemm.known_share == 1
    assert gemm.flops == FLOPS and gemm.size_bytes == 3 * 2 * 1024**2
    assert gemm.flops_per_s == FLOPS / 100e-6
    assert gemm.flop_per_byte == FLOPS / (6 * 1024**2)
    assert gemm.bound_by == "latency"  # 7 % of the peak
    assert gemm.reached_share == pytest.approx(FLOPS / 100e-6 / 312e12)
    assert found.mfu == pytest.approx(FLOPS / 312e12 / 1e-3)
    assert found.mbu == pytest.approx(6 * 1024**2 / 2039e9 / 1e-3)
    assert not found.missing


def busy_for(us: float, *, name: str = "fp16_s16816gemm", **options: object) -> Roofline:
    """One product, its kernel running so long."""
    text = (
        f"main: 0-1000 request | main: 10-40 op aten::mm {options.pop('inputs', PRODUCT)}"
        f"| main: 20-25 call cudaLaunchKernel #1 | s7: 100-{100 + us} kernel {name} #1"
    )
    return roofline(timeline(text, **options))


def test_the_nearer_ceiling_limits() -> None:
    dense = group(busy_for(10), "gemm")
    assert dense.bound_by == "compute" and dense.reached_share == pytest.approx(0.688, rel=1e-3)
    thin = shapes(HALF, [1, 8192], [8192, 8192])
    streaming = group(busy_for(100, inputs=thin), "gemm")
    assert streaming.bound_by == "memory"
    assert streaming.reached_share == pytest.approx(2 * (8192 + 2) * 8192 / 100e-6 / 2039e9)


def test_short_kernels_are_bound_by_their_latency() -> None:
    small = shapes(HALF, [64, 1024], [1024, 1024])
    assert group(busy_for(2.5, inputs=small), "gemm").bound_by == "latency"
    assert group(busy_for(3.5, inputs=small), "gemm").bound_by == "memory"


def test_faster_than_the_device_can_be_is_no_result() -> None:
    assert group(busy_for(5), "gemm").reached_share is None
    text = (
        f"main: 0-5 request | main: 1-4 op aten::mm {PRODUCT}"
        "| main: 2-3 call cudaLaunchKernel #1 | s7: 3-5 kernel fp16_s16816gemm #1"
    )
    found = roofline(timeline(text))
    assert found.mfu is None and "more was counted" in found.missing["mfu"]


def test_the_innermost_operator_counts_once() -> None:
    linear = shapes(HALF, SQUARE, SQUARE, [1024])
    addmm = shapes(HALF, [1024], SQUARE, SQUARE)
    found = roofline(
        timeline(
            f"main: 0-1000 request | main: 5-60 op aten::linear {linear}"
            f"| main: 10-40 op aten::addmm {addmm}"
            "| main: 20-25 call cudaLaunchKernel #1 | s7: 100-200 kernel fp16_s16816gemm #1"
            "| main: 50-55 call cudaLaunchKernel #2 | s7: 200-201 kernel fp16_s16816gemm #2"
        )
    )
    gemm = group(found, "gemm")
    assert gemm.flops == FLOPS
    assert gemm.known_share == pytest.approx(100 / 101)  # nothing is known of the second kernel


def test_kernels_of_one_operator_share_its_work() -> None:
    found = roofline(
        timeline(
            f"main: 0-150 request | main: 10-40 op aten::mm {PRODUCT}"
            "| main: 20-25 call cudaLaunchKernel #1 | s7: 100-130 kernel fp16_s16816gemm #1"
            "| main: 26-29 call cudaLaunchKernel #2 | s7: 130-140 kernel fp16 splitKreduce #2"
            "| main: 30-33 call cudaLaunchKernel #3 | s7: 140-145 kernel vectorized_elementwise #3"
            "| main: 34-37 call cudaLaunchKernel #4 | s7: 160-170 kernel fp16 splitKreduce #4"
        )
    )
    gemm = group(found, "gemm")  # the last kernel starts after the request, with a fifth of it
    assert gemm.busy_ns == 40_000 and gemm.flops == round(FLOPS * 0.8)
    assert group(found, "pointwise").known_share == 0


def test_an_unnamed_kernel_of_a_product_is_one() -> None:
    found = busy_for(100, name="mystery")
    assert group(found, "gemm").flops == FLOPS
    assert group(found, "gemm").precision == "fp16"


def test_a_graphs_kernels_have_no_operator() -> None:
    text = (
        f"main: 0-1000 request | main: 10-40 op aten::mm {PRODUCT}"
        "| main: 20-25 call cudaLaunchKernel #1 | s7: 100-200 kernel fp16_s16816gemm #1"
        "| main: 50-55 call cudaGraphLaunch #2 | s7: 200-END kernel fp16_s16816gemm #2 !graph"
    )
    few = roofline(timeline(text.replace("END", "220")))
    assert few.mfu == pytest.approx(FLOPS / 312e12 / 1e-3)
    many = roofline(timeline(text.replace("END", "300")))
    assert many.mfu is None and many.mbu is None
    assert "50%" in many.missing["mfu"] and "50%" in many.missing["mbu"]
    assert group(many, "gemm").known_share == 0.5


def test_the_peak_is_that_of_the_precision_that_ran() -> None:
    tf32 = busy_for(100, name="s1688gemm_tf32", inputs=IN_FLOAT)
    assert group(tf32, "gemm").precision == "tf32"
    assert tf32.mfu == pytest.approx(FLOPS / 156e12 / 1e-3)
    off = busy_for(200, name="nvjet", inputs=IN_FLOAT, flags={"matmul_precision": "highest"})
    assert group(off, "gemm").precision == "fp32"
    assert off.mfu == pytest.approx(FLOPS / 19.5e12 / 1e-3)


def test_whether_tf32_was_used_is_not_guessed() -> None:
    found = busy_for(100, name="nvjet", inputs=IN_FLOAT)
    assert found.mfu is None and "TF32" in found.missing["mfu"]
    gemm = group(found, "gemm")
    assert gemm.flops == FLOPS and gemm.bound_by is None and gemm.reached_share is None
    old = Gpu(name="Tesla T4", sm_major=7, sm_minor=5)
    assert group(busy_for(500, name="x", inputs=IN_FLOAT, gpus=(old,)), "gemm").precision == "fp32"


def test_two_precisions_weigh_by_their_peaks() -> None:
    found = roofline(
        timeline(
            f"main: 0-1000 request | main: 10-40 op aten::mm {PRODUCT}"
            "| main: 20-25 call cudaLaunchKernel #1 | s7: 100-200 kernel fp16_s16816gemm #1"
            f"| main: 50-80 op aten::mm {IN_FLOAT}"
            "| main: 60-65 call cudaLaunchKernel #2 | s7: 200-400 kernel ampere_sgemm #2"
        )
    )
    assert found.mfu == pytest.approx((FLOPS / 312e12 + FLOPS / 19.5e12) / 1e-3)


def test_elementwise_work_and_copies_move_bytes() -> None:
    big = shapes(HALF, [8192, 8192])
    found = roofline(
        timeline(
            f"main: 0-1000 request | main: 10-40 op aten::gelu {big}"
            "| main: 20-25 call cudaLaunchKernel #1 | s7: 100-260 kernel vectorized_elementwise #1"
            "| main: 50-55 call cudaMemcpyAsync #2"
            "| s7: 300-310 copy Memcpy DtoD (Device -> Device) #2 @10000000"
        )
    )
    moved = 2 * 2 * 8192**2
    one = group(found, "pointwise")
    assert one.flops is None and one.flop_per_byte is None and one.size_bytes == moved
    assert one.bound_by == "memory"
    assert one.reached_share == pytest.approx(moved / 160e-6 / 2039e9)
    assert group(found, "copy").size_bytes == 20_000_000
    assert found.mbu == pytest.approx((moved + 2e7) / 2039e9 / 1e-3)
    assert found.mfu is None and "nothing that multiplies" in found.missing["mfu"]


def test_two_devices_have_twice_the_capacity() -> None:
    text = "main: 0-1000 request"
    for number in (1, 2):
        text += (
            f"| main: {number}10-{number}40 op aten::mm {PRODUCT}"
            f"| main: {number}20-{number}25 call cudaLaunchKernel #{number}"
            f"| s{number}: 400-500 kernel fp16_s16816gemm #{number}"
        )
    made = recording(text, gpus=(A100, A100))
    assert roofline(Timeline(made)).mfu == pytest.approx(2 * FLOPS / 312e12 / 1e-3)
    made.header.lanes[2].device = 1
    found = roofline(Timeline(made))
    assert found.mfu == pytest.approx(FLOPS / 312e12 / 1e-3)
    assert group(found, "gemm").flops_per_s == FLOPS / 100e-6


def on_cpu(text: str, calibrated: bool = True) -> Roofline:
    made = recording(text, gpus=())
    made.header.machine.cpu = Cpu(name="x")
    if calibrated:
        made.header.machine.calibration = Calibration(
            device="x", on_gpu=False, made_at="", torch="",
            flops_per_s={"fp32": 1e11}, bandwidth_bytes_per_s=2e10,
        )  # fmt: skip
    return roofline(Timeline(made))


OPS = (
    f"main: 0-100000 request | main: 0-50000 op aten::linear {IN_FLOAT}"
    f"| main: 10-49000 op aten::addmm {shapes(FLOAT, [1024], SQUARE, SQUARE)}"
    f"| main: 50000-51000 op aten::relu {shapes(FLOAT, SQUARE)}"
    "| main: 51000-51500 op aten::view {}"
    f"| main: 20-500 op aten::copy_ {shapes(FLOAT, SQUARE, SQUARE)}"
)


def test_on_a_cpu_the_operators_are_the_work() -> None:
    found = on_cpu(OPS)
    gemm = group(found, "gemm")
    assert gemm.precision == "fp32" and gemm.flops == FLOPS and gemm.busy_ns == 48_990_000
    assert gemm.bound_by == "compute"
    assert gemm.reached_share == pytest.approx(FLOPS / 48.99e-3 / 1e11)
    assert "copy" not in {one.family for one in found.groups}  # it is part of the product
    assert group(found, "other").busy_ns == 1_510_000
    assert found.busy_ns == 51_500_000
    assert found.mfu == pytest.approx(FLOPS / 1e11 / 0.1)


def test_ceilings_of_fewer_threads_are_none() -> None:
    made = recording(OPS, gpus=(), flags={"threads": 8})
    made.header.machine.cpu = Cpu(name="x")
    rates = {"fp32": 1e11}
    made.header.machine.calibration = Calibration(
        device="x", on_gpu=False, made_at="", torch="", threads=4, flops_per_s=rates
    )
    assert roofline(Timeline(made)).peaks is None


def test_without_ceilings_there_are_rates() -> None:
    found = on_cpu(OPS, calibrated=False)
    assert found.peaks is None and found.mfu is None and found.mbu is None
    assert "--calibrate" in found.missing["mfu"] and "--calibrate" in found.missing["mbu"]
    gemm = group(found, "gemm")
    assert gemm.flops_per_s is not None and gemm.bound_by is None


def test_an_operator_of_unknown_size_lowers_the_coverage() -> None:
    conv = shapes(FLOAT, [1, 3, 224, 224], [64, 3, 7, 7])
    found = on_cpu(OPS + f"| main: 60000-99000 op aten::conv2d {conv}")
    assert group(found, "conv").known_share == 0
    assert found.mfu is None and "56%" in found.missing["mfu"]


def test_without_shapes_nothing_is_known() -> None:
    text = "main: 0-9 request | main: 1-8 op aten::mm #1 | s7: 3-6 kernel fp16_s16816gemm #1"
    told = {"shapes": "input shapes were not recorded (record_shapes=True was not set)"}
    found = roofline(timeline(text, missing=told))
    assert found.missing == {"roofline": told["shapes"]}
    assert found.mfu is None and found.mbu is None
    assert "not recorded" in roofline(timeline(text)).missing["roofline"]
    assert roofline(timeline("")).missing and not roofline(timeline("")).groups


SIZES = st.lists(st.integers(1, 4096), min_size=3, max_size=3)


@given(st.lists(st.tuples(SIZES, st.integers(1, 900), st.booleans()), min_size=1, max_size=6))
def test_work_is_credited_once_and_shares_are_shares(
    calls: list[tuple[list[int], int, bool]],
) -> None:
    text, flops = "main: 0-10000 request", 0
    for number, ((m, k, n), us, nested) in enumerate(calls, 1):
        start = 100 * number
        inputs, twice = shapes(HALF, [m, k], [k, n]), 2 * number
        if nested:
            text += f"| main: {start}-{start + 90} op aten::matmul {inputs}"
        text += (
            f"| main: {start + 10}-{start + 80} op aten::mm {inputs}"
            f"| main: {start + 20}-{start + 22} call cudaLaunchKernel #{twice}"
            f"| s7: {1000 * number}-{1000 * number + us} kernel fp16_s16816gemm #{twice}"
            f"| main: {start + 30}-{start + 32} call cudaLaunchKernel #{twice + 1}"
            f"| s8: {1000 * number}-{1000 * number + us} kernel fp16_splitK #{twice + 1}"
        )
        flops += 2 * m * k * n
    found = roofline(timeline(text))
    assert sum(one.flops or 0 for one in found.groups) == pytest.approx(flops)
    assert sum(one.busy_ns for one in found.groups) >= found.busy_ns
    shares = [found.mfu, found.mbu, found.known_share]
    for one in found.groups:
        shares += [one.known_share, one.reached_share]
    assert all(share is None or 0 <= share <= 1 for share in shares)
