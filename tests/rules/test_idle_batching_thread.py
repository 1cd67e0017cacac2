"""idle-batching-thread: a thread that waits for more requests while some wait for it."""

from __future__ import annotations

import pytest

from infprof.rules.finding import Outcome, Verdict
from tests.build import recording
from tests.rules.judge import verdict_of

RULE = "idle-batching-thread"

REQUEST = "main: 0-100000 request plain"
WAIT = "serve.py:30:handle > lib/concurrent/futures/_base.py:5:result > lib/threading.py:9:wait"
GET = "batch.py:12:collect > lib/queue.py:80:get > lib/threading.py:9:wait"
MODEL = "batch.py:20:serve > lib/torch/nn/modules/module.py:1:_call_impl"


def judged(*more: str, owner: str = f"{GET} !lock", waits_ms: int = 60) -> Verdict:
    """A request of 100 ms that waits at first; meanwhile its batch fills, then the model runs."""
    us = waits_ms * 1000
    rows = (
        REQUEST,
        f"main: 0-100000 stack 100 {WAIT} !lock",
        f"t2: 0-{us} stack {waits_ms} {owner}",
        f"t2: {us}-100000 stack {100 - waits_ms} {MODEL}",
        *more,
    )
    return verdict_of(RULE, recording(" | ".join(rows), gpus=()))


def test_requests_that_wait_for_company_are_found() -> None:
    (finding,) = judged().findings
    assert (finding.saving.low_ns, finding.saving.high_ns) == (0, 60_000_000)
    assert "waits for more requests in 'collect (batch.py:12)'" in finding.why
    assert finding.where[0].name == "collect (batch.py:12)"
    compile(finding.fix.code, "fix", "exec")


def test_other_requests_and_idle_pools_change_nothing() -> None:
    other = f"t3: 0-100000 request plain | t3: 0-100000 stack 100 {WAIT} !lock"
    pool = "t4: 0-100000 stack 100 lib/concurrent/futures/thread.py:81:_worker !lock"
    (finding,) = judged(other, pool).findings
    assert finding.saving.high_ns == 60_000_000


@pytest.mark.parametrize(
    "more",
    [
        "t3: 0-100000 stack 100 serve.py:50:download > lib/ssl.py:3:read !io",
        "t3: 0-100000 stack 100 serve.py:60:decode",
        "t3: 0-100000 stack 100 serve.py:70:backoff !sleep",
        "t3: 0-100000 stack 100 lib/multiprocessing/connection.py:3:wait !lock",
    ],
)
def test_what_somebody_works_at_may_be_what_it_waits_for(more: str) -> None:
    assert judged(more).outcome is Outcome.CLEAR


def test_otherwise_it_is_silent() -> None:
    assert judged(waits_ms=25).outcome is Outcome.CLEAR
    assert judged(owner="batch.py:13:pad").outcome is Outcome.CLEAR  # it works
    assert judged(owner="batch.py:12:collect > lib/threading.py:9:wait !lock").outcome is (
        Outcome.CLEAR
    )


def test_a_thread_without_a_model_is_no_owner() -> None:
    text = f"{REQUEST} | main: 0-100000 stack 100 {WAIT} !lock | t2: 0-90000 stack 90 {GET} !lock"
    assert verdict_of(RULE, recording(text, gpus=())).outcome is Outcome.CLEAR


def test_without_stacks_or_with_few_it_is_open() -> None:
    assert verdict_of(RULE, recording(REQUEST, gpus=())).outcome is Outcome.UNKNOWN
    few = f"{REQUEST} | main: 0-100000 stack 10 {WAIT} !lock"
    verdict = verdict_of(RULE, recording(few, gpus=()))
    assert verdict.outcome is Outcome.UNKNOWN and "only 10 samples" in verdict.reason
