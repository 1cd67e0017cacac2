"""The ceilings of the device that did the work, and where they come from."""

from __future__ import annotations

from infprof.profiler.calibration import Calibration
from infprof.profiler.peaks import peaks_of
from infprof.profiler.recording import Cpu, Gpu, Machine

A100 = Gpu(name="NVIDIA A100-SXM4-80GB", multiprocessors=108)


def measured(device: str, on_gpu: bool, **figures: object) -> Calibration:
    figures = {"flops_per_s": {"fp32": 18e12}, "bandwidth_bytes_per_s": 1.7e12, **figures}
    return Calibration(device=device, on_gpu=on_gpu, made_at="", torch="", **figures)  # type: ignore[arg-type]


def test_the_vendors_table_where_nothing_was_measured() -> None:
    peaks = peaks_of(Machine(gpus=[A100]))
    assert peaks is not None and peaks.source == "table"
    assert peaks.peak("bf16") == 312e12 and peaks.bytes_per_s == 2039e9
    assert peaks.ridge("bf16") == 312e12 / 2039e9
    assert peaks.peak("fp8") is None and peaks.ridge("fp8") is None and peaks.peak(None) is None


def test_a_calibration_of_the_same_device_comes_first() -> None:
    machine = Machine(gpus=[A100], calibration=measured(A100.name, True))
    peaks = peaks_of(machine)
    assert peaks is not None and peaks.source == "calibration"
    assert peaks.peak("fp32") == 18e12 and peaks.ridge("fp32") == 18 / 1.7
    assert peaks.peak("bf16") is None


def test_a_calibration_of_another_device_is_ignored() -> None:
    other = Machine(gpus=[A100], calibration=measured("NVIDIA H200", True))
    cpu = Machine(gpus=[A100], cpu=Cpu(name="x"), calibration=measured("x", False))
    for machine in (other, cpu):
        peaks = peaks_of(machine, on_gpu=True)
        assert peaks is not None and peaks.source == "table"


def test_a_cpu_has_measured_ceilings_or_none() -> None:
    calibration = measured("x", False)
    peaks = peaks_of(Machine(cpu=Cpu(name="x"), calibration=calibration))
    assert peaks is not None and peaks.device == "x"
    assert peaks_of(Machine(gpus=[A100], cpu=Cpu(name="x"), calibration=calibration), False)
    assert peaks_of(Machine(cpu=Cpu(name="y"), calibration=calibration)) is None
    assert peaks_of(Machine(cpu=Cpu(name="x"))) is None
    assert peaks_of(Machine(gpus=[A100]), on_gpu=False) is None


def test_a_cpus_rates_are_of_so_many_threads() -> None:
    machine = Machine(cpu=Cpu(name="x"), calibration=measured("x", False, threads=4))
    assert peaks_of(machine, threads=4) and peaks_of(machine, threads=1) and peaks_of(machine)
    assert peaks_of(machine, threads=5) is None
    gpu = Machine(gpus=[A100], calibration=measured(A100.name, True, threads=4))
    peaks = peaks_of(gpu, threads=5)
    assert peaks is not None and peaks.source == "calibration"


def test_unlisted_or_mixed_gpus_have_none() -> None:
    assert peaks_of(Machine(gpus=[Gpu(name="NVIDIA A100-PG509-200")])) is None
    assert peaks_of(Machine(gpus=[A100, Gpu(name="NVIDIA H200")])) is None
    assert peaks_of(Machine(gpus=[A100, A100])) is not None
    assert peaks_of(Machine(), on_gpu=True) is None


def test_a_calibration_without_rates_says_nothing() -> None:
    empty = measured(A100.name, True, flops_per_s={}, bandwidth_bytes_per_s=None)
    peaks = peaks_of(Machine(gpus=[A100], calibration=empty))
    assert peaks is not None and peaks.source == "table"
    only = measured(A100.name, True, bandwidth_bytes_per_s=None)
    peaks = peaks_of(Machine(gpus=[A100], calibration=only))
    assert peaks is not None and peaks.bytes_per_s is None and peaks.ridge("fp32") is None
