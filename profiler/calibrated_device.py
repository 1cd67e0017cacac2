"""Whether a calibration is of the device that a recording used."""

from __future__ import annotations

import platform

from infprof.profiler.calibration import Calibration
from infprof.profiler.calibration_file import same_device
from infprof.profiler.recording import Header


def fitting(header: Header) -> Calibration | None:
    """The header's calibration if it is of the one device that was used, else ``None``.

    A GPU was used where it has a stream among the lanes. A CPU must also be left to the program
    with as many cores as to the calibration.
    """
    machine = header.machine
    found = machine.calibration
    if found is None:
        return None
    used = {lane.device for lane in header.lanes if lane.type == "stream"}
    if used:
        names = dict(enumerate(gpu.name for gpu in machine.gpus))
        of_it = all(same_device(names.get(_index(one), ""), found.device) for one in used)
        return found if found.on_gpu and of_it else None
    if found.on_gpu or header.flags.get("cuda_available"):
        return None  # a GPU may have been used unseen
    same_cpu = same_device(machine.cpu.name or platform.machine(), found.device)
    return found if same_cpu and found.usable_cpus == machine.cpu.usable else None


def _index(device: int | None) -> int:
    """Its place in the machine's list of GPUs; a stream whose device nobody told has none."""
    return -1 if device is None else device
