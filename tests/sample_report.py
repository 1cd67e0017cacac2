"""Hand-built Reports for the renderers' tests: realistic ones (hostile.py has the others)."""

from __future__ import annotations

import math
from typing import Any

from infprof.profiler.serving.served import Served, Sizes, Times
from infprof.reports.advice_models import AdviceRow
from infprof.reports.cost_models import Cost
from infprof.reports.report import (
    BreakdownRow,
    Chart,
    Copy,
    Device,
    FindingRow,
    FlameNode,
    FlameStage,
    HotFunction,
    Latency,
    Leaf,
    Note,
    OutlookRow,
    PathPiece,
    PathRow,
    Quality,
    Report,
    StageRow,
    Subject,
    Tool,
    VerdictRow,
    VerdictSentence,
)
from tests.sample_findings import FINDINGS, finding

LEAVES = {
    "preprocess": [("decode jpeg", 7.91, 8.04), ("resize", 2.62, 2.7), ("normalize", 0.91, 0.95)],
    "h2d": [("copy", 1.73, 1.73), ("staging", 0.42, 1.81)],
    "compute": [("conv", 3.22, 3.22), ("gemm", 1.08, 1.08), ("pointwise", 0.61, 0.64)],
    "d2h": [("copy", 0.0213, 0.0213)],
    "postprocess": [("softmax and top 5", 0.38, 0.38)],
    "python": [("launch", 0.87, 3.1), ("dispatch", 0.54, 4.02), ("interpreter", 0.19, 0.77)],
    "profiler": [("tracing", 0.0812, 0.0812)],
    "unattributed": [("unattributed", 0.35, 0.35)],
}
"""stage -> (leaf, exposed ms, busy ms) of one request."""


def sample() -> Report:
    """An image classifier on an A100 that waits for its JPEG decoder."""
    return Report(
        tool=Tool(
            version="0.1.0",
            overhead={"tracing": 412.5, "host_sampling": 38.1},
            program_ms=31_000.0,
        ),
        subject=Subject(
            kind="run",
            name="serve_resnet.py",
            command=["python", "serve_resnet.py", "--batch", "8"],
            exit_code=0,
        ),
        machine=_machine(),
        settings={"windows": 3, "requests_per_window": 8, "sampling_interval_ms": 100.0},
        quality=Quality(
            level="limited",
            basis="occupancy",
            notes=[
                Note(
                    code="distorted",
                    text="Under the tracer the median request took 1.17x as long, so short host "
                    "work is overstated.",
                )
            ],
        ),
        latency=_latency(),
        breakdown=_breakdown(),
        paths=_paths(),
        device=_device(),
        verdict=VerdictSentence(
            stage="preprocess",
            share=0.546,
            limit="input-bound",
            sentence="Requests wait for preprocessing: 11.4 of 20.9 ms (55 %) go to decoding and "
            "resizing images on one CPU while the GPU is idle.",
        ),
        findings=_findings(),
        outlook=OUTLOOK,
        verdicts=[VerdictRow(rule=row[0], outcome="FOUND") for row in FINDINGS] + VERDICTS,
        advice=ADVICE,
        cost=Cost(
            price_per_hour=2.5,
            per_1000_requests=0.01293,
            energy_per_request_j=4.21,
            missing={"savings": "others decided how many requests came"},
        ),
        flame=_flame(),
        charts=charts(),
        serving=Served(
            engine="vLLM",
            models=["opt-125m"],
            window_ns=10_000_000_000,
            times={"request": Times(count=40, mean_ns=2_000_000_000, p50_ns=1_900_000_000)},
            sizes={"step_tokens": Sizes(count=900, mean=20.0, p50=8.0, p99=512.0)},
            counts={"requests": 40, "preemptions": 2},
            gauges={"running": [4.0, 6.0], "kv_use": [0.5, 0.7]},
            settings={"kv_cache_type": "auto"},
        ),
        missing={
            "stacks": "py-spy may not look into this process (ptrace is restricted)",
            "gpu.power": "the driver does not report power on this instance",
        },
    )


def healthy() -> Report:
    """A program with nothing to change, on a machine without a GPU."""
    report = sample()
    report.quality = Quality(level="good", basis="occupancy")
    report.verdict = VerdictSentence(
        stage="compute",
        share=0.8,
        limit="compute-bound",
        sentence="Most of a request is the model's own arithmetic, and it runs as it should.",
    )
    report.findings, report.outlook = [], []
    report.verdicts = [row for row in report.verdicts if row.outcome == "CLEAR"]
    report.breakdown.stages = [
        row for row in report.breakdown.stages if row.stage not in ("h2d", "d2h")
    ]
    report.breakdown.absent = ["h2d", "d2h"]
    report.device = Device(kernels=0, kernel_busy_ms=0, gpu_busy_ms=0)
    return report


def _findings() -> list[FindingRow]:
    found = [finding(*row) for row in FINDINGS]
    found[5].repeats = 3
    return found


def _machine() -> dict[str, Any]:
    gpu = {
        "name": "NVIDIA A100-SXM4-80GB",
        "memory_bytes": 85_899_345_920,
        "multiprocessors": 108,
        "pcie_generation_max": 4,
        "power_limit_w": 400.0,
        "uuid": None,
        "driver": "550.54.15",
    }
    cpu = {"name": "AMD EPYC 7543", "logical": 64, "usable": 8, "memory_bytes": 540_000_000_000}
    return {
        "gpus": [gpu],
        "cpu": cpu,
        "os": "Linux 6.1.0",
        "python": "3.12.4",
        "torch": "2.6.0+cu124",
        "cuda": "12.4",
        "hip": None,
    }


def _latency() -> Latency:
    heights = [2, 11, 47, 118, 141, 96, 51, 22, 9, 5, 4, 2, 1, 2, 0, 0, 1]
    return Latency(
        requests=512,
        requests_seen=541,
        mean_ms=18.42,
        p50_ms=17.93,
        p95_ms=21.6,
        p99_ms=25.38,
        throughput_per_s=53.7,
        cold_ms=2380.0,
        traced_p50_ms=20.94,
        distortion=1.168,
        histogram=[(15 + 0.8 * i, 15.8 + 0.8 * i, n) for i, n in enumerate(heights)],
    )


def _paths() -> list[PathRow]:
    return [_path("the median request", 20.1, 9.5), _path("the slowest request", 61.0, 50.3)]


def _path(name: str, wall: float, decoding: float) -> PathRow:
    leaves = {"preprocess.decode jpeg": decoding, "compute.conv": wall - decoding}
    cuts = ("preprocess", 0.0, decoding), ("compute", decoding, wall)
    return PathRow(
        name=name, wall_ms=wall, leaves=leaves,
        stages={leaf.partition(".")[0]: time for leaf, time in leaves.items()},
        pieces=[PathPiece(stage=stage, start_ms=start, end_ms=end) for stage, start, end in cuts],
    )  # fmt: skip


def _breakdown() -> BreakdownRow:
    requests = 24
    totals = {
        stage: sum(round(exposed * 1e6) for _, exposed, _ in leaves) * requests
        for stage, leaves in LEAVES.items()
    }
    wall_ns = sum(totals.values())
    stages = [
        StageRow(
            stage=stage,
            exposed_ms=totals[stage] / requests / 1e6,
            busy_ms=sum(busy for _, _, busy in leaves),
            share=totals[stage] / wall_ns,
            exposed_ns=totals[stage],
            leaves=[
                Leaf(
                    leaf=name if name == stage else f"{stage}.{name}",
                    exposed_ms=exposed,
                    busy_ms=busy,
                )
                for name, exposed, busy in leaves
            ],
        )
        for stage, leaves in LEAVES.items()
    ]
    return BreakdownRow(
        wall_ms=wall_ns / requests / 1e6, wall_ns=wall_ns, requests=requests, stages=stages
    )


def _flame() -> list[FlameStage]:
    """400 sampled stacks of two stages."""

    def node(name: str, samples: int, *children: FlameNode) -> FlameNode:
        user = "serve" in name
        return FlameNode(
            name=name, samples=samples, share=samples / 400, user=user, children=list(children)
        )

    decode = node("load (serve_resnet.py:31)", 160, node("open (PIL/Image.py:3465)", 148))
    resize = node("resize (serve_resnet.py:38)", 51)
    model = node("handle (serve_resnet.py:61)", 180, node("the model (nn.Module)", 178))
    return [
        FlameStage(
            stage="preprocess",
            samples=220,
            share=0.55,
            children=[node("handle (serve_resnet.py:58)", 220, decode, resize)],
            functions=[
                HotFunction(name="load (serve_resnet.py:31)", ms=8.36, share=0.4),
                HotFunction(name="resize (serve_resnet.py:38)", ms=2.66, share=0.128),
            ],
        ),
        FlameStage(
            stage="compute",
            samples=180,
            share=0.45,
            children=[model],
            functions=[HotFunction(name="handle (serve_resnet.py:61)", ms=9.4, share=0.45)],
        ),
    ]


def _device() -> Device:
    return Device(
        kernels=4_104,
        kernel_busy_ms=118.2,
        gpu_busy_ms=160.3,
        window_ms=498.4,
        span_ms=503.1,
        copies=[
            Copy(direction="h2d", memory="pageable", count=24, bytes=115_605_504, ms=41.5),
            Copy(direction="d2h", memory="pageable", count=24, bytes=768_000, ms=0.51),
        ],
        mfu=0.061,
    )


OUTLOOK = [
    OutlookRow(
        fixes=1, wall_ms=12.4, stage="h2d",
        sentence="With the first fix a request takes 12.4 ms at best, 59 % of what it takes now. "
        "What limits it then is time spent copying the input to the GPU.",
    ),
    OutlookRow(
        fixes=5, wall_ms=4.1, stage="compute",
        sentence="With all 5 fixes a request takes 4.10 ms at best, 20 % of what it takes now. "
        "What limits it then is time spent computing on the GPU.",
    ),
]  # fmt: skip

ADVICE = [
    AdviceRow(
        technique="TensorRT", outcome="CEILING", high_ms=6.51, share_high=0.312,
        reason="that is all the time spent waiting for kernels and their launches",
        sentence="TensorRT would save at most 6.51 ms (31 %) here, because that is all the time "
        "spent waiting for kernels and their launches.",
    ),
    AdviceRow(
        technique="more GPUs", outcome="CEILING", high_ms=0.0, share_high=0.0,
        reason="no time is spent waiting for a turn in a queue",
        sentence="More GPUs would save nothing here, because no time is spent waiting for a turn "
        "in a queue.",
    ),
    AdviceRow(
        technique="quantization", outcome="UNKNOWN", reason="no framework operators were recorded",
        sentence="What quantization could save is not known: no framework operators were recorded.",
    ),
    AdviceRow(
        technique="CUDA graphs", outcome="NO_PLACE", reason="no work ran on a GPU",
        sentence="There is no place for CUDA graphs: no work ran on a GPU.",
    ),
]  # fmt: skip

VERDICTS = [
    VerdictRow(rule="autocast", outcome="CLEAR", reason="would save at most 0.31 ms (1.5 %) here"),
    VerdictRow(rule="channels-last", outcome="CLEAR"),
    VerdictRow(rule="cpu-throttled", outcome="CLEAR"),
    VerdictRow(rule="allocator-thrash", outcome="CLEAR"),
    VerdictRow(rule="gpu-clocks", outcome="UNKNOWN", reason="the driver does not report power"),
    VerdictRow(rule="gil-contention", outcome="UNKNOWN", reason="no stacks were sampled"),
    VerdictRow(rule="padding-waste", outcome="FAILED", reason="KeyError: 'shapes'"),
]  # fmt: skip


def charts(points: int = 400) -> list[Chart]:
    """Curves of the host and of one GPU."""
    rows = [
        ("gpu.utilization", "%", "gpu", 0, 34.0, 9.0),
        ("gpu.memory_used", "bytes", "gpu", 0, 4.2e9, 1e8),
        ("gpu.sm_clock", "MHz", "gpu", 0, 1395.0, 15.0),
        ("host.cpu", "%", "host", None, 118.0, 9.0),
        ("host.busiest_thread", "%", "host", None, 96.0, 4.0),
        ("host.run_delay", "%", "host", None, 1.2, 1.0),
        ("host.rss", "bytes", "host", None, 3.1e9, 5e7),
        ("host.disk_read", "bytes/s", "host", None, 2.2e7, 2e7),
        ("host.network_sent", "bytes/s", "host", None, 4e5, 3e5),
        ("host.involuntary_switches", "1/s", "host", None, 41.0, 20.0),
    ]
    return [_chart(points, *row) for row in rows]


def _chart(
    points: int,
    name: str,
    unit: str,
    source: str,
    device: int | None,
    mean: float,
    swing: float,
) -> Chart:
    value = [
        max(0.0, mean + swing * math.sin(0.21 * i) * math.cos(0.043 * i * i)) for i in range(points)
    ]
    return Chart(
        name=name,
        unit=unit,
        source=source,
        device=device,
        time_s=[0.1 * i for i in range(points)],
        value=value,
        mean=sum(value) / points,
        highest=max(value),
    )
