"""Which traced requests their windows saw from beginning to end."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from infprof.profiler.recording import Phase, Requests, Window
from infprof.profiler.stints import Stints


def seen_whole(requests: Requests, stints: Stints, windows: list[Window]) -> Requests:
    """A request whose window was lost or closed early is neither traced nor plain any more. One may
    have waited since before the window: it was seen whole if all the work on it was."""
    whole, began = np.zeros(len(requests), bool), stints.first_work(requests.number)
    began = np.where(began < 0, requests.start_ns, began)
    for window in windows:
        whole |= (began >= window.start_ns) & (requests.end_ns <= window.end_ns)
    half_seen = (requests.phase == Phase.TRACED) & ~whole
    phase = np.where(half_seen, np.int8(Phase.WARMUP), requests.phase)
    return replace(requests, phase=phase.astype(np.int8))
