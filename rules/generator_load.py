"""Whether a load generator sent what it was to send, and whether its users held it back."""

from __future__ import annotations

from infprof.profiler.loads.load import Level, PhaseTimes

DROPPED_SHARE = 0.01
"""Requests that were never sent are missing from the 99th percentile."""

REACHED_SHARE = 0.9
"""Of the rate asked for; the ends of a test of a minute cost some per cent."""

LATE_SHARE = 0.1
"""Of a request's time: who waits is to know from when."""

BUSY_CPU = 0.8
"""A generator with less of its CPUs left waits for them itself (CATALOGUE IP-SRV-002)."""

ENOUGH = 20
"""A rate or a delay of fewer requests is an accident of when they began and ended."""

BUSY_USERS = 0.9
"""Of the users, who were waiting on average: then they, and no pause of theirs, set the rate."""


def lateness(level: Level, *, is_sweep: bool) -> str | None:
    """How the generator fell behind. In a sweep a rate that is not reached is what it looks for."""
    dropped, cpu = level.dropped or 0, level.generator_cpu or 0.0
    if dropped and dropped >= DROPPED_SHARE * (dropped + (level.requests or 0)):
        return (
            f"{dropped:,} requests were due and never sent, for want of a free user or of time; "
            f"{level.requests or 0:,} were."
        )
    delay = level.times.get("send_delay", PhaseTimes()).mean_ns or 0
    request = level.times.get("request", PhaseTimes()).mean_ns
    is_enough = (level.requests or 0) >= ENOUGH
    if is_enough and request and delay > LATE_SHARE * request:
        return (
            f"Requests were sent {delay / 1e9:,.3g} s late on average, which is missing from their "
            f"mean of {request / 1e9:,.3g} s."
        )
    if cpu > BUSY_CPU:
        return f"The generator used {100 * cpu:.0f} % of its CPUs, so part of the time is its own."
    return _shortfall(level) if is_enough and not is_sweep else None


def _shortfall(level: Level) -> str | None:
    reached = reached_per_s(level)
    if reached is None or not level.offered_per_s:
        return None
    if reached >= REACHED_SHARE * level.offered_per_s:
        return None
    return (
        f"{level.offered_per_s:,.4g} requests a second were asked for, {reached:,.4g} came about: "
        "the percentiles are of a backlog, or lack what was never sent."
    )


def reached_per_s(level: Level) -> float | None:
    """The rate while requests were being sent: the last ones' answers come after that."""
    request = level.times.get("request", PhaseTimes())
    tail_ns = request.p99_ns or request.mean_ns
    if not level.requests or not level.window_ns or not tail_ns or tail_ns >= level.window_ns:
        return level.achieved_per_s
    return level.requests / ((level.window_ns - tail_ns) / 1e9)


def held_back(level: Level) -> str | None:
    """How a fixed number of users bounded the rate, where they did."""
    if level.requests and level.failed == level.requests:
        return None
    if level.arrivals == "at once":
        return (
            "All requests were sent at once: how long one took says how many were before it, not "
            "how long users wait at any rate."
        )
    if level.arrivals != "closed" and not are_busy(level):
        return None
    users, rate = level.concurrency, level.achieved_per_s
    who = "A fixed number of users" if not users else "1 user" if users == 1 else f"{users:,} users"
    reached = "" if rate is None else f" and reached {rate:,.4g} requests a second"
    return (
        f"{who} waited for each answer before sending again{reached}: that is a limit of theirs, "
        "not of the server, and what a stall would have hit is missing from the percentiles."
    )


def are_busy(level: Level) -> bool | None:
    """Whether users who may pause were nearly always waiting; ``None`` if that is not known. By
    Little's law rate times mean latency is how many wait."""
    users, rate = level.concurrency, level.achieved_per_s
    mean = level.times.get("request", PhaseTimes()).mean_ns
    if level.arrivals != "paced" or not users or rate is None or mean is None:
        return None
    return rate * mean / 1e9 >= BUSY_USERS * users
