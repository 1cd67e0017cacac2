"""Answers stutter: steps that carry somebody's long prompt hold up everybody's next token.

What it looks for:
A language model's engine whose slowest gaps between two tokens (99 %) are more than three times
their median, while its largest steps (99 %) carry over 2,048 tokens more than requests run:
those tokens are of prompts. vLLM counts a prompt's tokens all in the step that ends its prefill.

Why it costs time:
A step ends for all its requests together. With one token of each it takes as long as reading the
weights; with thousands of tokens of a new prompt arithmetic limits it, and it takes many times as
long.

How to fix it:
Let fewer prompt tokens into one step, about 2,000 for an even flow of tokens. With many long
prompts, let other GPUs do the prefill.

When to ignore it:
An offline job, where only the sum counts: it is quickest with large steps. Smaller ones make the
first token of a long prompt later.

Catalogue: IP-LLM-004
"""

from __future__ import annotations

from collections.abc import Iterator

from infprof.profiler.serving.ratios import generates
from infprof.rules.evidence import Evidence, Need
from infprof.rules.finding import Finding, Fix, Saving, Unknown
from infprof.rules.prompt_stalls import prompt_stall
from infprof.rules.queue_causes import told

NEEDS: tuple[Need, ...] = ("served",)

NOT_WHILE = {
    "missed-prefix-reuse": "with its prefix cache on, the engine computes less of each prompt",
}

FIX = Fix(
    text="Let fewer tokens of prompts into one step.",
    code="""\
# vLLM: tokens of one step, prompts and answers together
vllm serve MODEL --max-num-batched-tokens 2048

# SGLang: tokens of one prompt at a time
python -m sglang.launch_server --model-path MODEL --chunked-prefill-size 2048
""",
    risk="The first token of a long prompt comes later, and throughput may fall.",
    references=("https://docs.vllm.ai/en/latest/configuration/optimization.html",),
)


def check(evidence: Evidence) -> Iterator[Finding]:
    """Judge how evenly tokens come."""
    served = told(evidence)
    found = prompt_stall(served) if generates(served) else None
    if found is None:
        return
    decode = evidence.exposed_ns("compute.decode")
    if not decode:
        raise Unknown("the engine's metrics do not tell how long decoding takes")
    yield Finding(
        title="Let fewer prompt tokens into one step",
        why=f"Half of the gaps between two tokens are at most {found.p50_ns / 1e6:.1f} ms, but one "
        f"in a hundred is longer than {found.p99_ns / 1e6:.1f} ms, and one step in a hundred "
        f"carries more than {found.prompt_tokens:,.0f} tokens of prompts. Were all gaps like the "
        "median, decoding would take so much less.",
        stage="compute",
        saving=Saving(0, round(decode * max(1 - found.p50_ns / found.mean_ns, 0)), "C"),
        fix=FIX,
    )
