"""Sampled series, thinned for drawing without losing a peak."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from infprof.profiler.recording import Recording
from infprof.reports.report import Chart

MOST_POINTS = 400
"""About one point per two pixels of a chart."""


def charts(recording: Recording) -> list[Chart]:
    """One chart per series that has samples; time zero is the first sample of any series."""
    samples = recording.samples
    if not len(samples):
        return []
    zero = int(samples.time_ns.min())
    found = []
    for index, series in enumerate(recording.header.series):
        mine = np.flatnonzero(samples.series == index)
        mine = mine[np.argsort(samples.time_ns[mine], kind="stable")]
        if not len(mine):
            continue
        value = samples.value[mine]
        kept = thin(value, MOST_POINTS)
        found.append(
            Chart(
                name=series.name,
                unit=series.unit,
                source=series.source,
                device=series.device,
                time_s=[round(float(t - zero) / 1e9, 4) for t in samples.time_ns[mine][kept]],
                value=[float(f"{v:.6g}") for v in value[kept]],
                mean=float(value.mean()),
                highest=float(value.max()),
            )
        )
    return found


def thin(value: npt.NDArray[np.float64], most: int) -> npt.NDArray[np.intp]:
    """Indices to keep: of each slice its lowest and its highest point, in order."""
    if len(value) <= most:
        return np.arange(len(value))
    slices = np.array_split(np.arange(len(value)), most // 2)
    kept = {int(part[np.argmin(value[part])]) for part in slices}
    kept |= {int(part[np.argmax(value[part])]) for part in slices}
    return np.array(sorted(kept), np.intp)
