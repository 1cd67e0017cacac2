"""How the work of the requests fits the cores: threads, cores, requests at a time, load."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from infprof.profiler.intervals import Intervals, length, union
from infprof.rules.evidence import Evidence
from infprof.rules.finding import Unknown


def torch_threads(evidence: Evidence) -> int:
    """``torch.get_num_threads()`` of the program. Raises ``Unknown``."""
    threads = evidence.header.flags.get("threads")
    if isinstance(threads, bool) or not isinstance(threads, int) or threads < 1:
        raise Unknown("the number of torch's threads was not recorded")
    return threads


def usable_cores(evidence: Evidence) -> int:
    """CPUs that the program may use. Raises ``Unknown``."""
    cores = evidence.header.machine.cpu.usable
    if not cores:
        raise Unknown("the number of usable cores was not recorded")
    return cores


def served_at_once(evidence: Evidence) -> float:
    """How many warm requests were under way at a time, whenever any was; 1.0 if none is marked."""
    spans = _warm(evidence)
    busy = length(union(spans))
    return length(spans) / busy if busy else 1.0


def served_share(evidence: Evidence) -> float:
    """In which part of the time, from the first warm request to the last, any was under way; 1.0 if
    none is marked."""
    spans = _warm(evidence)
    if not len(spans.start):
        return 1.0
    return length(union(spans)) / max(int(spans.end.max() - spans.start.min()), 1)


def mean_load(evidence: Evidence, name: str, device: int | None = None) -> float | None:
    """Mean of a series, of all devices or of one, while warm requests came; ``None`` if it was not
    sampled then."""
    chosen = [
        i
        for i, one in enumerate(evidence.header.series)
        if one.name == name and (device is None or one.device == device)
    ]
    samples = evidence.recording.samples
    mine = np.isin(samples.series, chosen) & while_served(evidence)
    return float(samples.value[mine].mean()) if mine.any() else None


def while_served(evidence: Evidence) -> npt.NDArray[np.bool_]:
    """Which samples were taken between the first warm request and the last; all where none is
    marked."""
    times, spans = evidence.recording.samples.time_ns, _warm(evidence)
    if not len(spans.start):
        return np.ones(len(times), np.bool_)
    found: npt.NDArray[np.bool_] = (times >= spans.start.min()) & (times <= spans.end.max())
    return found


def others_cores(evidence: Evidence) -> float | None:
    """How many cores' time other programs used while warm requests came; ``None`` if unknown."""
    own, machine = mean_load(evidence, "host.cpu"), mean_load(evidence, "host.machine_cpu")
    logical = evidence.header.machine.cpu.logical
    if own is None or machine is None or not logical:
        return None
    return max(machine * logical - own, 0.0) / 100


def _warm(evidence: Evidence) -> Intervals:
    table = evidence.recording.requests
    return Intervals(table.start_ns[table.warm], table.end_ns[table.warm])
