"""vLLM: ``vllm bench serve --save-result``, and the list of runs that ``vllm bench sweep`` writes.

A document that holds one as ``raw`` is read too.
"""

from __future__ import annotations

from typing import Any

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
