"""SGLang: ``sglang.bench_serving --output-file``, a line of JSON for each run."""

from __future__ import annotations

from glob import escape
from pathlib import Path

from infprof.profiler.loads.asked import Asked, Command
from infprof.profiler.loads.document import Document
from infprof.profiler.loads.engine_bench import levels
from infprof.profiler.loads.load import Load, together

SIGNS = ((b'"dataset_name"', b'"request_rate"', b'"sharegpt_output_len"'),)
PHASES = {
    "e2e_latency": "request", "ttft": "first_token", "itl": "between_tokens", "tpot": "per_token"
}  # fmt: skip


def read(document: Document) -> Load:
    """One run or several."""
    return together("SGLang bench", levels(document.values, PHASES))


def asked(command: Command, folder: Path) -> Asked | None:
    """``python -m sglang.bench_serving``, which appends to the file it is given."""
    bench = command.named("sglang.bench_serving")
    if bench is None:
        return None
    given, ours = bench.value("--output-file"), str(folder / "result.jsonl")
    options = [] if given else ["--output-file", ours]
    return Asked([*bench.words, *options], (escape(given or ours),))
