"""Requests wait for a language model although its KV cache has room for them.

What it looks for:
A serving engine on whose pages, one in five or more, requests wait while less than seven tenths of
the KV cache are in use. A setting keeps them out then, not memory. It takes five pages or more to
say that: `infprof attach` reads one a second. Where steps are full of prompts already, that is
`prefill-stalls-decode`.

Why it costs time:
A step of decoding reads all weights once, for one request or for many: until the batch is so large
that arithmetic limits it, one more costs nearly nothing. A limit below that makes requests wait for
a place that would have been free.

How to fix it:
Raise the limit until the KV cache is nine tenths full: the requests in a step (`--max-num-seqs` of
vLLM, `--max-running-requests` of SGLang), or what is set aside for answers that end sooner than
they may (`--schedule-conservativeness` of SGLang).

When to ignore it:
The limit keeps a promise on the time between two tokens, or the batch is so large already that
arithmetic limits a step: its tokens then come slower by as much as more of them run. Or requests
wait for something else: an adapter that is loaded, a grammar that is compiled.

Catalogue: IP-LLM-001
"""

from __future__ import annotations

from collections.abc import Iterator

from infprof.profiler.serving.ratios import generates
from infprof.rules.engine import GATE_SHARE
from infprof.rules.evidence import Evidence, Need
from infprof.rules.finding import Finding, Fix, Saving, Step
from infprof.rules.queue_causes import FULL_SHARE, admission_ns, backlog, queue_ns, told

NEEDS: tuple[Need, ...] = ("served",)
STEP: Step = "batching"
NOT_WHILE = {"kv-cache-pressure": "the cache is too small already for the requests that are let in"}

FIX = Fix(
    text="Let more requests into a step, until the KV cache is nine tenths full.",
    code="""\
# vLLM: requests, and tokens, in one step
vllm serve MODEL --max-num-seqs 512 --max-num-batched-tokens 8192

# SGLang: the same, and less set aside for answers that end early (the default is 1.0)
python -m sglang.launch_server --model-path MODEL \\
    --max-running-requests 512 --schedule-conservativeness 0.3
""",
    risk="Each token takes a little longer in a larger batch. Too many at once, and the engine "
    "preempts some: look at its preemptions afterwards.",
    references=(
        "https://docs.vllm.ai/en/latest/configuration/optimization.html",
        "https://docs.sglang.io/advanced_features/hyperparameter_tuning.html",
    ),
)


def check(evidence: Evidence) -> Iterator[Finding]:
    """Judge how many the engine lets in."""
    if not generates(told(evidence)) or evidence.share(queue_ns(evidence)) < GATE_SHARE:
        return
    saved, found = admission_ns(evidence), backlog(told(evidence))
    if not saved or found is None or found.kv_use is None:
        return
    yield Finding(
        title="Let the engine work on more requests at once",
        why=f"On {100 * found.often:.0f} % of {found.pages} pages requests wait: "
        f"{found.waiting:,.0f} on average, while {found.running:,.0f} run and "
        f"{100 * found.kv_use:.0f} % of the KV cache are in use. At {100 * FULL_SHARE:.0f} % it "
        f"would hold {_more(found.kv_use)}. A request waits {queue_ns(evidence) / 1e9:.2f} s; the "
        "saving is for as many requests there as now.",
        stage="queue",
        saving=Saving(0, saved, "C"),
        fix=FIX,
    )


def _more(kv_use: float) -> str:
    return f"{FULL_SHARE / kv_use:.1f} times as many" if kv_use else "many more"
