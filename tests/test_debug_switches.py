"""Which debugging switches were on while requests were served."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from infprof.profiler.debug_switches import SWITCHES, DebugSwitches
from infprof.profiler.recording import Header
from infprof.profiler.request import request
from infprof.profiler.schedule import Plan
from tests.recorded import recorded


def test_of_each_it_is_known_whether_it_is_on() -> None:
    switches = DebugSwitches()
    switches.look()
    assert switches.seen.keys() == SWITCHES.keys()
    assert all(isinstance(one, bool) for one in switches.seen.values())
    assert not switches.seen["anomaly_detection"] and not switches.seen["deterministic"]


@pytest.mark.parametrize(("more", "is_seen"), [(1, True), (3, True), (4, False)])
def test_what_is_on_now_and_then_is_seen_and_what_a_compiler_switches_on_is_not(
    more: int, is_seen: bool
) -> None:
    switches = DebugSwitches()
    with torch.autograd.set_detect_anomaly(True, check_nan=False):
        switches.look()
    for _ in range(more):
        switches.look()
    assert switches.seen["anomaly_detection"] is is_seen


def test_determinism_and_what_it_fills(monkeypatch: pytest.MonkeyPatch) -> None:
    switches = DebugSwitches()
    torch.use_deterministic_algorithms(True)
    try:
        monkeypatch.setattr(torch.utils.deterministic, "fill_uninitialized_memory", False)
        switches.look()
        assert switches.seen["deterministic"] and not switches.seen["deterministic_fill"]
        monkeypatch.undo()  # by default it fills
        switches.look()
        assert switches.seen["deterministic_fill"] is True
    finally:
        torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize(
    ("switch", "variable", "value", "is_on"),
    [
        ("no_cuda_cache", "PYTORCH_NO_CUDA_MEMORY_CACHING", "0", True),  # being there is enough
        ("cuda_launch_blocking", "CUDA_LAUNCH_BLOCKING", "1", True),
        ("cuda_launch_blocking", "CUDA_LAUNCH_BLOCKING", "0", False),
        ("compile_disabled", "TORCH_COMPILE_DISABLE", "1", True),
        ("torch_logs", "TORCH_LOGS", "+dynamo", True),
    ],
)
def test_the_environment_says_that_and_no_value(
    monkeypatch: pytest.MonkeyPatch, switch: str, variable: str, value: str, is_on: bool
) -> None:
    monkeypatch.setenv(variable, value)
    switches = DebugSwitches()
    switches.look()
    assert switches.seen[switch] is is_on


def test_what_another_torch_does_not_know_stays_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch, "is_anomaly_enabled")
    switches = DebugSwitches()
    switches.look()
    assert "anomaly_detection" not in switches.seen and "deterministic" in switches.seen


def header(folder: Path, *, anomaly: bool) -> Header:
    """Of a session in which windows close while the switch is as said, and end after that."""
    with recorded(folder, Plan(warmup=0, plain=0, window=1, windows=1)) as made:
        with torch.autograd.set_detect_anomaly(anomaly, check_nan=False):
            for _ in range(3):
                with request("serve"):
                    torch.ones(2).sum()
    return made.done.header


def test_a_recording_knows_of_a_switch_that_is_off_again_at_its_end(tmp_path: Path) -> None:
    assert header(tmp_path, anomaly=True).flags["anomaly_detection"] is True


def test_and_that_it_was_off(tmp_path: Path) -> None:
    assert header(tmp_path, anomaly=False).flags["anomaly_detection"] is False
