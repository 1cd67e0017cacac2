"""The host stops in the midst of a request to wait for the GPU, which then waits for the host.

What it looks for:
Host calls that wait for the device (`cudaStreamSynchronize`, `cudaDeviceSynchronize`, copies to
pageable host memory, blocking copies) and that more launches follow in the same request: two or
more per request, one if it waits for the whole device, or in a trace that marks no requests one in
fifty kernels. They come from `.item()`, `.cpu()`, `.tolist()`, `if tensor:`, `nonzero`, boolean
indexing, `torch.unique`, NMS, and explicit `torch.cuda.synchronize()`.

Why it costs time:
The CPU normally runs ahead and keeps a queue of kernels in front of the GPU. A wait drains that
queue: afterwards the GPU idles whenever the host needs longer to issue a kernel than the GPU to
run it, until the host is ahead again. It also forbids CUDA graphs. Without waits the request takes
as long as the host's own work or the GPU's, whichever is longer: so the bound is the time spent
waiting or the GPU's idle gaps of less than a millisecond, whichever is shorter. A longer gap is
work of the host that needs the result, and would stay.

How to fix it:
Keep decisions on the GPU (`torch.where`, masks, `topk`, fixed-size outputs) and read everything
once at the end, with one `.tolist()` or one copy into pinned memory. Let
`torch.cuda.set_sync_debug_mode("warn")` name the lines that synchronise. Remove calls of
`torch.cuda.synchronize()` that only serve timing; use CUDA events instead.

When to ignore it:
The control flow must be decided on the host, as in a generation loop that stops at a token; then
read the decision one step late. The final read of the result is not counted.

Catalogue: IP-D2H-001, IP-D2H-004
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from infprof.profiler.events import Kind
from infprof.profiler.intervals import length
from infprof.profiler.replay import Change
from infprof.profiler.timeline import Rows
from infprof.rules.evidence import Evidence, Need
from infprof.rules.finding import Finding, Fix, Saving, Unknown
from infprof.rules.hot_syncs import HotSyncs, hot_syncs
from infprof.rules.launch_gaps import short_holes

NEEDS: tuple[Need, ...] = ("device",)

MIN_SYNCS = 2
"""One wait before the final read may be the price of a decision that only the host can take."""

OF_THE_WHOLE_DEVICE = ("cudaDeviceSynchronize", "cuCtxSynchronize", "hipDeviceSynchronize")
"""No decision needs these: PyTorch itself waits for one stream. Somebody asked for them, mostly to
take times."""

KERNELS_PER_SYNC = 50
"""A trace without marked requests may hold many, each with its own final read: only waits more
frequent than once in this many kernels cannot all be final reads of a model."""


def check(evidence: Evidence) -> Iterator[Finding]:
    """Judge the waits that more launches follow."""
    if not len(evidence.rows(Kind.CALL)):
        raise Unknown("the host's CUDA calls were not recorded, so its waits cannot be seen")
    found = hot_syncs(evidence)
    if not _frequent(evidence, found):
        return
    waits = evidence.per_request(length(evidence.timeline.busy(found.calls)))
    idle = evidence.per_request(length(short_holes(evidence)))
    tail = evidence.exposed_part_ns(found.calls, "python.sync")
    yield Finding(
        title="Take the synchronisations out of the forward and read results once, at the end",
        why=f"The host drains the GPU's queue {found.count / evidence.requests:.0f} times per "
        f"request before the last launch and spends {waits / 1e6:.2f} ms "
        f"({100 * evidence.share(waits):.0f} % of the wall) waiting; the GPU idles "
        f"{idle / 1e6:.2f} ms in short gaps that a filled queue would have hidden.",
        stage="python",
        saving=_saving(evidence, found.calls, tail, min(waits, idle)),
        fix=FIX,
        where=evidence.top(found.calls),
        change=Change(waits_removed=frozenset(found.calls.tolist())),
    )


def _saving(evidence: Evidence, calls: Rows, tail: int, bound: int) -> Saving:
    if evidence.replays is None:
        return Saving(min(tail, bound), bound, "B")
    saved = evidence.replays.saved_without_waits_ns(calls)
    high = min(saved, bound)  # the host's work in a long gap may need the result
    return Saving(min(tail, high), high, "A", "replay")


def _frequent(evidence: Evidence, found: HotSyncs) -> bool:
    if len(evidence.recording.requests):
        names = evidence.timeline.label(found.calls, lambda name: name)
        explicit = int(np.isin(names, OF_THE_WHOLE_DEVICE).sum())
        return max(found.count, MIN_SYNCS * explicit) >= MIN_SYNCS * evidence.requests
    kernels = len(evidence.rows(Kind.KERNEL))
    return found.count >= MIN_SYNCS and found.count * KERNELS_PER_SYNC > kernels


FIX = Fix(
    text="Find the lines, keep their decisions on the GPU, and copy the result once.",
    code="""\
torch.cuda.set_sync_debug_mode("warn")   # names each line that waits; remove it again

keep = scores > threshold                # instead of boxes[keep], whose size only the GPU knows:
boxes = torch.where(keep[:, None], boxes, 0.0)
result = torch.cat([boxes, scores[:, None]], dim=1).cpu()   # the only wait
""",
    risk="A branch on a GPU value must become arithmetic, or lag one step. A removed explicit "
    "synchronisation may have hidden a race with a side stream: compare outputs.",
    references=(
        "https://docs.pytorch.org/docs/stable/generated/torch.cuda.set_sync_debug_mode.html",
        "https://docs.pytorch.org/docs/stable/notes/cuda.html#asynchronous-execution",
    ),
)
