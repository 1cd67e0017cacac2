"""What a model's calls took by the size of their batch, where a recording has several sizes.

A call is the model's layers once through. Its time ends when the device is done with it, and counts
only where neither work before it nor the next call's runs into it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from infprof.profiler.batch_cost import BatchCost, batch_cost
from infprof.profiler.timeline import Rows
from infprof.rules.evidence import Evidence
from infprof.rules.layer_ops import LayerOp, layer_ops
from infprof.rules.op_inputs import Shape


def cost_by_batch(evidence: Evidence, rows: Rows, layers: Sequence[LayerOp]) -> BatchCost | None:
    """The cost of these layers, of which ``layers`` is a call on a single item; ``None`` where too
    few sizes were seen. ``rows`` are all layers' ops of the requests."""
    lanes, device = evidence.timeline.events.lane[rows], _Device(evidence)
    found = [
        call
        for lane in np.unique(lanes)
        for call in _calls(evidence, device, rows[lanes == lane], layers)
    ]
    sizes, times = np.array(found, np.int64).reshape(-1, 2).T
    return batch_cost(sizes, times)


class _Device:
    """The device's work by the time of its launch."""

    def __init__(self, evidence: Evidence) -> None:
        timeline, events = evidence.timeline, evidence.timeline.events
        rows = timeline.device_rows[timeline.launch_of[timeline.device_rows] >= 0]
        at = events.start_ns[timeline.launch_of[rows]]
        order = np.argsort(at, kind="stable")
        self._launched, self._end = at[order], events.end_ns[rows][order]
        self._done = np.append(np.maximum.accumulate(self._end), np.iinfo(np.int64).min)

    def done_ns(self, until_ns: int) -> int:
        """When all has ended that was launched before then."""
        return int(self._done[np.searchsorted(self._launched, until_ns) - 1])


def _calls(
    evidence: Evidence, device: _Device, rows: Rows, layers: Sequence[LayerOp]
) -> Iterator[tuple[int, int]]:
    """Size and time of each call on one thread."""
    events, ops, at = evidence.timeline.events, layer_ops(evidence, rows), 0
    while at + len(layers) <= len(rows):
        mine, size = rows[at : at + len(layers)], _size(ops[at : at + len(layers)], layers)
        at += len(layers) if size else 1
        start, end = int(events.start_ns[mine[0]]), int(events.end_ns[mine].max())
        done = max(device.done_ns(end), end)
        runs_on = at < len(rows) and done > events.start_ns[rows[at]]
        if size and not runs_on and device.done_ns(start) <= start:
            yield size, done - start


def _size(ops: Sequence[LayerOp | None], layers: Sequence[LayerOp]) -> int:
    """The size of the batch that went through these ops, 0 where they are other layers."""
    first = ops[0]
    size = first.item[0] if first is not None and first.item else 0
    alike = size > 0 and all(
        op is not None and _but_batch(op, size) == _but_batch(layer, 1)
        for op, layer in zip(ops, layers, strict=True)
    )
    return size if alike else 0


def _but_batch(op: LayerOp, size: int) -> tuple[str, Shape, float, Shape]:
    """What a layer has in common whatever the size of its batch; tokens may be folded into it."""
    weight = op.weight if op.stored_weight is not None else op.weight[1:]
    folded = op.item[0] / size if op.item else 0.0
    return op.name, op.item[1:], folded, weight
