"""vLLM: ``vllm bench serve --save-result``, and the list of runs that ``vllm bench sweep`` writes.

A document that holds one as ``raw`` is read too.
"""

from __future__ import annotations

from glob import escape
from pathlib import Path
from typing import Any

from infprof.profiler.loads.asked import Asked, Command
from infprof.profiler.loads.document import Document
from infprof.profiler.loads.engine_bench import levels
from infprof.profiler.loads.load import Load, together
from infprof.profiler.loads.values import at

SIGNS = ((b'"tokenizer_id"', b'"num_prompts"', b'"request_throughput"'),)
PHASES = {
    "e2el": "request", "ttft": "first_token", "itl": "between_tokens", "tpot": "per_token"
}  # fmt: skip


def read(document: Document) -> Load:
    """One run or several."""
    return together(
        "vLLM bench", levels([run for one in document.values for run in _runs(one)], PHASES)
    )


def _runs(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    return [value if at(value, "raw") is None else at(value, "raw")]


def asked(command: Command, folder: Path) -> Asked | None:
    """``vllm bench serve``, and the script that came before it."""
    bench = command.named("vllm", "benchmark_serving")
    is_ours = bench is not None and (
        bench.words[bench.at + 1 : bench.at + 3] == ["bench", "serve"]
        or bench.words[bench.at].endswith(".py")
    )
    if bench is None or not is_ours:
        return None
    options = [] if bench.has("--save-result", "--append-result") else ["--save-result"]
    name, where = bench.value("--result-filename"), bench.value("--result-dir")
    if options and not (name or where):
        options += ["--result-dir", str(folder), "--result-filename", "result.json"]
        name, where = "result.json", str(folder)
    place = Path(escape(where or ".")) / (escape(name) if name else "*.json")
    return Asked([*bench.words, *options], (str(place),))
