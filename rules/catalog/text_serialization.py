"""Data is turned into text, or text into data, for much of the request.

What it looks for:
Ranges, frames and sampled stacks of JSON, base64, pickle, CSV, pydantic and protobuf, and
``tolist``, which makes a Python object of each number. At least 5 % of the wall.

Why it costs time:
Text takes a Python object and some ten characters for each number. 128 000 floats: 177 ms through
``json.dumps(x.tolist())``, 4.4 ms through orjson from the array itself, 0.02 ms as raw bytes.

How to fix it:
Send less (the top five, not all scores). Then encode arrays without a detour through lists: orjson
with ``OPT_SERIALIZE_NUMPY``, or bytes (``.npy``, Arrow, the binary tensors of KServe v2 and gRPC).

When to ignore it:
The clients cannot change and the payload is small: below about 10 KB no encoder matters.

Catalogue: IP-PY-004
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from infprof.profiler.events import STAGES
from infprof.profiler.timeline import Rows
from infprof.rules.call_masks import main_stage
from infprof.rules.evidence import Evidence, Need
from infprof.rules.exact_spans import without_rows
from infprof.rules.finding import Finding, Fix, Saving
from infprof.rules.host_code import ENOUGH_SAMPLES, places
from infprof.rules.host_time import LOCAL_HOST_LEAVES, named_rows, require_named_host
from infprof.rules.loop_report import exposed_ns
from infprof.rules.serialising import serialises, serialising

NEEDS: tuple[Need, ...] = ()
USES_TRACER = False

BINARY_SPEEDUP = 40
"""orjson from an array over ``json.dumps(x.tolist())``, as measured (CATALOGUE IP-PY-004)."""

FIX = Fix(
    text="Send less; encode arrays directly with orjson, or send their bytes.",
    code="""\
import io

import numpy as np
import orjson

def as_json(scores) -> bytes:  # a CPU tensor: no tolist(), no Python object per number
    return orjson.dumps({"scores": scores.numpy()}, option=orjson.OPT_SERIALIZE_NUMPY)

def as_bytes(scores) -> bytes:  # where the client can read .npy
    file = io.BytesIO()
    np.save(file, scores.numpy(), allow_pickle=False)
    return file.getvalue()
""",
    risk="orjson gives bytes, not str; the clients must be able to read the format.",
    references=(
        "https://github.com/ijl/orjson#numpy",
        "https://kserve.github.io/website/docs/concepts/architecture/data-plane/v2-protocol",
    ),
)


def check(evidence: Evidence) -> Iterator[Finding]:
    """Find requests that spend their time on text."""
    rows = named_rows(evidence, serialises)
    ranged = evidence.exposed_part_ns(rows, *LOCAL_HOST_LEAVES)
    mask = serialising(evidence)
    sampled = exposed_ns(evidence, mask) if mask.sum() else 0
    if not max(ranged, sampled):
        if evidence.timeline.samples.of_requests.sum() < ENOUGH_SAMPLES:
            require_named_host(evidence, "encoding or decoding of text")
        return
    time_ns = max(ranged, sampled)
    exact = ranged >= sampled
    where = evidence.top(rows) if exact else places(evidence, mask)
    stage = _stage(evidence, rows) if exact else None
    saved = time_ns - time_ns // BINARY_SPEEDUP
    change = without_rows(evidence, rows, *LOCAL_HOST_LEAVES, part=saved / time_ns)
    seen = f", most of it in {where[0].name!r}" if where else ""
    yield Finding(
        title="Turn less data into text, and arrays straight into bytes",
        why=(
            f"Encoding and decoding text takes {time_ns / 1e6:.2f} ms of each request"
            f" ({100 * evidence.share(time_ns):.0f} % of its wall){seen}."
        ),
        stage=stage or main_stage(evidence, mask, "postprocess"),
        saving=Saving(0, saved, "C"),
        fix=FIX,
        where=where,
        change=change if exact else None,
    )


def _stage(evidence: Evidence, rows: Rows) -> str:
    """The stage declared for the longest of these ranges, ``postprocess`` where none is."""
    longest = rows[int(np.argmax(evidence.timeline.durations(rows)))]
    declared = int(evidence.timeline.events.stage[longest])
    return STAGES[declared] if declared >= 0 else "postprocess"
