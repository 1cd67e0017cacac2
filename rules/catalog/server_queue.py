"""Requests wait in the server's queue longer than anything should make them wait.

What it looks for:
A serving engine whose own metrics say that three tenths or more of a request's time pass before it
is worked on. Engines that do not time the queue tell how many requests wait and how many run: by
Little's law the first are the same part of all there as their waiting is of a request's time. What
`admission-limit`, `kv-cache-pressure`, `missing-dynamic-batching` or `overlong-batching-window`
explains is left to them.

Why it costs time:
With one server that is busy nine tenths of the time a request waits 4.5 times as long as it is
worked on, at eight tenths twice. More requests than the server can finish make the queue grow until
clients give up: then no setting helps that does not raise its capacity or refuse some.

How to fix it:
Raise what the server can finish: larger batches while memory lasts, a faster model, replicas.
Where that is not to be had, bound the queue and refuse early (HTTP 429), so that those who are let
in are served in time.

When to ignore it:
A backlog on purpose: an offline job that hands in everything at once, or a load test that sends
without a pause and measures capacity.

Catalogue: IP-SRV-001
"""

from __future__ import annotations

from collections.abc import Iterator

from infprof.rules.evidence import Evidence, Need
from infprof.rules.finding import Finding, Fix, Saving
from infprof.rules.queue_causes import explained_ns, queue_ns, told

NEEDS: tuple[Need, ...] = ("served",)

QUEUE_SHARE = 0.3
"""Of a request's time; at half the load that a server can bear it is less."""

FIX = Fix(
    text="Add capacity (batch size while memory lasts, replicas), or bound the queue and refuse "
    "early.",
    code="""\
# vLLM: more requests per step, while KV-cache use stays below 90 %
vllm serve MODEL --max-num-seqs 512

# in front of any server: at most so many wait, the others hear it at once
limit_conn_zone $server_name zone=inference:1m;
limit_conn inference 64;  # nginx answers 503 beyond
""",
    risk="Larger batches make each token a little slower. Refused requests need a client that "
    "tries again later.",
    references=("https://docs.vllm.ai/en/latest/configuration/optimization.html",),
)


def check(evidence: Evidence) -> Iterator[Finding]:
    """Judge the queue of the engine."""
    served, queued = told(evidence), queue_ns(evidence)
    if evidence.share(queued) < QUEUE_SHARE:
        return
    counts = {one: served.gauges.get(one, []) for one in ("waiting", "running")}
    there = ", ".join(f"{max(values):,.0f} {one}" for one, values in counts.items() if values)
    explained = explained_ns(evidence)
    yield Finding(
        title="Give the server more capacity, or bound its queue",
        why=f"A request to {served.engine} takes {evidence.wall_ns / 1e9:.2f} s on average, of "
        f"which it waits {queued / 1e9:.2f} s ({100 * evidence.share(queued):.0f} %) in the queue"
        + (f" (requests there: {there})." if there else ".")
        + (f" Another finding explains {explained / 1e9:.2f} s of it." if explained else ""),
        stage="queue",
        saving=Saving(0, queued - explained, "C"),
        fix=FIX,
    )
