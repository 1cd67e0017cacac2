"""Each request builds, loads or moves the model before it can use it.

What it looks for:
In every request: ranges and frames that load a model (``from_pretrained``, ``torch.load``,
``load_state_dict``, a range named "load model"), or a burst of ops that fill tensors of the shapes
of the layers' weights: initialisation, copies from a checkpoint, copies to the device. A burst
counts if it writes weights of at least half of the model by size.

Why it costs time:
Weights do not change between requests, so this is pure waste. 14 GB take 0.5 s over PCIe Gen4, 2
to 5 s from NVMe; even a small model draws all its initial random numbers before they are
overwritten.

How to fix it:
Load once at start-up (module level, the lifespan hook of the web framework, ``setup()`` of the
server) and keep the model on the device.

When to ignore it:
Weights are swapped on purpose because the models do not fit together: then quantise, or give each
its own process. A load that only the first request pays is warm-up.

Catalogue: IP-PY-007, IP-H2D-007
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import prod

import numpy as np

from infprof.profiler.events import Kind
from infprof.profiler.intervals import EMPTY, Intervals, holds, length, union
from infprof.profiler.names import entry_of
from infprof.profiler.replay import Change
from infprof.profiler.timeline import Request, Rows
from infprof.rules.engine import GATE_SHARE
from infprof.rules.evidence import Evidence, Need
from infprof.rules.exact_spans import without
from infprof.rules.finding import Finding, Fix, Saving, Unknown
from infprof.rules.host_code import during, places
from infprof.rules.host_time import (
    less_error,
    named_rows,
    not_hidden_by_model,
    per_request,
    within,
)
from infprof.rules.layer_ops import layer_ops, layer_rows
from infprof.rules.op_inputs import Shape, inputs_of

NEEDS: tuple[Need, ...] = ("ops",)

MODEL_SHARE = 0.5
"""A burst that writes less than half of the weights is something else: a cache, an adapter."""

MIN_WEIGHTS = 2
"""One activation may happen to have a weight's shape; of two different weights that is unlikely."""

LOADS = re.compile(
    r"(?i)(load|build|creat|init|instantiat|restor|construct)\w*[ _.-]*(the[ _-])?"
    r"(model|weights|checkpoint|network|state_dict|pipeline|engine)\b"
    r"|(model|weights|checkpoint)[ _.-]*(re)?(load|build|init|creat)"
    r"|from_pretrained|\btorch\.load\b|torch/serialization\.py.*: load|safetensors"
)
"""Names of ranges and frames that make a model ready."""

WRITES = ("aten::uniform_", "aten::normal_", "aten::copy_")
"""Ops that fill a tensor in place; every initialisation and every load comes down to them."""

NEARLY_ALL = 0.9
"""Of the requests must have been seen to load: of one now and then a trace has lost the events."""

FIX = Fix(
    text="Load the model once, when the process starts, and let requests only use it.",
    code="""\
model = build_model()  # at module level or in the server's start-up hook, not per request
model.load_state_dict(torch.load("weights.pt", weights_only=True, mmap=True))
model = model.to(device).eval()

def handle(request):
    with torch.inference_mode():
        return model(prepare(request))
""",
    risk="The model stays in memory, and requests share it: it must keep no state of one request.",
    references=(
        "https://docs.pytorch.org/docs/stable/generated/torch.load.html",
        "https://fastapi.tiangolo.com/advanced/events/",
    ),
)


def check(evidence: Evidence) -> Iterator[Finding]:
    """Find requests that load the model anew."""
    named = named_rows(evidence, lambda name, stage: loads(name))
    writes, spans = weight_bursts(evidence)
    rows = np.concatenate([named, writes])
    whole = union(_joined(evidence.timeline.busy(named), spans))
    loading = not_hidden_by_model(evidence, whole)
    time_ns = per_request(evidence, loading)
    if evidence.share(time_ns) < GATE_SHARE:
        return
    requests = [one.request for one in evidence.breakdown.requests]
    if max(len(requests), evidence.header.requests_seen) < 2 or requests[0].lane is None:
        raise Unknown(
            "a model load was seen, but one request cannot tell whether every request pays for it"
        )
    paying = sum(length(within(loading, request)) > 0 for request in requests)
    if paying < NEARLY_ALL * len(requests):
        return
    where = (*places(evidence, during(evidence, loading), most=2), *evidence.top(rows, most=3))
    yield Finding(
        title="Load the model once, not in each request",
        why=(
            f"Each request spends {time_ns / 1e6:.2f} ms ({100 * evidence.share(time_ns):.0f} % of"
            f" its wall) making the model ready, most of it in {where[0].name!r}."
        ),
        stage="python",
        saving=Saving(less_error(time_ns), time_ns, "A"),
        fix=FIX,
        where=where,
        change=_left_out(evidence, whole, loading),
    )


def _left_out(evidence: Evidence, whole: Intervals, waited_for: Intervals) -> Change | None:
    """Nothing is made ready: neither the host's time for it is left, nor what the device was given
    meanwhile, nor a wait for that."""
    timeline = evidence.timeline
    device, calls = evidence.inside(timeline.device_rows), evidence.rows(Kind.CALL)
    launches = timeline.launch_of[device]
    device, launches = device[launches >= 0], launches[launches >= 0]
    start_ns = timeline.events.start_ns
    moved = evidence.shorter((device[holds(whole, start_ns[launches])], 1.0))
    change = without(evidence, waited_for)
    if moved is None or change is None:
        return change
    waits = frozenset(calls[holds(whole, start_ns[calls])].tolist())
    return change.and_also(moved).and_also(Change(waits_removed=waits))


def loads(name: str) -> bool:
    """Whether a range or frame of this name makes a model ready. Of a wrapped entry point, only the
    entry can say so: a user's ``load_model`` may well read a table in it."""
    return bool(LOADS.search(entry_of(name) or name))


def weight_bursts(evidence: Evidence) -> tuple[Rows, Intervals]:
    """Ops that write most of the model's weights in a request, and the stretches they span."""
    layers = layer_rows(evidence)
    weights = _weights(evidence, layers)
    if len(weights) < MIN_WEIGHTS:
        return layers[:0], EMPTY
    writes = _writes(evidence, weights)
    chosen = [
        mine
        for one in evidence.breakdown.requests
        if _covers(evidence, mine := _started_in(evidence, writes, one.request), weights)
    ]
    rows = np.concatenate([layers[:0], *chosen])
    return rows, _stretches(evidence, rows, layers)


def _weights(evidence: Evidence, layers: Rows) -> set[Shape]:
    found = (op.stored_weight for op in layer_ops(evidence, layers) if op is not None)
    return {weight for weight in found if weight is not None}


def _writes(evidence: Evidence, weights: set[Shape]) -> Rows:
    rows, events = evidence.named(Kind.OP, *WRITES), evidence.timeline.events
    alike = np.stack([events.name[rows], events.shapes[rows]])  # these fill the same shape
    _, first, which = np.unique(alike, axis=1, return_index=True, return_inverse=True)
    are_weights = [_written(evidence, row) in weights for row in rows[first].tolist()]
    chosen: Rows = rows[np.array(are_weights, np.bool_)[which.reshape(-1)]]
    return chosen


def _written(evidence: Evidence, row: int) -> Shape | None:
    """Shape that an op filled; ``None`` for a cast, which computes with the weights it has."""
    inputs = inputs_of(evidence.timeline, row)
    if inputs is None:
        return None
    is_copy = evidence.timeline.name(row) == "aten::copy_"
    if is_copy and (inputs.types[:1] != inputs.types[1:2] or inputs.shape(0) != inputs.shape(1)):
        return None
    return inputs.shape(0)


def _started_in(evidence: Evidence, rows: Rows, request: Request) -> Rows:
    starts = evidence.timeline.events.start_ns[rows]
    return rows[(starts >= request.start_ns) & (starts < request.end_ns)]


def _covers(evidence: Evidence, writes: Rows, weights: set[Shape]) -> bool:
    written = weights.intersection(_written(evidence, row) for row in writes.tolist())
    size, whole = sum(map(prod, written)), sum(map(prod, weights))
    return len(written) >= MIN_WEIGHTS and size >= MODEL_SHARE * whole


def _stretches(evidence: Evidence, writes: Rows, layers: Rows) -> Intervals:
    """From the first to the last write of each run that no layer of the model interrupts.

    Between two writes lies what makes the tensors: allocation, Python of the constructors.
    """
    events = evidence.timeline.events
    run = np.searchsorted(np.sort(events.start_ns[layers]), events.start_ns[writes])
    parts = [events.intervals(writes[run == one]) for one in np.unique(run)]
    return Intervals(
        np.array([part.start.min() for part in parts], np.int64),
        np.array([part.end.max() for part in parts], np.int64),
    )


def _joined(a: Intervals, b: Intervals) -> Intervals:
    return Intervals(np.concatenate([a.start, b.start]), np.concatenate([a.end, b.end]))
