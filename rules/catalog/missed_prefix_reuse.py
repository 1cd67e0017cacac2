"""Prompts that begin alike are computed anew each time.

What it looks for:
A serving engine whose own settings say that its prefix cache is off. With the cache on, its metrics
tell which part of the prompts' tokens came from it, but not which part could have: from half of
them on the rule is content, below it stays open, unless prefill takes next to no time.

Why it costs time:
Prefill computes keys and values of every token of a prompt. Where two prompts begin with the same
instructions, document or conversation, those of the second are known already.

How to fix it:
Switch the cache on. Put what all prompts share first, and what differs, such as a date or a name,
last. Send requests that begin alike to the same replica. Keep the KV cache large enough that a
prefix is still there when it comes again.

When to ignore it:
Prompts have nothing in common. Or customers must not learn from the time of an answer what others
have asked: then the cache is off, or divided, on purpose.

Catalogue: IP-LLM-003
"""

from __future__ import annotations

from collections.abc import Iterator

from infprof.profiler.serving.ratios import generates, prefix_hit_share
from infprof.rules.engine import GATE_SHARE
from infprof.rules.evidence import Evidence, Need
from infprof.rules.finding import Finding, Fix, Saving, Unknown
from infprof.rules.queue_causes import told

NEEDS: tuple[Need, ...] = ("served",)

ENOUGH_SHARE = 0.5
"""Of the prompts' tokens from the cache: whatever part could be, it is at least half of that."""

FIX = Fix(
    text="Switch the prefix cache on, and put what prompts share at their beginning.",
    code="""\
# vLLM: it is on unless it was switched off
vllm serve MODEL --enable-prefix-caching

# what differs comes last
prompt = f"{INSTRUCTIONS}\\n{document}\\nToday is {today}. {question}"
""",
    risk="A cached prefix answers faster, and so tells that somebody has asked it before.",
    references=("https://docs.vllm.ai/en/latest/features/automatic_prefix_caching.html",),
)


def check(evidence: Evidence) -> Iterator[Finding]:
    """Judge what the engine tells of its prefix cache."""
    served = told(evidence)
    hits, is_off = prefix_hit_share(served), served.settings.get("prefix_caching") == "False"
    enough = hits is not None and hits >= ENOUGH_SHARE
    if not generates(served) or (enough and not is_off):
        return
    prefill = evidence.exposed_ns("compute.prefill")
    if prefill and evidence.share(prefill) < GATE_SHARE:
        return
    if not is_off:
        seen = "what part" if hits is None else f"{100 * hits:.0f} %"
        raise Unknown(
            f"{seen} of the prompts' tokens came from the prefix cache"
            + (" is not told" if hits is None else ", and how many could have is not told")
        )
    if not prefill:
        raise Unknown("the prefix cache is off, but how long prefill takes is not told")
    yield Finding(
        title="Switch the prefix cache on",
        why=f"{served.engine} says that its prefix cache is off. Prefill takes "
        f"{prefill / 1e9:.2f} s of a request ({100 * evidence.share(prefill):.0f} %); how much of "
        "it prompts share is not told.",
        stage="compute",
        saving=Saving(0, prefill, "C"),
        fix=FIX,
    )
