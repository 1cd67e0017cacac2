"""The doctor on this machine and on made-up ones."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from infprof.profiler import doctor
from infprof.profiler.calibration import Calibration
from infprof.profiler.calibration_file import keep
from infprof.profiler.collectors import Unavailable
from infprof.profiler.doctor import Check, examine
from infprof.profiler.probes.nvml_devices import connect
from infprof.profiler.torch_install import TorchInstall, torch_install
from tests.fake_nvml import FakeGpu, FakeNvml

with_torch = pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")

CPU_BUILD = TorchInstall("2.13.0+cpu", None, None, ())
CUDA_BUILD = TorchInstall("2.13.0+cu126", "12.6", None, ())


def write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture
def with_gpu(tmp_path: Path) -> Path:
    write(tmp_path, "sys/bus/pci/devices/0000:01:00.0/vendor", "0x10de\n")
    write(tmp_path, "sys/bus/pci/devices/0000:00:00.0/vendor", "0x8086\n")
    return tmp_path


@with_torch
def test_this_machine() -> None:
    checks = {check.name: check for check in examine()}
    assert list(checks) == [
        "Python", "PyTorch", "GPU", "NVML", "GPU counters", "nvtx", "psutil", "py-spy", "ptrace",
        "pressure", "CPU limits", "perf events", "output folder", "calibration",
    ]  # fmt: skip
    assert checks["PyTorch"].ok and checks["psutil"].ok and checks["Python"].ok
    for check in checks.values():
        assert check.detail
        assert check.cure or check.ok is not False, f"{check.name} says no and not what to do"


def test_an_empty_machine_is_examined_without_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_torch() -> TorchInstall:
        raise Unavailable("not installed")

    monkeypatch.setattr(doctor, "torch_install", no_torch)
    for check in examine(tmp_path, tmp_path / "nowhere"):
        assert check.cure or check.ok is not False


@pytest.mark.parametrize(
    ("told", "ok", "words"),
    [
        (TorchInstall("2", "12.6", None, ("NVIDIA L4",)), True, "torch sees NVIDIA L4"),
        (TorchInstall("2", None, "6.2", ("MI300X",)), True, "torch sees MI300X"),
        (CPU_BUILD, False, "there is an NVIDIA GPU, but this torch is built for the CPU"),
        (CUDA_BUILD, False, "built for CUDA 12.6 but finds no GPU"),
    ],
)
def test_torch_and_the_gpu(
    with_gpu: Path, monkeypatch: pytest.MonkeyPatch, told: TorchInstall, ok: bool, words: str
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    torch, gpu = doctor.check_torch(with_gpu, lambda: told)
    assert torch.ok and gpu.ok is ok and words in gpu.detail


def test_a_hidden_gpu(with_gpu: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    gpu = doctor.check_torch(with_gpu, lambda: CUDA_BUILD)[1]
    assert gpu.ok is False and gpu.cure == "unset CUDA_VISIBLE_DEVICES"


def test_no_gpu_is_no_fault(tmp_path: Path) -> None:
    assert doctor.check_torch(tmp_path, lambda: CPU_BUILD)[1].ok is None
    refuse = FakeNvml(init_error=12)
    assert doctor.check_nvml(tmp_path, lambda: connect(refuse)).ok is None
    assert doctor.check_counters(tmp_path).ok is None


def test_torch_that_does_not_import_is_named() -> None:
    def broken() -> TorchInstall:
        raise Unavailable("it does not import: OSError: libcudart.so.12")

    [check] = doctor.check_torch(ask=broken)
    assert check.ok is False and "libcudart" in check.detail
    assert check.cure == "pip install --force-reinstall torch"


@with_torch
def test_torch_is_asked_in_a_process_of_its_own(tmp_path: Path) -> None:
    def python(script: str) -> str:
        program = tmp_path / "python"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o700)
        return str(program)

    chatty = """echo hello; echo '["2.9", "12.6", null, ["NVIDIA L4"]]'"""
    told = torch_install(python=python(chatty))
    assert told == TorchInstall("2.9", "12.6", None, ("NVIDIA L4",))
    assert [told.built_for, CPU_BUILD.built_for] == ["CUDA 12.6", "CPU"]
    for script, words in {
        "echo Traceback >&2; echo 'ImportError: no' >&2; exit 1": "not import: ImportError: no",
        "kill -SEGV $$": "does not import: exit code -11",
        "echo hello": "does not answer",
        "exec sleep 9": "within 0.2 s",
    }.items():
        with pytest.raises(Unavailable, match=words):
            torch_install(0.2 if "sleep" in script else 60, python(script))


@pytest.mark.parametrize(
    ("number", "cure"),
    [(12, "ubuntu-drivers"), (9, "modprobe"), (4, "usermod"), (18, "reboot"), (999, "nvidia-smi")],
)
def test_nvml_says_how_to_get_it(with_gpu: Path, number: int, cure: str) -> None:
    check = doctor.check_nvml(with_gpu, lambda: connect(FakeNvml(init_error=number)))
    assert check.ok is False and check.cure and cure in check.cure


def test_nvml_that_answers_is_let_go_of() -> None:
    nvml = FakeNvml(FakeGpu("GPU-a"))
    assert doctor.check_nvml(connection=lambda: connect(nvml)).ok and nvml.open == 0


def test_gpu_counters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    write(tmp_path, "proc/driver/nvidia/params", "RmProfilingAdminOnly: 1\n")
    check = doctor.check_counters(tmp_path)
    assert check.ok is False
    assert check.cure and "NVreg_RestrictProfilingToAdminUsers=0" in check.cure
    write(tmp_path, "proc/driver/nvidia/params", "RmProfilingAdminOnly: 0\n")
    assert doctor.check_counters(tmp_path).ok


@pytest.mark.parametrize(
    ("capabilities", "scope", "ok"),
    [
        ("0", "0", True),
        ("0", "1", False),
        ("0", "3", False),
        ("80000", "1", True),
        ("0", None, None),
    ],
)
def test_ptrace(tmp_path: Path, capabilities: str, scope: str | None, ok: bool | None) -> None:
    write(tmp_path, "proc/self/status", f"CapEff:\t{capabilities}\n")
    if scope is not None:
        write(tmp_path, "proc/sys/kernel/yama/ptrace_scope", scope + "\n")
    check = doctor.check_ptrace(tmp_path)
    assert check.ok is ok and bool(check.cure) is not bool(ok)


@pytest.mark.parametrize(("level", "ok"), [("-1", True), ("2", True), ("4", False), ("", None)])
def test_perf_events(tmp_path: Path, level: str, ok: bool | None) -> None:
    write(tmp_path, "proc/sys/kernel/perf_event_paranoid", level)
    assert doctor.check_perf(tmp_path).ok is ok


def test_limits_and_pressure(tmp_path: Path) -> None:
    write(tmp_path, "proc/self/status", "Cpus_allowed_list:\t0-7\n")
    write(tmp_path, "proc/self/cgroup", "0::/\n")
    write(tmp_path, "sys/fs/cgroup/cpu.max", "250000 100000")
    detail = "8 CPUs in the mask, a quota of 2.5 CPUs"
    assert doctor.check_limits(tmp_path) == Check("CPU limits", True, detail)
    assert doctor.check_pressure(tmp_path).ok is False
    write(tmp_path, "proc/pressure/cpu", "some avg10=0.00\n")
    assert doctor.check_pressure(tmp_path).ok


def test_py_spy_beside_the_interpreter_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert doctor.check_py_spy().ok is False
    write(tmp_path, "py-spy", "")
    (tmp_path / "py-spy").chmod(0o700)
    assert doctor.check_py_spy().ok


def test_packages() -> None:
    absent = doctor.check_package("no_such_package_here", "x", "no x")
    assert absent == Check(
        "no_such_package_here", False, "not installed: no x", "pip install no_such_package_here"
    )


def test_the_folder(tmp_path: Path) -> None:
    assert doctor.check_folder(tmp_path).ok
    assert os.listdir(tmp_path) == []
    assert doctor.check_folder(tmp_path / "nowhere").ok is False


def test_the_calibration(tmp_path: Path) -> None:
    file = tmp_path / "calibration.json"
    none = doctor.check_calibration(file=file)
    assert none.ok is False and none.cure == "infprof doctor --calibrate"
    assert none.detail.startswith("none was made yet")
    made = Calibration(device="an L4", on_gpu=True, made_at="2026-01-31T01:02:03+00:00", torch="2")
    keep(made, file)
    check = doctor.check_calibration(file=file)
    assert check == Check("calibration", True, "made on 2026-01-31, of an L4")
    keep(made.model_copy(update={"notes": ["other work"]}), file)
    assert doctor.check_calibration(file=file).detail.endswith("figures may be too low")
    file.write_text("{")
    damaged = doctor.check_calibration(file=file)
    assert damaged.ok is False and "is damaged" in damaged.detail


def test_the_calibration_of_another_cpu_is_none(tmp_path: Path) -> None:
    file = tmp_path / "calibration.json"
    write(tmp_path, "proc/cpuinfo", "model name\t: Old CPU\n")
    keep(Calibration(device="Old CPU", on_gpu=False, made_at="2026-01-31", torch="2"), file)
    assert doctor.check_calibration(tmp_path, file).ok
    write(tmp_path, "proc/cpuinfo", "model name\t: New CPU\n")
    check = doctor.check_calibration(tmp_path, file)
    assert check.ok is False and "of another device: Old CPU" in check.detail
