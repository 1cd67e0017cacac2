"""Ask one rule about a server that was watched by its metrics pages, one a second."""

from __future__ import annotations

from collections.abc import Iterable

from infprof.profiler.importers.metrics_page import recording_of
from infprof.rules.finding import Verdict
from tests.rules.judge import verdict_of

SECOND = 10**9


def verdict_on(rule: str, *pages: str) -> Verdict:
    """The verdict of one rule, through the whole engine."""
    window_ns = (len(pages) - 1) * SECOND if len(pages) > 1 else None
    return verdict_of(rule, recording_of("host", list(pages), window_ns))


def without(name: str, pages: Iterable[str]) -> list[str]:
    """The pages without the lines of some metrics."""
    return [
        "".join(line for line in page.splitlines(keepends=True) if name not in line)
        for page in pages
    ]
