"""The layers of the occupancy sweep: which events claim which leaf, highest priority first.

Device work outranks host work, because time the device works through is not the host's to lose. On
the host, exact facts outrank declarations, and the innermost declaration outranks what it lies in.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import numpy.typing as npt

from infprof.profiler import names
from infprof.profiler.declared import Declared, Layer, declared
from infprof.profiler.events import Kind
from infprof.profiler.interpreter_waits import interpreter_waits
from infprof.profiler.intervals import Intervals, gaps, holds, joined, union
from infprof.profiler.mixture import Mixture
from infprof.profiler.sampled_layers import sampled_leaves
from infprof.profiler.timeline import Rows, Timeline

SHORT_GAP_NS = 200_000
"""A hole this short between two ops of one thread is the interpreter between two lines of Python:
a sleep, a socket or a disk read that a request would feel takes longer."""

LONG_CPU_OP_NS = 100_000
"""Beside a GPU, an op that launches nothing and runs this long computes on the CPU; a shorter one
is a view or a shape query, which is framework dispatch (5 to 15 us each, CATALOGUE section 0)."""

ALLOCATES = "aten::empty"
"""Such an op only allocates: that it runs long makes it no computation."""

COPY_CALL_NS = 100_000
"""What a copy call may take whatever it copies: some ten times its usual cost on the host."""

SLOWEST_STAGING_NS_PER_BYTE = 2
"""0.5 GB/s, a tenth of what one core copies from pageable memory: a slower call mostly waited."""

MEMORY_LEAF = "compute.memory"
"""Copies and memsets within the device's own memory are part of what it computes."""

COMPILES = "(dynamo_timed)"
"""In the names of the marks that torch.compile makes of its own work: ranges, since PyTorch 2.13
ops."""

DEVICE_LEAVES = (
    *(f"compute.{one}" for one in "gemm conv attention pointwise copy other comm".split()),
    MEMORY_LEAF, "h2d.copy", "d2h.copy",
)  # fmt: skip
"""In order of claim where several run at once."""


def layers(timeline: Timeline) -> list[Layer]:
    """All layers in order of claim. Empty ones are left out."""
    ranges = declared(timeline)
    claims = [
        *_device_work(timeline),
        *_reported_overhead(timeline),
        *_calls(timeline),
        _compiling(timeline),
        *interpreter_waits(timeline),
        *_declared_stages(ranges),
        *_ops(timeline, ranges),
        *_unseen_models(timeline),
        *_foreign_compute(timeline, ranges),
        *_interpreter(timeline, ranges),
        *_sampled(timeline),
        *_other_ops(timeline),
    ]
    return [layer for layer in claims if len(layer.spans.start)]


def _device_work(timeline: Timeline) -> list[Layer]:
    leaf = device_leaves(timeline)
    spans = timeline.events.intervals
    return [Layer(one, spans(timeline.device_rows[leaf == one])) for one in DEVICE_LEAVES]


def device_leaves(timeline: Timeline) -> npt.NDArray[np.object_]:
    """The leaf of each of the Timeline's ``device_rows``, one of ``DEVICE_LEAVES``."""
    rows = timeline.device_rows
    kind = timeline.events.kind[rows]
    found = np.full(len(rows), MEMORY_LEAF, object)
    for one, leaf_of in ((Kind.KERNEL, _kernel_leaf), (Kind.COPY, _copy_leaf)):
        mine = kind == one
        found[mine] = timeline.label(rows[mine], leaf_of)
    return found


def _kernel_leaf(name: str) -> str:
    return f"compute.{names.kernel_family(name)}"


def _copy_leaf(name: str) -> str:
    direction = names.copy_direction(name)
    return f"{direction}.copy" if direction in ("h2d", "d2h") else MEMORY_LEAF


def _host(timeline: Timeline, leaf: str, rows: Rows) -> Layer:
    return Layer(leaf, timeline.events.intervals(rows), timeline.events.lane[rows])


def _reported_overhead(timeline: Timeline) -> list[Layer]:
    rows = timeline.by_kind[Kind.OVERHEAD]
    loading = (
        timeline.label(rows, lambda name: "load" if "Loading" in name else "profiler") == "load"
    )
    return [
        _host(timeline, "profiler.tracing", rows[~loading]),
        _host(timeline, "python.module_loading", rows[loading]),
    ]


def _calls(timeline: Timeline) -> list[Layer]:
    """API calls: a copy call that lasts longer than its bytes can explain is a wait."""
    calls = timeline.by_kind[Kind.CALL]
    kind = timeline.label(calls, names.call_class)
    uploads, size_bytes = _pageable_uploads(timeline)
    duration = timeline.durations(calls)
    explained = np.full(len(calls), COPY_CALL_NS, np.int64)
    explained[np.searchsorted(calls, uploads)] += size_bytes * SLOWEST_STAGING_NS_PER_BYTE
    waiting = (kind == "sync") | ((kind == "copy") & (duration > explained))
    staging = np.isin(calls, uploads) & ~waiting
    launching = np.isin(kind, ("launch", "graph", "copy", "set")) & ~staging & ~waiting
    return [
        _host(timeline, "python.alloc", calls[kind == "alloc"]),
        _host(timeline, "h2d.staging", calls[staging]),
        _host(timeline, "python.sync", calls[waiting]),
        _host(timeline, "python.launch", calls[launching]),
    ]


def _compiling(timeline: Timeline) -> Layer:
    """torch.compile at work. What it traces are ops that compute nothing."""
    rows = [
        timeline.where(kind, lambda name: "yes" if COMPILES in name else None, "yes")
        for kind in (Kind.RANGE, Kind.OP)
    ]
    return _host(timeline, "python.compile", np.sort(np.concatenate(rows)))


def _pageable_uploads(timeline: Timeline) -> tuple[Rows, npt.NDArray[np.int64]]:
    """Calls that copy from pageable memory, whose bytes the driver stages on the calling thread
    meanwhile; and those bytes (0 where unknown)."""
    copies = timeline.where(Kind.COPY, names.copy_direction, "h2d")
    copies = copies[timeline.label(copies, names.copy_memory) == "pageable"]
    calls, first = np.unique(timeline.launch_of[copies], return_index=True)
    known = calls >= 0
    size = np.maximum(timeline.events.size_bytes[copies[first]], 0)
    return np.asarray(calls[known], np.intp), size[known]


HOST_STAGES = ("profiler", "io", "preprocess", "postprocess", "python", "queue")
MODEL_STAGES = ("model", "compute", "h2d", "d2h")
"""Declared around device work: what no op, call or kernel explains in there is the interpreter."""

MAX_DECLARED_LEAVES = 20
"""A stage shows this many names of ranges, longest first; the rest join as ``other``."""


def _declared_stages(found: Declared) -> list[Layer]:
    layers: list[Layer] = []
    for stage in HOST_STAGES:
        mine = found.stage == stage
        lengths = (found.spans.end - found.spans.start)[mine].tolist()
        time = Counter[str]()
        for name, one in zip(found.name[mine], lengths, strict=True):
            time[name] += one
        ranked = sorted(time, key=lambda name: (-time[name], name))
        for name in ranked[:MAX_DECLARED_LEAVES]:
            layers.append(found.layer(f"{stage}.{name}", mine & (found.name == name)))
        rest = mine & np.isin(found.name, ranked[MAX_DECLARED_LEAVES:])
        layers.append(found.layer(f"{stage}.other ranges", rest))
    return layers


def _ops(timeline: Timeline, found: Declared) -> list[Layer]:
    """Ops compute on a CPU-only host; beside a GPU they mostly dispatch.

    Where the code around the model's calls is known, only the model's own ops count here, and those
    in ranges that were declared to compute.
    """
    rows = timeline.by_kind[Kind.OP]
    if timeline.is_cut_by_code:
        rows = rows[_within_models(timeline, rows) | _within_computing(timeline, rows, found)]
    return _op_layers(timeline, rows)


def _other_ops(timeline: Timeline) -> list[Layer]:
    """The ops that ``_ops`` left to the code around them, where nothing is known of it."""
    return _op_layers(timeline, timeline.by_kind[Kind.OP]) if timeline.is_cut_by_code else []


def _within_computing(timeline: Timeline, rows: Rows, found: Declared) -> npt.NDArray[np.bool_]:
    """Which rows start in a range on their thread that was declared to compute."""
    events, inside = timeline.events, np.zeros(len(rows), bool)
    computing = np.isin(found.stage, MODEL_STAGES)
    for lane in np.unique(found.lane[computing]):
        mine = computing & (found.lane == lane)
        spans = union(Intervals(found.spans.start[mine], found.spans.end[mine]))
        inside |= (events.lane[rows] == lane) & holds(spans, events.start_ns[rows])
    return inside


def _within_models(timeline: Timeline, rows: Rows) -> npt.NDArray[np.bool_]:
    """Which rows start while a model runs on their thread."""
    events, models = timeline.events, timeline.model_spans
    inside = np.zeros(len(rows), bool)
    for lane in np.unique(events.lane[models]):
        spans = timeline.busy(models[events.lane[models] == lane])
        within = holds(spans, events.start_ns[rows])
        inside |= within & (events.lane[rows] == lane)
    return inside


def _op_layers(timeline: Timeline, rows: Rows) -> list[Layer]:
    outermost = np.intersect1d(timeline.outermost_ops, rows, assume_unique=True)
    if not timeline.uses_device:
        return [_host(timeline, "compute.cpu", outermost)]
    rows = rows[timeline.durations(rows) >= LONG_CPU_OP_NS]
    rows = rows[timeline.label(rows, lambda name: "alloc" if ALLOCATES in name else "") == ""]
    return [
        _host(timeline, "compute.cpu", rows[~_encloses_call(timeline, rows)]),
        _host(timeline, "python.dispatch", outermost),
    ]


def _encloses_call(timeline: Timeline, rows: Rows) -> npt.NDArray[np.bool_]:
    """Which rows have a launch, copy or other API call of the same thread inside them."""
    events, calls = timeline.events, timeline.by_kind[Kind.CALL]
    found = np.zeros(len(rows), bool)
    for lane in np.unique(events.lane[rows]):
        mine = np.flatnonzero(events.lane[rows] == lane)
        starts = np.sort(events.start_ns[calls[events.lane[calls] == lane]])
        first = np.searchsorted(starts, events.start_ns[rows[mine]])
        last = np.searchsorted(starts, events.end_ns[rows[mine]])
        found[mine] = last > first
    return found


def _interpreter(timeline: Timeline, found: Declared) -> list[Layer]:
    """Python between ops: inside a model call, and in short holes between ops of one thread."""
    region = found.layer("", np.isin(found.stage, MODEL_STAGES))
    if not timeline.sees_inside_models:
        return []
    if timeline.is_cut_by_code:
        return [Layer("python.interpreter", region.spans, region.lane)]
    rows = timeline.of(Kind.OP, Kind.CALL)
    parts = [(region.spans, region.lane)]
    for lane in np.unique(timeline.events.lane[rows]):
        holes = gaps(timeline.busy(rows[timeline.events.lane[rows] == lane]), SHORT_GAP_NS)
        parts.append((holes, np.full(len(holes.start), lane, np.int32)))
    spans = joined([part for part, _ in parts])
    lanes = np.concatenate([lane for _, lane in parts if lane is not None])
    return [Layer("python.interpreter", spans, lanes)]


def _unseen_models(timeline: Timeline) -> list[Layer]:
    """Model calls of requests that no tracer saw, divided as traced calls of the model were; all
    of it compute where there are none."""
    if timeline.sees_inside_models:
        return []
    pieces: dict[str, list[tuple[int, int, int]]] = {}
    events, unknown = timeline.events, Mixture()
    unknown.add("compute.model", 0.0)
    for row in timeline.model_spans:
        mixture = timeline.model_mixtures.get(timeline.name(row), unknown)
        for leaf, start, end in mixture.cut(int(events.start_ns[row]), int(events.end_ns[row])):
            pieces.setdefault(leaf, []).append((start, end, int(events.lane[row])))
    found = []
    for leaf, rows in sorted(pieces.items()):
        table = np.array(rows, np.int64)
        spans = Intervals(table[:, 0], table[:, 1])
        found.append(Layer(leaf, spans, table[:, 2].astype(np.int32)))
    return found


def _sampled(timeline: Timeline) -> list[Layer]:
    """What samples say of the time between the exact spans of the threads that serve requests."""
    layers: list[Layer] = []
    lanes = {one.lane for one in timeline.requests if one.lane is not None}
    for lane in sorted(lanes | set(timeline.recording.stints.lanes().tolist())):
        for leaf, spans in sampled_leaves(timeline, lane):
            layers.append(Layer(leaf, spans, np.full(len(spans.start), lane, np.int32)))
    return layers


def _foreign_compute(timeline: Timeline, found: Declared) -> list[Layer]:
    """Declared compute in which nothing of torch was seen: another runtime computes there."""
    rows = timeline.of(Kind.OP, Kind.CALL)
    alone = found.stage == "compute"
    for lane in np.unique(found.lane[alone]):
        mine = np.flatnonzero(alone & (found.lane == lane))
        seen = timeline.busy(rows[timeline.events.lane[rows] == lane])
        place = np.searchsorted(seen.end, found.spans.start[mine], side="right")
        following = np.append(seen.start, np.iinfo(np.int64).max)[place]
        alone[mine] = following >= found.spans.end[mine]
    return [found.layer("compute.declared", alone)]
