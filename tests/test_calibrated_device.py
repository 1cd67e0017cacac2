"""A recording carries the calibration of the device that it used, and no other."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import pytest

from infprof import request
from infprof.profiler.assemble import assemble
from infprof.profiler.calibrated_device import fitting
from infprof.profiler.calibration import Calibration
from infprof.profiler.calibration_file import keep
from infprof.profiler.collectors import Facts, Target
from infprof.profiler.collectors.host import Collector
from infprof.profiler.recording import Cpu, Gpu, Header, Lane, Machine, Recording, Subject
from tests.recorded import recorded

L4 = Calibration(device="NVIDIA L4", on_gpu=True, made_at="2026-01-31", torch="2")
XEON = Calibration(device="Xeon", on_gpu=False, made_at="2026-01-31", torch="2", usable_cpus=8)


def header(
    found: Calibration | None,
    gpus: tuple[str, ...] = (),
    used: tuple[int | None, ...] = (),
    cpu: str | None = "Xeon",
    usable: int | None = 8,
    cuda: bool | None = False,
) -> Header:
    lanes = [Lane(type="stream", device=device, id=7) for device in used]
    return Header(
        subject=Subject(kind="run", name="x"),
        machine=Machine(
            gpus=[Gpu(name=name) for name in gpus],
            cpu=Cpu(name=cpu, usable=usable),
            calibration=found,
        ),
        lanes=[Lane(type="thread", id=1), *lanes],
        flags={"cuda_available": cuda},
    )


@pytest.mark.parametrize(
    ("gpus", "used", "fits"),
    [
        (("NVIDIA L4",), (0,), True),
        (("L4",), (0, 0), True),
        (("T4", "L4"), (1,), True),
        (("T4", "L4"), (0,), False),
        (("T4", "L4"), (0, 1), False),
        (("L40",), (0,), False),
        (("L4",), (3,), False),
        (("L4",), (None,), False),
        ((), (0,), False),
        (("L4",), (), False),  # the program may have used the CPU only
    ],
)
def test_a_gpu_s(gpus: tuple[str, ...], used: tuple[int | None, ...], fits: bool) -> None:
    assert fitting(header(L4, gpus, used, cuda=True)) is (L4 if fits else None)


def test_a_cpu_s() -> None:
    assert fitting(header(XEON)) is XEON
    assert fitting(header(XEON, cpu="Epyc")) is None
    assert fitting(header(XEON, usable=2)) is None
    assert fitting(header(XEON, ("L4",), (0,))) is None
    assert fitting(header(XEON, cuda=True)) is None


def test_a_cpu_without_a_name_goes_by_its_architecture() -> None:
    arm = XEON.model_copy(update={"device": platform.machine()})
    assert fitting(header(arm, cpu=None)) is arm
    assert fitting(header(XEON, cpu=None)) is None


def test_none_stays_none() -> None:
    assert fitting(header(None)) is None


def recorded_with(found: Calibration | None, raw: Path) -> Recording:
    """A run's recording, where the host's collector told of a calibration."""
    cpu = Cpu(name="Xeon", usable=8)
    sampled = {"host": Facts(machine=Machine(cpu=cpu, calibration=found))}
    return assemble(raw, Subject(kind="run", name="x"), "1", {**sampled})


def test_a_recording_made_here_carries_it(tmp_path: Path) -> None:
    with recorded(tmp_path), request("serve"):
        pass
    made = recorded_with(XEON, tmp_path / "raw")
    assert made.header.machine.calibration == XEON
    made.save(tmp_path / "saved")
    assert Recording.load(tmp_path / "saved").header.machine.calibration == XEON
    assert recorded_with(L4, tmp_path / "raw").header.machine.calibration is None
    other = XEON.model_copy(update={"device": "Epyc"})
    assert recorded_with(other, tmp_path / "raw").header.machine.calibration is None


def test_the_host_s_collector_brings_what_was_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def told() -> Calibration | None:
        collector = Collector()
        collector.prepare(Target(os.getpid()))
        machine = collector.stop().machine
        assert machine is not None
        return machine.calibration

    assert told() is None
    file = keep(XEON)
    assert told() == XEON
    file.write_text("{")
    assert told() is None


def test_without_a_collector_on_this_machine_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that did not end may have been made elsewhere, and a foreign trace was."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    keep(XEON.model_copy(update={"device": platform.machine(), "usable_cpus": None}))
    with recorded(tmp_path), request("serve"):
        pass
    unfinished = assemble(tmp_path / "raw", Subject(kind="run", name="x"), "1", {"host": "no end"})
    assert unfinished.header.machine.calibration is None
