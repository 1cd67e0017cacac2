"""What a rule sees: per request, within requests, on one basis however requests overlap."""

from __future__ import annotations

import numpy as np

from infprof.profiler.events import Kind
from infprof.profiler.latency import measure_latency
from infprof.profiler.names import kernel_family
from infprof.profiler.recording import Recording
from infprof.rules.finding import Outcome
from tests.build import recording
from tests.rules.judge import evidence_of, verdict_of

WINDOWS = """main: 0-90 range io:before
    main: 100-200 request
    main: 110-115 call cudaLaunchKernel #1
    s7: 120-150 kernel sgemm #1
    main: 210-290 request plain
    main: 220-280 range io:between
    main: 300-400 request
    main: 310-315 call cudaLaunchKernel #2
    s7: 320-360 kernel sgemm #2
    main: 410-490 range io:after"""


def test_only_what_lies_in_explained_requests_counts() -> None:
    evidence = evidence_of(recording(WINDOWS))
    assert evidence.requests == 2
    assert evidence.exposed_ns("io") == 0
    assert len(evidence.rows(Kind.RANGE)) == 0
    kernels = evidence.rows(Kind.KERNEL)
    (where,) = evidence.top(kernels)
    assert (where.name, where.count, where.time_ns) == ("sgemm", 1.0, 35_000)


def test_each_device_row_finds_the_call_that_launched_it_and_no_other() -> None:
    timeline = evidence_of(recording(WINDOWS + " | s7: 370-380 kernel orphan #9")).timeline
    launched = {timeline.name(row): int(timeline.launch_of[row]) for row in timeline.device_rows}
    assert launched["orphan"] == -1
    for row in timeline.by_kind[Kind.KERNEL][:2]:
        call = int(timeline.launch_of[row])
        assert timeline.events.correlation[call] == timeline.events.correlation[row]


def test_parts_and_wholes_agree_when_requests_overlap() -> None:
    evidence = evidence_of(
        recording(
            "main: 0-1000 request | t2: 0-1000 request | t3: 0-1000 request"
            " | main: 0-5 call cudaLaunchKernel #1 | s7: 5-1000 kernel sgemm #1"
        )
    )
    part = evidence.exposed_part_ns(evidence.rows(Kind.KERNEL), "compute.gemm")
    assert part == evidence.exposed_ns("compute.gemm") == 995_000


def test_ranges_that_interleave_on_one_thread_lose_no_time() -> None:
    evidence = evidence_of(
        recording(
            "main: 0-100 request plain | main: 50-150 request plain"
            " | main: 0-100 range io:a | main: 50-150 range io:b"
        )
    )
    assert evidence.exposed_ns("unattributed") == 0
    assert len(evidence.timeline.outermost(evidence.timeline.by_kind[Kind.RANGE])) == 2


def test_another_thread_s_op_does_not_undeclare_compute() -> None:
    evidence = evidence_of(
        recording("main: 0-100 request | main: 10-90 range compute:onnx | t2: 40-41 op aten::mm")
    )
    assert evidence.exposed_ns("compute.declared") == 80_000


def test_one_harmless_call_does_not_make_a_cpu_model_a_gpu_program() -> None:
    ops = " | ".join(f"main: {10 * i}-{10 * i + 9} op aten::add" for i in range(10))
    evidence = evidence_of(
        recording(f"main: 0-100 request | {ops} | main: 95-95.5 call cudaGetDeviceCount")
    )
    assert evidence.device_use == "unused"
    assert evidence.exposed_ns("compute") == 90_000


def test_a_cast_before_an_upload_computes_on_the_cpu() -> None:
    evidence = evidence_of(
        recording(
            """main: 0-1000 request
            main: 0-600 op aten::to
            main: 10-500 op aten::copy_
            main: 550-560 call cudaMemcpyAsync #1
            s7: 560-590 copy Memcpy HtoD (Pinned -> Device) #1
            main: 600-800 op aten::empty
            s7: 800-1000 kernel sgemm"""
        )
    )
    assert evidence.exposed_ns("compute.cpu") == 490_000
    assert evidence.exposed_ns("python.dispatch") == 270_000


def test_holes_between_requests_are_nobody_s_launch_gaps() -> None:
    requests = []
    for index in range(4):
        at = 1000 * index
        requests.append(f"main: {at}-{at + 1000} request")
        requests.append(f"main: {at}-{at + 300} range preprocess:decode")
        requests.append(f"main: {at + 300}-{at + 302} call cudaLaunchKernel #{index + 1}")
        requests.append(f"s7: {at + 302}-{at + 998} kernel sgemm #{index + 1}")
        requests.append(f"main: {at + 302}-{at + 1000} call cudaStreamSynchronize")
    assert verdict_of("hot-path-syncs", recording("\n".join(requests))).outcome.value == "CLEAR"


def test_generated_kernels_are_pointwise_whatever_they_fused() -> None:
    assert kernel_family("triton_poi_fused_convolution_relu_0") == "pointwise"
    assert kernel_family("triton_red_fused__scaled_dot_product_flash_attention_1") == "pointwise"
    assert kernel_family("triton_mm_kernel") == "gemm"
    assert kernel_family("convert_fp8_kernel") != "conv"


def plain(*walls_us: int) -> Recording:
    ends = np.cumsum(walls_us) + 10 * np.arange(1, len(walls_us) + 1)
    rows = [
        f"main: {end - wall}-{end} request plain" for end, wall in zip(ends, walls_us, strict=True)
    ]
    return recording("\n".join(rows))


def test_percentiles_are_requests_that_happened() -> None:
    latency = measure_latency(plain(*range(1, 101)))
    assert (latency.p50_ns, latency.p95_ns, latency.p99_ns) == (51_000, 95_000, 99_000)
    assert latency.mean_ns == 50_500
    assert latency.cold_ns is None
    assert latency.distortion is None


def test_nothing_timed_is_unknown_and_not_zero() -> None:
    latency = measure_latency(recording("main: 0-10 request traced"))
    assert (latency.requests, latency.p50_ns, latency.throughput_per_s) == (0, None, None)


def test_what_was_traced_beside_the_requests_tells_nothing_of_them() -> None:
    """A program that forks ends a window early: no rule about ops may call it clear."""
    beside = "main: 0-100 request plain | main: 100-200 op aten::mm | main: 200-300 request plain"
    verdict = verdict_of("serial-dataloader", recording(beside, gpus=()))
    assert verdict.outcome is Outcome.UNKNOWN and "under the tracer" in verdict.reason
