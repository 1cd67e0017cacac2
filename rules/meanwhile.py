"""What the other threads of a process were sampled at while some of its samples were taken."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from infprof.profiler.stacks import State
from infprof.profiler.timeline import Rows
from infprof.rules.call_masks import running
from infprof.rules.engine import GATE_SHARE
from infprof.rules.evidence import Evidence
from infprof.rules.host_code import Mask, sampled_ns, samples_of

SAME_LOOK_NS = 5_000_000
"""Samples of different threads this close count as one look: CPython lets a thread keep the
interpreter for 5 ms (``sys.getswitchinterval``), and looks are farther apart than that."""


def running_meanwhile(evidence: Evidence, mask: Mask) -> tuple[Rows, Rows]:
    """Pairs of samples: a chosen one, and one of another thread that ran at the time."""
    first, second = others_meanwhile(evidence, mask)
    runs = evidence.timeline.samples.stacks.state[second] == State.RUNNING
    return first[runs], second[runs]


def others_meanwhile(evidence: Evidence, mask: Mask) -> tuple[Rows, Rows]:
    """Pairs of samples: a chosen one, and one of another thread at the time, whatever it did."""
    samples = evidence.timeline.samples
    chosen, process = np.flatnonzero(mask), _processes(evidence)
    firsts, seconds = [chosen[:0]], [chosen[:0]]
    for lane in np.unique(samples.lane):
        theirs = np.flatnonzero(samples.lane == lane)
        asked = chosen[samples.lane[chosen] != lane]
        asked = asked[process[samples.lane[asked]] == process[lane]]
        near = theirs[_nearest(samples.time_ns[theirs], samples.time_ns[asked])]
        close = np.abs(samples.time_ns[near] - samples.time_ns[asked]) <= SAME_LOOK_NS
        firsts.append(asked[close])
        seconds.append(near[close])
    return np.concatenate(firsts), np.concatenate(seconds)


def disputed(evidence: Evidence) -> Mask:
    """Samples of requests that seem to work, though the interpreter may have been another thread's:
    one that serves no request ran Python then, and requests do wait for the interpreter here. A
    thread that wakes up to ask for it once more looks like one that works."""
    samples = evidence.timeline.samples
    found: Mask = np.zeros(len(samples.time_ns), bool)
    waits = samples_of(evidence, leaves=("python.gil_wait",))
    if evidence.share(sampled_ns(evidence, waits)) < GATE_SHARE:
        return found
    works, others = running_meanwhile(evidence, running(evidence))
    serves = np.isin(samples.lane[others], evidence.recording.requests.lane)
    found[works[~serves & (samples.user_call[others] >= 0)]] = True
    return found


def _processes(evidence: Evidence) -> npt.NDArray[np.int64]:
    return np.array([one.process or 0 for one in evidence.header.lanes], np.int64)


def _nearest(times: npt.NDArray[np.int64], wanted: npt.NDArray[np.int64]) -> Rows:
    """For each wanted time the index of the nearest of the sorted ``times``."""
    after = np.minimum(np.searchsorted(times, wanted), len(times) - 1)
    before = np.maximum(after - 1, 0)
    nearer = np.abs(times[before] - wanted) <= np.abs(times[after] - wanted)
    return np.where(nearer, before, after)
