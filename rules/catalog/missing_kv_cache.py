"""Each step of a generation computes the whole sequence again: the model keeps no KV cache.

What it looks for:
Requests with eight and more calls of one model that take longer from call to call (lower quartile
over the requests): the last third 1.3 times the first or more, in steady order. Where shapes of
operators were recorded, the layers must also get more rows with each call, always by the same
number.

Why it costs time:
With a cache of keys and values a step computes one token. Without it a step computes all tokens so
far, so a generation of n tokens costs n * n / 2 instead of n. At a few hundred tokens that is most
of the time.

How to fix it:
Keep what the model returns as ``past_key_values`` and give it only the new token; with
transformers ``generate(..., use_cache=True)``, best with a static cache.

When to ignore it:
The model has no cache (an encoder, a convolution over a growing signal), or the memory of one for
each sequence is missing. Inputs that a request sorts by length also grow.

Catalogue: IP-LLM-006
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from infprof.profiler.names import short_name
from infprof.rules.evidence import Evidence, Need
from infprof.rules.finding import Finding, Fix, Saving, Unknown, Where
from infprof.rules.growing_calls import Decoding, Steps, decodings, of_explained_ns
from infprof.rules.growing_rows import Growth, growth_of_rows
from infprof.rules.host_time import less_error
from infprof.rules.model_call_sites import model_call_sites

NEEDS: tuple[Need, ...] = ("requests",)
USES_TRACER = False

FEW_REQUESTS = 2
"""Durations of one request alone may rise for another reason: a CPU that gets warm, a neighbour."""

FIX = Fix(
    text="Keep the keys and values of earlier tokens, and give the model only the new one.",
    code="""\
import torch

@torch.inference_mode()
def generate(model, ids, steps):
    given, cache = ids, None
    for _ in range(steps):
        out = model(input_ids=given, past_key_values=cache, use_cache=True)
        cache = out.past_key_values
        given = out.logits[:, -1:].argmax(-1)  # the new token alone
        ids = torch.cat((ids, given), dim=1)
    return ids

# or, with transformers:
# ids = model.generate(ids, max_new_tokens=128, use_cache=True, cache_implementation="static")
""",
    risk=(
        "The cache takes memory for each token of each sequence. Positions and masks must count the"
        " cached tokens: compare the tokens made before and after."
    ),
    references=(
        "https://huggingface.co/docs/transformers/kv_cache",
        "https://huggingface.co/docs/transformers/cache_explanation",
    ),
)


def check(evidence: Evidence) -> Iterator[Finding]:
    """Find generations that start over at each token."""
    if not len(evidence.timeline.model_spans):
        raise Unknown("the calls of models were not recorded one by one")
    found = decodings(evidence)
    if not found or not (steps := Steps.of(found)).grow:
        return
    growth = growth_of_rows(evidence, found)
    if growth is not None and not growth.is_steady:
        return
    if growth is None and len(found) < FEW_REQUESTS:
        raise Unknown(
            "the calls of one request alone take longer and longer, and no shapes tell why"
        )
    yield Finding(
        title="Keep a KV cache between the steps of a generation",
        why=_why(steps, growth is not None),
        stage="compute",
        saving=_saving(evidence, found, steps, growth),
        fix=FIX,
        where=_where(evidence, found),
    )


def _saving(
    evidence: Evidence, found: list[Decoding], steps: Steps, growth: Growth | None
) -> Saving:
    """At least the growth, and at most all that is computed again."""
    most = steps.repeated_ns(growth.prompt if growth else None)
    low, high = (of_explained_ns(evidence, found, time) for time in (steps.extra_ns, most))
    if growth is None:
        return Saving(0, high, "C")
    return Saving(min(less_error(low), high), high, "B")


def _why(steps: Steps, confirmed: bool) -> str:
    text = (
        f"A request calls the model {len(steps.durations_ns)} times; the first calls take"
        f" {steps.first_ns / 1e6:.2f} ms, the last ones {steps.growth:.1f} times as long, in steady"
        " growth."
    )
    if confirmed:
        return f"{text} Its layers get more rows each time: the sequence is computed anew."
    return f"{text} No shapes were recorded that could confirm why."


def _where(evidence: Evidence, found: list[Decoding]) -> tuple[Where, ...]:
    """The lines that call the model, and the model."""
    name = evidence.timeline.name(found[0].rows[0])
    calls = float(np.mean([len(one.rows) for one in found]))
    time = int(np.mean([int(one.durations_ns.sum()) for one in found]))
    detail = "in a request that generates"
    return (*model_call_sites(evidence), Where(short_name(name), calls, time, detail))
