"""provider-fallback: nodes of a model that ONNX Runtime does not run on the GPU."""

from __future__ import annotations

from pathlib import Path

import infprof
from infprof.rules.finding import Outcome, Verdict
from tests.build import recording
from tests.rules.judge import verdict_of
from tests.test_onnxruntime import node, profile, written

RULE = "provider-fallback"
CONV = node("Conv", "CUDA", 0, 400)
COPY, BACK = node("MemcpyToHost", "CUDA", 400, 500), node("MemcpyFromHost", "CUDA", 700, 750)
FALLEN = node("NonMaxSuppression", "CPU", 500, 700)


def judged(folder: Path, *nodes: dict[str, object], runs: int = 3) -> Verdict:
    return verdict_of(RULE, infprof.load(written(folder, profile(*nodes, runs=runs))))


def test_nodes_on_the_cpu_and_their_copies_are_found(tmp_path: Path) -> None:
    (finding,) = judged(tmp_path, CONV, COPY, FALLEN, BACK).findings
    assert (finding.saving.low_ns, finding.saving.high_ns) == (0, 350_000)
    assert "1 of 4 nodes are on the CPU's provider (0.20 ms), and 2 copy tensors" in finding.why
    assert finding.where[0].name.startswith("NonMaxSuppression")


def test_small_ones_cost_little(tmp_path: Path) -> None:
    small = node("Shape", "CPU", 500, 520)
    assert judged(tmp_path, CONV, small).outcome is Outcome.CLEAR


def test_a_model_on_one_provider_is_left_alone(tmp_path: Path) -> None:
    assert judged(tmp_path, CONV).outcome is Outcome.CLEAR
    assert judged(tmp_path, FALLEN).outcome is Outcome.CLEAR
    dnnl = node("Conv", "MKLDNN", 0, 400)  # computes in the host's memory
    assert judged(tmp_path, dnnl, FALLEN).outcome is Outcome.CLEAR


def test_programs_without_onnx_runtime_are_left_alone() -> None:
    text = "main: 0-100 request | main: 0-100 stack 50 serve.py:3:main"
    assert verdict_of(RULE, recording(text)).outcome is Outcome.CLEAR


def test_samples_do_not_show_the_nodes() -> None:
    run = "lib/onnxruntime/capi/onnxruntime_inference_collection.py:220:run"
    text = f"main: 0-100 request | main: 0-100 stack 50 serve.py:3:main > {run}"
    verdict = verdict_of(RULE, recording(text))
    assert verdict.outcome is Outcome.UNKNOWN and "set enable_profiling" in verdict.reason
