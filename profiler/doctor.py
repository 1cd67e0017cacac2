"""What can and cannot be measured on this machine, why, and the command that enables it.

Nothing is printed and nothing is changed.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from infprof.profiler.calibration_file import kept
from infprof.profiler.collectors import Unavailable
from infprof.profiler.collectors.host import cpu_name
from infprof.profiler.probes import py_spy
from infprof.profiler.probes.cpu_limits import cpu_limits
from infprof.profiler.probes.nvml_devices import connect
from infprof.profiler.probes.quiet_files import names, read
from infprof.profiler.torch_install import TorchInstall, torch_install

_CAP_SYS_PTRACE = 19
_NVIDIA = "0x10de"
_CURES = {
    "nvidia-ml-py": "pip install nvidia-ml-py",
    "libnvidia-ml": "sudo ubuntu-drivers install  # in a container: docker run --gpus all ...",
    "not loaded": "sudo modprobe nvidia",
    "may not talk": "sudo usermod -aG video,render $USER",
    "differ": "sudo reboot",
}
"""Commands by a word of the reason why NVML is not there."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    ok: bool | None
    """Whether it can be used; ``None`` where it does not apply or cannot be known."""
    detail: str
    """What it makes measurable, or why it does not."""
    cure: str | None = None
    """The command that enables it."""


def examine(root: Path = Path("/"), folder: Path | None = None) -> list[Check]:
    """Look at everything. ``root`` holds ``proc`` and ``sys``; ``folder`` is where reports go."""
    return [
        Check("Python", True, f"{platform.python_version()} at {sys.executable}"),
        *check_torch(root),
        check_nvml(root),
        check_counters(root),
        check_package("nvtx", "ranges show up in Nsight Systems", "no NVTX ranges are emitted"),
        check_package("psutil", "the host is sampled", "the host is not sampled"),
        check_py_spy(),
        check_ptrace(root),
        check_pressure(root),
        check_limits(root),
        check_perf(root),
        check_folder(folder or Path.cwd()),
        check_calibration(root),
    ]


def check_torch(
    root: Path = Path("/"), ask: Callable[[], TorchInstall] | None = None
) -> list[Check]:
    """Whether torch is installed, and whether it finds a GPU."""
    try:
        torch = (ask or torch_install)()
    except Unavailable as reason:
        cure = "pip install torch"
        if str(reason) != "not installed":
            cure = "pip install --force-reinstall torch"
        return [Check("PyTorch", False, f"{reason}: only traces from elsewhere can be read", cure)]
    return [
        Check("PyTorch", True, f"{torch.version}, built for {torch.built_for}"),
        _check_gpu(torch, has_nvidia_gpu(root)),
    ]


def _check_gpu(torch: TorchInstall, nvidia: bool) -> Check:
    if torch.gpus:
        return Check("GPU", True, f"torch sees {', '.join(torch.gpus)}: kernels are recorded")
    no_kernels = "operators are recorded, kernels are not"
    if torch.built_for == "CPU" and nvidia:
        wheels = "https://download.pytorch.org/whl/cu126"
        detail = f"there is an NVIDIA GPU, but this torch is built for the CPU: {no_kernels}"
        return Check("GPU", False, detail, f"pip install torch --index-url {wheels}")
    if torch.built_for == "CPU":
        return Check("GPU", None, f"torch is built for the CPU: {no_kernels}")
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        detail = f"CUDA_VISIBLE_DEVICES hides every GPU: {no_kernels}"
        return Check("GPU", False, detail, "unset CUDA_VISIBLE_DEVICES")
    detail = f"torch is built for {torch.built_for} but finds no GPU: {no_kernels}"
    return Check("GPU", False, detail, "nvidia-smi" if torch.cuda else "rocm-smi")


def check_nvml(root: Path = Path("/"), connection: Callable[[], Any] = connect) -> Check:
    """Whether the NVIDIA driver answers."""
    try:
        connection().nvmlShutdown()
    except Unavailable as reason:
        detail = f"{reason}: no GPU load, clocks, power or PCIe traffic"
        if not has_nvidia_gpu(root):
            return Check("NVML", None, f"no NVIDIA GPU in this machine ({reason})")
        cure = next((cure for word, cure in _CURES.items() if word in str(reason)), "nvidia-smi")
        return Check("NVML", False, detail, cure)
    return Check("NVML", True, "GPU load, memory, clocks, power, throttling and PCIe are sampled")


def has_nvidia_gpu(root: Path = Path("/")) -> bool:
    """Whether an NVIDIA device is on the PCI bus, whatever drivers there are."""
    bus = root / "sys/bus/pci/devices"
    return any((read(bus / slot / "vendor") or "").strip() == _NVIDIA for slot in names(bus))


def check_counters(root: Path = Path("/")) -> Check:
    """Whether hardware counters may be read; kernels and copies are traced without them."""
    params = read(root / "proc/driver/nvidia/params")
    if params is None:
        return Check("GPU counters", None, "no NVIDIA kernel driver here")
    if "RmProfilingAdminOnly: 0" in params or os.geteuid() == 0:
        return Check("GPU counters", True, "hardware counters may be read")
    cure = (
        "echo 'options nvidia NVreg_RestrictProfilingToAdminUsers=0' | "
        "sudo tee /etc/modprobe.d/nvidia-profiling.conf && sudo update-initramfs -u && sudo reboot"
    )
    detail = "for administrators only; kernels and copies are recorded all the same"
    return Check("GPU counters", False, detail, cure)


def check_package(name: str, present: str, absent: str) -> Check:
    """Whether an installed package brings ``present``; without it, ``absent``."""
    if importlib.util.find_spec(name) is None:
        return Check(name, False, f"not installed: {absent}", f"pip install {name}")
    return Check(name, True, f"{_version(name)}: {present}")


def check_py_spy() -> Check:
    """Whether the py-spy program is there, on the path or beside this Python."""
    program = py_spy.find()
    if program is None:
        detail = "not found: no Python stacks of child processes"
        return Check("py-spy", False, detail, "pip install py-spy")
    return Check("py-spy", True, f"{program}: stacks of child processes can be read")


def check_ptrace(root: Path = Path("/")) -> Check:
    """Whether the stacks of a process that we did not start may be read."""
    capabilities = _status_field(root, "CapEff")
    if capabilities and int(capabilities, 16) >> _CAP_SYS_PTRACE & 1:
        return Check("ptrace", True, "CAP_SYS_PTRACE: any process's stacks may be read")
    scope = (read(root / "proc/sys/kernel/yama/ptrace_scope") or "").strip()
    if scope == "0":
        return Check("ptrace", True, "stacks of all processes of this user may be read")
    if not scope:
        detail = "stacks of this user's processes may be read, unless a container forbids it"
        return Check("ptrace", None, detail, "docker run --cap-add SYS_PTRACE ...")
    own = "only processes that infprof starts can be read; attach cannot read stacks"
    detail = own if scope == "1" else "only administrators may read stacks"
    return Check("ptrace", False, detail, "sudo sysctl kernel.yama.ptrace_scope=0")


def check_pressure(root: Path = Path("/")) -> Check:
    """Whether the kernel tells how long tasks wait for CPU, disk and memory (PSI)."""
    if read(root / "proc/pressure/cpu"):
        return Check("pressure", True, "waiting for CPU, disk and memory is sampled (PSI)")
    detail = "this kernel does not count waiting (PSI): a crowded host is harder to prove"
    return Check("pressure", False, detail, "boot the kernel with psi=1")


def check_limits(root: Path = Path("/")) -> Check:
    """How many CPUs this process may use."""
    limits = cpu_limits(root)
    if limits.usable is None:
        return Check("CPU limits", None, "the affinity mask cannot be read")
    quota = "no quota" if limits.quota is None else f"a quota of {limits.quota:g} CPUs"
    return Check("CPU limits", True, f"{limits.allowed} CPUs in the mask, {quota}")


def check_perf(root: Path = Path("/")) -> Check:
    """Whether CPU hardware events may be counted; nothing of infprof's needs them."""
    level = (read(root / "proc/sys/kernel/perf_event_paranoid") or "").strip()
    if not level.lstrip("-").isdigit():
        return Check("perf events", None, "this kernel has none")
    if int(level) <= 2:
        return Check("perf events", True, f"perf_event_paranoid is {level}: own processes")
    detail = f"perf_event_paranoid is {level}: closed; only Nsight's CPU sampling misses them"
    return Check("perf events", False, detail, "sudo sysctl kernel.perf_event_paranoid=2")


def check_folder(folder: Path) -> Check:
    """Whether reports can be written into a folder."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"x")
    except OSError as error:
        detail = f"{folder} cannot be written ({error.strerror or error})"
        return Check("output folder", False, detail, "infprof run --out /path/you/own ...")
    free = shutil.disk_usage(folder).free / 2**30
    return Check("output folder", True, f"{folder} can be written, {free:.0f} GiB free")


def check_calibration(root: Path = Path("/"), file: Path | None = None) -> Check:
    """Whether this machine's limits were measured, when, and on which device."""
    found = kept(file=file)
    if not isinstance(found, str) and not found.on_gpu:
        found = kept(cpu_name(root) or platform.machine(), file)
    if isinstance(found, str):
        detail = f"{found}: limits come from vendors' tables, which know GPUs only"
        return Check("calibration", False, detail, "infprof doctor --calibrate")
    day = found.made_at.partition("T")[0]
    doubt = "; something disturbed it then: figures may be too low" if found.notes else ""
    return Check("calibration", True, f"made on {day}, of {found.device}{doubt}")


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "of unknown version"


def _status_field(root: Path, name: str) -> str | None:
    for line in (read(root / "proc/self/status") or "").splitlines():
        if line.startswith(name + ":"):
            return line.partition(":")[2].strip()
    return None
