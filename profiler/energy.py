"""What one request takes of the GPUs' energy, from NVML's samples of their power."""

from __future__ import annotations

import numpy as np

from infprof.profiler.latency import Latency
from infprof.profiler.phase import Phase
from infprof.profiler.recording import Recording

POWER = "gpu.power"

LEAST_NS = 2_000_000_000
"""NVML gives the mean power of the last second on most models: in less time than this it mostly
tells what was before."""


def joules_per_request(recording: Recording, latency: Latency) -> float | str:
    """Mean power of all sampled GPUs while requests ran without the tracer, over how many of them
    were served in a second; the reason where that is not known."""
    header, samples, table = recording.header, recording.samples, recording.requests
    gpus = [index for index, one in enumerate(header.series) if one.name == POWER]
    if not gpus:
        missing = header.missing
        return missing.get(POWER, missing.get("gpu", "the power of a GPU was not sampled"))
    if not latency.throughput_per_s:
        return "how many requests were served in a second is not known"
    time = samples.time_ns
    plain = table.phase == Phase.PLAIN
    if plain.any():
        first, last = int(table.start_ns[plain].min()), int(table.end_ns[plain].max())
    else:
        first, last = int(time.min()), int(time.max())
    if last - first < LEAST_NS:
        return "requests ran for less than the 2 s in which NVML tells their power"
    inside = (time >= first) & (time <= last)
    of_each = [samples.value[inside & (samples.series == gpu)] for gpu in gpus]
    if not all(len(one) for one in of_each):
        return "the power of a GPU was not sampled while requests ran"
    return float(sum(np.mean(one) for one in of_each)) / latency.throughput_per_s
