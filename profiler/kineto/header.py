"""What a Kineto trace says about its machine, and what it cannot say at all."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from infprof.profiler.events import DEVICE_KINDS, Events, Kind
from infprof.profiler.kineto.document import About
from infprof.profiler.names import call_class
from infprof.profiler.recording import Gpu, Machine, Note

LAUNCHES = ("launch", "graph", "copy", "set")
HOLES_SHARE = 0.05
"""More device work than this without its launch is worth a note."""


def machine(about: About) -> Machine:
    """The devices and versions; nothing else of a foreign trace's description is kept."""
    is_rocm = bool(about.hip_runtime_version or about.roctracer_version)
    devices = about.deviceProperties if isinstance(about.deviceProperties, list) else []
    return Machine(
        gpus=[_gpu(device, is_rocm) for device in devices if isinstance(device, dict)],
        cuda=_cuda_version(about.cuda_runtime_version),
        hip=_hip_version(about.hip_runtime_version),
    )


def _gpu(device: dict[str, Any], is_rocm: bool) -> Gpu:
    name = device.get("name")
    name = name[:200] if isinstance(name, str) else ""
    has_sm = not is_rocm and not re.match(r"AMD|Radeon|gfx", name)
    return Gpu(
        name=name,
        memory_bytes=_count(device.get("totalGlobalMem")),
        sm_major=_count(device.get("computeMajor")) if has_sm else None,
        sm_minor=_count(device.get("computeMinor")) if has_sm else None,
        multiprocessors=_count(device.get("numSms")),
    )


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and 0 <= value < 1 << 63 else None


def _cuda_version(value: Any) -> str | None:
    number = _count(value)
    return f"{number // 1000}.{number % 1000 // 10}" if number else None


def _hip_version(value: Any) -> str | None:
    number = _count(value)
    if not number:
        return None
    return f"{number // 10_000_000}.{number // 100_000 % 100}.{number % 100_000}"


def missing(events: Events, has_counters: bool, *, cut: bool) -> dict[str, str]:
    """The sources that gave nothing, each with the reason."""
    kinds = {kind for kind in Kind if (events.kind == kind).any()}
    reasons = {}
    if not kinds.intersection(DEVICE_KINDS):
        reasons["kernels"] = _why_no_kernels(events, has_counters, cut)
    if Kind.OP not in kinds:
        reasons["ops"] = "no operator was recorded (only device activity was asked for)"
    elif not (events.shapes >= 0).any():
        reasons["shapes"] = "input shapes were not recorded (record_shapes=True was not set)"
    if Kind.PYTHON not in kinds:
        reasons["stacks"] = "Python calls were not recorded (with_stack=True was not set)"
    return reasons


def _why_no_kernels(events: Events, has_counters: bool, cut: bool) -> str:
    if has_counters:
        return "the trace holds counters (cuda_profiler_range) instead of kernels"
    if cut:
        return "the file breaks off before any device activity"
    called = np.unique(events.name[events.kind == Kind.CALL]).tolist()
    if any(call_class(events.names[name]) in LAUNCHES for name in called):
        return (
            "launches were recorded but no device activity"
            " (CUPTI was unavailable or only CPU activity was asked for)"
        )
    return "no launch was recorded: the work ran on the CPU"


def notes(events: Events) -> list[Note]:
    """What a reader of the numbers must know about the links between launches and device work."""
    on_device = events.correlation[np.isin(events.kind, DEVICE_KINDS)]
    launches = events.correlation[events.kind == Kind.CALL]
    holes = (on_device < 0) | ~np.isin(on_device, launches)
    share = float(holes.mean()) if len(holes) else 0.0
    if share <= HOLES_SHARE:
        return []
    text = (
        f"the launch of {share:.0%} of the device work is not in the trace:"
        " it happened before the window, or was not recorded"
    )
    return [Note(code="correlation-holes", text=text)]
