"""blocking-coroutine: a wait within a coroutine stops the whole loop."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from infprof.profiler.outside.stretches import cut_into_stretches
from infprof.profiler.recording import Recording
from infprof.profiler.stints import Stints
from infprof.rules.finding import Finding, Outcome
from tests.build import recording
from tests.rules.judge import verdict_of

RULE = "blocking-coroutine"
LOOP = (
    "main.py:1:main > lib/asyncio/runners.py:5:Runner.run > lib/asyncio/base_events.py:6:_run_once"
)
HANDLER = f"{LOOP} > app.py:20:handle"
RESTING = f"{LOOP} > lib/selectors.py:7:EpollSelector.select"


def watched(*rows: str) -> Recording:
    return cut_into_stretches(recording(" | ".join(rows)))


def found_in(one: Recording) -> Finding | None:
    verdict = verdict_of(RULE, one)
    assert verdict.outcome in (Outcome.FOUND, Outcome.CLEAR), verdict
    return verdict.findings[0] if verdict.findings else None


def test_a_sleep_in_a_coroutine_of_a_watched_server() -> None:
    finding = found_in(
        watched(
            f"main: 0-600 stack 60 !sleep {HANDLER} > app.py:30:ask_the_store",
            f"main: 600-1000 stack 40 {HANDLER}",
        )
    )
    assert finding is not None and finding.stage == "python"
    assert (finding.saving.low_ns, finding.saving.high_ns) == (0, 600_000)
    assert finding.where[0].name == "ask_the_store (app.py:30)"
    assert "60 % of the whole" in finding.why


def test_a_loop_that_waits_for_work_is_not_blocked() -> None:
    idle = watched(f"main: 0-600 stack 60 !io {RESTING}", f"main: 600-1000 stack 40 {HANDLER}")
    assert found_in(idle) is None


def test_a_thread_of_its_own_may_block() -> None:
    pool = "lib/concurrent/futures/thread.py:9:_worker > app.py:30:ask_the_store"
    assert (
        found_in(watched(f"t2: 0-600 stack 60 !sleep {pool}", f"t2: 600-900 stack 30 {pool}"))
        is None
    )


def test_where_nobody_waits_nobody_is_kept_waiting() -> None:
    alone = recording(
        f"main: 0-1000 request plain | main: 0-600 stack 60 !sleep {HANDLER}"
        f" | main: 600-1000 stack 40 {HANDLER}"
    )
    assert found_in(alone) is None
    header = alone.header.model_copy(update={"settings": {"loop_tasks": 8.0}})
    assert found_in(replace(alone, header=header)) is not None


def test_who_connects_to_a_web_server_waits_in_its_socket() -> None:
    alone = recording(
        f"main: 0-1000 request plain | main: 0-600 stack 60 !sleep {HANDLER}"
        f" | main: 600-1000 stack 40 {HANDLER}"
    )
    assert found_in(alone) is None
    stints = Stints.from_rows([(1, 0, 1_000_000, 0, "")])
    assert found_in(replace(alone, stints=stints)) is not None


def test_requests_that_waited_for_the_loop_were_kept_waiting() -> None:
    """As a middleware saw them; what it wrapped of the sleep is then no fixed sleep's finding."""
    text = f"""
        main: 0-1000 request plain
        main: 0-600 stack 60 !sleep {HANDLER} > app.py:30:ask_the_store
        main: 600-1000 stack 40 {HANDLER}
        main: 0-600 range python:time.sleep in ask_the_store (app.py:30)
        main: 500-2000 request plain
        main: 1000-2000 stack 100 {HANDLER}
    """
    waits = [
        (1, 0, 10**6, 0, ""),
        (2, 500_000, 10**6, 0, "event loop"),
        (2, 10**6, 2 * 10**6, 0, ""),
    ]
    one = recording(text)
    one = replace(
        one,
        requests=replace(one.requests, number=np.array([1, 2])),
        stints=Stints.from_rows(waits),
    )
    finding = found_in(one)
    assert finding is not None and finding.where[0].name == "ask_the_store (app.py:30)"
    assert verdict_of("polling-waits", one).outcome is Outcome.CLEAR


def test_few_samples_tell_nothing() -> None:
    few = watched(f"main: 0-100 stack 10 !sleep {HANDLER}", f"main: 100-200 stack 10 {HANDLER}")
    assert verdict_of(RULE, few).outcome == Outcome.UNKNOWN
