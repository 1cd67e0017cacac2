"""speculative-decoding: drafts of which the model throws most away."""

from __future__ import annotations

from infprof.profiler.importers.metrics_page import recording_of
from infprof.rules.finding import Outcome, Verdict
from tests import engine_pages
from tests.build import A100
from tests.metrics_pages import values, vllm
from tests.rules.judge import verdict_of
from tests.rules.watched import verdict_on, without

RULE = "speculative-decoding"


def page(kept: int, drafts: int | None = 25) -> str:
    """Of a hundred drafted tokens, four at a time."""
    counts = {
        "drafts_total": drafts, "draft_tokens_total": 100, "accepted_tokens_total": kept,
    }  # fmt: skip
    return vllm(10, more=values({f"vllm:spec_decode_num_{one}": n for one, n in counts.items()}))


def test_drafts_that_are_thrown_away() -> None:
    (finding,) = verdict_on(RULE, page(30)).findings
    assert finding.stage == "compute" and "30 % of the drafted" in finding.why
    # 70 of the 125 that it worked on, of 1.425 s
    assert (finding.saving.low_ns, finding.saving.high_ns) == (0, 798_000_000)


def test_without_the_number_of_drafts_the_ceiling_is_higher() -> None:
    (finding,) = verdict_on(RULE, page(30, drafts=None)).findings
    assert finding.saving.high_ns == 997_500_000


def test_drafts_that_are_kept() -> None:
    assert verdict_on(RULE, page(40)).outcome is Outcome.CLEAR


def crowded(running: int, gpus: int = 1) -> Verdict:
    """Of a hundred tokens, four at a time, 80 are kept."""
    text = page(80).replace(
        'num_requests_running{model_name="m"} 8', f"num_requests_running {running}"
    )
    made = recording_of("host", [text])
    made.header.machine.gpus = [A100] * gpus
    return verdict_of(RULE, made)


def test_where_arithmetic_limits_a_step_checks_are_not_free() -> None:
    (finding,) = crowded(running=40).findings
    assert "checks 200 tokens, and from 153 on arithmetic limits this GPU" in finding.why
    assert finding.saving.high_ns == 228_000_000  # 20 of 125, of 1.425 s
    assert crowded(running=30).outcome is Outcome.CLEAR
    assert crowded(running=40, gpus=2).outcome is Outcome.CLEAR


def test_a_wide_tree_is_no_waste_of_drafts() -> None:
    assert verdict_on(RULE, engine_pages.sglang(10)).outcome is Outcome.CLEAR


def test_a_short_branch_is() -> None:
    lines = engine_pages.sglang(10).replace("} 3.0\n", "} 1.6\n")
    (finding,) = verdict_on(RULE, lines).findings
    assert "20 % of the drafted" in finding.why  # 0.6 of 3
    assert finding.saving.high_ns == 36_000_000  # 2.4 of 4, of 60 ms


def test_without_speculation_nothing_is_said() -> None:
    verdict = verdict_on(RULE, vllm(10))
    assert verdict.outcome is Outcome.CLEAR and not verdict.reason


def test_what_it_costs_may_be_open() -> None:
    (lines,) = without("first_token", without("decode_time", [page(30)]))
    verdict = verdict_on(RULE, lines)
    assert verdict.outcome is Outcome.UNKNOWN and "30 %" in verdict.reason
    (rate,) = (vllm(10, more="vllm:spec_decode_draft_acceptance_rate 0.2\n"),)
    assert verdict_on(RULE, rate).outcome is Outcome.UNKNOWN
