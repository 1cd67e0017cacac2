"""Which devices are sampled, and what happens where NVML has no answer."""

from __future__ import annotations

import os
import threading
import time
from types import SimpleNamespace

import pytest

from infprof.profiler.collectors import Facts, Target, Unavailable
from infprof.profiler.collectors.gpu import UNITS, Collector, device_order
from infprof.profiler.probes.nvml_devices import connect, visible_devices
from infprof.profiler.probes.nvml_processes import Holding, Working
from tests.fake_nvml import FakeGpu, FakeNvml

ME = os.getpid()
UUIDS = ("GPU-aaaa1111-0", "GPU-aaaa2222-0", "GPU-bbbb3333-0")


def three() -> FakeNvml:
    return FakeNvml(*(FakeGpu(uuid) for uuid in UUIDS))


def partitioned() -> FakeGpu:
    gpu = FakeGpu("GPU-cccc", migs=[])
    assert gpu.migs is not None
    for number in (1, 2):
        name = f"NVIDIA H200 MIG {number}g.18gb"
        gpu.migs.append(FakeGpu(f"MIG-{number}", name, 18 << 30, parent=gpu))
    return gpu


def sampled(nvml: FakeNvml, visible: str | None = None, ticks: int = 2) -> Facts:
    collector = Collector(nvml=nvml)
    collector.prepare(Target(ME, visible))
    for sampler in collector.samplers:
        for _ in range(ticks):
            sampler.tick()
    return collector.stop()


def values(facts: Facts, device: int = 0) -> dict[str, float]:
    """The newest value of each series of a device."""
    return {
        facts.series[row].name: value
        for row, _, value in facts.points
        if facts.series[row].device == device
    }


def notes(facts: Facts, code: str) -> list[str]:
    return [note.text for note in facts.notes if note.code == code]


# --- which devices


@pytest.mark.parametrize(
    ("visible", "expected"),
    [
        (None, [0, 1, 2]),
        ("0,1,2", [0, 1, 2]),
        ("2,0", [2, 0]),
        (" 1 , 2 ", [1, 2]),
        ("1gpu,2x", [1, 2]),  # as strtoul reads it
        ("0,9,1", [0]),  # the first bad entry ends the list
        ("1,-1,2", [1]),
        (UUIDS[1], [1]),
        ("GPU-b", [2]),
        ("GPU-bbbb,GPU-aaaa1", [2, 0]),
        ("GPU-bbbb,GPU-aaaa", [2]),  # the second fits two
        ("GPU-bbbb,0", [2]),
    ],
)
def test_the_right_devices(visible: str | None, expected: list[int]) -> None:
    nvml = three()
    devices, found_notes = visible_devices(nvml, visible)
    assert [device.gpu for device in devices] == [nvml.gpus[index] for index in expected]
    assert [device.index for device in devices] == list(range(len(expected)))
    assert found_notes == []


@pytest.mark.parametrize("visible", ["", " ", "-1", "NoDevFiles", "none", ",0"])
def test_hidden_devices(visible: str) -> None:
    with pytest.raises(Unavailable, match="^CUDA_VISIBLE_DEVICES hides every GPU$"):
        visible_devices(three(), visible)


@pytest.mark.parametrize(
    "visible", ["7", "0,0", "GPU-zzzz", "GPU-aaaa", "MIG-none", f"{UUIDS[0]}," * 2]
)
def test_devices_that_are_not_there(visible: str) -> None:
    with pytest.raises(Unavailable, match="names no GPU"):
        visible_devices(three(), visible)


def test_gpus_that_may_not_be_opened_are_not_counted() -> None:
    nvml = three()
    nvml.gpus[0].errors["nvmlDeviceGetHandleByIndex"] = 4
    devices, _ = visible_devices(nvml, "0")
    assert devices[0].gpu is nvml.gpus[1]
    for gpu in nvml.gpus:
        gpu.errors["nvmlDeviceGetHandleByIndex"] = 4
    with pytest.raises(Unavailable, match="no GPU may be opened: Insufficient Permissions"):
        visible_devices(nvml, None)
    with pytest.raises(Unavailable, match="NVML sees no GPU"):
        visible_devices(FakeNvml(), None)


def test_the_order_is_unsure_among_different_models() -> None:
    nvml = FakeNvml(FakeGpu("GPU-a", "NVIDIA L4"), FakeGpu("GPU-b", "NVIDIA H200"))
    for visible in (None, "0"):
        assert [note.code for note in visible_devices(nvml, visible)[1]] == ["gpu-order-unsure"]
        assert visible_devices(nvml, visible, "PCI_BUS_ID")[1] == []
    assert visible_devices(nvml, "GPU-b")[1] == []


def test_the_order_is_read_from_the_target(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    assert device_order(ME) == "PCI_BUS_ID"
    monkeypatch.delenv("CUDA_DEVICE_ORDER")
    assert device_order(ME) is None and device_order(2**22 + 7) is None


def test_mig_by_uuid_has_its_own_memory_and_its_gpus_clocks() -> None:
    gpu = partitioned()
    facts = sampled(FakeNvml(FakeGpu("GPU-other"), gpu), "MIG-2")
    seen = values(facts)
    assert seen["gpu.memory_used"] == 9 << 30 and seen["gpu.sm_clock"] == 1755
    assert "gpu.utilization" not in seen
    assert notes(facts, "gpu-unknown")[0] == "Unknown on GPU 0: gpu.utilization (Not Supported)."
    assert facts.machine is not None
    mig = facts.machine.gpus[0]
    assert (mig.uuid, mig.memory_bytes, mig.multiprocessors) == ("MIG-2", 18 << 30, 16)


@pytest.mark.parametrize("visible", [None, "0,1", "1", "GPU-cccc"])
def test_cuda_takes_the_first_instance_of_a_partitioned_gpu_and_nothing_else(
    visible: str | None,
) -> None:
    gpu = partitioned()
    devices, _ = visible_devices(FakeNvml(FakeGpu("GPU-other"), gpu), visible)
    assert [(d.index, d.gpu.uuid, d.part.uuid) for d in devices] == [(0, "GPU-cccc", "MIG-1")]


# --- no source


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (12, "libnvidia-ml.so.1 of the NVIDIA driver is not installed"),
        (9, "driver is not loaded"),
        (4, "may not talk to"),
        (18, "differ in version"),
        (999, "NVML does not start: Unknown Error"),
    ],
)
def test_no_driver_is_an_ordinary_answer(number: int, words: str) -> None:
    nvml = FakeNvml(init_error=number)
    with pytest.raises(Unavailable, match=words):
        Collector(nvml=nvml).start(Target(ME))


def test_nvml_is_let_go_of() -> None:
    nvml = three()
    with pytest.raises(Unavailable):
        Collector(nvml=nvml).start(Target(ME, ""))
    with pytest.raises(Unavailable, match="there is no process"):
        Collector(nvml=nvml).start(Target(2**22 + 7))
    assert nvml.open == 0
    collector = Collector(nvml=nvml)
    collector.prepare(Target(ME))
    assert nvml.open == 1
    collector.stop()
    assert nvml.open == 0
    assert collector.stop().series == []  # twice does no harm


def test_the_real_library_says_why_it_is_not_there() -> None:
    try:
        connect().nvmlShutdown()
    except Unavailable as reason:
        assert str(reason)


# --- values


def test_every_quantity_of_a_device() -> None:
    gpu = FakeGpu(UUIDS[0])
    gpu.processes = [
        SimpleNamespace(pid=ME, usedGpuMemory=3 << 30),
        SimpleNamespace(pid=1, usedGpuMemory=5 << 30),
    ]
    new = time.time_ns() // 1000 + 10**9
    gpu.samples = [
        SimpleNamespace(pid=ME, timeStamp=1, smUtil=77),  # from before we began
        SimpleNamespace(pid=ME, timeStamp=new, smUtil=60),
        SimpleNamespace(pid=1, timeStamp=new, smUtil=20),
        SimpleNamespace(pid=ME, timeStamp=new**2, smUtil=3_000_000),  # never filled in
    ]
    facts = sampled(FakeNvml(gpu))
    assert values(facts) == {
        "gpu.utilization": 97, "gpu.memory_used": (143_771 << 20) // 2,
        "gpu.process_memory": 3 << 30, "gpu.other_processes": 1, "gpu.process_utilization": 60,
        "gpu.working_processes": 1, "gpu.other_utilization": 20, "gpu.sm_clock": 1755,
        "gpu.memory_clock": 3201, "gpu.power": 688.5, "gpu.temperature": 54,
        "gpu.throttle_reasons": 4, "gpu.pcie_generation": 5, "gpu.pcie_width": 16,
        "gpu.pcie_tx": 371_000, "gpu.pcie_rx": 337_000,
    }  # fmt: skip
    assert facts.notes == []
    assert all(series.unit == UNITS[series.name] for series in facts.series)
    assert {series.source for series in facts.series} == {"gpu"}
    assert len([row for row in facts.points if facts.series[row[0]].name == "gpu.power"]) == 2
    assert facts.machine is not None
    [described] = facts.machine.gpus
    assert described.model_dump() == {
        "name": "NVIDIA H200", "uuid": UUIDS[0], "memory_bytes": 143_771 << 20, "sm_major": 9,
        "sm_minor": 0, "multiprocessors": None, "pcie_generation_max": 5, "pcie_width_max": 16,
        "sm_clock_max_mhz": 1980, "power_limit_w": 700.0,
        "power_limit_default_w": 700.0, "driver": "590.48.01",
    }  # fmt: skip


def test_process_utilization_is_not_repeated() -> None:
    gpu = FakeGpu("GPU-a")
    gpu.samples = [SimpleNamespace(pid=ME, timeStamp=2 * 10**18, smUtil=60)]
    nvml = FakeNvml(gpu)
    read = Working(nvml, gpu, lambda: (ME,)).utilization
    assert read() == 60
    with pytest.raises(nvml.NVMLError):  # "not found": nothing new
        read()


def test_another_process_is_not_ours() -> None:
    gpu = FakeGpu("GPU-a", processes=[SimpleNamespace(pid=1, usedGpuMemory=5)])
    facts = sampled(FakeNvml(gpu))
    told = {"gpu.process_memory", "gpu.other_processes", "gpu.process_utilization"}
    assert not told & values(facts).keys()
    [unknown] = notes(facts, "gpu-unknown")
    assert all(name in unknown for name in told) and "container" in unknown


def test_of_two_processes_of_ours_both_are_counted_once() -> None:
    rows = [SimpleNamespace(pid=pid, usedGpuMemory=1 << 30) for pid in (1, 2, 2, 3)]
    holding = Holding(FakeNvml(gpu := FakeGpu("GPU-a", processes=rows)), gpu, lambda: (1, 2))
    assert holding.others() is None  # nothing was asked yet
    assert holding.memory() == 3 << 30 and holding.others() == 1
    late = 2 * 10**18
    gpu.samples = [
        SimpleNamespace(pid=pid, timeStamp=late, smUtil=share)
        for pid, share in ((1, 30), (2, 40), (3, 10), (4, 5))
    ]
    working = Working(FakeNvml(gpu), gpu, lambda: (1, 2))
    assert (working.utilization(), working.ours(), working.others()) == (70, 2, 15)


def test_others_are_not_told_apart_where_ours_is_not_named() -> None:
    gpu = FakeGpu("GPU-a", processes=[SimpleNamespace(pid=7, usedGpuMemory=5)])
    gpu.samples = [SimpleNamespace(pid=7, timeStamp=2 * 10**18, smUtil=60)]
    holding = Holding(FakeNvml(gpu), gpu, lambda: (ME,))
    working = Working(FakeNvml(gpu), gpu, lambda: (ME,))
    assert holding.memory() is None and holding.others() is None
    assert working.utilization() is None and working.ours() is None and working.others() is None


def test_what_is_not_supported_is_asked_once_and_said_once() -> None:
    gpu = FakeGpu("GPU-a", errors={"nvmlDeviceGetPowerUsage": 3, "nvmlDeviceGetPcieThroughput": 4})
    nvml = FakeNvml(gpu)
    facts = sampled(nvml, ticks=10)
    assert not {"gpu.power", "gpu.pcie_tx", "gpu.pcie_rx"} & values(facts).keys()
    assert nvml.calls["nvmlDeviceGetPowerUsage"] == 1
    assert nvml.calls["nvmlDeviceGetPcieThroughput"] == 2  # once each way
    said = notes(facts, "gpu-unknown")
    assert "Unknown on GPU 0: gpu.power (Not Supported)." in said
    assert "Unknown on GPU 0: gpu.pcie_tx, gpu.pcie_rx (Insufficient Permissions)." in said


def test_what_fails_for_now_is_asked_again() -> None:
    gpu = FakeGpu("GPU-a", errors={"nvmlDeviceGetUtilizationRates": 21})
    nvml = FakeNvml(gpu)
    collector = Collector(nvml=nvml)
    collector.prepare(Target(ME))
    collector.samplers[0].tick()
    gpu.errors.clear()
    collector.samplers[0].tick()
    assert values(collector.stop())["gpu.utilization"] == 97


def test_an_older_driver_or_library_is_asked_the_older_way() -> None:
    gpu = FakeGpu("GPU-a", errors={"nvmlDeviceGetCurrentClocksEventReasons": 13})
    nvml = FakeNvml(gpu)
    facts = sampled(nvml, ticks=3)
    assert values(facts)["gpu.throttle_reasons"] == 8
    assert nvml.calls["nvmlDeviceGetCurrentClocksEventReasons"] == 1

    class Older(FakeNvml):
        nvmlDeviceGetCurrentClocksEventReasons = property()

    facts = sampled(Older(FakeGpu("GPU-a")))
    assert values(facts)["gpu.throttle_reasons"] == 8


def test_a_gpu_that_falls_off_the_bus_leaves_the_others() -> None:
    nvml = three()
    collector = Collector(nvml=nvml)
    collector.prepare(Target(ME, "0,2"))
    quick, pcie = collector.samplers
    assert quick.tick() and pcie.tick()
    nvml.gpus[0].errors["*"] = 15
    assert quick.tick() and pcie.tick()
    nvml.gpus[2].errors["*"] = 15
    assert not quick.tick() and not pcie.tick()
    facts = collector.stop()
    assert values(facts, 0)["gpu.power"] == values(facts, 1)["gpu.power"] == 688.5
    assert notes(facts, "gpu-lost") == [f"GPU {i} stopped answering: GPU is lost." for i in (0, 1)]
    times = [
        {time_ns for row, time_ns, _ in facts.points
         if facts.series[row].device == device and facts.series[row].name == "gpu.power"}
        for device in (0, 1)
    ]  # fmt: skip
    assert [len(seen) for seen in times] == [1, 2]


def test_a_fault_in_the_library_ends_the_sampling_with_a_note() -> None:
    nvml = three()
    nvml.nvmlDeviceGetPowerUsage = lambda handle: "x"  # type: ignore
    facts = sampled(nvml)
    assert "ended early: TypeError" in notes(facts, "gpu-sampling-failed")[0]


def test_the_link_does_not_hold_up_the_rest() -> None:
    class Slow(FakeNvml):
        def nvmlDeviceGetPcieThroughput(self, handle: FakeGpu, counter: int) -> int:
            time.sleep(0.02)
            return super().nvmlDeviceGetPcieThroughput(handle, counter)

    collector = Collector(nvml=Slow(FakeGpu("GPU-a")))
    collector.start(Target(ME))
    time.sleep(1)
    facts = collector.stop()
    power = [row for row in facts.points if facts.series[row[0]].name == "gpu.power"]
    traffic = [row for row in facts.points if facts.series[row[0]].name == "gpu.pcie_rx"]
    assert len(power) >= 18 and 2 <= len(traffic) <= 5
    assert not [t for t in threading.enumerate() if t.name.startswith("infprof-gpu")]
