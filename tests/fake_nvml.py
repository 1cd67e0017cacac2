"""NVML as written in its manual, for machines without a driver. The numbers are an H200's."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

WORDS = {
    3: "Not Supported", 4: "Insufficient Permissions", 6: "Not Found", 13: "Function Not Found",
    15: "GPU is lost",
}  # fmt: skip


class FakeNvmlError(Exception):
    """Carries the number that NVML returned, as ``pynvml.NVMLError`` does."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __str__(self) -> str:
        return WORDS.get(self.value, "Unknown Error")


@dataclass(eq=False)
class FakeGpu:
    """A GPU or, with ``parent``, a MIG instance of it. ``errors``: error numbers by function."""

    uuid: str
    name: str = "NVIDIA H200"
    memory: int = 143_771 << 20
    errors: dict[str, int] = field(default_factory=dict)
    migs: list[FakeGpu] | None = None
    parent: FakeGpu | None = None
    processes: list[SimpleNamespace] = field(default_factory=list)
    samples: list[SimpleNamespace] = field(default_factory=list)


class FakeNvml:
    """The functions that the collector calls; counts each call in ``calls``."""

    NVMLError = FakeNvmlError
    NVML_CLOCK_SM, NVML_CLOCK_MEM, NVML_TEMPERATURE_GPU = 1, 2, 0
    NVML_PCIE_UTIL_TX_BYTES, NVML_PCIE_UTIL_RX_BYTES = 0, 1

    def __init__(self, *gpus: FakeGpu, init_error: int | None = None) -> None:
        self.gpus, self.init_error = gpus, init_error
        self.open = 0
        self.calls: dict[str, int] = {}

    def _call(self, function: str, handle: FakeGpu) -> None:
        self.calls[function] = self.calls.get(function, 0) + 1
        number = handle.errors.get(function, handle.errors.get("*"))
        if number is not None:
            raise FakeNvmlError(number)
        if handle.parent and function == "nvmlDeviceGetUtilizationRates":
            raise FakeNvmlError(3)

    def nvmlInit(self) -> None:
        if self.init_error is not None:
            raise FakeNvmlError(self.init_error)
        self.open += 1

    def nvmlShutdown(self) -> None:
        self.open -= 1

    def nvmlSystemGetDriverVersion(self) -> bytes:
        return b"590.48.01"

    def nvmlDeviceGetCount(self) -> int:
        return len(self.gpus)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> FakeGpu:
        self._call("nvmlDeviceGetHandleByIndex", self.gpus[index])
        return self.gpus[index]

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> FakeGpu:
        for gpu in self.gpus:
            for one in [gpu, *(gpu.migs or [])]:
                if one.uuid == uuid:
                    return one
        raise FakeNvmlError(6)

    def nvmlDeviceGetUUID(self, handle: FakeGpu) -> str:
        return handle.uuid

    def nvmlDeviceGetName(self, handle: FakeGpu) -> str:
        return handle.name

    def nvmlDeviceGetMigMode(self, handle: FakeGpu) -> list[int]:
        if handle.migs is None:
            raise FakeNvmlError(3)
        return [int(bool(handle.migs)), 0]

    def nvmlDeviceGetMaxMigDeviceCount(self, handle: FakeGpu) -> int:
        return 7

    def nvmlDeviceGetMigDeviceHandleByIndex(self, handle: FakeGpu, index: int) -> FakeGpu:
        migs = handle.migs or []
        if index == 0 or index > len(migs):  # the first slot is empty
            raise FakeNvmlError(6)
        return migs[index - 1]

    def nvmlDeviceGetDeviceHandleFromMigDeviceHandle(self, mig: FakeGpu) -> FakeGpu:
        if mig.parent is None:
            raise FakeNvmlError(2)
        return mig.parent

    def nvmlDeviceGetCudaComputeCapability(self, handle: FakeGpu) -> tuple[int, int]:
        self._call("nvmlDeviceGetCudaComputeCapability", handle)
        return 9, 0

    def nvmlDeviceGetAttributes(self, handle: FakeGpu) -> SimpleNamespace:
        if handle.parent is None:
            raise FakeNvmlError(3)
        return SimpleNamespace(multiprocessorCount=16)

    def nvmlDeviceGetUtilizationRates(self, handle: FakeGpu) -> SimpleNamespace:
        self._call("nvmlDeviceGetUtilizationRates", handle)
        return SimpleNamespace(gpu=97, memory=40)

    def nvmlDeviceGetMemoryInfo(self, handle: FakeGpu) -> SimpleNamespace:
        self._call("nvmlDeviceGetMemoryInfo", handle)
        return SimpleNamespace(total=handle.memory, used=handle.memory // 2)

    def nvmlDeviceGetComputeRunningProcesses(self, handle: FakeGpu) -> list[SimpleNamespace]:
        self._call("nvmlDeviceGetComputeRunningProcesses", handle)
        return handle.processes

    def nvmlDeviceGetProcessUtilization(self, handle: FakeGpu, since_us: int) -> list[Any]:
        self._call("nvmlDeviceGetProcessUtilization", handle)
        found = [row for row in handle.samples if row.timeStamp > since_us]
        if not found:
            raise FakeNvmlError(6)
        return found

    def nvmlDeviceGetClockInfo(self, handle: FakeGpu, clock: int) -> int:
        self._call("nvmlDeviceGetClockInfo", handle)
        return {1: 1755, 2: 3201}[clock]

    def nvmlDeviceGetMaxClockInfo(self, handle: FakeGpu, clock: int) -> int:
        return {1: 1980, 2: 3201}[clock]

    def nvmlDeviceGetPowerUsage(self, handle: FakeGpu) -> int:
        self._call("nvmlDeviceGetPowerUsage", handle)
        return 688_500

    def nvmlDeviceGetEnforcedPowerLimit(self, handle: FakeGpu) -> int:
        return 700_000

    nvmlDeviceGetPowerManagementDefaultLimit = nvmlDeviceGetEnforcedPowerLimit

    def nvmlDeviceGetTemperature(self, handle: FakeGpu, sensor: int) -> int:
        self._call("nvmlDeviceGetTemperature", handle)
        return 54

    def nvmlDeviceGetCurrentClocksEventReasons(self, handle: FakeGpu) -> int:
        self._call("nvmlDeviceGetCurrentClocksEventReasons", handle)
        return 4

    def nvmlDeviceGetCurrentClocksThrottleReasons(self, handle: FakeGpu) -> int:
        self._call("nvmlDeviceGetCurrentClocksThrottleReasons", handle)
        return 8

    def nvmlDeviceGetCurrPcieLinkGeneration(self, handle: FakeGpu) -> int:
        self._call("nvmlDeviceGetCurrPcieLinkGeneration", handle)
        return 5

    def nvmlDeviceGetCurrPcieLinkWidth(self, handle: FakeGpu) -> int:
        self._call("nvmlDeviceGetCurrPcieLinkWidth", handle)
        return 16

    nvmlDeviceGetMaxPcieLinkGeneration = nvmlDeviceGetCurrPcieLinkGeneration
    nvmlDeviceGetMaxPcieLinkWidth = nvmlDeviceGetCurrPcieLinkWidth

    def nvmlDeviceGetPcieThroughput(self, handle: FakeGpu, counter: int) -> int:
        self._call("nvmlDeviceGetPcieThroughput", handle)
        return {0: 371, 1: 337}[counter]
