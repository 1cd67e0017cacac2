"""GenAI-Perf and its successor AIPerf: ``profile_export_genai_perf`` as CSV and as JSON.

Every metric of the JSON has its unit. The inter-token latency of both tools is a mean within each
request, (request - first token) / (tokens - 1): it is TPOT.
"""

from __future__ import annotations

from glob import escape
from pathlib import Path
from typing import Any

from infprof.profiler.loads.asked import Asked, Command
from infprof.profiler.loads.document import Document
from infprof.profiler.loads.load import Load, PhaseTimes
from infprof.profiler.loads.values import (
    MS,
    NS,
    US,
    S,
    at,
    count,
    known,
    number,
    times,
    total,
    window,
)

SIGNS = (
    (b'"request_latency"', b'"request_throughput"', b'"unit"'),
    (b"Metric,avg,min,max,",),
)
UNITS = {"ns": NS, "us": US, "ms": MS, "sec": S, "s": S}
PHASES = {
    "time_to_first_token": "first_token",
    "inter_token_latency": "per_token",
    "request_latency": "request",
}
SETTINGS = ((), ("loadgen",), ("perf_analyzer", "stimulus"))
"""Where releases put ``concurrency`` and ``request_rate`` within ``input_config``."""


def read(document: Document) -> Load:
    """Either file."""
    metrics = document.values[0] if document.values else _metrics(document)
    requests = count(at(metrics, "request_count", "avg"))
    bad = count(at(metrics, "error_request_count", "avg"))
    rate = number(at(metrics, "request_throughput", "avg"))
    is_aiperf = at(metrics, "aiperf_version") is not None
    return Load(
        tool="AIPerf" if is_aiperf else "GenAI-Perf",
        requests=requests if bad is None or requests is None else requests + bad,
        failed=bad,
        window_ns=window(requests, rate),
        achieved_per_s=rate,
        times=known({ours: _times(at(metrics, name), requests) for name, ours in PHASES.items()}),
        input_tokens=total(at(metrics, "input_sequence_length", "avg"), requests),
        output_tokens=total(at(metrics, "output_sequence_length", "avg"), requests),
        **_asked(at(metrics, "input_config")),
    )


def _asked(config: Any) -> dict[str, Any]:
    """How much the tool was told to send."""
    places = [at(config, *path) for path in SETTINGS]
    users = [many for one in places if (many := count(at(one, "concurrency")))]
    rates = [rate for one in places if (rate := number(at(one, "request_rate")))]
    return {
        "concurrency": users[0] if users else None,
        "offered_per_s": rates[0] if rates else None,
        "arrivals": "open" if rates else "closed" if users else None,
    }


def _times(metric: Any, requests: int | None) -> PhaseTimes | None:
    unit_ns = UNITS.get(str(at(metric, "unit")).strip().lower())
    if unit_ns is None:
        return None
    return times(
        unit_ns, requests, mean=at(metric, "avg"), p50=at(metric, "p50"), p90=at(metric, "p90"),
        p95=at(metric, "p95"), p99=at(metric, "p99"), max=at(metric, "max"),
    )  # fmt: skip


def _metrics(document: Document) -> dict[str, dict[str, str]]:
    """The CSV as the JSON has it: statistics of each metric, then a table of single values."""
    rows = [*document.records("avg"), *document.records("Value")]
    found = {}
    for row in rows:
        name, _, unit = row["Metric"].partition(" (")
        found[name.lower().replace(" ", "_")] = {
            "avg": row.get("Value", ""), **row, "unit": unit.rstrip(")")
        }  # fmt: skip
    return found


def asked(command: Command, folder: Path) -> Asked | None:
    """``genai-perf profile`` and ``aiperf profile``, which make a folder for each run."""
    perf = command.named("genai-perf", "aiperf")
    if perf is None or "profile" not in perf.words[perf.at :]:
        return None
    given = perf.value("--artifact-dir", "--output-artifact-dir")
    options = [] if given else ["--artifact-dir", str(folder)]
    below = f"{escape(given or str(folder))}/**/"
    places = (f"{below}*_genai_perf.json", f"{below}*_aiperf.json")
    return Asked([*perf.words, *options], places)
