"""A saved metrics page (``curl http://host/metrics > page.txt``): what a server did so far."""

from __future__ import annotations

from pathlib import Path

from infprof.profiler.kineto import trace_file
from infprof.profiler.recording import BadInput, Header, Note, Recording, Subject

STARTS = (b"# HELP ", b"# TYPE ")


def recognises(head: bytes) -> bool:
    """Whether a file that begins so is in Prometheus' text format."""
    return head.lstrip().startswith(STARTS)


def read(path: Path) -> Recording:
    """What the page says of its server. Raises ``BadInput``."""
    found = trace_file.contents(path)
    return recording_of(path.name, [found.data.decode("utf-8", "replace")])


def recording_of(name: str, texts: list[str], window_ns: int | None = None) -> Recording:
    """What one server's pages say, in order of time. Raises ``BadInput``."""
    from infprof.profiler.serving.facts import served  # what parses pages is seldom needed
    from infprof.profiler.serving.page import read_page

    pages = [read_page(text) for text in texts]
    found = served(pages, window_ns)
    if found is None:
        raise BadInput(f"{name}: no metrics of a serving engine that is known here")
    reason = "a metrics page tells totals, no single request"
    missing = dict.fromkeys(("requests", "kernels", "ops", "stacks"), reason)
    over = "between two pages" if window_ns is not None else "since the server began"
    if "request" not in found.times:
        missing["requests"] = f"the page tells of no request that ended {over}"
    note = Note(
        code="engine-metrics",
        text=f"A request's time and its parts are what {found.engine} tells of itself: means of "
        f"the requests that ended {over}.",
    )
    return Recording(
        Header(
            subject=Subject(kind="attach", name=name), served=found, missing=missing, notes=[note]
        )
    )
