"""Batches that a thread of its own makes of several requests: their sizes, and what one costs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from infprof.profiler.batch_cost import BatchCost
from infprof.profiler.timeline import Rows
from infprof.rules.batch_times import cost_by_batch
from infprof.rules.evidence import Evidence
from infprof.rules.layer_ops import LayerOp, layer_ops, layer_rows


@dataclass(frozen=True, slots=True)
class MergedBatches:
    """Calls of models on threads that serve no request themselves."""

    size: float
    """Of the batch that an item was in, on average over the items: the large ones hold most."""
    cost: BatchCost | None
    """``None`` where too few sizes were seen, or no line fits them."""


def merged_batches(evidence: Evidence) -> MergedBatches | None:
    """``None`` where requests call models on their own threads, or no shapes tell the sizes."""
    rows = layer_rows(evidence)
    lanes = evidence.timeline.events.lane[rows]
    rows = rows[~np.isin(lanes, evidence.recording.serving_lanes())]
    calls = list(_calls(evidence, rows))
    if not calls:
        return None
    sizes = np.array([ops[0].batch for ops in calls], np.float64)
    return MergedBatches(
        float((sizes**2).sum() / sizes.sum()),
        cost_by_batch(evidence, rows, [_of_one_item(op, calls[0][0].batch) for op in calls[0]]),
    )


def _calls(evidence: Evidence, rows: Rows) -> Iterator[list[LayerOp]]:
    """The layers of each call whose shapes are all known."""
    events, spans = evidence.timeline.events, evidence.timeline.model_spans
    for span in spans:
        first, last = np.searchsorted(
            events.start_ns[rows], [events.start_ns[span], events.end_ns[span]]
        )
        mine = rows[first:last]
        ops = layer_ops(evidence, mine[events.lane[mine] == events.lane[span]])
        known = [op for op in ops if op is not None]
        if known and len(known) == len(ops):
            yield known


def _of_one_item(op: LayerOp, size: int) -> LayerOp:
    """The layer as a batch of one has it."""
    return replace(op, item=(op.item[0] // size, *op.item[1:])) if op.item else op
