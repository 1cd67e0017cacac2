"""What the kineto importer makes of traces of every version, written here by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infprof.profiler.events import STAGES, Flag, Kind
from infprof.profiler.importers import kineto, open_trace
from infprof.profiler.recording import BadInput, Phase, Recording

Open = Callable[[Any], Recording]


@pytest.fixture
def opened(tmp_path: Path) -> Open:
    """Write a document, or a list of events, and import it."""

    def write_and_open(document: Any) -> Recording:
        path = tmp_path / "trace.json"
        path.write_text(json.dumps(document))
        return open_trace(path)

    return write_and_open


def event(cat: str, name: str, ts: Any = 10, dur: Any = 5, **more: Any) -> dict[str, Any]:
    args = more.pop("args", {})
    return {
        "ph": "X", "cat": cat, "name": name, "pid": 1, "tid": 2, "ts": ts, "dur": dur,
        "args": args, **more,
    }  # fmt: skip


def launch(correlation: int, name: str = "cudaLaunchKernel") -> dict[str, Any]:
    return event("cuda_runtime", name, 10, 5, args={"correlation": correlation})


def device(cat: str, name: str, correlation: int, **args: Any) -> dict[str, Any]:
    args = {"device": 0, "stream": 7, "correlation": correlation, **args}
    return event(cat, name, 20, 30, pid=0, tid=7, args=args)


def names(recording: Recording, kind: Kind) -> list[str]:
    events = recording.events
    return [events.names[name] for name in events.name[events.kind == kind].tolist()]


def column(recording: Recording, name: str, kind: Kind) -> list[int]:
    events = recording.events
    values: list[int] = getattr(events, name)[events.kind == kind].tolist()
    return values


@pytest.mark.parametrize(
    ("category", "kind"),
    [
        ("cpu_op", Kind.OP), ("Operator", Kind.OP), ("user_annotation", Kind.RANGE),
        ("cuda_runtime", Kind.CALL), ("cuda_driver", Kind.CALL), ("hip_runtime", Kind.CALL),
        ("xpu_runtime", Kind.CALL), ("Runtime", Kind.CALL), ("kernel", Kind.KERNEL),
        ("Kernel", Kind.KERNEL), ("gpu_memcpy", Kind.COPY), ("Memcpy", Kind.COPY),
        ("gpu_memset", Kind.MEMSET), ("Memset", Kind.MEMSET), ("cuda_sync", Kind.SYNC),
        ("python_function", Kind.PYTHON), ("overhead", Kind.OVERHEAD),
    ],
)  # fmt: skip
def test_category_old_or_new_gives_the_kind(opened: Open, category: str, kind: Kind) -> None:
    assert names(opened([event(category, "it")]), kind) == ["it"]


def test_gpu_annotations_are_no_work(opened: Open) -> None:
    recording = opened([event("cpu_op", "aten::mm"), event("gpu_user_annotation", "step")])
    assert recording.events.names == ("aten::mm",)


def test_names_of_rocm_stay_and_its_devices_have_no_sm_version(opened: Open) -> None:
    recording = opened({
        "deviceProperties": [{"id": 0, "name": "AMD Instinct MI300X", "computeMajor": 9,
                              "totalGlobalMem": 5, "numSms": 304}],
        "hip_runtime_version": 60443483,
        "traceEvents": [
            launch(3, "hipMemcpyWithStream"),
            device("gpu_memcpy", "Memcpy HtoD (Host -> Device)", 3, bytes=64),
        ],
    })  # fmt: skip
    gpu = recording.header.machine.gpus[0]
    assert names(recording, Kind.COPY) == ["Memcpy HtoD (Host -> Device)"]
    assert column(recording, "size_bytes", Kind.COPY) == [64]
    assert (gpu.sm_major, gpu.multiprocessors, gpu.memory_bytes) == (None, 304, 5)
    assert recording.header.machine.hip == "6.4.43483"


def test_only_the_devices_and_versions_of_the_metadata_are_kept(opened: Open) -> None:
    recording = opened({
        "host_name": "secret-host", "env": {"TOKEN": "secret"}, "traceName": "/secret",
        "deviceProperties": [
            {"name": "Tesla T4", "computeMajor": 7, "computeMinor": 5, "x": "secret"},
        ],
        "cuda_runtime_version": 12080,
        "traceEvents": [event("cpu_op", "aten::mm", args={"k": "secret"})],
    })  # fmt: skip
    machine = recording.header.machine
    assert (machine.gpus[0].sm_major, machine.gpus[0].sm_minor, machine.cuda) == (7, 5, "12.8")
    assert "secret" not in recording.header.model_dump_json()
    assert recording.header.subject.name == "trace.json"


def test_times_are_integer_nanoseconds_on_the_traces_clock(opened: Open) -> None:
    base = 1_759_300_074_000_000_000
    recording = opened({
        "baseTimeNanoseconds": base,
        "traceEvents": [event("cpu_op", "aten::mm", 7_520_618_853_487.683, 0.001)],
    })  # fmt: skip
    start = base + 7_520_618_853_487_683
    assert (recording.events.start_ns[0], recording.events.end_ns[0]) == (start, start + 1)


def test_epoch_microseconds_with_decimals_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    path.write_text(
        '[{"ph":"X","cat":"cpu_op","name":"a","pid":1,"tid":1,"ts":1711234567890123.457,"dur":1}]'
    )
    assert open_trace(path).events.start_ns.tolist() == [1_711_234_567_890_123_457]


def test_threads_and_streams_become_lanes(opened: Open) -> None:
    recording = opened([
        {"ph": "M", "name": "process_name", "pid": 1, "tid": 0, "args": {"name": "python"}},
        {"ph": "M", "name": "thread_name", "pid": 1, "tid": "2", "args": {"name": "main "}},
        event("Operator", "a", tid="2"),
        event("Operator", "b", tid=3),
        event("Kernel", "k", pid=4, tid="stream 9"),
        event("python_function", "f", pid=0, tid=0),
        event("cpu_op", "c", pid="python", tid="worker"),
    ])  # fmt: skip
    lanes = [(lane.type, lane.process, lane.device, lane.name) for lane in recording.header.lanes]
    assert lanes == [
        ("thread", 1, None, "main"), ("thread", 1, None, "python"),
        ("stream", None, 4, "stream 9"), ("thread", 0, None, "thread 0"),
        ("thread", None, None, "thread worker"),
    ]  # fmt: skip
    assert [lane.id for lane in recording.header.lanes[:4]] == [2, 3, 9, 0]
    assert sorted(recording.events.lane.tolist()) == [0, 1, 2, 3, 4]


def test_launches_and_device_work_share_a_correlation_id(opened: Open) -> None:
    recording = opened([
        launch(5), device("kernel", "gemm", 5), launch(6, "cudaGraphLaunch"),
        device("kernel", "in graph", 6), device("kernel", "by id", 0, **{"graph id": 8}),
    ])  # fmt: skip
    assert column(recording, "correlation", Kind.CALL) == [5, 6]
    assert column(recording, "correlation", Kind.KERNEL) == [5, 6, -1]
    assert column(recording, "flags", Kind.KERNEL) == [0, Flag.GRAPH, Flag.GRAPH]


def test_shapes_are_compact_json_with_the_concrete_inputs_that_tell_something(opened: Open) -> None:
    inputs = {
        "Input Dims": [[1, 3], []], "Input type": ["float", "Scalar"], "Concrete Inputs": ["", "5"],
    }  # fmt: skip
    recording = opened([
        event("cpu_op", "aten::mm", 1, args=inputs), event("cpu_op", "aten::mm", 2, args=inputs),
        event("cpu_op", "aten::to", 3, args=inputs), event("cpu_op", "aten::add", 4),
        event("Operator", "aten::mul", 5, args={"Input dims": [[2]]}),
    ])  # fmt: skip
    assert recording.events.shapes.tolist() == [0, 0, 1, -1, 2]
    assert recording.events.shape_names == (
        '{"dims":[[1,3],[]],"types":["float","Scalar"]}',
        '{"dims":[[1,3],[]],"types":["float","Scalar"],"concrete":["","5"]}',
        '{"dims":[[2]],"types":[]}',
    )


def test_autograd_is_flagged_forward_and_backward(opened: Open) -> None:
    recording = opened([
        event("cpu_op", "forward", 1, args={"Sequence number": 4, "Fwd thread id": 0}),
        event("cpu_op", "backward", 2, args={"Fwd thread id": 1}),
        event("cpu_op", "neither", 3, args={"Fwd thread id": 0}),
    ])  # fmt: skip
    assert recording.events.flags.tolist() == [Flag.AUTOGRAD, Flag.AUTOGRAD, 0]


@pytest.mark.parametrize("category", ["user_annotation", "cpu_op"])
def test_our_own_ranges_tell_their_stage_and_our_requests_become_requests(
    opened: Open, category: str
) -> None:
    recording = opened([
        event(category, "infprof:preprocess:resize: 2x", 1),
        event(category, "infprof:nonsense:x", 2),
        event(category, "infprof:request:predict", 3),
        event(category, "ProfilerStep#4", 4),
        event(category, "enumerate(DataLoader)#_SingleProcessDataLoaderIter.__next__", 5),
    ])  # fmt: skip
    assert names(recording, Kind.RANGE) == [
        "resize: 2x", "infprof:nonsense:x", "ProfilerStep#4",
        "enumerate(DataLoader)#_SingleProcessDataLoaderIter.__next__",
    ]  # fmt: skip
    assert recording.events.stage.tolist() == [STAGES.index("preprocess"), -1, -1, -1]
    assert recording.requests.start_ns.tolist() == [3000]
    assert recording.requests.phase.tolist() == [Phase.TRACED]
    assert recording.header.requests_seen == 1


def test_begin_end_pairs_nest_and_odd_ones_are_counted(opened: Open) -> None:
    def half(ph: str, name: str, ts: float) -> dict[str, Any]:
        return {"ph": ph, "cat": "cpu_op", "name": name, "pid": 1, "tid": 1, "ts": ts}

    recording = opened([
        half("B", "outer", 1), half("B", "inner", 2), half("E", "", 3.5), half("E", "", 4),
        half("E", "", 5), half("B", "open", 6),
    ])  # fmt: skip
    assert names(recording, Kind.OP) == ["outer", "inner"]
    assert recording.events.end_ns.tolist() == [4000, 3500]
    assert recording.header.dropped_events == 2


def test_windows_and_span(opened: Open) -> None:
    frame = {"pid": "Spans", "tid": "PyTorch Profiler"}
    recording = opened([
        event("Trace", "PyTorch Profiler (1)", 200, 90, **frame),
        event("Trace", "PyTorch Profiler (0)", 0, 100, **frame),
        event("cpu_op", "a", 10, 5), event("gpu_user_annotation", "b", 220, 20),
    ])  # fmt: skip
    windows = [(window.start_ns, window.end_ns) for window in recording.header.windows]
    assert windows == [(0, 100_000), (200_000, 290_000)]
    assert recording.header.span_ns == 230_000


def test_windows_from_marks_where_no_event_spans_them(opened: Open) -> None:
    def mark(name: str, ts: int) -> dict[str, Any]:
        return {"ph": "i", "s": "g", "name": name, "ts": ts, "pid": "Traces", "tid": ""}

    start, end = "Iteration Start: PyTorch Profiler", "Record Window End"
    recording = opened([mark(start, 1), mark(end, 9), mark(start, 20), event("cpu_op", "a")])
    assert [(w.start_ns, w.end_ns) for w in recording.header.windows] == [(1000, 9000)]


def test_missing_kernels_have_the_right_reason(opened: Open) -> None:
    operator = event("cpu_op", "aten::mm")
    on_cpu = opened([operator, launch(1, "cudaDeviceSynchronize")]).header.missing
    assert "ran on the CPU" in on_cpu["kernels"]
    assert "no device activity" in opened([operator, launch(1)]).header.missing["kernels"]
    counters = opened([operator, launch(1), event("cuda_profiler_range", "k")]).header.missing
    assert "counters" in counters["kernels"]
    assert set(on_cpu) == {"kernels", "shapes", "stacks"}


def test_nothing_is_missing_from_a_full_trace(opened: Open) -> None:
    header = opened([
        event("cpu_op", "aten::mm", args={"Input Dims": [[2, 2]]}), event("python_function", "f"),
        launch(1), device("kernel", "gemm", 1),
    ]).header  # fmt: skip
    assert (header.missing, header.notes, header.cuts, header.dropped_events) == ({}, [], [], 0)


def test_device_work_without_its_launch_is_noted(opened: Open) -> None:
    rows = [launch(1), device("kernel", "a", 1), device("kernel", "b", 2)]
    (note,) = opened(rows).header.notes
    assert note.code == "correlation-holes" and "50%" in note.text


@pytest.mark.parametrize(
    "bad",
    [
        {"dur": -5}, {"dur": None}, {"ts": None}, {"ts": "soon"}, {"ts": 10**30}, {"ts": [1]},
        {"ts": True}, {"cat": ""}, {"ph": ""}, {"ts": 1e300}, {"dur": 10**17},
    ],
)  # fmt: skip
def test_an_event_without_sense_is_dropped_and_counted(opened: Open, bad: dict[str, Any]) -> None:
    recording = opened([event("cpu_op", "good"), event("cpu_op", "bad") | bad])
    assert names(recording, Kind.OP) == ["good"]
    assert recording.header.dropped_events == 1


@pytest.mark.parametrize(
    "odd",
    [
        {"args": None}, {"args": []}, {"args": {"correlation": 10**40, "Input Dims": "x"}},
        {"args": {"correlation": -1, "bytes": "12"}}, {"pid": None}, {"tid": [1]}, {"pid": 1.5},
        {"tid": 2**64 - 1}, {"ts": "10", "dur": "5.0"},
    ],
)  # fmt: skip
def test_odd_fields_do_not_cost_the_event(opened: Open, odd: dict[str, Any]) -> None:
    recording = opened([event("cpu_op", "good", 1), event("cpu_op", "odd") | odd])
    assert names(recording, Kind.OP) == ["good", "odd"]
    assert recording.events.end_ns[1] == 15_000


def test_a_chrome_trace_of_another_tool_is_refused(opened: Open) -> None:
    with pytest.raises(BadInput, match="trace.json: holds no event that torch.profiler records"):
        opened([event("Node", "MatMul")])


@pytest.mark.parametrize(
    ("head", "known"),
    [
        (b'\xef\xbb\xbf\n{"schemaVersion": 1, "deviceProperties": [', True),
        (b'[{"ph": "X"', True), (b'{"version": 2, "shared": {}}', False),
        (b"SQLite format 3", False), (b'# "ph"', False), (b"", False),
    ],
)  # fmt: skip
def test_recognises_chrome_traces(head: bytes, known: bool) -> None:
    assert kineto.recognises(head) is known


def test_a_trace_of_the_installed_torch(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    path = tmp_path / "own.json"
    with torch.profiler.profile(
        activities=[torch.profiler.ProfilerActivity.CPU], record_shapes=True
    ) as profile:
        with torch.profiler.record_function("infprof:compute:forward"):
            torch.ones(4, 4) @ torch.ones(4, 4)
    profile.export_chrome_trace(str(path))
    recording = open_trace(path)
    assert names(recording, Kind.RANGE) == ["forward"]
    assert "aten::mm" in names(recording, Kind.OP)
    assert "ran on the CPU" in recording.header.missing["kernels"]
    assert len(recording.header.windows) == 1
