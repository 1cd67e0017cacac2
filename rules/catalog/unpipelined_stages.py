"""A job prepares an input, computes, and only then begins to prepare the next one.

What it looks for:
A program that feeds itself: its main thread serves eight or more requests one right after the
other, no server calls it, and it hardly waits for anything outside. Of its time 15 % or more goes
into preprocessing and reading, and as much into the model, in turns. The machine must have been
measured to let 1.6 threads or more advance at once (`infprof doctor --calibrate`).

Why it costs time:
In turns each input takes the sum of both stages; as a pipeline it takes the longer of the two, or
what the CPU needs for both. The saving is that of a flow, by the measured number of threads that
advance at once; where the model's operators use several of them, it may be much less.

How to fix it:
A queue with room for two or three inputs, and a process that fills it: `DataLoader` with
`num_workers` is such a queue. A thread does where preparing leaves the interpreter alone (NumPy,
Pillow, torch). In Triton an ensemble with two instances does the same.

When to ignore it:
One request at a time whose latency is what counts: a pipeline raises throughput, and shortens no
single request. On a host without spare cores the stages take from one another what they gain.

Catalogue: IP-PRE-004
"""

from __future__ import annotations

from collections.abc import Iterator

from infprof.rules.cores_at_once import cores_at_once
from infprof.rules.evidence import Evidence, Need
from infprof.rules.exact_spans import without
from infprof.rules.finding import Finding, Fix
from infprof.rules.host_code import places, samples_of
from infprof.rules.host_load import mean_load
from infprof.rules.overlap import saving_of
from infprof.rules.own_loop import feeds_itself, refuse_without

NEEDS: tuple[Need, ...] = ("requests",)
USES_TRACER = False

_DIRECT = "with less of it, there is less to do meanwhile"
NOT_WHILE = {
    "serial-dataloader": "its workers are such a pipeline",
    "cpu-image-decode": _DIRECT,
    "python-loops": _DIRECT,
    "slow-tokenizer": _DIRECT,
    "blocking-io": _DIRECT,
    "sequential-round-trips": _DIRECT,
    "per-request-setup": _DIRECT,
    "reloaded-model": _DIRECT,
    "repeated-inputs": _DIRECT,
    "single-item-batches": "the stages will divide otherwise",
    "gil-contention": "another thread would wait for the interpreter too",
    "thread-oversubscription": "there are too many threads already",
}
"""What is more direct comes first: it changes what the stages take."""

MIN_SHARE = 0.15
"""Of the wall, for either stage: what the shorter one hides behind the other is all that a pipeline
can save (CATALOGUE IP-PRE-004)."""

MIN_CORES = 1.6
"""Threads that advance at once: with fewer than two, stages slow one another down (CATALOGUE
IP-PRE-004)."""

MOST_WAITS = 0.10
"""Of the wall spent waiting for something outside: with more, that sets the pace."""

MOST_PRESSURE = 10.0
"""Per cent of the time in which some task lacked a CPU (CATALOGUE IP-PRE-004)."""

PREPARES = ("preprocess", "io")
WAITS = ("queue", "python.sleep", "python.lock_wait")

FIX = Fix(
    text="Prepare the next inputs in a worker while the model works on this one.",
    code="""\
from torch.utils.data import DataLoader, Dataset

class Inputs(Dataset):
    def __len__(self):
        return len(paths)

    def __getitem__(self, index):
        return prepare(paths[index])            # what the loop did before each call

loader = DataLoader(Inputs(), batch_size=None, num_workers=1, prefetch_factor=2)
with torch.inference_mode():
    for batch in loader:                        # the next one is being prepared meanwhile
        consume(model(batch))
""",
    risk="Two or three inputs more are in memory. A failure in a worker shows later than where it"
    ' arose. Never fork after CUDA is in use: multiprocessing_context="spawn".',
    references=(
        "https://docs.pytorch.org/docs/stable/data.html",
        "https://docs.python.org/3/library/queue.html",
    ),
)


def check(evidence: Evidence) -> Iterator[Finding]:
    """Find jobs whose stages take turns."""
    if evidence.header.load is not None or evidence.header.served is not None:
        return
    prepared, computed = evidence.exposed_ns(*PREPARES), evidence.exposed_ns("compute")
    if min(evidence.share(prepared), evidence.share(computed)) < MIN_SHARE:
        return
    waited = evidence.share(evidence.exposed_ns(*WAITS))
    if waited >= MOST_WAITS or not feeds_itself(evidence) or _is_starved(evidence):
        return
    models = evidence.timeline.model_ranges
    cores = refuse_without(cores_at_once(evidence, models[:0], models))
    if cores < MIN_CORES:
        return
    spans = evidence.breakdown.exposed_intervals(*PREPARES)
    saving = saving_of(evidence, spans, prepared, cores)
    yield Finding(
        title="Prepare the next input while the model works on this one",
        why=(
            f"Each request spends {prepared / 1e6:.2f} ms preparing its input"
            f" ({100 * evidence.share(prepared):.0f} % of the wall) and then"
            f" {computed / 1e6:.2f} ms computing ({100 * evidence.share(computed):.0f} %), one"
            f" after the other, where {cores:.1f} threads can advance at once."
            " This raises throughput, not the speed of a single request."
        ),
        stage="preprocess",
        saving=saving,
        fix=FIX,
        where=places(evidence, samples_of(evidence, stages=PREPARES), most=5),
        change=without(evidence, spans, part=saving.high_ns / max(prepared, 1)),
    )


def _is_starved(evidence: Evidence) -> bool:
    """Whether tasks of the machine lack a CPU now."""
    pressure = mean_load(evidence, "host.pressure_cpu")
    return pressure is not None and pressure >= MOST_PRESSURE
