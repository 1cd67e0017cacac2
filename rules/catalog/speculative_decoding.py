"""Speculative decoding drafts tokens that the model throws away while others wait for its time.

What it looks for:
A serving engine with speculative decoding whose model keeps less than four tenths of what was
drafted. Or, where its GPU is known, one that works on so many requests at once that arithmetic
limits the check of their drafts. Of an engine without it nothing is said: what it would keep, only
a trial tells.

Why it costs time:
The model checks all drafted tokens in one step, and keeps those up to the first that is wrong. With
few requests the check is nearly free. With many, each token that it throws away takes the place of
one that somebody waits for; drafting comes on top.

How to fix it:
Draft fewer tokens at a time, take a draft model that was trained for this one, or switch it off.
Compare at the load of production: alone, speculation always looks good.

When to ignore it:
One request at a time, where a check costs little more than a step without, and the draft costs
nothing, as with n-grams of the prompt.

Catalogue: IP-LLM-005
"""

from __future__ import annotations

from collections.abc import Iterator
from statistics import fmean

from infprof.profiler.peaks import peaks_of
from infprof.profiler.serving.ratios import accepted_share, checked_at_once, thrown_away_share
from infprof.rules.evidence import Evidence, Need
from infprof.rules.finding import Finding, Fix, Saving, Unknown
from infprof.rules.queue_causes import told

NEEDS: tuple[Need, ...] = ("served",)

FEW_KEPT_SHARE = 0.4
"""Of the drafted tokens: with four at a time and a draft of a tenth of the model's time, a step
makes 1.6 tokens and takes 1.4 times as long, before any cost of the check (CATALOGUE LLM-005)."""

FIX = Fix(
    text="Draft fewer tokens at a time, or switch speculative decoding off.",
    code="""\
# vLLM: two tokens at a time instead of more; without the option there is no speculation
vllm serve MODEL --speculative-config \\
    '{"method": "ngram", "num_speculative_tokens": 2, "prompt_lookup_max": 4}'

# SGLang: a chain of two; without the algorithm there is no speculation
python -m sglang.launch_server --model-path MODEL --speculative-algorithm EAGLE3 \\
    --speculative-draft-model-path DRAFT --speculative-num-steps 2 \\
    --speculative-eagle-topk 1 --speculative-num-draft-tokens 3
""",
    risk="With few requests at once, each may become slower: compare at the load of production.",
    references=("https://docs.vllm.ai/en/latest/features/speculative_decoding/",),
)


def check(evidence: Evidence) -> Iterator[Finding]:
    """Judge what the model keeps of its drafts, and whether it has time for them."""
    kept = accepted_share(told(evidence))
    if kept is None:
        return
    crowd = _crowd(evidence)
    if kept >= FEW_KEPT_SHARE and crowd is None:
        return
    wasted, decode = thrown_away_share(told(evidence)), evidence.exposed_ns("compute.decode")
    if wasted is None or not decode:
        raise Unknown(
            f"the model keeps {100 * kept:.0f} % of what is drafted, but what the rest costs is "
            "not told"
        )
    yield Finding(
        title="Draft fewer tokens, or stop speculating",
        why=f"The model keeps {100 * kept:.0f} % of the drafted tokens. Of all that it works on "
        f"in decoding, {100 * wasted:.0f} % are thrown away. "
        + (crowd or "In a batch so large that each token counts, that is")
        + f" up to that part of the {decode / 1e9:.2f} s of decoding in a request.",
        stage="compute",
        saving=Saving(0, round(decode * wasted), "C"),
        fix=FIX,
    )


def _crowd(evidence: Evidence) -> str | None:
    """What says that arithmetic limits the steps; ``None`` where memory does, or it is not known.

    A weight of 16 bits is two bytes, which are read once a step, and two operations for each token:
    so a step has as many operations a byte as it has tokens. Workers share the requests at best.
    """
    served, peaks = told(evidence), peaks_of(evidence.header.machine, on_gpu=True)
    tokens, running = checked_at_once(served), served.gauges.get("running")
    ridge = None if peaks is None else peaks.ridge("bf16")
    if tokens is None or not running or ridge is None or peaks is None:
        return None
    at_once = tokens * fmean(running) / len(evidence.header.machine.gpus)
    if at_once < ridge:
        return None
    return (
        f"A step checks {at_once:,.0f} tokens, and from {ridge:,.0f} on arithmetic limits this GPU "
        f"({peaks.device}), not memory: that costs"
    )
