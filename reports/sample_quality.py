"""How far sampled stacks may be trusted: how many there are, and how well they are placed."""

from __future__ import annotations

import math

import numpy as np

from infprof.profiler.breakdown import stage_of
from infprof.reports import wording
from infprof.reports.report import Note
from infprof.rules.engine import GATE_SHARE
from infprof.rules.evidence import Evidence
from infprof.rules.host_code import ENOUGH_SAMPLES

MISPLACED_SHARE = 0.2
"""Of a median request: stacks placed worse than that fall into the request before or after."""


def sample_limits(evidence: Evidence) -> list[Note]:
    """What a reader must know before using a number that rests on samples."""
    return _few_samples(evidence) + _misplaced(evidence)


def _few_samples(evidence: Evidence) -> list[Note]:
    samples = evidence.timeline.samples
    caught = samples.of_requests
    total, found = int(caught.sum()), []
    sampled = set(samples.leaf[caught].tolist())
    for stage in evidence.breakdown.stages:
        leaves = [leaf for leaf in evidence.breakdown.leaves if stage_of(leaf) == stage]
        resting = evidence.exposed_ns(*(leaf for leaf in leaves if leaf in sampled))
        count = int((caught & np.equal(samples.stage, stage)).sum())
        share = evidence.share(resting)
        doubt = share * _relative_doubt(count, total)
        if 0 < count < ENOUGH_SAMPLES and doubt >= GATE_SHARE:
            text = (
                f"Where inside {stage} is known from only {wording.counted(count, 'sample')}: its "
                f"{wording.share(share)} of a request may be {100 * doubt:.0f} points more or less."
            )
            found.append(Note(code="few-samples", text=text))
    return found


def _relative_doubt(count: int, total: int) -> float:
    """Two standard deviations of ``count`` samples of ``total``, at least one sample, over it."""
    if not count:
        return 0.0
    return max(2 * math.sqrt(count * (1 - count / total)), 1) / count


def _misplaced(evidence: Evidence) -> list[Note]:
    error = evidence.header.stack_error_ns
    median = evidence.latency.p50_ns or evidence.latency.traced_p50_ns
    if error is None or not median or not len(evidence.recording.stacks):
        return []
    if error <= MISPLACED_SHARE * median:
        return []
    text = (
        f"Sampled stacks are placed in time only within {wording.ms(error / 1e6)}, and a request "
        f"takes {wording.ms(median / 1e6)}: some belong to the request before or after, or to none."
    )
    return [Note(code="stack-clock", text=text)]
