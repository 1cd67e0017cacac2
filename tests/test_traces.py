"""Traces of real GPUs that others recorded, through the whole of ``infprof report``."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from infprof.cli import main

TRACES = Path(__file__).parents[2] / "shared" / "data" / "traces"
FACTS: dict[str, Any] = (
    json.loads((TRACES / "manifest.json").read_text()) if TRACES.is_dir() else {}
)

pytestmark = pytest.mark.skipif(not FACTS, reason="the recordings of others are not beside us")

EXPECTED = {
    # file: (limit of the verdict, rule that comes first)
    "a100_particle_transformer_batch2.json.gz": ("launch-bound", "launch-bound-forward"),
    "a100_particle_transformer_batch8.json.gz": ("launch-bound", "launch-bound-forward"),
    "a100_particle_transformer_batch32.json.gz": ("launch-bound", "launch-bound-forward"),
    # 200 casts of float32 to float16 in one forward, 100 of them of weights
    "a100_particle_transformer_batch128.json.gz": ("balanced", "autocast-churn"),
    "a100_particle_transformer_batch128_jit_warmup.json.gz": ("warm-up", "warmup-in-window"),
    "a100_particle_transformer_batch8_jit_warmup.json.gz": ("warm-up", "warmup-in-window"),
    "a100_particle_transformer_batch512_first_call.json.gz": ("warm-up", "warmup-in-window"),
    "a100_switch_transformer_cold_start.json.gz": ("warm-up", "warmup-in-window"),
    "rtx2080ti_linear_train_cold.json.gz": ("warm-up", "warmup-in-window"),
    "mi300x_normalization_first_calls.json.gz": ("warm-up", "warmup-in-window"),
    "a100_sam_step1_vanilla.json.gz": ("sync-bound", "hot-path-syncs"),
    "a100_sam_step1_vanilla_other_card.json.gz": ("sync-bound", "hot-path-syncs"),
    "a100_sam_step3_compiled_bf16.json.gz": ("compute-bound", "hot-path-syncs"),
    "a100_fp16_gemm.json": ("compute-bound", None),
    "h100_qwen05b_forward.json.gz": ("compute-bound", "uncompiled-model"),
    "gtx1650_compiled_tiny_matmul.json.gz": ("launch-bound", "launch-bound-forward"),
    "a100_sam_step2_vanilla_postprocess_rewritten.json.gz": (
        "compute-bound",
        "full-precision-compute",
    ),
    "h100_timesformer_pipeline.json.gz": ("input-bound", "cpu-image-decode"),
    "mi300x_timesformer_pipeline.json.gz": ("input-bound", "cpu-image-decode"),
    "t4_mlp_train_dataloader.json.gz": ("input-bound", "serial-dataloader"),
    "h100_bert_small_forward.json.gz": ("launch-bound", "launch-bound-forward"),
    "mi300x_bert_small_forward.json.gz": ("launch-bound", "launch-bound-forward"),
    "h100_transformer_layer_forward.json.gz": ("launch-bound", "launch-bound-forward"),
    "a100_vit_bf16_compiled_cudagraph.json.gz": ("compute-bound", None),
    "a100_vit_bf16_batch32.json.gz": ("compute-bound", None),
    "a100_vitlarge_bf16_large_batch.json.gz": ("compute-bound", None),
    "a100_vit_int8_large_batch.json.gz": ("compute-bound", None),
    "h100_vllm_llama_tp4_rank0.json.gz": ("compute-bound", None),
    "edge_launches_but_no_gpu_events.json.gz": ("unknown", None),
    "edge_memcpy_calls_without_gpu_activity.json": ("unknown", None),
    "edge_cupti_range_counters.json.gz": ("unknown", None),
}
"""What a performance engineer reads in the file (``reading`` in the manifest)."""


@cache
def report_on(name: str) -> Any:
    result = CliRunner().invoke(main, ["report", str(TRACES / name), "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def close(mine: float | None, other: float) -> bool:
    return mine is not None and abs(mine - other) <= 0.005 * abs(other) + 0.002


@pytest.mark.parametrize("name", sorted(FACTS))
def test_every_trace_is_explained_and_its_device_facts_agree(name: str) -> None:
    report, facts = report_on(name), FACTS[name]["facts"]
    breakdown = report["breakdown"]
    assert sum(row["exposed_ns"] for row in breakdown["stages"]) == breakdown["wall_ns"]
    assert not [row for row in report["verdicts"] if row["outcome"] == "FAILED"]
    if "unreadable" in facts:
        assert "cut" in [note["code"] for note in report["quality"]["notes"]]
        return
    device = report["device"]
    assert device["kernels"] == facts["kernels"]
    for mine, other in (("kernel_busy_ms",) * 2, ("gpu_busy_ms",) * 2, ("span_ms",) * 2,
                        ("window_ms", "gpu_window_ms")):  # fmt: skip
        if facts.get(other):
            assert close(device[mine], facts[other]), (mine, device[mine], facts[other])
    for key in ("count", "bytes", "ms"):
        mine = sum(copy[key] for copy in device["copies"])
        assert close(mine, sum(copy[key] for copy in facts["memcpy"].values())), key


@pytest.mark.parametrize("name", sorted(set(EXPECTED) & set(FACTS)))
def test_the_verdict_is_what_an_engineer_reads(name: str) -> None:
    report, (limit, first) = report_on(name), EXPECTED[name]
    assert report["verdict"]["limit"] == limit
    worth = [row["rule"] for row in report["findings"] if row["severity"] != "info"]
    if limit != "unknown":
        assert (worth[0] if worth else None) == first
