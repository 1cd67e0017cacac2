"""After the model's call the CPU works on its results while nothing else runs.

What it looks for:
Sampled stacks of work after the model's call, in the user's own code, NumPy or torch on the CPU,
and ranges declared with ``stage="postprocess"``. At least 10 % of the wall. Making text of the
results is ``text-serialization``, making words of tokens ``slow-tokenizer``.

Why it costs time:
Loops over boxes, masks or scores in Python pay the interpreter for each element, and each
``.item()`` on top: 4 000 of them take 27 times as long as one ``tolist()``, and on a GPU each waits
for the device. Non-maximum suppression of 5 000 boxes is seconds in Python, milliseconds in
torchvision.

How to fix it:
Reduce first, on the device where the results are (``topk``, ``argmax``, a score threshold,
``torchvision.ops.batched_nms``), then convert what is left once. What must stay on the CPU can run
in a worker while the model serves the next request.

When to ignore it:
It is business logic that no array operation can say, and a lone request has nothing to overlap.

Catalogue: IP-D2H-003
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from infprof.rules.call_masks import Mask, running
from infprof.rules.evidence import Evidence, Need
from infprof.rules.exact_spans import without_rows
from infprof.rules.finding import Finding, Fix, Saving, Unknown, Where
from infprof.rules.host_code import ENOUGH_SAMPLES, places
from infprof.rules.host_time import LOCAL_HOST_LEAVES, named_rows, require_named_host
from infprof.rules.interpreted import loops
from infprof.rules.loop_report import exposed_ns, loop_places, vectorised
from infprof.rules.meanwhile import disputed
from infprof.rules.serialising import serialises, serialising
from infprof.rules.tokenizing import tokenizing

NEEDS: tuple[Need, ...] = ()
USES_TRACER = False

WORTH_SHARE = 0.10
"""Below a tenth of the wall the results are best left where they are (CATALOGUE IP-D2H-003)."""

MOSTLY = 0.5
"""From half of the time on loops are what to change; else it is native work that must move."""

FIX_LOOP = Fix(
    text="Say the loop over results as array operations; convert what is left once.",
    code="""\
import torch
from torchvision.ops import batched_nms

def best(boxes: torch.Tensor, scores: torch.Tensor, labels: torch.Tensor) -> list[list[float]]:
    scores, order = scores.topk(min(1000, len(scores)))
    kept = batched_nms(boxes[order], scores, labels[order], iou_threshold=0.5)
    return boxes[order][kept].tolist()  # one conversion, no .item() per element
""",
    risk="Equal scores may come out in another order: compare the results on recorded outputs.",
    references=(
        "https://docs.pytorch.org/vision/stable/generated/torchvision.ops.batched_nms.html",
        "https://docs.pytorch.org/docs/stable/generated/torch.topk.html",
    ),
)

FIX_NATIVE = Fix(
    text="Reduce the results where the model left them, and finish them beside the next request.",
    code="""\
from concurrent.futures import ThreadPoolExecutor

import torch

workers = ThreadPoolExecutor(max_workers=2)

def serve(batches):
    waiting = None
    for batch in batches:
        with torch.inference_mode():
            scores, labels = model(batch).topk(5)  # on the device: five numbers, not all
        if waiting is not None:
            yield waiting.result()
        waiting = workers.submit(postprocess, scores, labels)  # while the model runs again
    if waiting is not None:
        yield waiting.result()
""",
    risk="Overlap raises throughput, not the latency of a lone request; threads need spare cores.",
    references=("https://docs.python.org/3/library/concurrent.futures.html",),
)


def check(evidence: Evidence) -> Iterator[Finding]:
    """Find requests that wait for the CPU after the model."""
    samples = evidence.timeline.samples
    enough = int(samples.of_requests.sum()) >= ENOUGH_SAMPLES
    rows = named_rows(evidence, lambda name, stage: stage == "postprocess" and not _text(name))
    ranged = evidence.exposed_part_ns(rows, *LOCAL_HOST_LEAVES)
    seeming = _mask(evidence)
    mask = seeming & ~disputed(evidence)
    sampled = min(exposed_ns(evidence, mask), _beside_text_ns(evidence)) if enough else 0
    time_ns = max(ranged, sampled)
    if not time_ns and not enough:
        require_named_host(evidence, "postprocessing")
    if evidence.share(time_ns) < WORTH_SHARE:
        if enough and evidence.share(exposed_ns(evidence, seeming)) >= WORTH_SHARE:
            raise Unknown(
                "whether a request works after the model or waits for the interpreter is not known,"
                " while another thread runs Python"
            )
        return
    found = loops(evidence, mask) if enough else []
    looping = sum(int(loop.samples.sum()) for loop in found)
    if found and looping >= MOSTLY * mask.sum():
        one = _looping(evidence, time_ns, loop_places(evidence, found))
    else:
        where = evidence.top(rows) if ranged > sampled else places(evidence, mask)
        one = _native(evidence, time_ns, where)
    part = one.saving.high_ns / time_ns
    change = without_rows(evidence, rows, *LOCAL_HOST_LEAVES, part=part)
    yield replace(one, change=change if ranged >= sampled else None)


def _mask(evidence: Evidence) -> Mask:
    after: Mask = np.asarray(evidence.timeline.samples.stage == "postprocess", bool)
    return after & running(evidence) & ~serialising(evidence) & ~tokenizing(evidence)


def _beside_text_ns(evidence: Evidence) -> int:
    """Exact: a sample that waits for the end of a long encoder's call falls on the line after it,
    and says that this line takes as long as the wait."""
    text = named_rows(evidence, lambda name, stage: stage == "postprocess" and _text(name))
    whole = evidence.exposed_ns("postprocess")
    return whole - evidence.exposed_part_ns(text, "postprocess")


def _text(name: str) -> bool:
    return serialises(name, "postprocess")


def _looping(evidence: Evidence, time_ns: int, where: tuple[Where, ...]) -> Finding:
    return Finding(
        title=f"Replace the Python loop in {where[0].name} by array operations",
        why=(
            f"After the model the request works {time_ns / 1e6:.2f} ms on the CPU"
            f" ({100 * evidence.share(time_ns):.0f} % of its wall), most of it element by element"
            f" in {where[0].name}."
        ),
        stage="postprocess",
        saving=Saving(0, vectorised(time_ns), "C"),
        fix=FIX_LOOP,
        where=where,
    )


def _native(evidence: Evidence, time_ns: int, where: tuple[Where, ...]) -> Finding:
    seen = f", most of it in {where[0].name}" if where else ""
    return Finding(
        title="Take the work on the results out of the request",
        why=(
            f"After the model the request works {time_ns / 1e6:.2f} ms on the CPU"
            f" ({100 * evidence.share(time_ns):.0f} % of its wall){seen}."
        ),
        stage="postprocess",
        saving=Saving(0, time_ns, "C"),
        fix=FIX_NATIVE,
        where=where,
    )
