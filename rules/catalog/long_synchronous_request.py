"""Clients wait for an answer so long that they, or a proxy before them, may give up.

What it looks for:
A 95th percentile of requests above half of the time after which the first of those who wait gives
up (`client_timeout_s` in the settings). Where that is not said, 60 s are assumed: nginx and AWS
load balancers give up then unless told otherwise. Answers that are streamed are left out.

Why it costs time:
It costs failures: a request that is twice as slow as most is lost, together with all the work that
was done for it. Clients try again, so that the server does the same work twice just when it is
slowest. Each open connection keeps its place in the server meanwhile.

How to fix it:
Answer at once with the number of a job (HTTP 202), put the job into a queue, and let the client ask
for the result or be called. Give each job a key, so that a second try finds the first.

When to ignore it:
Nobody waits behind the requests, as in a batch job. Or the first bytes of an answer come early and
keep coming: then say `streaming = true`.

Catalogue: IP-SRV-003
"""

from __future__ import annotations

from collections.abc import Iterator

from infprof.profiler.serving.ratios import generates
from infprof.rules.deployed import NO_TIME, deployment, needed
from infprof.rules.evidence import Evidence, Need
from infprof.rules.finding import Finding, Fix, Unknown

NEEDS: tuple[Need, ...] = ("service",)
USES_TRACER = False
ALWAYS_REPORT = True
"""What it costs is requests that fail, and none of the time of those that succeed."""

TIMEOUT_SHARE = 0.5
"""Of the time until somebody gives up: a percentile that leaves less room than twice itself is
passed whenever the load doubles, or a worker starts anew."""

USUAL_TIMEOUT_S = 60
"""`proxy_read_timeout` of nginx and the idle timeout of AWS load balancers, if nobody sets them."""

FIX = Fix(
    text="Take the request as a job: answer 202 at once, and give the result when it is asked for.",
    code="""\
from concurrent.futures import Future, ThreadPoolExecutor
from fastapi import FastAPI

app, worker = FastAPI(), ThreadPoolExecutor(1)
jobs: dict[str, Future] = {}  # with several processes: a queue and a store, as Celery on Redis

@app.post("/jobs/{key}", status_code=202)
def submit(key: str, inputs: list[float]) -> dict[str, str]:
    if key not in jobs:  # the client chooses the key: a second try finds the first
        jobs[key] = worker.submit(predict, inputs)
    return {"status": f"/jobs/{key}"}

@app.get("/jobs/{key}")
def result(key: str) -> dict[str, object]:
    done = jobs[key].done()
    return {"done": done, "result": jobs[key].result() if done else None}
""",
    risk="Jobs within a process end with it; a queue and a store of results are two more things to "
    "run. Scale the workers by how old the oldest job is, and let results expire.",
    references=(
        "https://learn.microsoft.com/en-us/azure/architecture/patterns/asynchronous-request-reply",
        "https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_read_timeout",
        "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load-balancer-attributes.html",
    ),
)


def check(evidence: Evidence) -> Iterator[Finding]:
    """Judge the slowest requests by who waits for them."""
    said = deployment(evidence)
    if said.streaming or _clients_read_streams(evidence):
        return
    p95_ns = evidence.latency.p95_ns
    if p95_ns is None:
        unseen = None if evidence.header.tells_a_mean else evidence.lacks("latency")
        raise Unknown(unseen or "the 95th percentile of the requests' time is not told")
    timeout_s = said.client_timeout_s or USUAL_TIMEOUT_S
    if p95_ns <= TIMEOUT_SHARE * timeout_s * 1e9:
        return
    if evidence.header.served is not None and generates(evidence.header.served):
        needed(said.streaming, "streaming", "whether answers are streamed")
    if not _has_clients(evidence):
        needed(said.client_timeout_s, "client_timeout_s", "whether a client waits for the requests")
    who = "who waits gives up" if said.client_timeout_s else "proxies usually give up"
    yield Finding(
        title="Take long requests as jobs, and do not let clients wait",
        why=f"One request in 20 takes {p95_ns / 1e9:,.1f} s or more, and {who} after "
        f"{timeout_s:,.4g} s. Whatever makes requests twice as slow makes them fail, and their "
        "clients send them again.",
        stage="unattributed",
        saving=NO_TIME,
        fix=FIX,
    )


def _clients_read_streams(evidence: Evidence) -> bool:
    """Whether a load generator timed the first token, which only a stream has."""
    load = evidence.header.load
    return load is not None and "first_token" in load.times


def _has_clients(evidence: Evidence) -> bool:
    """Whether a server was looked at; a script's own calls may have nobody behind them."""
    return evidence.header.subject.kind == "attach" or evidence.header.tells_a_mean
