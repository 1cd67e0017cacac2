"""Examples that are about what a GPU computes, on paper: the same layers, sizes and waits."""

from __future__ import annotations

from itertools import pairwise
from math import prod

from tests.pretend_gpu import BF16, COPIES, EAGER, FP16, FP32, GEMM, PretendGpu, Sizes

DRIVER = 200_000
"""ns, of a call that takes memory from the driver: 50 us to 10 ms (CATALOGUE IP-MEM-001)."""

CORE_FLOPS = 80e9
"""Of one CPU core in float32, as good as it can."""


def fp32_vit(gpu: PretendGpu, of: Sizes, cured: bool) -> None:
    """Layers, norms and attention."""
    dtype, rows = BF16 if cured else FP32, of.PICTURES * of.PATCHES
    shape = rows, of.WIDTH
    with gpu.mark("compute"):
        gpu.linear(rows, of.PATCH, of.WIDTH, dtype)
        for _ in range(of.BLOCKS):
            gpu.norm(dtype, shape)
            gpu.linear(rows, of.WIDTH, 3 * of.WIDTH, dtype)
            heads = of.PICTURES * of.HEADS
            gpu.attention(heads, of.PATCHES, of.PATCHES, of.WIDTH // of.HEADS, dtype)
            gpu.linear(rows, of.WIDTH, of.WIDTH, dtype)
            gpu.each("add", dtype, shape, 2)
            gpu.norm(dtype, shape)
            gpu.linear(rows, of.WIDTH, 4 * of.WIDTH, dtype)
            gpu.each("gelu", dtype, (rows, 4 * of.WIDTH))
            gpu.linear(rows, 4 * of.WIDTH, of.WIDTH, dtype)
            gpu.each("add", dtype, shape, 2)
    gpu.answer(dtype, shape)


def pointwise_chain(gpu: PretendGpu, of: Sizes, cured: bool) -> None:
    """Five kernels a round, or one."""
    shape = (of.NUMBERS,)
    with gpu.mark("compute"):
        if cured:
            gpu.work(40_000)  # guards and the wrapper of the compiled function
            gpu.launch("triton_poi_fused_abs_add_div_mul_0", 8 * of.NUMBERS)
        for _ in range(0 if cured else of.ROUNDS):
            for name, inputs in (("mul", 1), ("add", 1), ("abs", 1), ("add", 1), ("div", 2)):
                gpu.each(name, FP32, shape, inputs)
    gpu.answer(FP32, shape)


def one_answer(gpu: PretendGpu, of: Sizes, cured: bool) -> None:
    """Products with one row, or generated kernels that read half as much."""
    with gpu.mark("compute"):
        if cured:
            gpu.work(40_000)
        for _ in range(of.LAYERS):
            if cured:
                gpu.launch("triton_red_fused__to_copy_mul_sum_0", of.WIDTH**2)
            else:
                gpu.linear(1, of.WIDTH, of.WIDTH, BF16)
    gpu.answer(BF16, (1, of.WIDTH))


def attention_by_hand(gpu: PretendGpu, of: Sizes, cured: bool) -> None:
    """Two products, a scaling and a softmax, or one operator."""
    heads, shape = of.SEQUENCES * of.HEADS, (of.SEQUENCES, of.HEADS, of.POSITIONS, of.POSITIONS)
    size, flops = 2 * heads * of.POSITIONS**2, 2.0 * heads * of.POSITIONS**2 * of.WIDTH
    scores = (heads, of.POSITIONS, of.POSITIONS)
    narrow = (heads, of.POSITIONS, of.WIDTH)
    with gpu.mark("compute"):
        if cured:
            gpu.attention(heads, of.POSITIONS, of.POSITIONS, of.WIDTH, BF16)
        else:
            with gpu.op("matmul", BF16, (*shape[:3], of.WIDTH), (*shape[:2], of.WIDTH, shape[3])):
                with gpu.op("bmm", BF16, narrow, (heads, of.WIDTH, of.POSITIONS)):
                    gpu.launch("ampere_bf16_s16816gemm_bf16_128x128_tn", size, flops)
            gpu.each("mul", BF16, shape)
            with gpu.op("softmax", BF16, shape), gpu.op("_softmax", BF16, shape):
                gpu.launch("void at::native::softmax_warp_forward<c10::BFloat16>", 2 * size)
            with gpu.op("matmul", BF16, shape, (*shape[:3], of.WIDTH)):
                with gpu.op("bmm", BF16, scores, narrow):
                    gpu.launch("ampere_bf16_s16816gemm_bf16_128x128_nn", size, flops)
    gpu.answer(BF16, (*shape[:3], of.WIDTH))


def grown_kv(gpu: PretendGpu, of: Sizes, cured: bool) -> None:
    """A layer, a longer cache and attention for each word."""
    row, heads = 4 * of.TEXTS * of.WIDTH, of.TEXTS * of.HEADS
    new = (2, of.TEXTS, of.HEADS, 1, of.HEAD_WIDTH)
    with gpu.mark("compute"):
        if cured:
            prompt = (*new[:3], of.PROMPT, of.HEAD_WIDTH)
            with gpu.op("copy_", BF16, prompt, prompt):
                gpu.launch(COPIES, 2 * row * of.PROMPT)
        for turn in range(of.WORDS):
            gpu.linear(of.TEXTS, of.WIDTH, 3 * of.WIDTH, BF16)
            keys = of.PROMPT + turn
            kernel = "void at::native::CatArrayBatchedCopy<c10::BFloat16>"
            with gpu.op("stack", BF16), gpu.op("cat", BF16):
                gpu.launch(kernel, 2 * row)
            if cured:
                with gpu.op("copy_", BF16, new, new):
                    gpu.launch(COPIES, 2 * row)
            else:
                with gpu.op("cat", BF16):
                    gpu.launch(kernel, 2 * row * keys)
            gpu.attention(heads, 1, keys + 1, of.HEAD_WIDTH, BF16)
    gpu.answer(BF16, (of.TEXTS, of.WIDTH))


def timed_blocks(gpu: PretendGpu, of: Sizes, cured: bool) -> None:
    """Two layers, and a wait after each block."""
    shape = of.ROWS, of.WIDTH
    with gpu.mark("compute"):
        for _ in range(of.BLOCKS):
            gpu.linear(*shape, of.WIDTH, BF16)
            gpu.each("relu", BF16, shape)
            gpu.linear(*shape, of.WIDTH, BF16)
            gpu.each("add", BF16, shape, 2)
            if not cured:
                gpu.wait("cudaDeviceSynchronize")
    gpu.answer(BF16, shape)


def autocast_weights(gpu: PretendGpu, of: Sizes, cured: bool) -> None:
    """Layers, each with its casts before it."""
    shape = of.ROWS, of.WIDTH
    with gpu.mark("compute"):
        for _ in range(of.LAYERS):
            kinds = (BF16 if cured else FP32,) * 3
            weight, bias = (of.WIDTH, of.WIDTH), (of.WIDTH,)
            with gpu.op("linear", FP32, shape, weight, bias, types=kinds):
                for one in () if cured else (shape, weight, bias):
                    with gpu.op("to", FP32, one), gpu.op("_to_copy", FP32, one):
                        with gpu.op("copy_", FP32, one, one, types=(BF16, FP32)):
                            name = EAGER.format("bfloat16_copy_kernel_cuda")
                            gpu.launch(name, 6 * of.WIDTH * (1 if one == bias else one[0]))
                gpu.addmm(*shape, of.WIDTH, BF16)
    gpu.answer(FP32, shape)


def unpacked_weights(gpu: PretendGpu, of: Sizes, cured: bool) -> None:
    """Products, each after a cast and a scaling of its weights."""
    weight = of.WIDTH, of.WIDTH
    with gpu.mark("compute"):
        for _ in range(of.LAYERS):
            if not cured:
                types = BF16, "signed char"
                with gpu.op("to", BF16, weight, types=types[1:]), gpu.op("_to_copy", BF16, weight):
                    with gpu.op("copy_", BF16, weight, weight, types=types):
                        gpu.launch(COPIES, 3 * prod(weight))
                with gpu.op("mul", BF16, weight, (of.WIDTH, 1)):
                    gpu.launch(EAGER.format("MulFunctor"), 4 * prod(weight))
            gpu.linear(of.ROWS, of.WIDTH, of.WIDTH, BF16)
    gpu.answer(BF16, (of.ROWS, of.WIDTH))


def shared_gpu(gpu: PretendGpu, of: Sizes, cured: bool) -> None:
    """Layers whose kernels get a part of the GPU's time, or all of it."""
    rows, part = (of.PROCESSES * of.ROWS, 1.0) if cured else (of.ROWS, 1 / of.PROCESSES)
    gpu.load = {
        "utilization": 99, "other_processes": 0, "process_utilization": 99,
        "working_processes": 1 if cured else of.PROCESSES,
    }  # fmt: skip
    with gpu.mark("compute"):
        for _ in range(of.LAYERS):
            gpu.linear(rows, of.WIDTH, of.WIDTH, BF16, part)
    gpu.answer(BF16, (rows, of.WIDTH))


def unused_gpu(gpu: PretendGpu, of: Sizes, cured: bool) -> None:
    """Layers on the host, at a GPU's side or on it."""
    gpu.load = {"utilization": 60 if cured else 0, "memory_used": 1e9}
    widths = [of.FEATURES, *[of.WIDTH] * (of.LAYERS + 1)]
    given = of.ROWS, of.FEATURES
    if cured:
        with gpu.mark("h2d"), gpu.op("to", FP32, given), gpu.op("copy_", FP32, given, given):
            gpu.copy("HtoD", 4 * prod(given))
    with gpu.mark("compute"):
        for into, out in pairwise(widths):
            if cured:
                gpu.linear(of.ROWS, into, out, FP32)
            else:
                with gpu.op("linear", FP32, (of.ROWS, into), (out, into), (out,)):
                    gpu.work(1e9 * 2 * of.ROWS * into * out / CORE_FLOPS)
    if cured:
        gpu.answer(FP32, (of.ROWS, of.WIDTH))


def fp32_matmul(gpu: PretendGpu, of: Sizes, cured: bool) -> None:
    """Three layers; TF32 is the recording's own affair."""
    with gpu.mark("compute"):
        for place in range(3):
            gpu.linear(of.ROWS, of.WIDTH, of.WIDTH, FP32)
            if place < 2:
                gpu.each("relu", FP32, (of.ROWS, of.WIDTH))
    gpu.answer(FP32, (of.ROWS, of.WIDTH))


def weight_streaming(gpu: PretendGpu, of: Sizes, cured: bool) -> None:
    """Products with one row, or with 256."""
    rows = of.TOGETHER if cured else 1
    with gpu.mark("compute"):
        for _ in range(of.LAYERS):
            gpu.linear(rows, of.WIDTH, of.WIDTH, BF16)
    gpu.answer(BF16, (rows, of.WIDTH))


def unaligned_products(gpu: PretendGpu, of: Sizes, cured: bool) -> None:
    """One product, of half the speed where its rows begin at odd addresses."""
    features = of.FEATURES + -of.FEATURES % of.MULTIPLE if cured else of.FEATURES
    with gpu.mark("compute"):
        gpu.linear(of.ROWS, features, of.WIDTH, BF16, part=1.0 if cured else 0.5)
    gpu.answer(BF16, (of.ROWS, of.WIDTH))


def layout_conversions(gpu: PretendGpu, of: Sizes, cured: bool) -> None:
    """Convolutions, each between two conversions."""
    shape, weight = (of.PICTURES, of.CHANNELS, of.SIDE, of.SIDE), (of.CHANNELS, of.CHANNELS, 3, 3)
    size = 2 * prod(shape)
    with gpu.mark("compute"):
        for _ in range(of.LAYERS):
            with gpu.op("conv2d", FP16, shape, weight), gpu.op("convolution", FP16, shape, weight):
                if not cured:
                    gpu.launch("void cudnn::ops::nchwToNhwcKernel<__half>", 2 * size)
                flops = 2.0 * prod(shape) * prod(weight[1:])
                gpu.launch("sm80_xmma_fprop_implicit_gemm_f16f16_f16f32_nhwc", 2 * size, flops)
                if not cured:
                    gpu.launch("void cudnn::ops::nhwcToNchwKernel<__half>", 2 * size)
    gpu.answer(FP16, shape)


def launch_bound(gpu: PretendGpu, of: Sizes, cured: bool) -> None:
    """Tiny kernels one by one, or in a graph; NVML sees some kernel at any time."""
    gpu.load = {"utilization": 98}
    with gpu.mark("compute"):
        if cured:
            gpu.each("copy_", BF16, (1, of.WIDTH))
            gpu.graph([GEMM[BF16], EAGER.format("relu")] * of.LAYERS)
        for _ in range(0 if cured else of.LAYERS):
            gpu.linear(1, of.WIDTH, of.WIDTH, BF16)
            gpu.each("relu", BF16, (1, of.WIDTH))
    gpu.answer(BF16, (1, of.WIDTH))


def syncs_in_loop(gpu: PretendGpu, of: Sizes, cured: bool) -> None:
    """Layers, and the largest number of each, looked at or kept."""
    shape = of.ROWS, of.WIDTH
    with gpu.mark("compute"):
        for _ in range(of.LAYERS):
            gpu.linear(*shape, of.WIDTH, BF16)
            gpu.each("relu_", BF16, shape)
            gpu.reduce("amax", BF16, shape)
            if not cured:
                gpu.item(BF16)
        if cured:
            with gpu.op("stack", BF16), gpu.op("cat", BF16):
                gpu.launch("void at::native::CatArrayBatchedCopy<c10::BFloat16>", 0)
            gpu.reduce("amax", BF16, (of.LAYERS,))
            gpu.item(BF16)


def allocator_churn(gpu: PretendGpu, of: Sizes, cured: bool) -> None:
    """Layers whose results need memory from the driver, which gets it back at the end."""
    widths = [of.WIDTH + 1024 * place for place in range(of.LAYERS + 1)]
    with gpu.mark("compute"):
        for into, out in pairwise(widths):
            if not cured:
                gpu.call("cudaMalloc", DRIVER)
            gpu.linear(of.ROWS, into, out, BF16)
    gpu.answer(BF16, (of.ROWS, widths[-1]))
    for _ in range(0 if cured else of.LAYERS):
        gpu.call("cudaFree", DRIVER)
