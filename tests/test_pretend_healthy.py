"""Healthy programs on GPUs that exist on paper: each has a trap in it, and nothing may be found."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import infprof
from infprof.profiler.recording import Gpu
from tests.build import A100
from tests.pretend_gpu import BF16, FP32, GEMM, H200, TYPE_BYTES, PretendGpu

CHIPS = [pytest.param(chip, id=chip.name.split()[1]) for chip in (A100, H200)]


def products_in_a_graph(gpu: PretendGpu) -> None:
    """Dense work at the peak, and no operator that tells of it."""
    with gpu.mark("compute"):
        gpu.graph([GEMM[BF16]] * 40, kernel_ns=250_000)
    with gpu.mark("d2h"):
        gpu.item(BF16)


def many_rows(gpu: PretendGpu) -> None:
    """Weights read at the memory's rate for 96 users at once."""
    with gpu.mark("compute"):
        for _ in range(16):
            gpu.linear(96, 8192, 8192, BF16)
    gpu.answer(BF16, (96, 8192))


def a_small_pageable_input(gpu: PretendGpu) -> None:
    """4 KB per request."""
    with gpu.mark("h2d"), gpu.op("to", FP32, (1024,)), gpu.op("copy_", FP32, (1024,), (1024,)):
        gpu.copy("HtoD", 4096)
    layers(gpu)
    gpu.answer(BF16, (2048, 4096))


def one_final_read(gpu: PretendGpu) -> None:
    """One wait for the device, and one copy to the host, when all is done."""
    layers(gpu)
    with gpu.mark("d2h"):
        gpu.wait("cudaDeviceSynchronize")
        with gpu.op("to", BF16, (512,)), gpu.op("copy_", BF16, (512,), (512,)):
            gpu.copy("DtoH", 1024)


def convolutions_in_tf32(gpu: PretendGpu) -> None:
    """Tensors of float32, which cuDNN computes with in TF32 by default."""
    shape, weight = (32, 128, 56, 56), (128, 128, 3, 3)
    size, flops = TYPE_BYTES[FP32] * 32 * 128 * 56 * 56, 2.0 * 32 * 56 * 56 * 128 * 128 * 9
    with gpu.mark("compute"):
        for _ in range(8):
            with gpu.op("conv2d", FP32, shape, weight), gpu.op("convolution", FP32, shape, weight):
                name = "sm80_xmma_fprop_implicit_gemm_tf32f32_tf32f32_f32_nhwckrsc_nhwc"
                gpu.launch(name, 2 * size, 8 * flops)
    gpu.answer(FP32, shape)


def unknown_kernels(gpu: PretendGpu) -> None:
    """A vendor's kernels, whose names say nothing."""
    with gpu.mark("compute"):
        for _ in range(20):
            with gpu.op("custom_block", BF16, (4096, 4096)):
                gpu.launch("zz_k17", 800e6)
    gpu.answer(BF16, (4096, 4096))


def layers(gpu: PretendGpu) -> None:
    """Eight layers of 2048 rows."""
    with gpu.mark("compute"):
        for _ in range(8):
            gpu.linear(2048, 4096, 4096, BF16)


HEALTHY: tuple[Callable[[PretendGpu], None], ...] = (
    products_in_a_graph, many_rows, a_small_pageable_input, one_final_read, convolutions_in_tf32,
    unknown_kernels,
)  # fmt: skip


@pytest.mark.parametrize("chip", CHIPS)
@pytest.mark.parametrize("serve", HEALTHY)
def test_nothing_is_found(serve: Callable[[PretendGpu], None], chip: Gpu) -> None:
    gpu = PretendGpu(chip)
    for _ in range(4):
        with gpu.request():
            serve(gpu)
    report = infprof.diagnose(gpu.recording())
    assert [one.rule for one in report.findings if one.severity != "info"] == []
