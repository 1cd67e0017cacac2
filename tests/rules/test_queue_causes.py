"""Why requests wait: the causes never promise more of the queue than there is."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from infprof.profiler.importers.metrics_page import recording_of
from infprof.profiler.serving.served import Served
from infprof.rules.engine import judge
from infprof.rules.finding import Outcome
from infprof.rules.queue_causes import Backlog, backlog
from tests.metrics_pages import vllm
from tests.rules.judge import evidence_of
from tests.rules.watched import SECOND

counts = st.integers(0, 3000)
shares = st.floats(0, 1)


def served(**gauges: list[float]) -> Served:
    return Served(engine="x", gauges=gauges)


def test_only_moments_at_which_requests_wait_count() -> None:
    found = backlog(served(waiting=[0, 6, 2, 0], running=[9, 4, 2, 9], kv_use=[0.9, 0.5, 0, 0.9]))
    assert found == Backlog(4, 0.5, 4.0, 3.0, 0.25) and found.requests == 7.0
    assert backlog(served(waiting=[0.0], running=[9.0])) is None


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(counts, counts, shares), min_size=2, max_size=7), st.floats(0, 2),
    st.integers(0, 500),
)  # fmt: skip
def test_a_nanosecond_in_the_queue_is_promised_once(
    moments: list[tuple[int, int, float]], queue_s: float, preemptions: int
) -> None:
    pages = [
        vllm(10 * (place + 1), queue_s=queue_s, waiting=waiting, kv_use=kv_use,
             num_requests_running=running, num_preemptions_total=preemptions * place)
        for place, (waiting, running, kv_use) in enumerate(moments)
    ]  # fmt: skip
    evidence = evidence_of(recording_of("host", pages, len(pages) * SECOND))
    verdicts = judge(evidence)
    assert not [one.rule for one in verdicts if one.outcome is Outcome.FAILED]
    found = [one for verdict in verdicts for one in verdict.findings]
    promised = sum(one.saving.high_ns for one in found if one.stage == "queue")
    assert promised <= evidence.exposed_ns("queue")
