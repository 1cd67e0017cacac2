"""The model computes again what it has computed before: many inputs come more than once.

What it looks for:
Requests whose input to the model was seen in an earlier request: at least 10 % of 20 or more
requests whose input is known. Inputs are compared by a fingerprint that tells nothing else.

Why it costs time:
The same input through the same weights gives the same answer, so each repeat is paid in full for
nothing. Real traffic is skewed: popular queries, health checks, retries and refreshed pages.

How to fix it:
Keep answers by the request's content: a dictionary in the process (``lru_cache``), Redis between
processes, Triton's response cache, a table of embeddings. It helps the mean, not the slow tail.

When to ignore it:
Answers depend on the time, the user or chance (sampling with a temperature above 0), or must not
be kept for privacy. A benchmark that feeds the same few inputs in turn is no traffic: no finding
is made.

Catalogue: IP-SRV-004
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from infprof.profiler.intervals import Int64Array
from infprof.profiler.replay import Change
from infprof.profiler.skipped import skipped
from infprof.rules.evidence import Evidence, Need
from infprof.rules.finding import Finding, Fix, Saving, Step, Unknown, Where
from infprof.rules.host_code import place_text

NEEDS: tuple[Need, ...] = ("requests",)
STEP: Step = "pipeline"
USES_TRACER = False

REPEATED_SHARE = 0.10
"""Below one repeat in ten a cache rarely pays for its memory and its staleness (CATALOGUE)."""

ENOUGH_REQUESTS = 20
"""With fewer, two chance repeats already make a tenth."""

FEW_INPUTS = 2
"""One or two inputs all over are a benchmark, or a warm-up and a benchmark: no traffic."""

FIX = Fix(
    text="Answer repeated requests from a cache in front of the model.",
    code="""\
import hashlib
from collections import OrderedDict

answers: OrderedDict[bytes, bytes] = OrderedDict()  # per process; Redis to share it

def handle(body: bytes) -> bytes:
    key = hashlib.sha256(MODEL_VERSION + body).digest()
    if key in answers:
        answers.move_to_end(key)
        return answers[key]
    answer = answers[key] = predict(body)
    if len(answers) > 10_000:
        answers.popitem(last=False)  # the one not used for longest
    return answer
""",
    risk=(
        "Stale answers: put the model's version and all parameters into the key, and let entries"
        " expire. Not for sampling above temperature 0, nor for what must not be kept."
    ),
    references=(
        "https://docs.python.org/3/library/functools.html#functools.lru_cache",
        "https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/"
        "user_guide/response_cache.html",
    ),
)


def check(evidence: Evidence) -> Iterator[Finding]:
    """Find inputs that come again."""
    contents = known_contents(evidence)
    if len(contents) < ENOUGH_REQUESTS:
        raise Unknown(f"the input of only {len(contents)} warm requests is known")
    distinct = len(np.unique(contents))
    repeats = len(contents) - distinct
    share = repeats / len(contents)
    if share < REPEATED_SHARE or distinct <= FEW_INPUTS or goes_round(contents, distinct):
        return
    saved = evidence.wall_ns * repeats // len(contents)
    yield Finding(
        title="Answer repeated inputs from a cache",
        why=(
            f"{repeats} of {len(contents)} requests ({100 * share:.0f} %) gave the model an input"
            f" that an earlier one had given it; there were {distinct} different inputs."
        ),
        stage="compute",
        saving=Saving(0, saved, "B"),
        fix=FIX,
        where=(Where(_model_call(evidence), share, saved, "requests with an input seen before"),),
        change=_answered(evidence),
        rate=share,
    )


def _answered(evidence: Evidence) -> Change | None:
    """A request whose answer is known is over at once."""
    paths = evidence.breakdown.paths
    return None if paths is None else skipped(paths.waits, evidence.covered)


def known_contents(evidence: Evidence) -> Int64Array:
    """What the warm requests gave to the model, in order, where it is known."""
    table = evidence.recording.requests
    warm = table.warm & ~table.failed
    known: Int64Array = table.content[warm & (table.content != -1)]
    return known


def goes_round(contents: Int64Array, distinct: int) -> bool:
    """Whether the inputs come in turn, always in one order: a program does so, users do not."""
    return bool((contents[distinct:] == contents[:-distinct]).all())


def _model_call(evidence: Evidence) -> str:
    """Where the program calls its model."""
    calls = evidence.timeline.samples.stacks.calls
    known = [call for call in evidence.header.model_calls if 0 <= call < len(calls)]
    return place_text(calls.place(known[0])) if known else "the model's call"
