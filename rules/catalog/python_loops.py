"""Inputs are prepared element by element in Python loops.

What it looks for:
Sampled stacks whose innermost function is the user's own, before the model's call, and that show
the interpreter in a loop: jumping back, or entering the same small function again and again. At
least 5 % of the wall. Comprehensions and functions called for each element count to the function
that loops.

Why it costs time:
CPython spends 0.05 to 0.8 us on each step of a loop, NumPy about 1 ns on the same element: to
normalise a 224 x 224 image takes 117 ms in a loop and 0.16 ms as one expression.

How to fix it:
Say it on whole arrays: NumPy or torch operators, ``torchvision.transforms.v2`` on tensors. Convert
once with ``np.asarray`` or ``torch.from_numpy`` and drop the loop.

When to ignore it:
The loop drives heavy native calls (decode each image, resize each image): then the time is in the
calls, and no finding is made. After the model's call it is ``cpu-postprocessing``, in a tokenizer
``slow-tokenizer``, in a Dataset ``serial-dataloader``.

Catalogue: IP-PRE-002
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from infprof.rules.call_masks import main_stage
from infprof.rules.engine import GATE_SHARE
from infprof.rules.evidence import Evidence, Need
from infprof.rules.finding import Finding, Fix, Saving
from infprof.rules.host_code import require_samples, samples_of
from infprof.rules.interpreted import loops, require_instructions
from infprof.rules.loop_report import exposed_ns, loop_places, vectorised
from infprof.rules.serialising import serialising
from infprof.rules.tokenizing import tokenizing

NEEDS: tuple[Need, ...] = ("stacks",)
USES_TRACER = False

FIX = Fix(
    text="Work on the whole array at once; the loop then runs in C.",
    code="""\
import numpy as np
import torch

MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)

def normalise(pixels: np.ndarray) -> torch.Tensor:  # height x width x 3, uint8
    scaled = (pixels.astype(np.float32) / 255 - MEAN) / STD  # no loop over pixels
    return torch.from_numpy(np.ascontiguousarray(scaled.transpose(2, 0, 1)))
""",
    risk="Sums may differ in the last digit: compare both with np.allclose on a recorded input.",
    references=(
        "https://numpy.org/doc/stable/user/basics.broadcasting.html",
        "https://docs.pytorch.org/vision/stable/transforms.html",
    ),
)


def check(evidence: Evidence) -> Iterator[Finding]:
    """Find loops of the interpreter before the model's call."""
    require_samples(evidence)
    mine = samples_of(evidence, stages=("preprocess", "python"))
    mine = mine & ~tokenizing(evidence) & ~serialising(evidence)
    require_instructions(evidence, mine, GATE_SHARE)
    found = loops(evidence, mine)
    if not found:
        return
    where = loop_places(evidence, found)
    looping = np.logical_or.reduce([loop.samples for loop in found])
    time_ns = exposed_ns(evidence, looping)
    yield Finding(
        title=f"Replace the Python loop in {where[0].name} by array operations",
        why=(
            f"Python loops over elements take {time_ns / 1e6:.2f} ms of each request"
            f" ({100 * evidence.share(time_ns):.0f} % of its wall), most of it in {where[0].name}."
        ),
        stage=main_stage(evidence, looping, "preprocess"),
        saving=Saving(0, vectorised(time_ns), "C"),
        fix=FIX,
        where=where,
    )
