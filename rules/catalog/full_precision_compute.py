"""Matrix multiplications run in float64 or float32 although the processor has a faster path.

What it looks for:
Matrix-multiplication, convolution and attention kernels whose name, or whose operator's input
types, say float64 or plain float32, and which make up 15 % or more of the GPU's exposed compute. On
a CPU: operators with float64 inputs. A kernel that already runs in TF32 is no case, and one of
unknown precision is never counted.

Why it costs time:
Plain float32 uses none of the tensor cores. An A100 does 19.5 TFLOP/s so, 156 in TF32 and 312 in
bfloat16 or float16; FP8, from compute capability 8.9 on, doubles that again, and 16-bit weights
also halve the memory traffic. Some chips gain nothing from TF32 (A10G, GeForce): there bfloat16
comes first. PyTorch leaves TF32 off for matrix multiplications by default.

How to fix it:
Allow TF32 with one line, which changes results by about one part in a thousand. Then cast the model
to bfloat16 (compute capability 8.0 and later) or float16 (T4, V100), once, at load time. Only when
large multiplications remain the bottleneck try FP8 (8.9 and later) or INT8 with torchao, checked
against your own quality metric. Float64 is usually an accident: a NumPy default that nobody cast.

When to ignore it:
Scientific work that needs the digits. A forward that waits for its launches (launch-bound-forward):
faster kernels would change nothing. Kernels bound by memory gain at most the ratio of bytes.

Catalogue: IP-PRC-001, IP-PRC-002
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np

from infprof.profiler.gpu_table import lookup
from infprof.profiler.timeline import Rows
from infprof.rules.dense_kernels import dense_kernels, tensor_types
from infprof.rules.evidence import Evidence, Need
from infprof.rules.finding import Confidence, Finding, Fix, Saving, Step, Unknown
from infprof.rules.launch_gaps import faster_kernels_help
from infprof.rules.model_callers import compute_where
from infprof.rules.processor import ran_on_gpu

NEEDS: tuple[Need, ...] = ()
STEP: Step = "precision"

MIN_SHARE_OF_COMPUTE = 0.15
"""Full-precision kernels below this share of the GPU's exposed compute are a head or a norm that
is kept in float32 on purpose."""

MAX_UNKNOWN_SHARE = 0.5
"""With more than half of the dense time in kernels of unknown precision there is no verdict."""

LONG_KERNEL_NS = 50_000
"""Only kernels this long surely have enough arithmetic to follow the peak; the low estimate counts
no others."""

REACHABLE = 0.5
"""Share of the TF32 peak that the low estimate counts on: good kernels reach 0.71 to 0.87 of a
tensor-core peak (MAMF tables), less than half would be a defect of its own."""

UNLISTED_RATIO = 2.0
"""Least gain of 16-bit tensor cores over float32 on any GPU of compute capability 8 or later: used
for devices that the table does not list."""

SIMD_RATIO = 2.0
"""A CPU's vector registers hold twice as many float32 as float64."""


def check(evidence: Evidence) -> Iterator[Finding]:
    """Judge kernels on a GPU, operators on a CPU-only host."""
    yield from _on_gpu(evidence) if ran_on_gpu(evidence) else _on_cpu(evidence)


@dataclass(frozen=True, slots=True)
class Gain:
    """How much less time dense kernels need in the next precisions, as factors of the time now."""

    high: float
    low: float
    tf32: bool
    """Whether TF32 is a step worth taking on this device."""
    half: str
    """The 16-bit type that the device computes with."""
    confidence: Confidence


def _on_gpu(evidence: Evidence) -> Iterator[Finding]:
    kernels, precision = dense_kernels(evidence)
    if not len(kernels) or not faster_kernels_help(evidence):
        return
    slow = {one: kernels[precision == one] for one in ("fp64", "fp32") if one in precision}
    spent = {one: _exposed_ns(evidence, rows) for one, rows in slow.items()}
    if not slow or sum(spent.values()) < MIN_SHARE_OF_COMPUTE * evidence.exposed_ns("compute"):
        _refuse_if_unknown(evidence, kernels, kernels[precision == ""])
        return
    gains = {one: _gain(evidence, one) for one in slow}
    rows = np.sort(np.concatenate(list(slow.values())))
    change = evidence.shorter(*((slow[one], gains[one].high) for one in slow))
    high = evidence.saved_ns(sum(int(spent[one] * gains[one].high) for one in slow), change)
    long = {one: _long(evidence, rows) for one, rows in slow.items()}
    low = evidence.saved_ns(
        sum(int(_exposed_ns(evidence, long[one]) * gains[one].low) for one in slow),
        evidence.shorter(*((long[one], gains[one].low) for one in slow)),
    )
    worst = max(slow, key=lambda one: spent[one])
    yield Finding(
        title=_title(gains[worst]),
        why=f"Dense kernels in {worst} take {spent[worst] / 1e6:.2f} ms per request "
        f"({100 * evidence.share(spent[worst]):.0f} % of the wall), "
        f"{100 * sum(spent.values()) / evidence.exposed_ns('compute'):.0f} % of the GPU's compute.",
        stage="compute",
        saving=Saving(min(low, high), high, gains[worst].confidence, evidence.basis),
        fix=_fix(gains[worst]),
        where=compute_where(evidence, rows),
        change=change,
    )


def _exposed_ns(evidence: Evidence, rows: Rows) -> int:
    return evidence.exposed_part_ns(rows, "compute.gemm", "compute.conv", "compute.attention")


def _long(evidence: Evidence, rows: Rows) -> Rows:
    return rows[evidence.timeline.durations(rows) >= LONG_KERNEL_NS]


def _refuse_if_unknown(evidence: Evidence, dense: Rows, unknown: Rows) -> None:
    """Not having seen full precision says nothing where most names do not tell."""
    total, dark = _exposed_ns(evidence, dense), _exposed_ns(evidence, unknown)
    if total and dark / total > MAX_UNKNOWN_SHARE and evidence.share(dark) > MIN_SHARE_OF_COMPUTE:
        raise Unknown(
            f"the precision of {100 * dark / total:.0f} % of the dense kernel time cannot be told "
            "from kernel names or operator types"
        )


def _gain(evidence: Evidence, now: str) -> Gain:
    """What the device's table of peaks promises; the least that is sure for an unlisted one."""
    gpus = evidence.header.machine.gpus
    if not gpus:
        raise Unknown("the recording does not say which GPU it ran on")
    spec = lookup(gpus[0].name, gpus[0].multiprocessors)
    if spec is None:
        return _gain_of_unlisted(gpus[0].sm_major)
    half = "bf16" if spec.peak("bf16") else "fp16"
    here, tf32, best = spec.peak(now), spec.peak("tf32"), spec.peak(half)
    if here is None or best is None:
        raise Unknown(f"the table of GPUs has no {now} peak for {spec.name}")
    better = tf32 is not None and tf32 > here and not _tf32_allowed(evidence)
    low = max(1 - here / (REACHABLE * tf32), 0.0) if better and tf32 is not None else 0.0
    return Gain(max(1 - here / best, 0.0), low, better, half, "B")


def _gain_of_unlisted(sm_major: int | None) -> Gain:
    if sm_major is None:
        raise Unknown("neither the GPU's peaks nor its compute capability are known")
    if sm_major < 8:
        raise Unknown("this GPU is not in the table, and older ones need not have tensor cores")
    return Gain(1 - 1 / UNLISTED_RATIO, 0.0, True, "bf16", "C")


def _tf32_allowed(evidence: Evidence) -> bool:
    return evidence.header.flags.get("matmul_precision") in ("high", "medium")


def _on_cpu(evidence: Evidence) -> Iterator[Finding]:
    if (reason := evidence.lacks("ops") or evidence.lacks("shapes")) is not None:
        raise Unknown(reason)
    events = evidence.timeline.events
    ops = evidence.inside(evidence.timeline.outermost_ops)
    double = np.array([_has_double(text) for text in events.shape_names] + [False], np.bool_)
    rows = ops[double[events.shapes[ops]]]
    if not len(rows):
        return
    spent = evidence.exposed_part_ns(rows, "compute.cpu")
    yield Finding(
        title="Cast the model and its inputs from float64 to float32",
        why=f"{len(rows) / evidence.requests:.0f} operators per request compute on float64 tensors "
        f"for {spent / 1e6:.2f} ms ({100 * evidence.share(spent):.0f} % of the wall).",
        stage="compute",
        saving=Saving(0, int(spent * (1 - 1 / SIMD_RATIO)), "B"),
        fix=FROM_FLOAT64,
        where=compute_where(evidence, rows),
    )


@cache
def _has_double(shapes: str) -> bool:
    return "double" in tensor_types(shapes)


ALLOW_TF32 = """\
torch.set_float32_matmul_precision("high")   # TF32: one line, try it first
"""

CAST = """\
model = model.to(torch.{half}).eval()   # once, at load time, not per request
y = model(x.to("cuda", torch.{half})).float()
"""


def _title(gain: Gain) -> str:
    half = {"bf16": "bfloat16", "fp16": "float16"}[gain.half]
    steps = f"TF32 or {half}" if gain.tf32 else half
    return f"Run the dense kernels in {steps} instead of full precision"


def _fix(gain: Gain) -> Fix:
    half = {"bf16": "bfloat16", "fp16": "float16"}[gain.half]
    return Fix(
        text=f"{'Allow TF32; then cast' if gain.tf32 else 'Cast'} the model to {half} once, at "
        "load time, and compare outputs. FP8 or INT8 (torchao) only after that.",
        code=(ALLOW_TF32 if gain.tf32 else "") + CAST.format(half=half),
        risk="TF32 keeps 10 bits of mantissa, bfloat16 7. "
        + ("float16 overflows beyond 65504. " if gain.half == "fp16" else "")
        + "Keep sums, norms and softmax over long axes in float32; compare outputs on real inputs.",
        references=(
            "https://docs.pytorch.org/docs/stable/generated/"
            "torch.set_float32_matmul_precision.html",
            "https://docs.pytorch.org/docs/stable/notes/cuda.html",
        ),
    )


FROM_FLOAT64 = Fix(
    text="Find where float64 enters, which is mostly a NumPy array, and cast there.",
    code="""\
model = model.float()
x = torch.from_numpy(array).float()   # NumPy's default is float64
""",
    risk="Float32 keeps 7 digits instead of 16: compare outputs.",
    references=("https://docs.pytorch.org/docs/stable/tensors.html",),
)
