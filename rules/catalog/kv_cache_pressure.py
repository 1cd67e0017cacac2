"""The KV cache of a language model is full: requests wait for room in it, or are thrown out of it.

What it looks for:
A serving engine that preempts requests, or on whose pages, one in five or more, requests wait while
nine tenths or more of the KV cache are in use. A full cache that makes nobody wait is good use.

Why it costs time:
A request needs a place in the cache for each of its tokens until it ends. Without one it waits; one
that runs already and finds none is preempted: its place is given away, and its tokens, prompt and
answer so far, are computed anew later.

How to fix it:
More room: a larger part of the GPU's memory, an FP8 cache, which holds twice the tokens, the model
over more GPUs. Or less in it at once: fewer requests in a step, a shorter limit on the length of a
context or an answer.

When to ignore it:
A few preemptions in a burst cost less than the memory that would prevent them. FP8 changes answers
a little: compare them before.

Catalogue: IP-LLM-002
"""

from __future__ import annotations

from collections.abc import Iterator

from infprof.profiler.serving.ratios import generates
from infprof.rules.engine import GATE_SHARE
from infprof.rules.evidence import Evidence, Need
from infprof.rules.finding import Finding, Fix, Saving, Unknown
from infprof.rules.queue_causes import MORE_ROOM, backlog, full_cache_ns, queue_ns, told

NEEDS: tuple[Need, ...] = ("served",)

FIX = Fix(
    text="Give the KV cache more room, or let fewer requests in at once.",
    code="""\
# vLLM: more of the memory, tokens of half the size, or fewer requests in a step
vllm serve MODEL --gpu-memory-utilization 0.95 --kv-cache-dtype fp8
vllm serve MODEL --max-num-seqs 128

# SGLang: the same, and more set aside for answers (the default is 1.0)
python -m sglang.launch_server --model-path MODEL \\
    --mem-fraction-static 0.9 --kv-cache-dtype fp8_e4m3
python -m sglang.launch_server --model-path MODEL --schedule-conservativeness 1.3
""",
    risk="Too large a part of the memory ends in an out-of-memory error under load. FP8 changes "
    "answers a little. Fewer requests in a step make others wait.",
    references=(
        "https://docs.vllm.ai/en/latest/configuration/optimization.html",
        "https://docs.sglang.io/advanced_features/hyperparameter_tuning.html",
    ),
)


def check(evidence: Evidence) -> Iterator[Finding]:
    """Judge preemptions and the queue before a full cache; what is not told of one does not hide
    the other."""
    if not generates(told(evidence)):
        return
    found, unknown = list[Finding](), list[Unknown]()
    for judge in (_preempted, _kept_out):
        try:
            found += judge(evidence)
        except Unknown as reason:
            unknown.append(reason)
    if unknown and not found:
        raise unknown[0]
    yield from found


def _preempted(evidence: Evidence) -> Iterator[Finding]:
    served = told(evidence)
    counts = served.counts
    preemptions, requests = counts.get("preemptions"), counts.get("requests")
    if preemptions is None:
        raise Unknown("the engine's metrics do not tell whether it preempts requests")
    if preemptions <= 0:
        return
    prefill = evidence.exposed_ns("compute.prefill")
    prompt, answer = (counts.get(one) for one in ("prompt_tokens", "generated_tokens"))
    if not requests or not prompt or not prefill or answer is None:
        raise Unknown("requests are preempted, but what computing one anew takes is not told")
    anew = round(prefill * (prompt + answer) / prompt)
    yield Finding(
        title="Stop the engine from preempting requests",
        why=f"{served.engine} preempted {preemptions:,} times while {requests:,} requests ended. "
        f"Prompt and answer of one, computed anew, take up to {anew / 1e9:.2f} s at the pace of "
        f"its prefill.{_settings(evidence)}",
        stage="compute",
        saving=Saving(
            0, min(anew * preemptions // requests, evidence.exposed_ns("compute")), "C"
        ),
        fix=FIX,
    )  # fmt: skip


def _kept_out(evidence: Evidence) -> Iterator[Finding]:
    if evidence.share(queue_ns(evidence)) < GATE_SHARE:
        return
    saved, found = full_cache_ns(evidence), backlog(told(evidence))
    if not saved or found is None or found.kv_use is None:
        return
    yield Finding(
        title="Give the KV cache more room",
        why=f"On {100 * found.often:.0f} % of {found.pages} pages requests wait, while "
        f"{100 * found.kv_use:.0f} % of the KV cache are in use: {found.waiting:,.0f} wait and "
        f"{found.running:,.0f} run on average, and {MORE_ROOM:g} times as many could with "
        f"{MORE_ROOM:g} times the room. The saving is for as many requests there as now."
        f"{_settings(evidence)}",
        stage="queue",
        saving=Saving(0, saved, "C"),
        fix=FIX,
    )


def _settings(evidence: Evidence) -> str:
    """What the engine says of its cache's size."""
    settings = told(evidence).settings
    names = {"gpu_memory_part": "part of the GPU's memory", "kv_cache_type": "type"}
    said = [f"{name} {settings[one]}" for one, name in names.items() if one in settings]
    return f" Its cache's settings: {', '.join(said)}." if said else ""
