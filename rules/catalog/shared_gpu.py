"""Several processes run kernels on the GPU in turns, so that each request waits for others' work.

What it looks for:
While requests run, the driver (NVML) sees kernels of processes that are not the program's, or of
more than one of its own. Processes that only have memory there are no harm. In a MIG instance its
own processes count alone.

Why it costs time:
Without MPS the GPU works for one process at a time: it gives each a slice of time, also where both
would fit beside each other. With n that are busy a kernel takes up to n times as long. Processes of
one service also load the weights n times, and each makes smaller batches than one of them would.

How to fix it:
Let one process own the GPU, and give it the requests of all, so that they share batches. Processes
that only prepare inputs need no CUDA. Where several must be, MPS lets their kernels run side by
side, and MIG gives each a part of the GPU.

When to ignore it:
MPS runs already and NVML names its clients as others do; or two instances of a model overlap copies
with kernels, and were found faster than one. A neighbour that was there during the recording alone
says nothing about production.

Catalogue: IP-SRV-005
"""

from __future__ import annotations

from collections.abc import Iterator

from infprof.rules.evidence import Evidence, Need
from infprof.rules.finding import Finding, Fix, Saving, Unknown
from infprof.rules.host_load import mean_load

NEEDS: tuple[Need, ...] = ()
USES_TRACER = False

USUALLY = 0.5
"""A process that was there in less than half of the samples came or went by chance."""

FIX = Fix(
    text="Let one process own the GPU and batch for all; else share it by MPS or MIG.",
    code="""\
# one process with the model, others for requests and inputs, without CUDA
gunicorn app:server --workers 1 --threads 8
# or a model server before which they stand: Triton, Ray Serve, BentoML

# several processes whose kernels run side by side
nvidia-cuda-mps-control -d

# a part of the GPU for each
nvidia-smi mig -cgi 3g.40gb,3g.40gb -C
""",
    risk="Under MPS an error of one process ends the others. One process has one GIL: what "
    "prepares inputs may then be the limit.",
    references=(
        "https://docs.nvidia.com/deploy/mps/index.html",
        "https://docs.nvidia.com/datacenter/tesla/mig-user-guide/",
    ),
)


def check(evidence: Evidence) -> Iterator[Finding]:
    """Judge who else works on the GPU while requests run."""
    if evidence.device_use == "unused":
        return
    if (reason := evidence.lacks("gpu_samples")) is not None:
        raise Unknown(reason)
    others = mean_load(evidence, "gpu.other_processes")
    if others is None:
        raise Unknown("NVML did not tell which processes on the GPU are the program's")
    yield from _own_processes(evidence)
    if others >= USUALLY:
        yield from _neighbours(evidence, others)


def _own_processes(evidence: Evidence) -> Iterator[Finding]:
    working = mean_load(evidence, "gpu.working_processes") or 1.0
    if working >= 1 + USUALLY:
        yield _finding(
            evidence,
            "Let one process own the GPU",
            f"{working:.1f} processes of the program run kernels on one GPU at a time on average, "
            "each with a copy of the weights and with batches of its own.",
            1 - 1 / working,
        )


def _neighbours(evidence: Evidence, others: float) -> Iterator[Finding]:
    ours, theirs = (
        mean_load(evidence, f"gpu.{one}_utilization") for one in ("process", "other")
    )  # fmt: skip
    if ours is None or theirs is None:
        raise Unknown(
            f"{_processes(others)} a context on the GPU, but how much each process uses it NVML "
            "did not tell"
        )
    if theirs:
        yield _finding(
            evidence,
            "Give the service a GPU of its own",
            f"{_processes(others)} a context on the GPU, and kernels of others run for "
            f"{theirs:.0f} % of the time while requests are served; those of the program for "
            f"{ours:.0f} %.",
            theirs / (ours + theirs),
        )


def _finding(evidence: Evidence, title: str, why: str, taken: float) -> Finding:
    """``taken`` is the part of the GPU's time that others have at most while a request waits."""
    saving = Saving(0, round(taken * evidence.exposed_ns("compute")), "C")
    return Finding(title, why, "compute", saving, FIX)


def _processes(count: float) -> str:
    return "One other process has" if count < 1 + USUALLY else f"{count:.0f} other processes have"
