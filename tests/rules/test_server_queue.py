"""server-queue: requests that wait longer than they are worked on."""

from __future__ import annotations

import pytest

from infprof.profiler.importers.metrics_page import recording_of
from infprof.rules.finding import Outcome, Verdict
from tests.build import recording
from tests.metrics_pages import vllm
from tests.rules.judge import verdict_of

RULE = "server-queue"


def judged(page: str) -> Verdict:
    return verdict_of(RULE, recording_of("host", [page]))


def test_a_long_queue_is_found() -> None:
    (finding,) = judged(vllm(10, queue_s=1.0, waiting=30)).findings
    assert finding.stage == "queue"
    assert (finding.saving.low_ns, finding.saving.high_ns) == (0, 1_000_000_000)
    assert "50 %" in finding.why and "30 waiting, 8 running" in finding.why


def test_a_short_one_is_not() -> None:
    assert judged(vllm(10, queue_s=0.4)).outcome is Outcome.CLEAR


def without_queue(waiting: int) -> str:
    """As engines write that do not time their queue."""
    lines = vllm(10, queue_s=1.6, waiting=waiting).splitlines(keepends=True)
    return "".join(line for line in lines if "request_queue_time" not in line)


def test_littles_law_tells_of_a_queue_that_is_not_timed() -> None:
    (finding,) = judged(without_queue(24)).findings
    assert finding.saving.high_ns == 1_500_000_000  # 24 of the 32 there wait: 1.5 of 2 s
    assert judged(without_queue(0)).outcome is Outcome.CLEAR


def test_it_waits_no_longer_than_until_the_first_token() -> None:
    (finding,) = judged(without_queue(792)).findings
    assert finding.saving.high_ns == 1_700_000_000


def test_without_a_queue_told_it_is_open() -> None:
    lines = without_queue(5).splitlines(keepends=True)
    page = "".join(line for line in lines if "first_token" not in line)
    assert judged(page).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("text", ["main: 0-100 request", "main: 0-10 op aten::mm"])
def test_other_recordings_have_no_engine(text: str) -> None:
    verdict = verdict_of(RULE, recording(text))
    assert verdict.outcome is Outcome.CLEAR and "does not apply" in verdict.reason
