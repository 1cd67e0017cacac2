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

from infprof.rules.evidence import Evidence, Need
from infprof.rules.finding import Finding, Fix
from infprof.rules.needless_kernels import kernels_named, needless_kernels

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
    title = "Keep the convolutions' tensors in channels_last, so that nothing converts them"
    does = "change a tensor's layout"
    kernels = kernels_named(evidence, CONVERTS)
    yield from needless_kernels(evidence, kernels, MIN_SHARE_OF_COMPUTE, title, does, FIX)
