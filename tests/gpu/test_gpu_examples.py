"""The examples on a real GPU: what is planted is found, and what is cured is clean."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.run_example import Ran, expected, names, run

pytestmark = [pytest.mark.gpu, pytest.mark.slow]

PLAN = ("--warmup", "3", "--plain", "5", "--window", "4", "--windows", "2")
REQUESTS = ("--requests", "30")


@pytest.fixture(autouse=True)
def _needs_gpu() -> None:
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("no GPU here")


def checked(name: str, out: Path, *options: str) -> Ran:
    """A run that ended well and adds up."""
    ran = run(name, out, *REQUESTS, *options, plan=PLAN)
    assert ran.exit_code == 0, ran.errors
    breakdown = ran.report.breakdown
    assert sum(stage.exposed_ns for stage in breakdown.stages) == breakdown.wall_ns > 0
    unknown = ran.share("unattributed")
    assert unknown is not None and unknown <= 0.10
    assert ran.report.device.kernels > 0
    return ran


@pytest.mark.parametrize("name", names(gpu=True))
def test_what_is_planted_is_the_first_finding(name: str, tmp_path: Path) -> None:
    assert checked(name, tmp_path / "out").first == expected(name)


@pytest.mark.parametrize("name", names(gpu=True))
def test_what_is_cured_is_clean(name: str, tmp_path: Path) -> None:
    assert checked(name, tmp_path / "out", "--cured").severe == []


def test_a_cuda_graph_is_not_launch_bound(tmp_path: Path) -> None:
    ran = checked("launch_bound", tmp_path / "out", "--cured")
    assert "launch-bound-forward" not in [one.rule for one in ran.report.findings]
    assert ran.report.verdict.limit != "launch-bound"


def test_a_copy_that_waits_for_the_model_is_not_blamed(tmp_path: Path) -> None:
    ran = checked("misread_copy", tmp_path / "out")
    of_copies = {"pageable-copies", "unoverlapped-copies", "hot-path-syncs"}
    assert not {one.rule for one in ran.report.findings} & of_copies
    copying = ran.share("h2d")
    assert copying is not None and copying < 0.05


def test_the_image_service_shows_what_the_gpu_did(tmp_path: Path) -> None:
    ran = checked("image_service", tmp_path / "out")
    device, seen = ran.report.device, {one.stage for one in ran.report.breakdown.stages}
    assert {"h2d", "compute", "d2h"} <= seen
    uploads = [one for one in device.copies if one.direction == "h2d"]
    assert {one.memory for one in uploads} == {"pageable"}
    # one float32 picture of 3 x 224 x 224 in each traced request
    assert sum(one.bytes for one in uploads) >= ran.report.breakdown.requests * 3 * 224 * 224 * 4
    assert any(one.direction == "d2h" for one in device.copies)
    assert device.gpu_busy_ms > 0
    assert ran.first == expected("image_service")
    assert ran.report.verdict.limit == "input-bound"


def test_the_image_service_is_watched_by_nvml(tmp_path: Path) -> None:
    ran = checked("image_service", tmp_path / "out")
    if "gpu" in ran.report.missing:
        pytest.skip(ran.report.missing["gpu"])
    series = {one.name: one for one in ran.report.charts if one.source == "gpu"}
    assert series["gpu.memory_used"].highest
    assert series["gpu.sm_clock"].highest


def test_the_cured_image_service_serves_far_more(tmp_path: Path) -> None:
    planted = checked("image_service", tmp_path / "planted").report.latency
    cured = checked("image_service", tmp_path / "cured", "--cured").report.latency
    assert planted.throughput_per_s and cured.throughput_per_s
    assert 16 * cured.throughput_per_s >= 5 * planted.throughput_per_s  # 16 pictures a request
