"""Memory rises with the requests served, and does not level off; or GPU memory is nearly full.

What it looks for:
Resident memory of the process (and its children), or GPU memory by NVML, that rises throughout the
longest stretch without a tracer: after its first quarter each third must rise, the last one at
least 0.4 times as fast as the first, over 100 requests or more. A cache that fills, an allocator
that finds its level, a jump or a sawtooth do not. Also GPU memory above 90 % while requests come,
where it was not so full before the first one.

Why it costs time:
None yet: the program ends, or is ended, when memory is full. Until then collections of garbage take
longer, and the GPU's allocator gives blocks back and takes others in every request.

How to fix it:
Look for what outlives its request: outputs in a list, a dictionary without a limit, tensors that
still hold their graph, a hook that collects activations. Keep numbers (`.item()`, `.tolist()`), a
copy of the few values needed, or nothing. On Linux even a small tensor that is kept can hold back
the block of heap below it: write results into one array made at the start.

When to ignore it:
A batch job that gathers its results on purpose, and ends before memory does. A cache that was not
yet full when the recording ended: record for longer. An engine that takes all of the GPU's memory
at its start, as vLLM does.

Catalogue: IP-MEM-002
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from infprof.profiler.intervals import Int64Array
from infprof.profiler.recording import Series
from infprof.rules.evidence import Evidence, Need
from infprof.rules.finding import Finding, Fix, Saving, Unknown
from infprof.rules.rising import FEWEST_SAMPLES, Rise, Values, rise_of
from infprof.rules.untraced_stretch import untraced_stretch

NEEDS: tuple[Need, ...] = ("requests",)
ALWAYS_REPORT = True
"""There is no time in it to save: it is about running at all."""
USES_TRACER = False

MIN_REQUESTS = 100
"""With fewer, caches still fill and allocators still settle (CATALOGUE IP-MEM-002)."""

MIN_HOST_BYTES = 8_000_000
"""A process in its steady state was seen to drift by 5 MB in 400 requests."""

MIN_GPU_BYTES = 64_000_000
"""PyTorch takes GPU memory in blocks of 2 and 20 MB: that some more were taken proves nothing."""

MIN_SHARE = 0.01
"""Of the memory in use: a large process drifts by more."""

FULL_SHARE = 0.9
"""Of the GPU's memory: the next larger input may not fit (CATALOGUE IP-MEM-002)."""

GPU_SERIES = ("gpu.process_memory", "gpu.memory_used")
"""The process's own where the driver tells it, else all that is taken on the device."""

NO_SAVING = Saving(0, 0, "C", "none")


class Sampled(NamedTuple):
    """One series."""

    series: Series
    time_ns: Int64Array
    value: Values

    def within(self, start_ns: int, end_ns: int) -> Sampled:
        """The part of it that was sampled then."""
        inside = (self.time_ns >= start_ns) & (self.time_ns <= end_ns)
        return Sampled(self.series, self.time_ns[inside], self.value[inside])


def check(evidence: Evidence) -> Iterator[Finding]:
    """Find memory that rises, and GPU memory that is nearly full."""
    host = _sampled(evidence, "host.rss")
    gpus = next(filter(None, (_sampled(evidence, name) for name in GPU_SERIES)), [])
    if not host and not gpus:
        raise Unknown(evidence.header.missing.get("host", "memory was not sampled"))
    found = [*_rising(evidence, host, MIN_HOST_BYTES), *_rising(evidence, gpus, MIN_GPU_BYTES)]
    found += _nearly_full(evidence)
    yield from found
    if not found:
        _must_be_long_enough(evidence, host or gpus)


def _sampled(evidence: Evidence, name: str) -> list[Sampled]:
    """The series of this name, one a device."""
    samples, found = evidence.recording.samples, list[Sampled]()
    for index, series in enumerate(evidence.header.series):
        rows = np.flatnonzero((samples.series == index) & (samples.value > 0))
        if series.name == name and len(rows):
            rows = rows[np.argsort(samples.time_ns[rows], kind="stable")]
            found.append(Sampled(series, samples.time_ns[rows], samples.value[rows]))
    return found


def _rising(evidence: Evidence, sampled: list[Sampled], min_bytes: int) -> Iterator[Finding]:
    start, end = untraced_stretch(evidence)
    requests = _requests_in(evidence, start, end)
    for one in (whole.within(start, end) for whole in sampled):
        if requests < MIN_REQUESTS or len(one.value) < FEWEST_SAMPLES:
            continue
        rise = rise_of(one.time_ns, one.value)
        least = max(min_bytes, MIN_SHARE * float(np.median(one.value)))
        if rise is not None and rise.amount >= least:
            yield _growth(evidence, one.series, rise, (end - start) / requests)


def _requests_in(evidence: Evidence, start: int, end: int) -> float:
    """How many requests were served then, at the pace of those that are known."""
    table = evidence.recording.requests
    known = table.start_ns[(table.start_ns >= start) & (table.start_ns < end)]
    last = int(table.end_ns[table.start_ns < max(end, 1)].max(initial=start))
    seen = min(max(last - start, 1), max(end - start, 1))
    return len(known) * (end - start) / seen


def _growth(evidence: Evidence, series: Series, rise: Rise, ns_per_request: float) -> Finding:
    on_gpu = series.name.startswith("gpu.")
    what = f"Memory of GPU {series.device or 0}" if on_gpu else "Resident memory"
    each = rise.per_ns * ns_per_request
    why = (
        f"{what} rises by {_bytes(each)} per request, {_bytes(rise.amount)} in"
        f" {rise.time_ns / 1e9:.1f} s, and as steadily at the end as before."
    )
    size = _size(evidence, series)
    if size is not None and size > rise.highest:
        left = (size - rise.highest) / each
        why += f" At this pace its {_bytes(size)} are full after {left:,.0f} more requests."
    return Finding(
        title="Let go of what each request leaves in memory",
        why=why,
        stage="unattributed",
        saving=NO_SAVING,
        fix=FIX_GPU if on_gpu else FIX_HOST,
    )


def _size(evidence: Evidence, series: Series) -> int | None:
    """Of the memory that a series tells of."""
    machine, place = evidence.header.machine, series.device or 0
    if not series.name.startswith("gpu."):
        return machine.cpu.memory_bytes
    return machine.gpus[place].memory_bytes if place < len(machine.gpus) else None


def _nearly_full(evidence: Evidence) -> Iterator[Finding]:
    """GPUs whose memory was nearly full while requests came, and not before."""
    if evidence.header.served is not None:  # engines take it on purpose
        return
    table = evidence.recording.requests
    first, last = int(table.start_ns.min()), int(table.end_ns.max())
    for one in _sampled(evidence, "gpu.memory_used"):
        size, serving = _size(evidence, one.series), one.within(first, last).value
        before = one.within(0, first).value
        if size is None or not len(serving) or serving.max() < FULL_SHARE * size:
            continue
        if len(before) and before[-1] >= FULL_SHARE * size:
            continue
        yield Finding(
            title="Leave room in the GPU's memory",
            why=f"{_bytes(float(serving.max()))} of the {_bytes(size)} of GPU"
            f" {one.series.device or 0} were taken while requests came"
            f" ({100 * float(serving.max()) / size:.0f} %): a larger input or batch may not fit.",
            stage="unattributed",
            saving=NO_SAVING,
            fix=FIX_FULL,
        )


def _must_be_long_enough(evidence: Evidence, sampled: list[Sampled]) -> None:
    """Raises ``Unknown`` where a rise could not have been told from a start."""
    start, end = untraced_stretch(evidence)
    requests = int(_requests_in(evidence, start, end))
    count = len(sampled[0].within(start, end).value)
    if requests < MIN_REQUESTS or count < FEWEST_SAMPLES:
        raise Unknown(
            f"{requests} requests and {count} samples of memory without a break for the tracer are"
            f" too few to tell a rise from a start: {MIN_REQUESTS} and {FEWEST_SAMPLES} are needed"
        )


def _bytes(size: float) -> str:
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size > 0.9995 * factor:  # which is written as 1.0
            return f"{size / factor:.1f} {unit}"
    return f"{size:.0f} bytes"


REFERENCES = (
    "https://docs.python.org/3/library/tracemalloc.html",
    "https://docs.pytorch.org/docs/stable/torch_cuda_memory.html",
)

FIX_HOST = Fix(
    text="Find what outlives its request, and keep numbers or copies of a few values instead.",
    code="""\
import collections, gc, tracemalloc

history = collections.deque(maxlen=1000)         # with a limit

@torch.inference_mode()                          # no graph is kept alive by an output
def handle(request):
    scores = model(prepare(request))
    history.append(scores.argmax(-1).tolist())   # numbers, not the tensor
    return history[-1]

# where it is not known who keeps what, compare two moments:
tracemalloc.start(25)
first = tracemalloc.take_snapshot()
serve(requests)
grown = tracemalloc.take_snapshot().compare_to(first, "traceback")
tracemalloc.stop()
for one in grown[:5]:
    print(f"{one.size_diff} bytes more:", *one.traceback.format(), sep="\\n")
print(sum(issubclass(type(one), torch.Tensor) for one in gc.get_objects()), "tensors alive")
""",
    risk="What somebody reads later must be kept: write it to a file or a store. tracemalloc sees"
    " Python's memory and not the tensors': count those.",
    references=REFERENCES,
)

FIX_GPU = Fix(
    text="Find the tensors that outlive their request, and keep results on the host instead.",
    code="""\
@torch.inference_mode()                  # no graph is kept alive by an output
def handle(request):
    return model(prepare(request)).float().cpu()     # nothing of it stays on the GPU

# where it is not known who keeps what, look at two moments at https://pytorch.org/memory_viz:
torch.cuda.memory._record_memory_history(max_entries=100_000)
serve(requests)
torch.cuda.memory._dump_snapshot("memory.pickle")
""",
    risk="Memory that PyTorch's allocator keeps for the next request is no leak; it shows as"
    " reserved, and not as allocated.",
    references=REFERENCES[1:],
)

FIX_FULL = Fix(
    text="Bound the batch or the length of inputs, or make weights or caches smaller.",
    code="""\
with torch.inference_mode():
    model(largest_batch)                 # at the start: fails here and not in a request
print(torch.cuda.max_memory_reserved() / torch.cuda.mem_get_info()[1])
""",
    risk="A smaller bound refuses or splits requests that fitted so far.",
    references=REFERENCES[1:],
)
