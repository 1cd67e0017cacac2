"""Examples for a GPU as they would run on one, on paper: the same layers, sizes and waits.

Not a measurement: it shows which rule comes first if a GPU does what its data sheet says.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from math import prod
from types import SimpleNamespace
from typing import Any

from infprof.profiler.recording import Gpu, Recording
from tests.build import A100
from tests.pretend_gpu import BF16, COPIES, EAGER, FP32, PAGEABLE, REDUCES, PretendGpu
from tests.run_example import EXAMPLES

Sizes = Any
Serves = Callable[[PretendGpu, Sizes, bool], None]

REQUESTS = 4


def sizes(name: str) -> SimpleNamespace:
    """The constants of an example, read without running it."""
    tree, found = ast.parse((EXAMPLES / f"{name}.py").read_text()), dict[str, Any]()
    constants = [one for one in tree.body if isinstance(one, ast.Assign)]
    exec(compile(ast.Module([*constants], []), name, "exec"), found)
    return SimpleNamespace(**found)


def recorded(name: str, chip: Gpu = A100, *, cured: bool = False) -> Recording:
    """What a run of the example would leave."""
    tf32 = (name == "misread_copy" and cured) or name == "moved_model"
    gpu, mine = PretendGpu(chip, tf32=tf32), sizes(name)
    for _ in range(REQUESTS):
        with gpu.request():
            PRETENDED[name](gpu, mine, cured)
    return gpu.recording()


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


def pinned_per_request(gpu: PretendGpu, of: Sizes, cured: bool) -> None:
    """Collecting, pinning or not, a copy and a sum."""
    size = of.FRAMES * 3 * of.HEIGHT * of.WIDTH
    shape = (of.FRAMES, 3, of.HEIGHT, of.WIDTH)
    with gpu.mark("preprocess"):
        with gpu.op("stack", "unsigned char"), gpu.op("cat", "unsigned char"):
            gpu.work(2e9 * size / PAGEABLE)
    with gpu.mark("h2d"):
        if not cured:
            with gpu.op("pin_memory", "unsigned char", shape):
                with gpu.op("_pin_memory", "unsigned char", shape):
                    gpu.work(1e9 * size / PAGEABLE)
        with gpu.op("to", "unsigned char", shape), gpu.op("copy_", "unsigned char", shape, shape):
            gpu.copy("HtoD", size, pinned=True)
    with gpu.mark("compute"), gpu.op("sum", "unsigned char", (of.FRAMES, size // of.FRAMES)):
        gpu.launch(REDUCES, size)
    with gpu.mark("d2h"), gpu.op("argmax", "long int", (of.FRAMES,)):
        gpu.launch(REDUCES, 8 * of.FRAMES)
        gpu.copy("DtoH", 8)


def misread_copy(gpu: PretendGpu, of: Sizes, cured: bool) -> None:
    """Long kernels, then a copy that waits for them."""
    with gpu.mark("compute"):
        for _ in range(of.LAYERS):
            gpu.linear(of.ROWS, of.WIDTH, of.WIDTH, FP32)
    users = (of.PROFILES, of.PROFILE)
    with gpu.mark("h2d"), gpu.op("to", FP32, users), gpu.op("copy_", FP32, users, users):
        gpu.copy("HtoD", 4 * of.PROFILES * of.PROFILE)
    with gpu.mark("compute"):
        gpu.linear(of.PROFILES, of.PROFILE, of.WIDTH, FP32)
        gpu.each("mul", FP32, (of.ROWS, of.WIDTH), 2)
    gpu.answer(FP32, (of.ROWS, of.WIDTH))


def moved_model(gpu: PretendGpu, of: Sizes, cured: bool) -> None:
    """The model up, a few layers, and the model down again."""
    layers = [(of.WIDTH, of.HIDDEN), (of.HIDDEN, of.WIDTH)] * of.PAIRS

    def moved(way: str) -> None:
        for into, out in layers:
            for shape in ((out, into), (out,)):
                with gpu.op("to", FP32, shape), gpu.op("_to_copy", FP32, shape):
                    with gpu.op("copy_", FP32, shape, shape):
                        gpu.copy(way, 4 * prod(shape))

    if not cured:
        moved("HtoD")
    with gpu.mark("compute"):
        for into, out in layers:
            gpu.linear(of.ROWS, into, out, FP32)
    gpu.answer(FP32, (of.ROWS, of.WIDTH))
    if not cured:
        moved("DtoH")


def autocast_weights(gpu: PretendGpu, of: Sizes, cured: bool) -> None:
    """Layers, each with its casts before it."""
    shape = of.ROWS, of.WIDTH
    with gpu.mark("compute"):
        for _ in range(of.LAYERS):
            kinds = " ".join([BF16 if cured else FP32] * 3)
            weight, bias = (of.WIDTH, of.WIDTH), (of.WIDTH,)
            with gpu.op("linear", FP32, shape, weight, bias, types=kinds):
                for one in () if cured else (shape, weight, bias):
                    with gpu.op("to", FP32, one), gpu.op("_to_copy", FP32, one):
                        with gpu.op("copy_", FP32, one, one, types=f"{BF16} {FP32}"):
                            name = EAGER.format("bfloat16_copy_kernel_cuda")
                            gpu.launch(name, 6 * of.WIDTH * (1 if one == bias else one[0]))
                gpu.addmm(*shape, of.WIDTH, BF16)
    gpu.answer(FP32, shape)


PRETENDED: dict[str, Serves] = {
    one.__name__: one
    for one in (
        attention_by_hand, autocast_weights, fp32_vit, grown_kv, misread_copy, moved_model,
        one_answer, pinned_per_request, pointwise_chain, timed_blocks,
    )
}  # fmt: skip
