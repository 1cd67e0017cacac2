"""The GPU collector against torch, on a real device."""

from __future__ import annotations

import os
import time

import pytest

from infprof.profiler.collectors import Facts, Target, Unavailable
from infprof.profiler.collectors.gpu import Collector

pytestmark = pytest.mark.gpu


def watch(seconds: float) -> Facts:
    """Samples while the GPU multiplies matrices and holds 1 GiB."""
    import torch

    if not torch.cuda.is_available():
        pytest.skip("no GPU here")
    held = torch.empty(1 << 30, dtype=torch.uint8, device="cuda")
    a = torch.randn(4096, 4096, device="cuda", dtype=torch.float16)
    torch.cuda.synchronize()
    collector = Collector()
    try:
        collector.start(Target(os.getpid(), os.environ.get("CUDA_VISIBLE_DEVICES")))
    except Unavailable as reason:
        pytest.skip(str(reason))
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for _ in range(20):
            a @ a
        torch.cuda.synchronize()
    facts = collector.stop()
    del held
    return facts


def test_a_busy_gpu_is_seen_as_torch_sees_it() -> None:
    facts = watch(4.0)
    import torch

    assert facts.machine is not None
    gpu, truth = facts.machine.gpus[0], torch.cuda.get_device_properties(0)
    assert (gpu.name, gpu.sm_major, gpu.sm_minor) == (truth.name, truth.major, truth.minor)
    assert gpu.memory_bytes == pytest.approx(truth.total_memory, rel=0.1)
    seen: dict[str, list[float]] = {}
    for row, _, value in facts.points:
        if facts.series[row].device == 0:
            seen.setdefault(facts.series[row].name, []).append(value)
    assert len(seen["gpu.memory_used"]) / 4.0 >= 20
    free, total = torch.cuda.mem_get_info(0)
    assert seen["gpu.memory_used"][-1] == pytest.approx(total - free, abs=2 << 30)
    if "gpu.utilization" in seen:  # not on a MIG instance
        assert max(seen["gpu.utilization"]) >= 90
    if "gpu.process_memory" in seen:  # not in a container with its own process ids
        assert seen["gpu.process_memory"][-1] >= 1 << 30
    assert 0 < max(seen["gpu.sm_clock"]) <= (gpu.sm_clock_max_mhz or 10**5)
    if "gpu.power" in seen and gpu.power_limit_w:
        assert max(seen["gpu.power"]) <= 1.2 * gpu.power_limit_w
