"""The model computes in a type for which the processor has no fast instructions.

What it looks for:
On a CPU: layers of 16 rows or more in float16 or bfloat16 where the processor has no instructions
that multiply them. On a GPU: bfloat16 below compute capability 8.0, FP8 below 8.9. And
`quantized::` operators, which only exist on the CPU, on a machine with a GPU.

Why it costs time:
The library converts each value to float32 and back, or has no optimised kernel at all. Measured
with torch 2.13 on an EPYC with AVX-512 BF16 and no FP16: linear layers take 2.4 to 7 times as long
in float16 as in float32, convolutions 23 to 64 times; bfloat16 takes half the time there, and with
that instruction set hidden 2 to 7 and 3 to 56 times as long. A single row is bound by reading the
weights, and gains from any smaller type. PyTorch's older INT8 models are for CPUs alone.

How to fix it:
Use the type that the processor multiplies: float32 on a CPU, or bfloat16 where `lscpu` shows
avx512_bf16 or amx_bf16; float16 on a V100 or T4. Quantise for the GPU with torchao.

When to ignore it:
Memory is the reason for the small type, and the time does not matter. The CPU is where the model is
to run, beside a GPU that works for somebody else.

Catalogue: IP-PRC-007
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import prod

import numpy as np

from infprof.profiler.events import Kind
from infprof.profiler.gpu_table import lookup
from infprof.profiler.recording import Gpu
from infprof.profiler.timeline import Rows
from infprof.rules.dense_kernels import dense_kernels, tensor_types
from infprof.rules.engine import GATE_SHARE
from infprof.rules.evidence import Evidence, Need
from infprof.rules.finding import Finding, Fix, Saving, Unknown
from infprof.rules.layer_ops import LayerOp, layer_ops, layer_rows
from infprof.rules.model_callers import compute_where
from infprof.rules.op_kernels import kernels_of
from infprof.rules.processor import ran_on_gpu

NEEDS: tuple[Need, ...] = ("ops",)

MIN_ROWS = 16
"""A product of fewer rows waits for its weights, of which a 16-bit type has half the bytes."""

LEAST_GAIN = 2.0
"""Of float32 over an emulated type: the least that was measured of layers with 16 rows or more."""

MOST_PRODUCT_GAIN = 7.0
"""As above: the most of a linear layer."""

MOST_CONVOLUTION_GAIN = 64.0
"""As above: the most of a convolution, which then has no optimised kernel."""

BFLOAT16_FROM = (8, 0)
"""Compute capability of the first GPUs that multiply bfloat16."""

FP8_FROM = (8, 9)
"""Of the first that multiply FP8."""

HALVES = {
    "c10::Half": ("float16", {"avx512_fp16", "amx_fp16", "avx_ne_convert"}),
    "c10::BFloat16": ("bfloat16", {"avx512_bf16", "amx_bf16", "avx_ne_convert"}),
}
"""Types as traces write them; any of these instruction sets has fast paths for them."""

FP8 = re.compile(r"Float8_e\dm\d")
QUANTIZED = re.compile(r"^(quantized|onednn)::")


def check(evidence: Evidence) -> Iterator[Finding]:
    """Judge layers on a CPU-only host, kernels on a GPU, and quantised operators on both."""
    found = list(_quantized(evidence))
    yield from found
    if not found:
        yield from _on_gpu(evidence) if ran_on_gpu(evidence) else _on_cpu(evidence)


def _on_cpu(evidence: Evidence) -> Iterator[Finding]:
    if (reason := evidence.lacks("shapes")) is not None:
        raise Unknown(reason)
    rows = layer_rows(evidence)
    ops, types = layer_ops(evidence, rows), _types(evidence, rows)
    features = evidence.header.machine.cpu.features
    for kind, (name, fast) in HALVES.items():
        mine = [
            place
            for place, op in enumerate(ops)
            if op is not None and kind in types[place] and _rows_of(op) >= MIN_ROWS
        ]
        spent = evidence.exposed_part_ns(rows[mine], "compute.cpu")
        if evidence.share(spent) < GATE_SHARE:
            continue
        if features is None:
            raise Unknown(f"it is not known which instructions the CPU has for {name}")
        if not fast.isdisjoint(features):
            continue
        convolutions = [one for one in mine if (op := ops[one]) is not None and op.is_convolution]
        yield _emulated(evidence, name, features, rows[mine], rows[convolutions], spent)


def _types(evidence: Evidence, rows: Rows) -> list[list[str]]:
    events = evidence.timeline.events
    shapes = events.shapes[rows].tolist()
    known = {one: tensor_types(events.shape_names[one]) for one in set(shapes) if one >= 0}
    return [known.get(one, []) for one in shapes]


def _rows_of(op: LayerOp) -> int:
    """Of the matrix that its weights are multiplied with."""
    if op.is_embedding:
        return 0
    return op.in_size // max(op.in_width, 1) if op.is_convolution else prod(op.item[:-1])


def _emulated(
    evidence: Evidence, name: str, features: list[str], rows: Rows, convolutions: Rows, spent: int
) -> Finding:
    of_convolutions = evidence.exposed_part_ns(convolutions, "compute.cpu")
    high = int((spent - of_convolutions) * (1 - 1 / MOST_PRODUCT_GAIN))
    high += int(of_convolutions * (1 - 1 / MOST_CONVOLUTION_GAIN))
    better = "bfloat16" if _multiplies_bfloat16(features) else "float32"
    return Finding(
        title=f"Compute in {better} on this CPU instead of {name}",
        why=f"Layers in {name} take {spent / 1e6:.2f} ms per request"
        f" ({100 * evidence.share(spent):.0f} % of the wall), and the CPU has no instructions that"
        f" multiply {name}: each value is converted to float32 and back.",
        stage="compute",
        saving=Saving(min(int(spent * (1 - 1 / LEAST_GAIN)), high), high, "B"),
        fix=_cast(better, "cpu"),
        where=compute_where(evidence, rows),
    )


def _multiplies_bfloat16(features: list[str]) -> bool:
    return not {"avx512_bf16", "amx_bf16"}.isdisjoint(features)


def _on_gpu(evidence: Evidence) -> Iterator[Finding]:
    kernels, precision = dense_kernels(evidence)
    bfloat16, fp8 = kernels[precision == "bf16"], kernels_of(evidence, _with_fp8(evidence))
    if not len(bfloat16) and not len(fp8):
        return
    gpus = evidence.header.machine.gpus
    capability = _capability(gpus[0]) if gpus else None
    if capability is None:
        raise Unknown("the GPU's compute capability is not known")
    gpu = gpus[0]
    if len(bfloat16) and capability < BFLOAT16_FROM:
        yield _not_multiplied(evidence, gpu, "bfloat16", bfloat16, "float16", _gain_of_float16(gpu))
    if len(fp8) and capability < FP8_FROM:
        better = "bfloat16" if capability >= BFLOAT16_FROM else "float16"
        yield _not_multiplied(evidence, gpu, "FP8", fp8, better, 1.0)


def _with_fp8(evidence: Evidence) -> Rows:
    """Operators with an FP8 input."""
    events, ops = evidence.timeline.events, evidence.rows(Kind.OP)
    has = [any(map(FP8.search, tensor_types(text))) for text in events.shape_names]
    chosen: Rows = ops[np.array([*has, False], np.bool_)[events.shapes[ops]]]
    return chosen


def _capability(gpu: Gpu) -> tuple[int, int] | None:
    return None if gpu.sm_major is None else (gpu.sm_major, gpu.sm_minor or 0)


def _gain_of_float16(gpu: Gpu) -> float:
    """Which part of bfloat16's time float16 saves at most, by the table's peaks: bfloat16 runs no
    faster than float32 there."""
    spec = lookup(gpu.name, gpu.multiprocessors)
    slow, quick = (spec.peak("fp32"), spec.peak("fp16")) if spec else (None, None)
    return 1 - slow / quick if slow and quick else 1.0


def _not_multiplied(
    evidence: Evidence, gpu: Gpu, name: str, kernels: Rows, better: str, gain: float
) -> Finding:
    spent = evidence.exposed_part_ns(kernels, "compute")
    change = evidence.shorter((kernels, gain))
    return Finding(
        title=f"Compute in {better} on this GPU instead of {name}",
        why=f"Kernels in {name} take {spent / 1e6:.2f} ms per request"
        f" ({100 * evidence.share(spent):.0f} % of the wall), and {gpu.name} (compute capability"
        f" {gpu.sm_major}.{gpu.sm_minor or 0}) has no tensor cores for {name}.",
        stage="compute",
        saving=Saving(0, evidence.saved_ns(int(spent * gain), change), "C", evidence.basis),
        fix=_cast(better, "cuda"),
        where=compute_where(evidence, kernels),
        change=change,
    )


def _quantized(evidence: Evidence) -> Iterator[Finding]:
    machine, flags = evidence.header.machine, evidence.header.flags
    rows = evidence.rows(Kind.OP, lambda name: "yes" if QUANTIZED.search(name) else None, "yes")
    if not len(rows) or not (machine.gpus or flags.get("cuda_available")):
        return
    rows = evidence.timeline.outermost(rows)
    spent = evidence.exposed_part_ns(rows, "compute.cpu", "python.dispatch")
    yield Finding(
        title="Quantise for the GPU instead of for the CPU",
        why=f"Operators that only exist on the CPU take {spent / 1e6:.2f} ms per request"
        f" ({100 * evidence.share(spent):.0f} % of the wall), on a machine with a GPU.",
        stage="compute",
        saving=Saving(0, spent, "C"),
        fix=FIX_QUANTIZED,
        where=evidence.top(rows),
    )


def _cast(better: str, device: str) -> Fix:
    return Fix(
        text=f"Cast the model to {better} once, at load time, and its inputs to the same.",
        code=f"""\
model = model.to("{device}", torch.{better}).eval()   # once, at load time

with torch.inference_mode():
    scores = model(batch.to("{device}", torch.{better}))
""",
        risk=(
            "float16 overflows beyond 65504: compare outputs on real inputs."
            if better == "float16"
            else "Float32 takes twice the memory of a 16-bit type."
            if better == "float32"
            else "bfloat16 keeps 8 bits of mantissa: compare outputs on real inputs."
        ),
        references=(
            "https://docs.pytorch.org/docs/stable/tensor_attributes.html",
            "https://docs.nvidia.com/cuda/cuda-c-programming-guide/#compute-capabilities",
        ),
    )


FIX_QUANTIZED = Fix(
    text="Start from the model before quantisation, and quantise it with torchao on the GPU.",
    code="""\
from torchao.quantization import Int8WeightOnlyConfig, quantize_

model = load_float_model().to("cuda", torch.bfloat16).eval()
quantize_(model, Int8WeightOnlyConfig())
model = torch.compile(model, mode="max-autotune")   # fuses the dequantisation into the products
""",
    risk="Quantised weights change results: compare them by your own measure of quality.",
    references=("https://docs.pytorch.org/ao/stable/quick_start.html",),
)
