"""Whether long prompts in an engine's steps hold up everybody's next token."""

from __future__ import annotations

from typing import NamedTuple

from infprof.profiler.serving.served import Served
from infprof.rules.finding import Unknown

STALL = 3.0
"""Slowest gap (99 %) over the median: a batch that grows and shrinks alone makes less."""

PROMPT_TOKENS = 2048
"""In a step: what the advice allows (CATALOGUE LLM-004); where there are fewer, it is followed."""


class Stall(NamedTuple):
    """What the gaps between two tokens show."""

    p50_ns: int
    p99_ns: int
    mean_ns: int
    prompt_tokens: float
    """What the largest steps carry beyond a token of each request that runs."""


def prompt_stall(served: Served) -> Stall | None:
    """``None`` where tokens come evenly, or steps carry few tokens of prompts. Raises
    ``Unknown``."""
    gap = served.times.get("between_tokens")
    if gap is None or not gap.p50_ns or gap.p99_ns is None or gap.mean_ns <= 0:
        raise Unknown("the engine's metrics do not tell how evenly tokens come")
    if gap.p99_ns <= STALL * gap.p50_ns:
        return None
    step = served.sizes.get("step_tokens")
    if step is None or step.p99 is None:
        raise Unknown(
            "the slowest gaps between tokens are long, but what the engine's steps carry is not "
            "told"
        )
    prompts = step.p99 - max(served.gauges.get("running", []), default=0)
    if prompts <= PROMPT_TOKENS:
        return None
    return Stall(gap.p50_ns, gap.p99_ns, gap.mean_ns, prompts)
