"""Speculative decoding drafts tokens of which the model throws most away.

What it looks for:
A serving engine with speculative decoding whose model keeps less than four tenths of what was
drafted. Of an engine without it nothing is said: what it would keep, only a trial tells.

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

from infprof.profiler.serving.ratios import accepted_share, thrown_away_share
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
    """Judge what the model keeps of its drafts."""
    kept = accepted_share(told(evidence))
    if kept is None or kept >= FEW_KEPT_SHARE:
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
        f"in decoding, {100 * wasted:.0f} % are thrown away: in a batch so large that each token "
        f"counts, that part of the {decode / 1e9:.2f} s of decoding in a request.",
        stage="compute",
        saving=Saving(0, round(decode * wasted), "C"),
        fix=FIX,
    )
