"""torch.compile is still at work while requests are served.

What it looks for:
Compilations (the ``dynamo_timed`` marks of torch.compile, frames of its compiler) in two requests
or more, of which one is in the second half of those analysed. Only time in which nothing else ran
counts.

Why it costs time:
A compilation takes 1 to 100 s with the default backend, and the request that meets it waits for it.
Code is compiled for what was seen: a new shape, dtype, flag or Python value fails a guard, and the
function is compiled once more. After 8 variants (``recompile_limit``) it silently runs eagerly.

How to fix it:
Let `TORCH_LOGS=recompiles` name the guard that failed. Compile with `dynamic=True` or call
`torch._dynamo.mark_dynamic` for sizes that vary; or pad inputs to a few sizes and run each of them
once before serving. Pass numbers that change as tensors. In service,
`torch.compiler.set_stance("fail_on_recompile")` turns a surprise into an error.

When to ignore it:
The recording is of a start-up in which each size is met for the first time: then look at
warmup-in-window.

Catalogue: IP-LCH-003
"""

from __future__ import annotations

from collections.abc import Iterator

from infprof.profiler.intervals import Intervals, length
from infprof.profiler.replay import Change
from infprof.profiler.timeline import Rows
from infprof.rules.engine import GATE_SHARE
from infprof.rules.evidence import Evidence, Need
from infprof.rules.finding import Finding, Fix, Saving, Step, Unknown, Where
from infprof.rules.host_code import during, places
from infprof.rules.host_time import less_error
from infprof.rules.model_call_sites import model_call_sites
from infprof.rules.one_time_work import (
    compile_rows,
    compiling,
    compiling_requests,
    keeps_compiling,
)

NEEDS: tuple[Need, ...] = ("ops",)
STEP: Step = "model"

FIX = Fix(
    text="Find the guard that fails, and compile code that holds for every size served.",
    code="""\
# TORCH_LOGS=recompiles python serve.py      names the guards that failed
model = torch.compile(model.eval(), dynamic=True)
with torch.inference_mode():
    for example in (shortest_input, longest_input):
        model(example)                       # compiles: before the server says ready
torch.compiler.set_stance("fail_on_recompile")   # or "eager_on_recompile"
""",
    risk="Code for dynamic sizes may be some per cent slower than code for one size. Padding needs "
    "masks, so that outputs stay the same. Prepare with inputs made as the served ones are: guards "
    "tell a tensor made inside of inference_mode from one made outside.",
    references=(
        "https://docs.pytorch.org/docs/stable/generated/torch.compiler.set_stance.html",
        "https://docs.pytorch.org/docs/stable/user_guide/torch_compiler/"
        "compile/programming_model.recompilation.html",
    ),
)


def check(evidence: Evidence) -> Iterator[Finding]:
    """Judge compilations by how many requests meet one."""
    rows, spans = compile_rows(evidence), compiling(evidence)
    time_ns = evidence.per_request(length(spans))
    if not len(evidence.recording.requests) and evidence.share(time_ns) >= GATE_SHARE:
        raise Unknown("without marked requests a first compilation looks like one in each request")
    if not keeps_compiling(evidence):
        return
    paying = len(compiling_requests(evidence))
    yield Finding(
        title="Stop compiling while serving: compile for sizes that vary, before the first request",
        why=f"{paying} of {evidence.requests} requests compile the model anew, which takes "
        f"{time_ns / 1e6:.2f} ms of each on average ({100 * evidence.share(time_ns):.0f} % of the "
        "wall).",
        stage="python",
        saving=Saving(less_error(time_ns), time_ns, "A"),
        fix=FIX,
        where=_where(evidence, rows, spans),
        change=Change(host_removed=spans),
    )


def _where(evidence: Evidence, rows: Rows, spans: Intervals) -> tuple[Where, ...]:
    """The lines that samples caught compiling; where none were taken meanwhile, as in traced
    requests, the one that calls the model."""
    caught = places(evidence, during(evidence, spans), most=2)
    return (*(caught or model_call_sites(evidence, most=1)), *evidence.top(rows, most=3))
