"""Many tiny copies between host and GPU, each of which costs more to start than to move.

What it looks for:
Eight or more copies per request in one direction that each move less than 64 KB and do not come
from a CUDA graph. The time is that of the copies, of the calls that start them and of the operators
that make these calls (`.to()`, `copy_`, `.item()`), where nothing the GPU did hid it.

Why it costs time:
64 KB cross a PCIe link in 2.6 us, but a copy costs about 10 us to issue, to set up and often to
wait for, whatever its size. Four hundred tensors of 4 KB take as long as one of 100 MB.

How to fix it:
To the device: pack the small tensors into one pinned buffer, copy that once, and take views of it
on the GPU. Create constants on the device instead of moving them. From the device: collect results
there (`torch.cat`, `torch.stack`) and copy once at the end.

When to ignore it:
The copies run under compute, so that their exposed time is nothing. Each result is needed on the
host before the next can be computed: see hot-path-syncs.

Catalogue: IP-H2D-003
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from infprof.profiler import names
from infprof.profiler.events import Flag, Kind
from infprof.profiler.nesting import innermost_at
from infprof.profiler.replay import Change
from infprof.profiler.timeline import Rows
from infprof.rules.evidence import Evidence, Need
from infprof.rules.finding import Finding, Fix, Saving, Unknown

NEEDS: tuple[Need, ...] = ("device",)

MIN_COPIES = 8
"""Fewer copies per request than this cost less than a tenth of a millisecond in all."""

SMALL_BYTES = 64_000
"""Moving this much takes 2.6 us at 25 GB/s, less than the fixed cost of any copy."""


ISSUE_COPIES = ("aten::to", "aten::copy_", "aten::item")
"""Operators, as a program calls them, that do nothing but start a copy."""


def check(evidence: Evidence) -> Iterator[Finding]:
    """Judge each direction by itself: the remedies differ."""
    for direction in ("h2d", "d2h"):
        copies = evidence.rows(Kind.COPY, names.copy_direction, direction)
        copies = copies[~evidence.flagged(copies, Flag.GRAPH)]
        sizes = evidence.timeline.events.size_bytes[copies]
        if evidence.per_request(int((sizes < 0).sum())) >= MIN_COPIES:
            raise Unknown("the trace does not say how large the copies were")
        small = copies[(sizes >= 0) & (sizes < SMALL_BYTES)]
        if evidence.per_request(len(small)) >= MIN_COPIES:
            yield _finding(evidence, direction, small)


def _finding(evidence: Evidence, direction: str, copies: Rows) -> Finding:
    median = float(np.median(evidence.timeline.events.size_bytes[copies]))
    calls = evidence.timeline.launch_of[copies]
    calls = calls[calls >= 0].astype(np.intp)
    ops = _operators(evidence, calls)
    rows = np.concatenate([copies, calls])
    moving = evidence.exposed_part_ns(copies, f"{direction}.copy")
    spent = evidence.exposed_part_ns(rows, direction, "python.launch")
    spent += evidence.exposed_part_ns(ops, "python.dispatch")
    count = len(copies) / evidence.requests
    to_device = direction == "h2d"
    return Finding(
        title="Pack the small inputs into one copy to the GPU"
        if to_device
        else "Collect the small results on the GPU and copy them to the host once",
        why=f"{count:.0f} copies {'to' if to_device else 'from'} the GPU per request, median size "
        f"{median / 1e3:.1f} KB, take {spent / 1e6:.2f} ms of it "
        f"({100 * evidence.share(spent):.0f} % of the wall), {moving / 1e6:.2f} ms of that on the "
        "wire; one copy has the fixed cost once.",
        stage=direction,
        saving=Saving(_but_one(moving, count) if to_device else 0, _but_one(spent, count), "B"),
        fix=PACK_INPUTS if to_device else COLLECT_RESULTS,
        where=evidence.top(rows),
        change=_packed(evidence, copies, calls, ops, count),
    )


def _operators(evidence: Evidence, calls: Rows) -> Rows:
    """What the program called to start these copies, where that does nothing else."""
    events, ops = evidence.timeline.events, evidence.timeline.outermost_ops
    ops = ops[evidence.timeline.label(ops, lambda name: name if name in ISSUE_COPIES else "") != ""]
    found = innermost_at(events, ops, events.lane[calls], events.start_ns[calls])
    return np.unique(found[found >= 0])


def _packed(
    evidence: Evidence, copies: Rows, calls: Rows, ops: Rows, count: float
) -> Change | None:
    """Each request's copies, calls and operators, all but the first of the recording."""
    copied = evidence.shorter((copies, (count - 1) / count))
    if copied is None:
        return None
    later = calls[1:]
    issuing = evidence.timeline.busy(np.concatenate([later, ops[1:]]))
    return copied.and_also(Change(None, issuing, frozenset(later.tolist())))


def _but_one(time_ns: int, count: float) -> int:
    """What all copies but one cost: one of them stays."""
    return int(time_ns * (count - 1) / count)


PACK_INPUTS = Fix(
    text="Fill one pinned buffer, copy it once, and split it into views on the GPU.",
    code="""\
sizes = [t.numel() for t in small_tensors]                        # all of one dtype
packed = torch.empty(sum(sizes), dtype=dtype, pin_memory=True)    # once, at start-up

torch.cat([t.flatten() for t in small_tensors], out=packed)
on_gpu = packed.to("cuda", non_blocking=True)
inputs = [part.view(t.shape) for part, t in zip(on_gpu.split(sizes), small_tensors)]
""",
    risk="The views share one storage: do not write to them in place. Reuse the buffer only after "
    "its copy is done.",
    references=("https://docs.pytorch.org/tutorials/intermediate/pinmem_nonblock.html",),
)

COLLECT_RESULTS = Fix(
    text="Keep results on the GPU until the end of the request, then copy them at once.",
    code="""\
results = [model(x) for x in inputs]         # no .cpu() or .item() in the loop
values = torch.stack(results).cpu()          # one copy, one wait
""",
    risk="All results stay in GPU memory until the end of the request.",
    references=("https://docs.pytorch.org/docs/stable/notes/cuda.html#asynchronous-execution",),
)
