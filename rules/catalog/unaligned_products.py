"""Products are slow because a width of theirs is no multiple of eight.

What it looks for:
Products of linear layers in 16 bits, of 20 us and more, whose width in or out is no multiple of 8,
and that do less than half of the operations per second that the GPU can do, though they have enough
of them per byte. They must take a fifth of the GPU's exposed compute or more.

Why it costs time:
Tensor cores take 16 bytes at a time, which are 8 numbers of 16 bits. Rows of 50257 numbers begin at
addresses that are no multiples of 16 bytes: they are loaded in smaller pieces, or by kernels that
use no tensor cores. Good products reach 71 to 87 % of the peak.

How to fix it:
Make the width larger: 50257 words become 50304, 17 features 24, with rows of zeros (for words: of a
bias so low that none is chosen). Multiples of 64 are better still. Let the result be cut afterwards
by a view.

When to ignore it:
Clocks were low while it was recorded, so that nothing comes near the peak.

Catalogue: IP-CFB-001
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from infprof.profiler.peaks import Peaks, peaks_of
from infprof.rules.evidence import Evidence, Need
from infprof.rules.finding import Finding, Fix, Saving, Unknown
from infprof.rules.launch_gaps import faster_kernels_help
from infprof.rules.layer_products import HALF, LayerProducts, layer_products
from infprof.rules.model_callers import compute_where

NEEDS: tuple[Need, ...] = ("device", "ops", "shapes")
NOT_WHILE = {
    "low-gpu-clocks": "a product far from the peak of a full clock may be near that of a lower one"
}

ALIGNED = 8
"""Numbers of 16 bits in the 16 bytes that a tensor core is fed with at once."""

LONG_KERNEL_NS = 20_000
"""A shorter kernel is mostly its own start and end, whatever its widths are (CATALOGUE 1.3)."""

SLOW_SHARE = 0.5
"""Of the peak: good products reach 0.71 to 0.87 of it, by measurements of A100, H100 and B200."""

REACHABLE = 0.8
"""What a well-shaped product reaches of the peak, by the same measurements."""

MIN_SHARE_OF_COMPUTE = 0.20
"""Below it a change of the model's shape would not show (CATALOGUE 1.3)."""

HALF_BYTES = 2
"""Of a number in 16 bits."""

Which = npt.NDArray[np.bool_]

FIX = Fix(
    text="Pad the width to a multiple of 64 once, when the model is loaded, and cut the result.",
    code="""\
def padded(layer, multiple=64):                     # once, at load time
    wider = torch.nn.Linear(layer.in_features, layer.out_features + -layer.out_features % multiple)
    wider = wider.to(layer.weight)
    for new, old in ((wider.weight, layer.weight), (wider.bias, layer.bias)):
        new.data.zero_()
        new.data[: layer.out_features] = old.data
    return wider

head, words = padded(model.head), model.head.out_features
scores = head(states)[..., :words]                  # a view: copies nothing
""",
    risk="Checkpoints keep the old shape: pad after loading. A softmax must not see the columns "
    "that were added.",
    references=(
        "https://docs.nvidia.com/deeplearning/performance/dl-performance-matrix-multiplication/",
    ),
)


def check(evidence: Evidence) -> Iterator[Finding]:
    """Judge products by their widths and by what they reach."""
    if not faster_kernels_help(evidence):
        return
    found = layer_products(evidence)
    found.require_known(evidence, MIN_SHARE_OF_COMPUTE)
    odd = np.isin(found.precision, HALF) & (found.layer >= 0)
    odd &= (found.size[:, 1:] % ALIGNED != 0).any(axis=1) & (found.time_ns >= LONG_KERNEL_NS)
    computing = evidence.exposed_ns("compute")
    if not _is_large(evidence, found, odd, computing):
        return
    header = evidence.header
    peaks = peaks_of(header.machine, True, header.flags.get("threads"))
    if peaks is None or peaks.bytes_per_s is None:
        raise Unknown("what this GPU can compute at most is not known")
    reached = _reached(found, peaks)
    odd &= (reached > 0) & (reached < SLOW_SHARE) & _is_dense(found, peaks)
    if not _is_large(evidence, found, odd, computing):
        return
    kernels, time_ns = found.kernels[odd], evidence.exposed_part_ns(found.kernels[odd], "compute")
    mean = float(np.average(reached[odd], weights=found.time_ns[odd]))
    part = 1 - mean / REACHABLE
    change = evidence.shorter((kernels, part))
    width = _odd_width(found, odd)
    yield Finding(
        title="Pad the widths of linear layers to a multiple of 64",
        why=f"{len(kernels) / evidence.requests:,.0f} products per request with a width that is no "
        f"multiple of {ALIGNED}, like {width:,}, take {time_ns / 1e6:.2f} ms "
        f"({100 * evidence.share(time_ns):.0f} % of the wall) and reach {100 * mean:.0f} % of what "
        "the GPU can compute.",
        stage="compute",
        saving=Saving(0, evidence.saved_ns(int(time_ns * part), change), "C", evidence.basis),
        fix=FIX,
        where=compute_where(evidence, kernels),
        change=change,
    )


def _is_large(evidence: Evidence, found: LayerProducts, odd: Which, computing: int) -> bool:
    time_ns = evidence.exposed_part_ns(found.kernels[odd], "compute")
    return time_ns > 0 and time_ns >= MIN_SHARE_OF_COMPUTE * computing


def _reached(found: LayerProducts, peaks: Peaks) -> npt.NDArray[np.float64]:
    """Of the peak at its precision, for each kernel; 0 where it is unknown."""
    peak = np.array([peaks.peak(one) or 0.0 for one in found.precision.tolist()], np.float64)
    possible = peak * found.time_ns / 1e9
    return np.divide(found.flops, possible, out=np.zeros(len(possible)), where=possible > 0)


def _is_dense(found: LayerProducts, peaks: Peaks) -> Which:
    """Which have more operations per byte than memory could feed at the peak."""
    rows, into, out = found.size.astype(np.float64).T
    moved = np.maximum(rows * into + into * out + rows * out, 1.0) * HALF_BYTES
    ridge = np.array([peaks.ridge(one) or np.inf for one in found.precision.tolist()], np.float64)
    return np.asarray(2 * rows * into * out / moved > ridge, np.bool_)


def _odd_width(found: LayerProducts, odd: Which) -> int:
    """The width that is none, of the kernel that takes longest."""
    longest = np.flatnonzero(odd)[int(np.argmax(found.time_ns[odd]))]
    widths = [int(one) for one in found.size[longest, 1:] if one % ALIGNED]
    return max(widths)
