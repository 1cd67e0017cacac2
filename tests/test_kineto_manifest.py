"""Real traces of others against facts that were measured without us."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from infprof.profiler.events import DEVICE_KINDS, Kind
from infprof.profiler.importers import open_trace
from infprof.profiler.intervals import length, union
from infprof.profiler.recording import Recording

TRACES = Path(__file__).parents[2] / "shared" / "data" / "traces"
MANIFEST: dict[str, Any] = (
    json.loads((TRACES / "manifest.json").read_text()) if TRACES.is_dir() else {}
)
needs_traces = pytest.mark.skipif(not MANIFEST, reason="the recorded traces are not here")


def close(value: float) -> Any:
    return pytest.approx(value, rel=0.005, abs=0.002)


def facts_of(recording: Recording) -> dict[str, float]:
    events = recording.events
    kernels = events.intervals(events.kind == Kind.KERNEL)
    device = events.intervals(np.isin(events.kind, DEVICE_KINDS))
    facts: dict[str, float] = {
        "kernels": len(kernels.start),
        "kernel_busy_ms": length(union(kernels)) / 1e6,
        "gpu_busy_ms": length(union(device)) / 1e6,
        "span_ms": (recording.header.span_ns or 0) / 1e6,
    }
    if len(device.start):
        facts["gpu_window_ms"] = int(device.end.max() - device.start.min()) / 1e6
    return facts


def copies_of(recording: Recording) -> dict[str, dict[str, float]]:
    events = recording.events
    copies: dict[str, dict[str, float]] = defaultdict(lambda: {"count": 0, "bytes": 0, "ms": 0.0})
    for row in np.flatnonzero(events.kind == Kind.COPY).tolist():
        total = copies[events.names[events.name[row]]]
        total["count"] += 1
        total["bytes"] += int(events.size_bytes[row])
        total["ms"] += int(events.end_ns[row] - events.start_ns[row]) / 1e6
    return dict(copies)


@needs_traces
@pytest.mark.parametrize("name", sorted(name for name in MANIFEST if "truncated" not in name))
def test_totals_agree_with_the_manifest(name: str) -> None:
    facts = dict(MANIFEST[name]["facts"])
    recording = open_trace(TRACES / name)
    assert copies_of(recording) == {
        copy: {key: close(value) for key, value in total.items()}
        for copy, total in facts.pop("memcpy").items()
    }
    gpus = recording.header.machine.gpus
    assert (gpus[0].name if gpus else None) == facts["gpu"]
    measured = facts_of(recording)
    assert measured == {key: close(facts[key]) for key in measured}
    assert (recording.header.cuts, recording.header.dropped_events) == ([], 0)
    assert ("kernels" in recording.header.missing) == (facts["kernels"] == 0)


@needs_traces
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("edge_launches_but_no_gpu_events.json.gz", "no device activity"),
        ("edge_memcpy_calls_without_gpu_activity.json", "no device activity"),
        ("edge_cupti_range_counters.json.gz", "counters"),
        ("edge_device_listed_cpu_events_only.json.gz", "ran on the CPU"),
        ("a100host_particle_transformer_ran_on_cpu.json.gz", "ran on the CPU"),
        ("edge_truncated_json.json", "breaks off"),
    ],
)
def test_reasons_for_missing_kernels(name: str, reason: str) -> None:
    assert reason in open_trace(TRACES / name).header.missing["kernels"]


@needs_traces
def test_the_truncated_file_is_salvaged_and_says_so() -> None:
    recording = open_trace(TRACES / "edge_truncated_json.json")
    assert len(recording.events) == 1817
    assert "3458 whole events" in recording.header.cuts[0]
