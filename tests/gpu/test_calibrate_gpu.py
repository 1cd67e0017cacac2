"""The calibrators on a real GPU: every figure is there, in order, and nothing is left behind."""

from __future__ import annotations

import pytest

from infprof.profiler.calibrate import calibrate
from infprof.profiler.calibration import Calibration
from infprof.profiler.gpu_table import lookup

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.gpu, pytest.mark.slow]

ABOVE_PEAK = 1.1
"""A vendor's peak holds at the boost clock, which some cards exceed for a while."""


@pytest.fixture(scope="module")
def made() -> Calibration:
    if not torch.cuda.is_available():
        pytest.skip("no GPU here")
    torch.ones(1, device="cuda").item()
    before = torch.cuda.memory_allocated(), torch.get_float32_matmul_precision()
    found = calibrate(10)
    assert (torch.cuda.memory_allocated(), torch.get_float32_matmul_precision()) == before
    return found


def test_every_group_is_there(made: Calibration) -> None:
    assert made.on_gpu and made.device == torch.cuda.get_device_name()
    assert {"fp32", "fp64", "fp16"} <= set(made.flops_per_s) and made.bandwidth_bytes_per_s
    assert len(made.copy_bytes_per_s) == 4 and made.dispatch_ns and made.launch_ns
    assert made.gap_ns and made.graph_gap_ns and made.sync_ns and made.cores


def test_figures_are_in_the_order_that_physics_gives(made: Calibration) -> None:
    rates, copies = made.flops_per_s, made.copy_bytes_per_s
    if "tf32" in rates:
        assert rates["fp32"] < rates["tf32"] < rates["fp16"]  # told apart
    assert copies["h2d.pinned"] > copies["h2d.pageable"] * 0.8
    assert made.bandwidth_bytes_per_s and made.bandwidth_bytes_per_s > copies["h2d.pinned"]
    assert made.dispatch_ns and made.launch_ns and made.dispatch_ns > made.launch_ns
    assert made.gap_ns and made.graph_gap_ns and made.graph_gap_ns < made.gap_ns * 1.2


def test_no_figure_is_above_the_vendor_s(made: Calibration) -> None:
    spec = lookup(made.device)
    if spec is None:
        pytest.skip(f"the table lacks {made.device}")
    for precision, rate in made.flops_per_s.items():
        peak = spec.peak(precision)
        assert peak is None or rate <= peak * ABOVE_PEAK, precision
    assert made.bandwidth_bytes_per_s
    assert made.bandwidth_bytes_per_s <= spec.bandwidth_bytes_per_s * ABOVE_PEAK
