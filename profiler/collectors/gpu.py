"""NVIDIA GPUs through NVML: load, memory, clocks, power, throttling and the PCIe link.

The numbers are the driver's. "Utilization" is the share of time in which some kernel ran, over the
last 1/6 to 1 second; power is averaged over a second on most models; memory used includes what
the driver reserves. In a program whose Python never waits, every NVML call has to wait for the
GIL (5 ms), so that a collector in another process samples more evenly than one inside.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from infprof.profiler.clock import now_ns
from infprof.profiler.collectors import Facts, Target, Unavailable
from infprof.profiler.probes.nvml_devices import connect, visible_devices
from infprof.profiler.probes.nvml_questions import (
    Lost,
    Question,
    describe,
    pcie_questions,
    quick_questions,
)
from infprof.profiler.probes.proc import ProcessTree
from infprof.profiler.probes.quiet_files import read
from infprof.profiler.probes.sampler import Ended, Sampler, collected
from infprof.profiler.recording import Machine, Note, Series

UNITS = {
    "gpu.utilization": "%",
    "gpu.memory_used": "bytes",
    "gpu.process_memory": "bytes",
    "gpu.other_processes": "",
    "gpu.process_utilization": "%",
    "gpu.working_processes": "",
    "gpu.other_utilization": "%",
    "gpu.sm_clock": "MHz",
    "gpu.memory_clock": "MHz",
    "gpu.power": "W",
    "gpu.temperature": "C",
    "gpu.throttle_reasons": "bitmask",
    "gpu.pcie_generation": "generation",
    "gpu.pcie_width": "lanes",
    "gpu.pcie_tx": "bytes/s",
    "gpu.pcie_rx": "bytes/s",
}
_PCIE_INTERVAL_NS = 250_000_000
Key = tuple[str, int]
"""Series name and the device's index among the visible ones."""


class Collector:
    """Samples the GPUs that the target can see, until ``stop`` or until they or it are gone."""

    def __init__(self, interval_ns: int = 40_000_000, *, nvml: Any = None) -> None:
        self._interval_ns, self._nvml = interval_ns, nvml
        self.samplers: list[Sampler[Key]] = []
        self._probes: list[Probe] = []
        self._machine = Machine()
        self._notes: list[Note] = []

    def start(self, target: Target) -> None:
        """Begin to sample in the background. Raises ``Unavailable``."""
        self.prepare(target)
        for sampler in self.samplers:
            sampler.start()

    def prepare(self, target: Target) -> None:
        """All of ``start`` but the threads."""
        self._nvml = nvml = connect(self._nvml)
        try:
            tree = ProcessTree(target.pid)
            order = device_order(target.pid)
            devices, self._notes = visible_devices(nvml, target.cuda_visible_devices, order)
        except (Unavailable, Ended) as error:
            nvml.nvmlShutdown()
            raise Unavailable(str(error)) from None

        def pids() -> tuple[int, ...]:
            return tree.pids(now_ns())

        self._machine = Machine(gpus=[describe(nvml, device) for device in devices])
        quick = {device.index: quick_questions(nvml, device, pids) for device in devices}
        pcie = {device.index: pcie_questions(nvml, device) for device in devices}
        self._probes = [Probe(quick, pids), Probe(pcie, pids)]
        self.samplers = [
            # The link has its own thread: its answers take so long that the others would be late.
            Sampler("infprof-gpu", self._interval_ns, self._probes[0]),
            Sampler("infprof-gpu-pcie", _PCIE_INTERVAL_NS, self._probes[1], capacity=50_000),
        ]

    def stop(self) -> Facts:
        """End, let go of NVML and hand over what was seen."""
        ended = [sampler.stop() for sampler in self.samplers]
        if self.samplers and all(ended):  # else a thread still is inside NVML
            self._disconnect()
        series, points = collected(self.samplers, _series)
        for sampler in self.samplers:
            if sampler.failure:
                sentence = f"Sampling of the GPU ended early: {sampler.failure}"
                self._notes.append(Note(code="gpu-sampling-failed", text=sentence))
        notes = self._notes + [note for probe in self._probes for note in probe.notes()]
        self.samplers, self._probes, self._notes = [], [], []
        return Facts(series, points, self._machine, _once(notes))

    def _disconnect(self) -> None:
        try:
            self._nvml.nvmlShutdown()
        except self._nvml.NVMLError:  # the driver went away meanwhile: nothing to let go of
            pass


class Probe:
    """Asks all questions of all devices; one sample is ``{(series, device): value}``."""

    def __init__(
        self, devices: dict[int, dict[str, Question]], pids: Callable[[], tuple[int, ...]]
    ) -> None:
        self._devices, self._pids = devices, pids
        self._lost: dict[int, str] = {}

    def __call__(self, time_ns: int) -> dict[Key, float]:
        """One sample. Raises ``Ended`` when the target or every device is gone."""
        self._pids()
        found: dict[Key, float] = {}
        for index, questions in self._devices.items():
            if index not in self._lost:
                found |= self._ask(index, questions)
        if not found and len(self._lost) == len(self._devices):
            raise Ended("no GPU is left")
        return found

    def notes(self) -> list[Note]:
        """Which devices went away, and which quantities were not to be had, by reason."""
        unknown: dict[tuple[int, str], list[str]] = {}
        for index, questions in self._devices.items():
            for name, question in questions.items():
                if question.missing and index not in self._lost:
                    unknown.setdefault((index, question.missing), []).append(name)
        return [
            Note(code="gpu-lost", text=f"GPU {index} stopped answering: {why}.")
            for index, why in self._lost.items()
        ] + [
            Note(code="gpu-unknown", text=f"Unknown on GPU {index}: {', '.join(series)} ({why}).")
            for (index, why), series in unknown.items()
        ]

    def _ask(self, index: int, questions: dict[str, Question]) -> dict[Key, float]:
        found: dict[Key, float] = {}
        try:
            for name, question in questions.items():
                value = question.ask()
                if value is not None:
                    found[name, index] = value
        except Lost as error:
            self._lost[index] = str(error)
        return found


def device_order(pid: int) -> str | None:
    """``CUDA_DEVICE_ORDER`` of a process as it was started; of our own, as it is now."""
    if pid == os.getpid():
        return os.environ.get("CUDA_DEVICE_ORDER")
    for entry in (read(f"/proc/{pid}/environ") or "").split("\0"):
        name, _, value = entry.partition("=")
        if name == "CUDA_DEVICE_ORDER":  # the one variable looked at; no other is kept
            return value
    return None


def _once(notes: list[Note]) -> list[Note]:
    """Both threads notice a lost GPU; it is said once."""
    return list({note.text: note for note in notes}.values())


def _series(key: Key) -> Series:
    return Series(name=key[0], source="gpu", unit=UNITS[key[0]], device=key[1])
