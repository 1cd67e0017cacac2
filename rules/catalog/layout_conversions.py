"""Convolutions turn their tensors around before they compute, and back afterwards.

What it looks for:
cuDNN's conversion kernels (`nchwToNhwcKernel`, `nhwcToNchwKernel`) that take a twentieth of the
GPU's exposed compute or more.

Why it costs time:
Tensor cores want the channels of a pixel side by side (NHWC), while PyTorch keeps each channel as a
picture of its own (NCHW) unless told otherwise. cuDNN then converts the input and the weights of a
convolution, and its result back: pure traffic, again for each layer.

How to fix it:
`model.to(memory_format=torch.channels_last)` once, and the same for the inputs. Convolutions hand
the layout on to what follows.

When to ignore it:
Networks of depthwise convolutions, and those in full float32 without tensor cores, gain nothing
from NHWC. A layer in the midst that does not know the layout turns it back silently: look whether
the conversions have gone.

Catalogue: IP-CMB-003
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from infprof.profiler.events import Kind
from infprof.rules.evidence import Evidence, Need
from infprof.rules.finding import Finding, Fix, Saving
from infprof.rules.launch_gaps import faster_kernels_help
from infprof.rules.model_callers import compute_where

NEEDS: tuple[Need, ...] = ("device",)

CONVERTS = re.compile(r"(?i)nchwToNhwc|nhwcToNchw")
"""cuDNN's kernels that only change the layout."""

MIN_SHARE_OF_COMPUTE = 0.05
"""Below it the input of the first layer is all that is converted (CATALOGUE 1.3)."""

FIX = Fix(
    text="Keep model and inputs in the layout that tensor cores compute in.",
    code="""\
model = model.to(memory_format=torch.channels_last)    # once, at load time

x = x.contiguous(memory_format=torch.channels_last)    # or uint8 NHWC from the decoder:
# x = batch.to("cuda", non_blocking=True).permute(0, 3, 1, 2)
y = model(x)
""",
    risk="Outputs come in that layout too: view() on them may need reshape(). Compare outputs, as "
    "other kernels sum in another order.",
    references=("https://docs.pytorch.org/tutorials/intermediate/memory_format_tutorial.html",),
)


def check(evidence: Evidence) -> Iterator[Finding]:
    """Judge the kernels that only convert."""
    rows = evidence.rows(Kind.KERNEL, lambda name: "yes" if CONVERTS.search(name) else None, "yes")
    if not len(rows) or not faster_kernels_help(evidence):
        return
    time_ns, computing = evidence.exposed_part_ns(rows, "compute"), evidence.exposed_ns("compute")
    if not time_ns or time_ns < MIN_SHARE_OF_COMPUTE * computing:
        return
    change = evidence.shorter((rows, 1.0))
    yield Finding(
        title="Keep the convolutions' tensors in channels_last, so that nothing converts them",
        why=f"{len(rows) / evidence.requests:,.0f} kernels per request only change a tensor's "
        f"layout, for {time_ns / 1e6:.2f} ms ({100 * evidence.share(time_ns):.0f} % of the wall, "
        f"{100 * time_ns / computing:.0f} % of the compute).",
        stage="compute",
        saving=Saving(0, evidence.saved_ns(time_ns, change), "C", evidence.basis),
        fix=FIX,
        where=compute_where(evidence, rows),
        change=change,
    )
