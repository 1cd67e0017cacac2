"""busy-workers: requests of a web server that wait for somebody who works on them."""

from __future__ import annotations

import pytest

from infprof.rules.finding import Outcome, Verdict
from tests.build import recording
from tests.rules.judge import verdict_of
from tests.test_stints import A, served

RULE = "busy-workers"


def judged(waits_us: int, wait: str = "thread pool") -> Verdict:
    """A request of 1 ms that waits at first, and is then worked on by a thread of the pool."""
    made = served(
        f"main: 0-1 range x | t2: {waits_us}-1000 range compute:model",
        (A, 0, 1, 0, ""),
        (A, 1, waits_us, 0, wait),
        (A, waits_us, 1000, 1, ""),
        requests=((0, 1000),),
    )
    return verdict_of(RULE, made)


@pytest.mark.parametrize(
    ("wait", "words"),
    [
        ("thread pool", "0.40 ms for a thread of a pool"),
        ("before the server", "0.40 ms before a worker of the server took it"),
    ],
)
def test_a_long_wait_for_a_worker_is_found(wait: str, words: str) -> None:
    (finding,) = judged(401, wait).findings
    assert words in finding.why and "40 % of its time nobody works on it" in finding.why
    assert finding.stage == "queue"
    assert (finding.saving.low_ns, finding.saving.high_ns) == (0, 400_000)


def test_otherwise_it_is_silent() -> None:
    assert judged(280).outcome is Outcome.CLEAR
    assert judged(401, "event loop").outcome is Outcome.CLEAR
    text = "main: 0-100 request | main: 0-100 op aten::mm"
    assert verdict_of(RULE, recording(text, gpus=())).outcome is Outcome.CLEAR


def test_without_requests_it_is_open() -> None:
    assert verdict_of(RULE, recording("main: 0-100 op aten::mm")).outcome is Outcome.UNKNOWN
