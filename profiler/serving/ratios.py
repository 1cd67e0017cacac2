"""What follows from what an engine tells: how large its batches are, how much its caches spare.

Each is ``None`` where the engine does not tell enough, or nothing happened.
"""

from __future__ import annotations

from statistics import fmean

from infprof.profiler.serving.served import Served


def generates(served: Served) -> bool:
    """Whether the engine makes tokens one after the other: a language model's."""
    told = {*served.times, *served.counts}
    return bool(told & {"first_token", "between_tokens", "per_token", "generated_tokens"})


def at_once(served: Served) -> float | None:
    """How many requests were there at once, by Little's law: how many came a second, times how
    long each stayed. A single page does not tell over what time they came."""
    request = served.times.get("request")
    if request is None or not served.window_ns:
        return None
    return request.count * request.mean_ns / served.window_ns


def executed_batch(served: Served) -> float | None:
    """How many inferences the model made in one run."""
    runs, inferences = (served.counts.get(one) for one in ("executions", "inferences"))
    if runs and inferences is not None:
        return inferences / runs
    told = served.sizes.get("batch")
    return told.mean if told else None


def prefix_hit_share(served: Served) -> float | None:
    """The part of the prompts' tokens that the prefix cache had."""
    found = served.counts.get("prefix_tokens_found")
    asked = served.counts.get("prefix_tokens_asked", served.counts.get("prompt_tokens"))
    if found is not None and asked:
        return _share(found / asked)
    return _share(_mean(served, "prefix_hit_rate"))


def response_hit_share(served: Served) -> float | None:
    """The part of the requests whose whole answer was in a cache."""
    hits, misses = (served.counts.get(one) for one in ("response_hits", "response_misses"))
    if hits is None or misses is None or not hits + misses:
        return None
    return hits / (hits + misses)


def accepted_share(served: Served) -> float | None:
    """The part of the drafted tokens that the model kept, of a chain of drafts: what a tree drafts
    beside its longest branch is no failure."""
    drafted, accepted = (served.counts.get(one) for one in ("drafted_tokens", "accepted_tokens"))
    if drafted and accepted is not None:
        return _share(accepted / drafted)
    kept, steps = (_mean(served, one) for one in ("kept_length", "draft_steps"))
    if kept is not None and steps:  # of the kept ones one is the model's own
        return _share((kept - 1) / steps)
    return _share(_mean(served, "acceptance_rate"))


def thrown_away_share(served: Served) -> float | None:
    """Of the tokens that the model worked on to check drafts, the part that was not kept. Without
    the number of drafts the tokens are left out that the model itself adds: it is then no less."""
    drafted, accepted = (served.counts.get(one) for one in ("drafted_tokens", "accepted_tokens"))
    if drafted and accepted is not None:
        return _share((drafted - accepted) / (drafted + served.counts.get("drafts", 0)))
    kept, checked = (_mean(served, one) for one in ("kept_length", "checked_length"))
    return None if kept is None or not checked else _share(1 - kept / checked)


def checked_at_once(served: Served) -> float | None:
    """How many tokens one step computes for a request: the drafted ones, and the model's own."""
    drafted, drafts = (served.counts.get(one) for one in ("drafted_tokens", "drafts"))
    if drafted is not None and drafts:
        return 1 + drafted / drafts
    return _mean(served, "checked_length")


def kv_tokens(served: Served) -> int | None:
    """How many tokens the KV cache has room for."""
    told = served.gauges.get("kv_tokens")
    if told:
        return round(max(told))
    size, blocks = (served.settings.get(one, "") for one in ("kv_block_size", "kv_blocks"))
    return int(size) * int(blocks) if size.isdecimal() and blocks.isdecimal() else None


def _mean(served: Served, gauge: str) -> float | None:
    values = served.gauges.get(gauge)
    return fmean(values) if values else None


def _share(value: float | None) -> float | None:
    """What is no part of a whole is not known: V0 of vLLM says -1 of a cache that is off."""
    return value if value is not None and 0 <= value <= 1 else None
