"""perf_analyzer's ``--profile-export-file``: when each request was sent and each part of its answer
came, in nanoseconds. GenAI-Perf computes its statistics from it.
"""

from __future__ import annotations

from typing import Any

from infprof.profiler.loads.document import Document
from infprof.profiler.loads.load import Level, Load, together
from infprof.profiler.loads.values import NS, at, count, known, number, of_each, per_s

SIGNS = ((b'"experiments"', b'"response_timestamps"'),)
END = "data: [DONE]"
"""The last line of a stream, which holds no token."""


def read(document: Document) -> Load:
    """One level for each experiment."""
    experiments = at(document.values[0], "experiments") or []
    return together("perf_analyzer", [_level(one) for one in experiments])


def _level(experiment: Any) -> Level:
    sent = [one for one in at(experiment, "requests") or [] if at(one, "response_timestamps")]
    answers = [(number(at(one, "timestamp")) or 0, _answers(one)) for one in sent]
    ends = [times[-1] for _, times in answers]
    window_ns = round(max(ends) - min(start for start, _ in answers)) if answers else None
    mode, value = at(experiment, "experiment", "mode"), at(experiment, "experiment", "value")
    is_closed = mode == "concurrency"
    firsts = [times[0] - start for start, times in answers if len(times) > 1]
    return Level(
        label=f"{str(mode).replace('_', ' ')} {value}",
        requests=len(sent),
        window_ns=window_ns,
        achieved_per_s=per_s(len(sent), window_ns),
        concurrency=count(value) if is_closed else None,
        offered_per_s=number(value) if mode == "request_rate" else None,
        arrivals="closed" if is_closed else "open" if mode == "request_rate" else None,
        times=known({
            "request": of_each([times[-1] - start for start, times in answers], NS),
            "first_token": of_each(firsts, NS),
        }),
    )  # fmt: skip


def _answers(request: Any) -> list[float]:
    """When parts of the answer came, without the mark of its end."""
    came = [number(time) or 0 for time in at(request, "response_timestamps")]
    said = at(request, "response_outputs") or []
    is_mark = bool(said) and str(at(said[-1], "response")).strip() == END
    return came[:-1] if is_mark and len(came) > 1 else came
