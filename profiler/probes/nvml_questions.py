"""What NVML is asked about one device, and how to go on when it has no answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from infprof.profiler.probes.nvml_devices import Device, text
from infprof.profiler.probes.nvml_processes import Holding, Pids, Working
from infprof.profiler.recording import Gpu

Way = Callable[[], float | None]

_NEVER = {2, 3, 4, 13, 25, 26}
"""NVML errors that come again each time: bad argument, not supported, no permission, no such
function, wrong version, deprecated. All others may pass, such as "no data yet"."""
_LOST = {1, 9, 15, 16, 28}
"""NVML errors after which a device answers nothing at all."""


class Lost(Exception):
    """The device is gone: fallen off the bus, or its driver unloaded."""


class Question:
    """One quantity, with older ways to ask for it where the driver does not know the newer."""

    def __init__(self, nvml: Any, *ways: Way, silence: str = "it never had a value") -> None:
        self._nvml, self._ways = nvml, list(ways)
        self._answered, self._reason = False, silence

    def ask(self) -> float | None:
        """The value, or ``None``. A way that is not supported is not tried again."""
        while self._ways:
            try:
                answer = self._ways[0]()
            except AttributeError as error:  # an older pynvml has no such function
                self._give_up(error)
            except self._nvml.NVMLError as error:
                number = getattr(error, "value", None)
                if number in _LOST:
                    raise Lost(str(error)) from error
                if number not in _NEVER:
                    return None
                self._give_up(error)
            else:
                self._answered = self._answered or answer is not None
                return answer
        return None

    @property
    def missing(self) -> str | None:
        """Why there is no value, if there is none."""
        return None if self._answered and self._ways else self._reason

    def _give_up(self, error: Exception) -> None:
        self._reason = str(error)
        del self._ways[0]


def quick_questions(nvml: Any, device: Device, pids: Pids) -> dict[str, Question]:
    """What is answered in well under a millisecond, by series name."""
    gpu, part = device.gpu, device.part
    not_named = "NVML did not name this process (in a container it may use the host's process ids)"
    ways: dict[str, list[Way]] = {
        "gpu.utilization": [lambda: nvml.nvmlDeviceGetUtilizationRates(part).gpu],
        "gpu.memory_used": [lambda: nvml.nvmlDeviceGetMemoryInfo(part).used],
        "gpu.sm_clock": [lambda: nvml.nvmlDeviceGetClockInfo(gpu, nvml.NVML_CLOCK_SM)],
        "gpu.memory_clock": [lambda: nvml.nvmlDeviceGetClockInfo(gpu, nvml.NVML_CLOCK_MEM)],
        "gpu.power": [lambda: nvml.nvmlDeviceGetPowerUsage(gpu) / 1000],
        "gpu.temperature": [
            lambda: nvml.nvmlDeviceGetTemperature(gpu, nvml.NVML_TEMPERATURE_GPU),
            lambda: nvml.nvmlDeviceGetTemperatureV(gpu, nvml.NVML_TEMPERATURE_GPU),
        ],
        "gpu.throttle_reasons": [
            lambda: nvml.nvmlDeviceGetCurrentClocksEventReasons(gpu),
            lambda: nvml.nvmlDeviceGetCurrentClocksThrottleReasons(gpu),
        ],
        "gpu.pcie_generation": [lambda: nvml.nvmlDeviceGetCurrPcieLinkGeneration(gpu)],
        "gpu.pcie_width": [lambda: nvml.nvmlDeviceGetCurrPcieLinkWidth(gpu)],
    }
    questions = {name: Question(nvml, *tried) for name, tried in ways.items()}
    holding, working = Holding(nvml, part, pids), Working(nvml, part, pids)
    of_process: dict[str, Way] = {  # the first of each kind asks, the others tell from its answer
        "gpu.process_memory": holding.memory,
        "gpu.other_processes": holding.others,
        "gpu.process_utilization": working.utilization,
        "gpu.working_processes": working.ours,
        "gpu.other_utilization": working.others,
    }
    for name, way in of_process.items():
        questions[name] = Question(nvml, way, silence=not_named)
    return questions


def pcie_questions(nvml: Any, device: Device) -> dict[str, Question]:
    """Traffic on the link. Each answer takes 20 ms: the driver counts for that long."""

    def traffic(counter: str) -> float:
        return 1000 * float(nvml.nvmlDeviceGetPcieThroughput(device.gpu, getattr(nvml, counter)))

    return {
        "gpu.pcie_tx": Question(nvml, lambda: traffic("NVML_PCIE_UTIL_TX_BYTES")),
        "gpu.pcie_rx": Question(nvml, lambda: traffic("NVML_PCIE_UTIL_RX_BYTES")),
    }


def describe(nvml: Any, device: Device) -> Gpu:
    """The device's fixed properties; what NVML does not tell stays ``None``."""
    gpu, part = device.gpu, device.part

    def known(read: Callable[[], Any]) -> Any:
        try:
            return read()
        except (AttributeError, nvml.NVMLError):
            return None

    capability = known(lambda: nvml.nvmlDeviceGetCudaComputeCapability(gpu)) or (None, None)
    return Gpu(
        name=known(lambda: text(nvml.nvmlDeviceGetName(part))) or "NVIDIA GPU",
        uuid=known(lambda: text(nvml.nvmlDeviceGetUUID(part))),
        memory_bytes=known(lambda: nvml.nvmlDeviceGetMemoryInfo(part).total),
        sm_major=capability[0],
        sm_minor=capability[1],
        multiprocessors=known(lambda: nvml.nvmlDeviceGetAttributes(part).multiprocessorCount),
        pcie_generation_max=known(lambda: nvml.nvmlDeviceGetMaxPcieLinkGeneration(gpu)),
        pcie_width_max=known(lambda: nvml.nvmlDeviceGetMaxPcieLinkWidth(gpu)),
        sm_clock_max_mhz=known(lambda: nvml.nvmlDeviceGetMaxClockInfo(gpu, nvml.NVML_CLOCK_SM)),
        power_limit_w=known(lambda: nvml.nvmlDeviceGetEnforcedPowerLimit(gpu) / 1000),
        power_limit_default_w=known(
            lambda: nvml.nvmlDeviceGetPowerManagementDefaultLimit(gpu) / 1000
        ),
        driver=known(lambda: text(nvml.nvmlSystemGetDriverVersion())),
    )
