"""The findings of the sample Report."""

from __future__ import annotations

from typing import Any

from infprof.reports.cost_models import CostSaving
from infprof.reports.report import FindingRow, FixRow, SavingRow, WhereRow

FINDINGS: list[tuple[Any, ...]] = [
    ("serial-preprocessing", "Decode images in worker processes", "preprocess", "high",
     (9.1, 11.2, "A", "replay"), "preprocess.decode jpeg"),
    ("pageable-copies", "Pin the memory that inputs are copied from", "h2d", "medium",
     (1.21, 2.15, "B", "bound"), "Memcpy HtoD (Pageable -> Device)"),
    ("small-batches", "Serve larger batches", "compute", "medium",
     (0.0, 3.4, "C", "bound"), "volta_sgemm_128x64_tn"),
    ("launch-bound", "Capture the model in a CUDA graph", "python", "low",
     (0.61, 1.32, "B", "replay"), "cudaLaunchKernel"),
    ("eager-attention", "Use scaled_dot_product_attention", "compute", "low",
     (0.7, 1.1, "B", "bound"), "void softmax_warp_forward<float, float, float, 8, false, false>"),
    ("sync-in-loop", "Read the result once, at the end", "python", "low",
     (1.06, 1.06, "A", "measured"), "aten::item"),
    ("training-mode", "Switch the model to eval()", "compute", "info",
     (0.0, 0.0, "C", "none"), "aten::dropout"),
]  # fmt: skip
"""rule, title, stage, severity, (low ms, high ms, confidence, basis), where."""

CODE = """loader = torch.utils.data.DataLoader(
    images,
    batch_size=8,
    num_workers=6,       # one fewer than the CPUs this process may use
    pin_memory=True,
    persistent_workers=True,
)"""


def finding(
    rule: str,
    title: str,
    stage: str,
    severity: Any,
    saving: tuple[float, float, Any, Any],
    where: str,
) -> FindingRow:
    """One row of ``FINDINGS`` as the Report has it."""
    low, high, confidence, basis = saving
    wall = 20.9
    return FindingRow(
        rule=rule,
        title=title,
        why="One thread spends 11.4 ms of every request on decoding and resizing, while 7 of the 8 "
        "CPUs it may use are idle and the GPU waits.",
        stage=stage,
        severity=severity,
        saving=SavingRow(
            basis=basis,
            low_ms=low,
            high_ms=high,
            share_low=low / wall,
            share_high=high / wall,
            speedup_low=wall / (wall - low),
            speedup_high=wall / (wall - high),
            confidence=confidence,
        ),
        cost=CostSaving(low_per_1000=0.01293 * low / wall, high_per_1000=0.01293 * high / wall),
        where=[WhereRow(name=where, count=8, ms=7.91, detail="thread MainThread")],
        fix=FixRow(
            text="Let worker processes decode ahead of the model, so that the next batch is ready "
            "when the GPU is.",
            code=CODE,
            risk="Each worker holds its own copy of the data set object; watch host memory.",
            references=["https://docs.pytorch.org/docs/stable/data.html"],
        ),
    )
