"""A few rows at a time pass through large layers, which takes as long as reading the weights.

What it looks for:
Products of linear layers in 16 bits with at most 64 rows that take two fifths of the GPU's exposed
compute or more, and that read their weights at 55 % or more of what the memory can deliver.

Why it costs time:
Each weight is read for two operations per row, where a GPU could do some hundreds per byte. The
product takes as long as its weights need to arrive, whatever the GPU could compute: 7 billion
parameters in 16 bits are 14 GB, 7 ms on an A100. Twice as many rows take no longer.

How to fix it:
Serve more requests at once first: up to some hundred rows they are nearly free (continuous batching
in vLLM, dynamic batching elsewhere). For the latency of one request, make the weights smaller: 8
bits halve them, 4 bits with a scale for each group leave 27 %. A GPU with faster memory does the
same in proportion.

When to ignore it:
Batches are large in service, and only this recording has few rows. From about an eighth of the rows
at which arithmetic limits, unpacking 4-bit weights costs more than it saves.

Catalogue: IP-CMB-001, IP-PRC-005
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from infprof.profiler.peaks import peaks_of
from infprof.rules.evidence import Evidence, Need
from infprof.rules.finding import Finding, Fix, Saving, Step, Unknown
from infprof.rules.launch_gaps import faster_kernels_help
from infprof.rules.layer_products import HALF, LayerProducts, layer_products
from infprof.rules.model_callers import compute_where

NEEDS: tuple[Need, ...] = ("device", "ops", "shapes")
STEP: Step = "precision"
NOT_WHILE = {
    "single-item-batches": "a batch reads the weights once for all of its rows, and may leave "
    "nothing to gain by smaller ones",
    "missing-dynamic-batching": "a batch reads the weights once for all of its rows, and may leave "
    "nothing to gain by smaller ones",
    "dequantization": "the weights are packed already, in a way that costs more than it saves",
}

FEW_ROWS = 64
"""So many rows are far from where arithmetic limits on any GPU listed: 76 rows at least, mostly
hundreds (CATALOGUE section 2)."""

MIN_SHARE_OF_COMPUTE = 0.40
"""Below it the layers are not what the model spends its time on (CATALOGUE 1.3)."""

MIN_BANDWIDTH_SHARE = 0.55
"""A product that reads more slowly is held up by something else, mostly by being short."""

HALF_BYTES = 2
"""Of a weight in 16 bits."""

PACKED_SHARE = 4.25 / 16
"""What 4 bits leave of 16, with a 16-bit scale for each 64 of them."""

FIX = Fix(
    text="Batch more requests first; then keep the weights in 8 or 4 bits.",
    code="""\
from torchao.quantization import Int4WeightOnlyConfig, Int8WeightOnlyConfig, quantize_

y = model(torch.cat(waiting))                              # rows of several requests: try it first

quantize_(model, Int8WeightOnlyConfig())                   # half the bytes
# quantize_(model, Int4WeightOnlyConfig(group_size=64))    # a quarter; compare the task's own score
model = torch.compile(model)                               # fuses unpacking into the product
# vLLM: a checkpoint made by llm-compressor (W4A16), or --quantization fp8
""",
    risk="Tasks lose up to some per cent of their score in 4 bits: evaluate. In large batches "
    "weight-only quantisation is slower than 16 bits.",
    references=(
        "https://docs.pytorch.org/ao/stable/",
        "https://docs.vllm.ai/en/latest/features/quantization/",
    ),
)


def check(evidence: Evidence) -> Iterator[Finding]:
    """Judge the products of few rows by how fast they read their weights."""
    if not faster_kernels_help(evidence):
        return
    found = layer_products(evidence)
    found.require_known(evidence, MIN_SHARE_OF_COMPUTE)
    few = np.isin(found.precision, HALF) & (found.layer >= 0) & (found.size[:, 0] <= FEW_ROWS)
    kernels = found.kernels[few]
    time_ns, computing = (
        evidence.exposed_part_ns(kernels, "compute"),
        evidence.exposed_ns("compute"),
    )
    if not time_ns or time_ns < MIN_SHARE_OF_COMPUTE * computing:
        return
    read = _weight_bytes(found, few)
    reached = _bandwidth_share(evidence, read, int(found.time_ns[few].sum()))
    if reached < MIN_BANDWIDTH_SHARE:
        return
    change = evidence.shorter((kernels, 1 - PACKED_SHARE))
    high = evidence.saved_ns(int(time_ns * (1 - PACKED_SHARE)), change)
    yield Finding(
        title="Give each reading of the weights more rows, or make the weights smaller",
        why=f"Layers are given at most {int(found.size[few, 0].max())} rows at once and read "
        f"{read / max(evidence.requests, 1) / 1e9:.2f} GB of weights per request, at "
        f"{100 * reached:.0f} % of the memory's rate: {time_ns / 1e6:.2f} ms "
        f"({100 * evidence.share(time_ns):.0f} % of the wall, "
        f"{100 * time_ns / computing:.0f} % of the compute).",
        stage="compute",
        saving=Saving(0, high, "C", evidence.basis),
        fix=FIX,
        where=compute_where(evidence, kernels),
        change=change,
    )


def _weight_bytes(found: LayerProducts, few: npt.NDArray[np.bool_]) -> int:
    """Of all layers, each once however many kernels it launched."""
    _, first = np.unique(found.layer[few], return_index=True)
    return int(found.size[few][first, 1:].prod(axis=1).sum()) * HALF_BYTES


def _bandwidth_share(evidence: Evidence, read_bytes: int, time_ns: int) -> float:
    header = evidence.header
    peaks = peaks_of(header.machine, True, header.flags.get("threads"))
    if peaks is None or not peaks.bytes_per_s:
        raise Unknown("what this GPU's memory can deliver is not known")
    return read_bytes * 1e9 / max(time_ns, 1) / peaks.bytes_per_s
