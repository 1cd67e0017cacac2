"""Raw files of a session become one recording on one clock."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from infprof import annotate, request
from infprof.profiler.assemble import _align, assemble
from infprof.profiler.collectors import Facts
from infprof.profiler.collectors.kernels import ALIGNING_MARKS
from infprof.profiler.events import Kind
from infprof.profiler.recording import Cpu, Gpu, Machine, Recording, Series, Subject
from infprof.profiler.schedule import Plan
from tests.recorded import recorded

TRACED = Plan(warmup=0, plain=0, window=5, windows=1)


@pytest.fixture
def traced(tmp_path: Path) -> Path:
    """The files of five traced requests, each with one range around one op."""
    with recorded(tmp_path, TRACED):
        for _ in range(5):
            with request("serve"), annotate("work", stage="compute"):
                torch.ones(1000).sum()
    return tmp_path / "raw"


def joined(raw: Path, sampled: dict[str, Facts | str] | None = None) -> Recording:
    return assemble(raw, Subject(kind="run", name="x"), "1", sampled or {})


def test_ops_lie_inside_the_ranges_that_ran_them(traced: Path) -> None:
    """The tracer's clock and ours are one: each op starts and ends within its range."""
    recording = joined(traced)
    events = recording.events
    ranges = events.take(events.kind == Kind.RANGE)
    ops = events.take((events.kind == Kind.OP) & (events.name == events.names.index("aten::ones")))
    assert len(ranges) == len(ops) == 5
    assert (ranges.start_ns < ops.start_ns).all() and (ops.end_ns < ranges.end_ns).all()
    assert set(ops.lane) == set(ranges.lane) == set(recording.requests.lane)


def test_the_clocks_agree_within_microseconds(traced: Path) -> None:
    window = joined(traced).header.windows[0]
    assert window.alignment_error_ns is not None and window.alignment_error_ns < 50_000
    assert window.start_ns < window.end_ns


def test_our_marks_are_not_recorded_twice(traced: Path) -> None:
    events = joined(traced).events
    names = [events.names[name] for name in events.name[events.kind == Kind.RANGE]]
    assert names == ["work"] * 5


TRUE_OFFSET = 1_700_000_000_000_000_000


def clocks(delays: list[int], drift: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """What the tracer and we would read, each mark delayed after our reading of the clock."""
    ours = np.arange(len(delays), dtype=np.int64) * 1000
    theirs = ours + np.array(delays) - TRUE_OFFSET
    theirs[ALIGNING_MARKS:] -= drift
    return theirs, ours


def test_the_tightest_mark_of_each_end_gives_the_offset() -> None:
    delays = [
        900,
        300,
        100,
        40_000,
        500,
        700,
        650,
        800,
        5_000,
        120,
        90_000,
        400,
        310,
        900,
        700,
        600,
    ]
    offset, doubt = _align(*clocks(delays)) or (0, 0)
    assert offset == TRUE_OFFSET - 110 and doubt == 20


def test_clocks_that_drift_apart_are_told() -> None:
    offset, doubt = _align(*clocks([100] * 16, drift=2_000)) or (0, 0)
    assert doubt == 2_000 and offset == TRUE_OFFSET - 100 + 1_000


def test_a_tracer_that_saw_only_the_thread_that_opened_it_is_aligned_by_one_end() -> None:
    theirs, ours = clocks([100] * 16)
    assert _align(theirs[:ALIGNING_MARKS], ours) == (TRUE_OFFSET - 100, 0)


@pytest.mark.parametrize("seen", [0, 3, 17])
def test_marks_that_do_not_match_align_nothing(seen: int) -> None:
    theirs, ours = clocks([100] * 17)
    assert _align(theirs[:seen], ours[:16]) is None


def test_a_window_cut_short_or_lost_is_a_note(traced: Path) -> None:
    window = traced / "window-0.json"
    data = window.read_bytes()
    for cut in (0, 1, 100, len(data) // 2, len(data) - 2):
        window.write_bytes(data[:cut])
        recording = joined(traced)
        assert len(recording.requests) == 5
        assert recording.header.windows or recording.header.notes, cut
    window.unlink()
    assert "could not be read" in joined(traced).header.notes[0].text


def test_an_empty_folder_is_a_recording_with_reasons(tmp_path: Path) -> None:
    recording = joined(tmp_path)
    assert set(recording.header.missing) == {"requests", "kernels", "ops", "stacks"}
    assert len(recording.events) == len(recording.requests) == 0
    recording.save(tmp_path / "recording")
    assert Recording.load(tmp_path / "recording").header == recording.header


def test_a_program_without_torch_is_said_to_have_none(tmp_path: Path) -> None:
    with recorded(tmp_path) as made, request("serve"):
        made.session.finish()
    file = tmp_path / "raw" / "session.json"
    facts = json.loads(file.read_text())
    file.write_text(json.dumps({**facts, "torch": {}}))
    header = joined(tmp_path / "raw").header
    assert header.missing["kernels"] == header.missing["ops"] == "the program did not import torch"
    assert header.machine.torch is None


def test_what_torch_was_set_to_is_kept(traced: Path) -> None:
    header = joined(traced).header
    assert header.machine.torch == torch.__version__
    assert header.flags["threads"] == torch.get_num_threads()
    assert header.flags["cuda_available"] is torch.cuda.is_available()


def test_samples_and_reasons_join_and_machines_complete_each_other(tmp_path: Path) -> None:
    gpu = Facts(
        series=[Series(name="gpu.power", source="nvml", unit="W", device=0)],
        points=[(0, 5, 70.0), (0, 9, 75.0)],
        machine=Machine(gpus=[Gpu(name="A", memory_bytes=8)]),
    )
    host = Facts(
        series=[Series(name="host.cpu", source="proc", unit="%")],
        points=[(0, 7, 12.5)],
        machine=Machine(cpu=Cpu(logical=4), os="Linux"),
    )
    recording = joined(tmp_path, {"gpu": gpu, "host": host, "stacks": "not allowed"})
    assert [one.name for one in recording.header.series] == ["gpu.power", "host.cpu"]
    rows = list(zip(recording.samples.series, recording.samples.value, strict=True))
    assert rows == [(0, 70.0), (0, 75.0), (1, 12.5)]
    assert recording.header.missing["stacks"] == "not allowed"
    machine = recording.header.machine
    assert (machine.gpus[0].memory_bytes, machine.cpu.logical, machine.os) == (8, 4, "Linux")


def test_what_the_session_cost_is_kept(traced: Path) -> None:
    cost = joined(traced).header.overhead_ns
    assert cost["open_windows"] > 0 and cost["close_windows"] > 0
    assert 0 < cost["write_marks"] < cost["close_windows"]
