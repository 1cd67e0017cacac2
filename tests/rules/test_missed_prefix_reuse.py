"""missed-prefix-reuse: prompts that begin alike and are computed anew."""

from __future__ import annotations

import pytest

from infprof.rules.finding import Outcome
from tests import engine_pages
from tests.metrics_pages import vllm
from tests.rules.watched import verdict_on, without

RULE = "missed-prefix-reuse"


def page(hits: int, *, enabled: bool = True, queue_s: float = 0.1) -> str:
    """So many of a hundred tokens from the cache."""
    settings = f'vllm:cache_config_info{{enable_prefix_caching="{enabled}"}} 1\n'
    return vllm(
        10, queue_s=queue_s, more=settings, prefix_cache_queries_total=100,
        prefix_cache_hits_total=hits,
    )  # fmt: skip


def test_a_cache_that_is_off_is_found() -> None:
    (finding,) = verdict_on(RULE, page(0, enabled=False)).findings
    assert finding.stage == "compute" and "0.47 s of a request (24 %)" in finding.why
    assert (finding.saving.low_ns, finding.saving.high_ns) == (0, 475_000_000)


def test_half_of_all_is_at_least_half_of_what_could_be() -> None:
    assert verdict_on(RULE, page(50)).outcome is Outcome.CLEAR


def test_with_fewer_it_is_open() -> None:
    verdict = verdict_on(RULE, page(49))
    assert verdict.outcome is Outcome.UNKNOWN
    assert "49 % of the prompts' tokens" in verdict.reason and "could have" in verdict.reason
    assert "not told" in verdict_on(RULE, vllm(10)).reason


@pytest.mark.parametrize("enabled", [True, False])
def test_where_prefill_takes_next_to_nothing_it_does_not_matter(enabled: bool) -> None:
    assert verdict_on(RULE, page(0, enabled=enabled, queue_s=1.8)).outcome is Outcome.CLEAR


def test_without_the_time_of_prefill_nothing_is_promised() -> None:
    (lines,) = without("first_token", without("prefill_time", [page(0, enabled=False)]))
    verdict = verdict_on(RULE, lines)
    assert verdict.outcome is Outcome.UNKNOWN and "cache is off" in verdict.reason


def test_a_server_of_other_models_has_no_prompts() -> None:
    assert verdict_on(RULE, engine_pages.triton(10)).outcome is Outcome.CLEAR
