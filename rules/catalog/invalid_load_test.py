"""The load test does not show what users would see, so nothing should be concluded from it.

What it looks for:
Requests that failed, a generator that could not send what it was told to (dropped iterations,
requests sent late, a rate well under the one asked for, its own CPUs above 80 %), and a closed loop
or a backlog outside a sweep: a fixed number of users who were nearly always waiting.

Why it costs time:
In a closed loop n users send at most n / latency requests a second, and while the server stalls
nobody sends: the requests that would have met the stall are missing from the percentiles
(coordinated omission), and the highest rate seen is the users', not the server's. A generator at
its limit measures itself. A request that fails fast makes the mean look good.

How to fix it:
Send at a given rate whatever the server does, from a host of its own, for a minute or longer, and
raise the rate step by step until latency grows. Count the time from when a request was due.

When to ignore it:
You vary the concurrency on purpose, to see throughput against latency: then give all levels in one
file, or compare the reports of each. A batch job that keeps n requests under way is a closed loop.

Catalogue: IP-SRV-002
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from infprof.profiler.loads.load import Level, Load
from infprof.rules.evidence import Evidence, Need
from infprof.rules.finding import Finding, Fix, Saving, Unknown
from infprof.rules.generator_load import are_busy, held_back, lateness

NEEDS: tuple[Need, ...] = ("load",)
ALWAYS_REPORT = True
DOUBTS_OTHERS = True
"""A test that is not valid makes its numbers worthless; there is no time in it to save."""

FAILED_SHARE = 0.05
"""From here on failed requests, often quick ones, can be the whole 95th percentile."""

NO_SAVING = Saving(0, 0, "C", "none")

SEND_OPENLY = """\
# k6: 50 requests a second, whatever the server does
export const options = { scenarios: { open: {
    executor: "constant-arrival-rate", rate: 50, timeUnit: "1s", duration: "2m",
    preAllocatedVUs: 200, maxVUs: 2000 } } };

echo "POST http://host/predict" | vegeta attack -rate=50 -duration=2m | vegeta report -type=json
ghz --async --rps 50 --duration 2m --call package.Service/Method host:port
vllm bench serve --request-rate 50 --percentile-metrics ttft,tpot,itl,e2el
"""

REFERENCES = (
    "https://grafana.com/docs/k6/latest/using-k6/scenarios/concepts/open-vs-closed/",
    "https://www.scylladb.com/2021/04/22/on-coordinated-omission/",
)

FIX_FAILURES = Fix(
    text="Find out why requests fail, repeat the test, and judge latency by those that succeed.",
    code="",
    risk="At a load that the server refuses on purpose (429, 503) failures are its answer: then "
    "report their share beside the latency of the others.",
    references=REFERENCES[:1],
)
FIX_GENERATOR = Fix(
    text="Give the generator more users, workers or CPUs, on a host of its own, or ask for less.",
    code=SEND_OPENLY,
    risk="A server that cannot bear the rate fails it as well: then lower the rate until it is "
    "held, which is the server's capacity.",
    references=REFERENCES[:1],
)
FIX_LOOP = Fix(
    text="Send at a given rate instead of with a fixed number of users, or vary the users in a "
    "sweep.",
    code=SEND_OPENLY,
    risk="Above the server's capacity an open loop's backlog grows as long as the test runs.",
    references=REFERENCES,
)


def check(evidence: Evidence) -> Iterator[Finding]:
    """Judge the load test."""
    load = evidence.header.load
    assert load is not None
    judged = [load] if not load.parts or load.parts_are == "entries" else load.parts
    found = [
        *_finding("Make the requests succeed before judging their latency", judged, _failures,
                  FIX_FAILURES),
        *_finding("Measure again with a generator that keeps up", judged,
                  lambda level: lateness(level, is_sweep=load.is_sweep), FIX_GENERATOR),
    ]  # fmt: skip
    if not load.is_sweep:
        title = "Measure again in an open loop, or in a sweep"
        found += _finding(title, judged, held_back, FIX_LOOP)
    yield from found
    if not found:
        _must_be_told(load, judged)


def _finding(
    title: str, judged: list[Level] | list[Load], why: Callable[[Level], str | None], fix: Fix
) -> Iterator[Finding]:
    """One for all levels that have it, in the words of the first."""
    reasons = [(level.label, reason) for level in judged if (reason := why(level)) is not None]
    if not reasons:
        return
    label, text = reasons[0]
    if label and len(judged) > 1:
        text = f"At {label}: {text[0].lower()}{text[1:]}"
    if len(reasons) > 1:
        text += f" The same holds for {len(reasons) - 1} more of the {len(judged)}."
    yield Finding(title, text, "unattributed", NO_SAVING, fix)


def _failures(level: Level) -> str | None:
    if not level.requests or not level.failed or level.failed < FAILED_SHARE * level.requests:
        return None
    share = 100 * level.failed / level.requests
    return f"{level.failed:,} of {level.requests:,} requests ({share:.0f} %) failed."


def _must_be_told(load: Load, judged: list[Level] | list[Load]) -> None:
    """Raises ``Unknown`` unless the file says how requests were sent."""
    if load.is_sweep:
        return
    if any(one.arrivals is None for one in judged):
        raise Unknown(f"{load.tool} does not tell whether requests wait for earlier answers")
    if any(one.arrivals == "paced" and are_busy(one) is None for one in judged):
        raise Unknown(f"{load.tool}'s file does not tell how many users waited, and how long")
