"""Switches that help to find bugs are on while requests are served.

What it looks for:
Anomaly detection, deterministic algorithms, Python's development mode, ``TORCH_LOGS``,
``TORCH_COMPILE_DISABLE``, and on a GPU ``CUDA_LAUNCH_BLOCKING`` and
``PYTORCH_NO_CUDA_MEMORY_CACHING``. Only that a switch is on is recorded, no variable's value. Time
is claimed where it can be seen: stacks that anomaly detection writes down, and the filling of new
memory under deterministic algorithms.

Why it costs time:
Anomaly detection formats the whole Python stack for each op that autograd records: a forward of 60
small ops took 8.3 ms in place of 0.5 ms (torch 2.13, one CPU thread), and as long as before under
``inference_mode``. Deterministic algorithms may be slower ones, and fill each new tensor with NaN
first. Blocking launches let the CPU wait for every kernel; without its cache torch asks the driver
for each tensor's memory.

How to fix it:
Unset them for the service, and set them for the run that needs them. Where answers must repeat to
the last bit, keep deterministic algorithms and turn off the filling alone.

When to ignore it:
A test of reproducibility, or a search for a bug. Without torch.compile in the program
``TORCH_COMPILE_DISABLE`` changes nothing, and ``TORCH_LOGS`` mostly speaks while it compiles.

Catalogue: IP-ENV-004
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from infprof.profiler.events import Kind
from infprof.profiler.nesting import innermost_at
from infprof.profiler.stacks import Place
from infprof.profiler.timeline import Rows
from infprof.rules.call_masks import under
from infprof.rules.evidence import Evidence, Need
from infprof.rules.finding import Finding, Fix, Saving, Unknown, Where
from infprof.rules.host_code import places, sampled_ns
from infprof.rules.op_kernels import cost_of
from infprof.rules.sampled_time import at_least_ns

NEEDS: tuple[Need, ...] = ()
ALWAYS_REPORT = True
"""What most of them cost cannot be seen in a trace: only a run without them shows it."""

ENOUGH_STACKS = 10
"""Samples within the writing down of stacks: of fewer nothing is claimed, for chance may have made
the half of them."""

STACKS = "torch/fx/traceback.py"
"""Where torch writes down the Python stack of an op for anomaly detection."""


ALLOCATING = ("aten::empty", "aten::resize_", "aten::new_empty")
"""Ops that hand out memory as it is; a fill within is the deterministic algorithms'."""

NOTHING_SEEN = Saving(0, 0, "C", "none")

DOCS = "https://docs.pytorch.org/docs/stable/"


class Switch(NamedTuple):
    """What a switch is called, what it does, and what to do instead."""

    name: str
    effect: str
    code: str
    reference: str
    gpu_only: bool = False


UNSET = "env -u {0} python serve.py   # or take it out of the image, the unit file or the pod"

SWITCHES = {
    "anomaly_detection": Switch(
        "anomaly detection",
        "It writes down the Python stack of each op that autograd records, which costs most without"
        " inference_mode",
        "torch.autograd.set_detect_anomaly(False)",
        f"{DOCS}autograd.html#anomaly-detection",
    ),
    "deterministic": Switch(
        "the demand for deterministic algorithms",
        "Some ops then run a slower algorithm, and by default each new tensor is filled",
        "torch.use_deterministic_algorithms(False)\n"
        "# or, where answers must repeat to the last bit, only without the filling:\n"
        "# torch.utils.deterministic.fill_uninitialized_memory = False",
        f"{DOCS}generated/torch.use_deterministic_algorithms.html",
    ),
    "python_dev_mode": Switch(
        "Python's development mode",
        "It checks each piece of memory that Python allocates, and asyncio's every step",
        "python serve.py   # without -X dev and PYTHONDEVMODE",
        "https://docs.python.org/3/library/devmode.html",
    ),
    "torch_logs": Switch(
        "TORCH_LOGS",
        "torch writes log lines, most of them while it compiles",
        UNSET.format("TORCH_LOGS"),
        f"{DOCS}logging.html",
    ),
    "compile_disabled": Switch(
        "TORCH_COMPILE_DISABLE",
        "Whatever the program gives to torch.compile runs op by op",
        UNSET.format("TORCH_COMPILE_DISABLE"),
        f"{DOCS}generated/torch.compile.html",
    ),
    "cuda_launch_blocking": Switch(
        "CUDA_LAUNCH_BLOCKING",
        "The CPU waits for each kernel before it issues the next",
        UNSET.format("CUDA_LAUNCH_BLOCKING"),
        f"{DOCS}notes/cuda.html#asynchronous-execution",
        gpu_only=True,
    ),
    "no_cuda_cache": Switch(
        "PYTORCH_NO_CUDA_MEMORY_CACHING",
        "Each tensor's memory comes from the driver and goes back to it, which waits for the GPU",
        UNSET.format("PYTORCH_NO_CUDA_MEMORY_CACHING"),
        f"{DOCS}notes/cuda.html#cuda-memory-management",
        gpu_only=True,
    ),
}


def check(evidence: Evidence) -> Iterator[Finding]:
    """Name each switch that is on, with its time where that is seen."""
    asked = [
        name
        for name, switch in SWITCHES.items()
        if not (switch.gpu_only and evidence.device_use == "unused")
    ]
    on = [name for name in asked if evidence.header.flags.get(name) is True]
    unknown = [name for name in asked if evidence.header.flags.get(name) is None]
    if unknown and not on:
        raise Unknown(f"whether {SWITCHES[unknown[0]].name} was on was not recorded")
    for name in on:
        if name == "anomaly_detection":
            yield _anomaly(evidence)
        elif name == "deterministic":
            yield _deterministic(evidence)
        else:
            yield _found(SWITCHES[name])


def _found(
    switch: Switch,
    seen: str = "what it costs, a run without it shows",
    saving: Saving = NOTHING_SEEN,
    where: tuple[Where, ...] = (),
    stage: str = "python",
) -> Finding:
    return Finding(
        title=f"Turn {switch.name} off where requests are served",
        why=f"It was on while requests came. {switch.effect}: {seen}.",
        stage=stage,
        saving=saving,
        fix=Fix(
            text="Keep the switch for the run that looks for the bug.",
            code=switch.code,
            risk="None for the answers, unless somebody relies on what the switch checks.",
            references=(switch.reference,),
        ),
        where=where,
    )


def _anomaly(evidence: Evidence) -> Finding:
    """With the time of the samples that were writing stacks down."""
    switch, samples = SWITCHES["anomaly_detection"], evidence.timeline.samples
    mask = samples.of_requests & under(evidence, _writes_stacks)
    count = int(mask.sum())
    if count < ENOUGH_STACKS:
        return _found(switch)
    spent = sampled_ns(evidence, mask)
    stage, _ = Counter(samples.stage[mask].tolist()).most_common(1)[0]
    return _found(
        switch,
        f"that is {100 * evidence.share(spent):.0f} % of the time of a request",
        Saving(at_least_ns(spent, count), spent, "B"),
        places(evidence, mask),
        stage,
    )


def _writes_stacks(place: Place) -> bool:
    return place.file.endswith(STACKS) and place.function == "format_stack"


def _deterministic(evidence: Evidence) -> Finding:
    """With the time of the fills in ops that allocate."""
    switch, fills = SWITCHES["deterministic"], _fills_of_new_memory(evidence)
    if not len(fills) or evidence.device_use == "unknown":
        return _found(switch)
    spent, change = cost_of(evidence, fills)
    found = _found(
        switch,
        f"the filling is {spent / 1e6:.2f} ms of each request ({100 * evidence.share(spent):.0f} %)"
        "; what else it costs, a run without it shows",
        Saving(0, spent, "A"),
        evidence.top(fills),
        "compute",
    )
    return replace(found, change=change)


def _fills_of_new_memory(evidence: Evidence) -> Rows:
    events = evidence.timeline.events
    fills = evidence.named(Kind.OP, "aten::fill_")
    allocating = evidence.rows(Kind.OP, _allocates, "yes")
    around = innermost_at(events, allocating, events.lane[fills], events.start_ns[fills])
    chosen: Rows = fills[around >= 0]
    return chosen


def _allocates(name: str) -> str | None:
    return "yes" if name.startswith(ALLOCATING) else None
