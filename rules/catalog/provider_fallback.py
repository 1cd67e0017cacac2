"""ONNX Runtime leaves the GPU for some nodes of the model, and copies tensors over and back.

What it looks for:
In a profile that ONNX Runtime wrote (`SessionOptions.enable_profiling`): runs with nodes on a GPU's
execution provider and others on the `CPUExecutionProvider`, or `Memcpy` nodes, which it puts where
a tensor crosses from one to the other. A run that is on the CPU altogether is left alone.

Why it costs time:
A node that the GPU's provider does not have runs on the CPU: what it reads is copied to the host,
which waits for all of the GPU's work before it, and its result is copied back. Inputs given as
numpy arrays are copied anew for each run, and results too.

How to fix it:
See which nodes they are (`session.set_log_severity_level(0)` says why) and export the model so that
the provider has them: a newer opset, another form of the operator. Small nodes on shapes belong on
the CPU; they cost little. Bind inputs and outputs to memory of the GPU.

When to ignore it:
The nodes are few and early, such as a lookup by strings, and their tensors small. Most of the time
of a copy to the host is often the GPU's work that it waits for, and stays.

Catalogue: IP-SRV-006
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from infprof.profiler.events import Kind
from infprof.profiler.intervals import intersect, length
from infprof.profiler.timeline import Rows
from infprof.rules.evidence import Evidence, Need
from infprof.rules.finding import Finding, Fix, Saving, Unknown

NEEDS: tuple[Need, ...] = ("requests",)
USES_TRACER = True

NODE = re.compile(r"^(?P<op>\w+) \((?P<provider>\w+)ExecutionProvider\)$")
"""How nodes are named that come from ONNX Runtime's profile."""

GPU = ("CUDA", "Tensorrt", "NvTensorRTRTX", "ROCM", "MIGraphX", "Dml")
"""Providers whose tensors are in memory of their own."""

RUNS = re.compile(r"onnxruntime/capi/.*inference_collection\.py$")

FIX = Fix(
    text="Keep all nodes on the GPU's provider, and bind inputs and outputs to its memory.",
    code="""\
import onnxruntime

options = onnxruntime.SessionOptions()
options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")  # fail, and say so
session = onnxruntime.InferenceSession(path, options, providers=["CUDAExecutionProvider"])

binding = session.io_binding()
binding.bind_ortvalue_input("x", onnxruntime.OrtValue.ortvalue_from_numpy(x, "cuda", 0))
binding.bind_output("y", "cuda")  # stays there until somebody reads it
session.run_with_iobinding(binding)
""",
    risk="A model exported anew must give the same results. Bound memory belongs to you: keep it "
    "until the run is over, and do not share it between threads.",
    references=(
        "https://onnxruntime.ai/docs/performance/tune-performance/iobinding.html",
        "https://onnxruntime.ai/docs/execution-providers/CUDA-ExecutionProvider.html",
    ),
)


def check(evidence: Evidence) -> Iterator[Finding]:
    """Judge the nodes that are not on the GPU, and the copies around them."""
    nodes = evidence.rows(Kind.RANGE, _place, "gpu", "cpu", "copy")
    if not len(nodes):
        _must_not_run_onnx(evidence)
        return
    label = evidence.timeline.label(nodes, lambda name: _place(name) or "")
    gpu, cpu, copies = (nodes[label == one] for one in ("gpu", "cpu", "copy"))
    if not len(gpu) or not len(cpu) + len(copies):
        return
    cpu_ns, copy_ns = (_time_ns(evidence, rows) for rows in (cpu, copies))
    left = nodes[label != "gpu"]
    yield Finding(
        title="Keep the nodes of the model on the GPU's provider",
        why=f"In each run {_per_request(evidence, cpu)} of {_per_request(evidence, nodes)} nodes "
        f"are on the CPU's provider ({cpu_ns / 1e6:.2f} ms), and "
        f"{_per_request(evidence, copies)} copy tensors between it and the GPU's "
        f"({copy_ns / 1e6:.2f} ms, with what they wait for).",
        stage="compute",
        saving=Saving(0, _time_ns(evidence, left), "C"),
        fix=FIX,
        where=evidence.top(left),
    )


def _place(name: str) -> str | None:
    """Where a node runs, by its name; ``None`` for what is no node."""
    found = NODE.match(name)
    if found is None:
        return None
    if found["op"].startswith("Memcpy"):
        return "copy"
    return "gpu" if found["provider"] in GPU else "cpu" if found["provider"] == "CPU" else None


def _must_not_run_onnx(evidence: Evidence) -> None:
    """Raises ``Unknown`` where requests ran ONNX Runtime, but no profile of its own is here."""
    samples = evidence.timeline.samples
    calls = samples.stacks.calls
    for call in set(samples.stacks.call[samples.of_requests].tolist()):
        if any(RUNS.search(calls.place(one).file) for one in calls.path(call)):
            raise Unknown(
                "samples do not show where ONNX Runtime ran its nodes: set enable_profiling of its "
                "SessionOptions, and give the file that it writes to infprof report"
            )


def _time_ns(evidence: Evidence, rows: Rows) -> int:
    return evidence.per_request(length(intersect(evidence.timeline.busy(rows), evidence.covered)))


def _per_request(evidence: Evidence, rows: Rows) -> str:
    return f"{len(rows) / evidence.requests:,.0f}"
