"""A picture service with four things wrong at once, cured one after the other on paper.

What comes first is what the others wait behind: better arithmetic helps nobody while pictures are
decoded, nor while the GPU waits for its launches.
"""

from __future__ import annotations

import pytest

import infprof
from infprof.profiler.recording import Gpu
from infprof.reports.report import Report
from tests.build import A100
from tests.pretend_gpu import BF16, FP32, H200, PretendGpu
from tests.run_example import SEVERE

CHIPS = [pytest.param(chip, id=chip.name.split()[1]) for chip in (A100, H200)]

DECODING = 30_000_000
"""ns for a picture of a few megapixels on one thread."""

TOGETHER, PICTURE_BYTES, LAYERS = 256, 3 * 224 * 224 * 4, 50
PLACES, WIDTH = 49, 1024
"""What a picture is to the later layers of a network."""

IN_ORDER = (
    ("cpu-image-decode", "pictures are decoded ahead by other threads"),
    ("launch-bound-forward", "requests share a batch, in pinned memory"),
    ("full-precision-compute", "the model is cast to 16 bits"),
    ("unoverlapped-copies", "inputs are copied one request ahead"),
)
"""What is found first, and what is done about it."""


def serve(gpu: PretendGpu, cures: int) -> None:
    """One request after so many cures: a picture, or a batch of them."""
    pictures, dtype = (TOGETHER if cures >= 2 else 1), (BF16 if cures >= 3 else FP32)
    if cures < 1:
        with gpu.mark("preprocess", "decode jpeg"):
            gpu.work(DECODING)
    size = pictures * PICTURE_BYTES
    with gpu.mark("h2d"), gpu.op("to", FP32, (size,)), gpu.op("copy_", FP32, (size,), (size,)):
        gpu.copy("HtoD", size, pinned=cures >= 2, ahead=cures >= 4)
    with gpu.mark("compute"):
        for _ in range(LAYERS):
            gpu.linear(pictures * PLACES, WIDTH, WIDTH, dtype)
            gpu.each("relu", dtype, (pictures * PLACES, WIDTH))
    gpu.answer(dtype, (pictures, 1000))


def diagnosed(chip: Gpu, cures: int) -> Report:
    """The report after so many cures."""
    gpu = PretendGpu(chip)
    for _ in range(4):
        with gpu.request():
            serve(gpu, cures)
    return infprof.diagnose(gpu.recording())


@pytest.mark.parametrize("chip", CHIPS)
def test_what_holds_the_others_up_comes_first(chip: Gpu) -> None:
    reports = [diagnosed(chip, cures) for cures in range(len(IN_ORDER))]
    assert [one.findings[0].rule for one in reports] == [rule for rule, _ in IN_ORDER]


@pytest.mark.parametrize("chip", CHIPS)
def test_what_is_cured_is_found_no_more(chip: Gpu) -> None:
    for cures in range(1, len(IN_ORDER) + 1):
        severe = {one.rule for one in diagnosed(chip, cures).findings if one.severity in SEVERE}
        assert not severe & {rule for rule, _ in IN_ORDER[:cures]}
