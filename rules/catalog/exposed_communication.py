"""The GPU waits for other GPUs: collectives take time in which it computes nothing.

What it looks for:
Kernels of NCCL or RCCL, and all-reduces of serving engines, that take a fifth of the wall or more
while no other kernel runs.

Why it costs time:
Tensor parallelism exchanges activations twice per layer. Over PCIe each exchange has 10 to 30 us of
latency, however small it is; a step of a few milliseconds has hundreds. The kernel also spins until
the slowest GPU has come, so that uneven work shows up here too.

How to fix it:
Split the model over as few GPUs as hold it, all within one NVLink island, and use the others for
replicas, which serve requests of their own. Between hosts, split by layers (pipeline), not within
them. If one GPU always comes last, look at that one.

When to ignore it:
The model does not fit on fewer GPUs, or one request's latency is all that counts and throughput is
not.

Catalogue: IP-LLM-007
"""

from __future__ import annotations

from collections.abc import Iterator

from infprof.profiler import names
from infprof.profiler.events import Kind
from infprof.rules.evidence import Evidence, Need
from infprof.rules.finding import Finding, Fix, Saving
from infprof.rules.launch_gaps import faster_kernels_help

NEEDS: tuple[Need, ...] = ("device",)

MIN_SHARE = 0.20
"""Of the wall: two all-reduces per layer within an NVLink island stay below it (CATALOGUE 1.8)."""

FIX = Fix(
    text="Use the smallest tensor parallelism that holds the model, and replicas for throughput.",
    code="""\
# vLLM, four GPUs: one model over two of them, twice, instead of once over four
vllm serve MODEL --tensor-parallel-size 2 --data-parallel-size 2

# which GPUs have NVLink between them
nvidia-smi topo -m
""",
    risk="Fewer GPUs per replica leave less memory for the KV cache and may make one request "
    "slower: measure both at the load that you serve.",
    references=(
        "https://docs.vllm.ai/en/latest/serving/parallelism_scaling/",
        "https://docs.nvidia.com/deeplearning/nccl/user-guide/docs/env.html",
    ),
)


def check(evidence: Evidence) -> Iterator[Finding]:
    """Judge the collectives by the time that nothing hides."""
    rows = evidence.rows(Kind.KERNEL, names.kernel_family, "comm")
    if not len(rows) or not faster_kernels_help(evidence):
        return
    time_ns = evidence.exposed_part_ns(rows, "compute.comm")
    if evidence.share(time_ns) < MIN_SHARE:
        return
    change = evidence.shorter((rows, 1.0))
    yield Finding(
        title="Split the model over fewer GPUs, and use the others for replicas",
        why=f"{len(rows) / evidence.requests:,.0f} collectives per request take "
        f"{time_ns / 1e6:.2f} ms of it while the GPU computes nothing "
        f"({100 * evidence.share(time_ns):.0f} % of the wall).",
        stage="compute",
        saving=Saving(0, evidence.saved_ns(time_ns, change), "C", evidence.basis),
        fix=FIX,
        where=evidence.top(rows),
        change=change,
    )
