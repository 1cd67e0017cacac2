"""What NVML said of a GPU while it worked for requests: an idle one lowers its clock and link."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from infprof.rules.evidence import Evidence
from infprof.rules.finding import Unknown
from infprof.rules.host_load import while_served

LOADED_PERCENT = 50.0
"""Of the last 1/6 to 1 s in which some kernel ran: below, a sample may be of a pause."""

Values = npt.NDArray[np.float64]


def under_load(evidence: Evidence, *names: str) -> dict[int, tuple[Values, ...]]:
    """Samples of these series, taken at the same moments, by the index of the device, of those
    devices that were sampled under load. Raises ``Unknown`` where the load was not sampled."""
    found = {}
    devices = {one.device or 0 for one in evidence.header.series if one.source == "gpu"}
    if not any(len(_sampled(evidence, "gpu.utilization", one)[0]) for one in devices):
        raise Unknown("the load of the GPU was not sampled while requests came")
    for device in sorted(devices):
        times, load = _sampled(evidence, "gpu.utilization", device)
        moments = times[load >= LOADED_PERCENT]
        columns = [_sampled(evidence, name, device) for name in names]
        for column, _ in columns:
            moments = np.intersect1d(moments, column)
        if len(moments):
            found[device] = tuple(values[np.isin(column, moments)] for column, values in columns)
    return found


def _sampled(evidence: Evidence, name: str, device: int) -> tuple[npt.NDArray[np.int64], Values]:
    """When and what, while warm requests came."""
    series, samples = evidence.header.series, evidence.recording.samples
    chosen = [i for i, one in enumerate(series) if one.name == name and (one.device or 0) == device]
    mine = np.isin(samples.series, chosen) & while_served(evidence)
    times, first = np.unique(samples.time_ns[mine], return_index=True)
    return times, samples.value[mine][first]
