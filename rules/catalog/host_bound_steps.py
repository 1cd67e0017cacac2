"""Between two steps of a generation the GPU has nothing to do, until Python calls the model again.

What it looks for:
Requests with eight and more calls of one model, in which the GPU is idle for a tenth of their time
or more between one call and the next: while the host chooses the token, looks for the end, decodes
text or prepares inputs. What the host does within a call is `launch-bound-forward`.

Why it costs time:
A step of decoding takes a few milliseconds at most, and its result decides what the next one
computes. Whatever the host does between them is paid for each token, and the GPU waits for it. An
engine does that work for all its requests together, while the GPU computes another step.

How to fix it:
Let an engine serve the model: vLLM, SGLang or TensorRT-LLM. Or keep the loop on the GPU: choose
tokens there, and look for the end only every few steps, from a copy that was begun earlier.

When to ignore it:
One short generation now and then. Or the host's work between the steps is what the program is for,
such as a tool that each step calls.

Catalogue: IP-LLM-006
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from infprof.profiler.intervals import Intervals, intervals, joined, length, subtract, union
from infprof.profiler.names import short_name
from infprof.profiler.timeline import Request, Rows
from infprof.rules.evidence import Evidence, Need
from infprof.rules.exact_spans import without
from infprof.rules.finding import Finding, Fix, Saving, Unknown, Where
from infprof.rules.growing_calls import FEW_CALLS
from infprof.rules.model_call_sites import model_call_sites

NEEDS: tuple[Need, ...] = ("requests", "device")

IDLE_SHARE = 0.1
"""Of the wall (CATALOGUE LLM-006): less is what reading a token and starting a step take anyhow."""

FIX = Fix(
    text="Serve the model by an engine, or look at its tokens less often.",
    code="""\
# vllm serve MODEL, and send requests to it; or, in a loop of one's own:
import torch

@torch.inference_mode()
def generate(model, ids, cache, steps, end, look=8):
    made = []
    for step in range(steps):
        out = model(input_ids=ids, past_key_values=cache, use_cache=True)
        ids, cache = out.logits[:, -1:].argmax(-1), out.past_key_values  # on the GPU: no .item()
        made.append(ids)
        if step % look == look - 1 and bool((torch.cat(made, 1) == end).any(1).all()):
            break  # up to `look` tokens after the end are thrown away
    return torch.cat(made, 1)
""",
    risk="Tokens after the end are computed in vain and must be cut off. An engine samples with "
    "numbers of its own: compare answers.",
    references=(
        "https://docs.vllm.ai/en/latest/getting_started/quickstart/",
        "https://huggingface.co/docs/transformers/llm_optims",
    ),
)


class Between(NamedTuple):
    """The idle time between the steps of one request."""

    idle: Intervals
    calls: Rows


def check(evidence: Evidence) -> Iterator[Finding]:
    """Judge what passes between the calls of requests that generate."""
    if not len(evidence.timeline.model_spans):
        raise Unknown("the calls of models were not recorded one by one")
    found = [
        one
        for request in evidence.breakdown.requests
        if (one := _between(evidence, request.request)) is not None
    ]
    idle = union(joined([one.idle for one in found])) if found else None
    if idle is None or evidence.share(evidence.per_request(length(idle))) < IDLE_SHARE:
        return
    time_ns, change = evidence.per_request(length(idle)), without(evidence, idle)
    calls = sum(len(one.calls) for one in found) / len(found)
    name = short_name(evidence.timeline.name(found[0].calls[0]))
    yield Finding(
        title="Do less between the steps of a generation",
        why=f"A request calls {name} {calls:.0f} times. Between the calls the GPU is idle for "
        f"{time_ns / 1e6:.2f} ms ({100 * evidence.share(time_ns):.0f} % of the wall), "
        f"{time_ns / calls / 1e6:.3f} ms for each, while the host gets the next one ready.",
        stage="python",
        saving=Saving(0, evidence.saved_ns(time_ns, change), "C", evidence.basis),
        fix=FIX,
        where=(*model_call_sites(evidence, most=1), Where(name, calls, time_ns, "idle before it")),
        change=change,
    )


def _between(evidence: Evidence, request: Request) -> Between | None:
    """``None`` for a request that calls no model often."""
    events, spans = evidence.timeline.events, evidence.timeline.model_spans
    mine = spans[
        slice(*np.searchsorted(events.start_ns[spans], [request.start_ns, request.end_ns]))
    ]
    if request.lane is not None:
        mine = mine[events.lane[mine] == request.lane]
    names, counts = np.unique(events.name[mine], return_counts=True)
    if not len(counts) or counts.max() < FEW_CALLS:
        return None
    calls = mine[events.name[mine] == names[counts.argmax()]]
    starts = events.start_ns[calls]
    busy = evidence.timeline.busy(np.union1d(evidence.timeline.device_rows, mine))
    return Between(subtract(intervals([starts[0]], [starts[-1]]), busy), calls)
