"""Which NVML devices are the ones that a process sees as ``cuda:0``, ``cuda:1`` ...

NVML numbers GPUs in PCI bus order. CUDA numbers what ``CUDA_VISIBLE_DEVICES`` leaves, and by
default puts the fastest model first; with ``CUDA_DEVICE_ORDER=PCI_BUS_ID`` both agree.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, Protocol

from infprof.profiler.collectors import Unavailable
from infprof.profiler.recording import Note

Handle = Any

_WHY_NOT = {
    4: "this user may not talk to the NVIDIA driver",
    9: "the NVIDIA driver is not loaded",
    12: "the library libnvidia-ml.so.1 of the NVIDIA driver is not installed",
    18: "the NVIDIA driver and its library differ in version until the next reboot",
}
"""Plain words for NVML error numbers."""


class Nvml(Protocol):
    """The functions of ``pynvml`` that pick devices."""

    @property
    def NVMLError(self) -> type[Exception]: ...
    def nvmlInit(self) -> None: ...
    def nvmlShutdown(self) -> None: ...
    def nvmlDeviceGetCount(self) -> int: ...
    def nvmlDeviceGetHandleByIndex(self, index: int) -> Handle: ...
    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> Handle: ...
    def nvmlDeviceGetUUID(self, handle: Handle) -> str | bytes: ...
    def nvmlDeviceGetName(self, handle: Handle) -> str | bytes: ...
    def nvmlDeviceGetMigMode(self, handle: Handle) -> list[int]: ...
    def nvmlDeviceGetMaxMigDeviceCount(self, handle: Handle) -> int: ...
    def nvmlDeviceGetMigDeviceHandleByIndex(self, handle: Handle, index: int) -> Handle: ...
    def nvmlDeviceGetDeviceHandleFromMigDeviceHandle(self, mig: Handle) -> Handle: ...


@dataclass(frozen=True, slots=True)
class Device:
    """One device as CUDA numbers it."""

    index: int
    gpu: Handle
    """The physical GPU: it alone has clocks, power, temperature and a PCIe link."""
    mig: Handle | None = None
    """The MIG instance: it alone has the memory and the processes."""

    @property
    def part(self) -> Handle:
        """What the process can use of it."""
        return self.gpu if self.mig is None else self.mig


def connect(nvml: Any = None) -> Any:
    """An initialised ``pynvml``, or the module given. Raises ``Unavailable``."""
    if nvml is None:
        try:
            import pynvml
        except ImportError:
            raise Unavailable("nvidia-ml-py is not installed") from None
        nvml = pynvml
    try:
        nvml.nvmlInit()
    except nvml.NVMLError as error:
        reason = _WHY_NOT.get(getattr(error, "value", -1), f"NVML does not start: {error}")
        raise Unavailable(reason) from None
    return nvml


def visible_devices(
    nvml: Nvml, visible: str | None, order: str | None = None
) -> tuple[list[Device], list[Note]]:
    """The devices of a process with these ``CUDA_VISIBLE_DEVICES`` and ``CUDA_DEVICE_ORDER``.

    Raises ``Unavailable`` when it sees none.
    """
    gpus = _reachable(nvml)
    visible = None if visible is None else visible.strip()
    if visible is None:
        chosen = [Device(0, gpu) for gpu in gpus]
    elif visible.startswith("MIG-"):
        chosen = _by_mig_uuid(nvml, visible)
    elif visible.startswith("GPU-"):
        chosen = _by_uuid(nvml, gpus, visible)
    else:
        chosen = _by_index(gpus, visible)
    if not chosen:
        raise Unavailable("CUDA_VISIBLE_DEVICES names no GPU that NVML can see")
    chosen = _only_first_mig(nvml, chosen)
    by_number = visible is None or visible[:4] not in ("GPU-", "MIG-")
    notes = _order_notes(nvml, gpus, order) if by_number else []
    return [replace(device, index=index) for index, device in enumerate(chosen)], notes


def _reachable(nvml: Nvml) -> list[Handle]:
    """GPUs that this process may open; CUDA does not count the others either."""
    found, reason = [], "NVML sees no GPU"
    try:
        count = nvml.nvmlDeviceGetCount()
    except nvml.NVMLError as error:
        raise Unavailable(f"NVML cannot count the GPUs: {error}") from None
    for index in range(count):
        try:
            found.append(nvml.nvmlDeviceGetHandleByIndex(index))
        except nvml.NVMLError as error:
            reason = f"no GPU may be opened: {error}"
    if not found:
        raise Unavailable(reason)
    return found


def _by_index(gpus: list[Handle], visible: str) -> list[Device]:
    """Like CUDA: the leading digits count, the first bad entry ends the list, a twin empties it."""
    chosen: list[int] = []
    for entry in visible.split(","):
        number = re.match(r"\s*\+?(\d{1,6})", entry)
        if number is None or int(number[1]) >= len(gpus):
            break
        if int(number[1]) in chosen:
            return []
        chosen.append(int(number[1]))
    if not chosen and re.match(r"\s*\+?\d", visible) is None:
        raise Unavailable("CUDA_VISIBLE_DEVICES hides every GPU")
    return [Device(0, gpus[index]) for index in chosen]


def _by_uuid(nvml: Nvml, gpus: list[Handle], visible: str) -> list[Device]:
    """As above; a prefix is enough where it fits one GPU only."""
    uuids = [text(nvml.nvmlDeviceGetUUID(gpu)) for gpu in gpus]
    chosen: list[int] = []
    for entry in visible.split(","):
        fits = [i for i, uuid in enumerate(uuids) if uuid.startswith(entry.strip())]
        if len(fits) != 1 or not entry.strip().startswith("GPU-"):
            break
        if fits[0] in chosen:
            return []
        chosen.append(fits[0])
    return [Device(0, gpus[index]) for index in chosen]


def _by_mig_uuid(nvml: Nvml, visible: str) -> list[Device]:
    """``MIG-<uuid>`` or the older ``MIG-GPU-<uuid>/<gpu instance>/<compute instance>``."""
    try:
        mig = nvml.nvmlDeviceGetHandleByUUID(visible.split(",")[0].strip())
        return [Device(0, nvml.nvmlDeviceGetDeviceHandleFromMigDeviceHandle(mig), mig)]
    except nvml.NVMLError:
        return []


def _only_first_mig(nvml: Nvml, chosen: list[Device]) -> list[Device]:
    """CUDA uses one MIG instance at most, and then no other GPU beside it."""
    for device in chosen:
        mig = device.mig if device.mig is not None else _first_mig(nvml, device.gpu)
        if mig is not None:
            return [replace(device, mig=mig)]
    return chosen


def _first_mig(nvml: Nvml, gpu: Handle) -> Handle | None:
    try:
        if nvml.nvmlDeviceGetMigMode(gpu)[0] != 1:
            return None
        slots = nvml.nvmlDeviceGetMaxMigDeviceCount(gpu)
    except nvml.NVMLError:  # a model without MIG
        return None
    for slot in range(slots):
        try:
            return nvml.nvmlDeviceGetMigDeviceHandleByIndex(gpu, slot)
        except nvml.NVMLError:  # an empty slot
            continue
    return None


def _order_notes(nvml: Nvml, gpus: list[Handle], order: str | None) -> list[Note]:
    names = {text(nvml.nvmlDeviceGetName(gpu)) for gpu in gpus}
    if order == "PCI_BUS_ID" or len(names) < 2:
        return []
    sentence = (
        "This host has different GPU models and CUDA_DEVICE_ORDER is not PCI_BUS_ID, so CUDA may "
        "number them otherwise than NVML: GPU samples may belong to another device."
    )
    return [Note(code="gpu-order-unsure", text=sentence)]


def text(value: str | bytes) -> str:
    """Older releases of pynvml hand out bytes."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
