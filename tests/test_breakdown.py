"""Every nanosecond has one owner: sums are exact, and the right layer wins."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infprof.profiler.breakdown import by_occupancy, stage_of
from infprof.profiler.intervals import length, union
from infprof.profiler.recording import Recording
from infprof.profiler.timeline import Timeline
from tests.build import recording, timeline


def leaves(text: str) -> dict[str, int]:
    """Exposed microseconds by leaf; leaves without any are left out."""
    found = by_occupancy(timeline(text)).leaves
    return {leaf: exposed // 1000 for leaf, (exposed, _) in found.items() if exposed}


def test_a_gpu_request_is_cut_into_its_stages() -> None:
    assert leaves(
        """main: 0-100 request
        main: 0-30 range preprocess:decode
        main: 30-34 op aten::to
        main: 31-34 call cudaMemcpyAsync #1
        s7: 34-40 copy Memcpy HtoD (Pageable -> Device) #1 @1000
        main: 40-44 op aten::mm
        main: 42-44 call cudaLaunchKernel #2
        s7: 50-80 kernel ampere_sgemm_128x64_nn #2
        main: 44-85 call cudaStreamSynchronize
        main: 85-100 range postprocess:encode"""
    ) == {
        "preprocess.decode": 30,
        "python.dispatch": 3,
        "h2d.staging": 3,
        "h2d.copy": 6,
        "python.launch": 2,
        "python.sync": 11,
        "compute.gemm": 30,
        "postprocess.encode": 15,
    }


def test_a_copy_behind_a_kernel_costs_nothing() -> None:
    text = (
        "main: 0-50 request | s7: 0-50 kernel gemm | s9: 10-30 copy Memcpy HtoD (Pinned -> Device)"
    )
    found = by_occupancy(timeline(text)).leaves
    assert found["h2d.copy"] == (0, 20_000)
    assert found["compute.gemm"] == (50_000, 50_000)


def test_on_a_cpu_ops_compute_and_a_declared_stage_outranks_them() -> None:
    assert leaves(
        """main: 0-100 request
        main: 0-20 range preprocess:resize
        main: 5-15 op aten::upsample
        main: 30-70 op aten::conv2d
        main: 40-60 op aten::inner"""
    ) == {"preprocess.resize": 20, "compute.cpu": 40, "python.interpreter": 10, "unattributed": 30}


def test_beside_a_gpu_only_a_long_op_without_a_launch_computes_on_the_cpu() -> None:
    found = leaves(
        """main: 0-1000 request
        main: 0-300 op aten::sort
        main: 300-310 op aten::view
        main: 310-330 op aten::mm
        main: 315-330 call cudaLaunchKernel #1
        s7: 330-1000 kernel gemm #1"""
    )
    assert found == {
        "compute.cpu": 300,
        "python.dispatch": 15,
        "python.launch": 15,
        "compute.gemm": 670,
    }


@pytest.mark.parametrize("kind", ["op", "range"])  # since PyTorch 2.13, and before
def test_what_the_compiler_traces_computes_nothing(kind: str) -> None:
    text = f"""
        main: 0-100 request
        main: 0-60 {kind} _compile.compile_inner (dynamo_timed)
        main: 10-50 op aten::linear
        main: 60-100 op Torch-Compiled Region: 0/0
    """
    assert leaves(text) == {"python.compile": 60, "compute.cpu": 40}


def test_a_copy_call_that_its_bytes_cannot_explain_is_a_wait() -> None:
    found = leaves(
        """main: 0-5000 request
        main: 0-4990 call cudaMemcpyAsync #1
        s7: 4980-4990 copy Memcpy HtoD (Pageable -> Device) #1 @1000"""
    )
    assert found == {"python.sync": 4980, "h2d.copy": 10, "unattributed": 10}


def test_long_holes_are_not_called_python() -> None:
    found = leaves(
        "main: 0-5000 request | main: 0-10 op a | main: 20-30 op b | main: 4000-4010 op c"
    )
    assert found == {"compute.cpu": 30, "python.interpreter": 10, "unattributed": 4960}


def test_inside_a_model_call_holes_are_python() -> None:
    found = leaves(
        "main: 0-5000 request | main: 0-5000 range compute:forward | main: 0-10 op a"
        " | main: 4000-4010 op c"
    )
    assert found == {"compute.cpu": 20, "python.interpreter": 4980}


def test_ops_in_a_range_declared_to_compute_count_beside_a_model_s_own() -> None:
    found = leaves(
        "main: 0-100 request | main: 10-20 range nn.Module: Net | main: 12-18 op aten::mm"
        " | main: 30-60 range compute:decode | main: 35-55 op aten::cat"
        " | main: 70-80 op aten::sort | main: 0-100 stack 20 serve.py:11:main"
    )
    assert found["compute.cpu"] >= 26 and found["python.interpreter"] == 14


def test_compute_declared_for_another_runtime_is_compute() -> None:
    assert leaves("main: 0-50 request | main: 10-50 range compute:onnxruntime") == {
        "compute.declared": 40,
        "unattributed": 10,
    }


def test_the_innermost_declared_stage_wins() -> None:
    assert leaves(
        "main: 0-50 request | main: 0-50 range preprocess:load | main: 10-20 range io:read"
    ) == {"preprocess.load": 40, "io.read": 10}


def test_known_frames_and_dataloaders_reveal_their_stage() -> None:
    assert leaves(
        """main: 0-100 request
        main: 0-40 range enumerate(DataLoader)#_SingleProcessDataLoaderIter.__next__
        main: 50-90 python transformers/pipelines/base.py(12): postprocess"""
    ) == {
        "preprocess.DataLoader _SingleProcessDataLoaderIter.__next__": 40,
        "postprocess.transformers/pipelines/base.py: postprocess": 40,
        "unattributed": 20,
    }


def test_a_thread_with_requests_of_its_own_explains_only_those() -> None:
    found = by_occupancy(
        timeline(
            """main: 0-100 request
            t2: 0-100 request
            main: 0-60 range io:read
            t2: 0-30 range preprocess:decode"""
        )
    )
    first, second = (one.leaves for one in found.requests)
    assert {leaf: share.exposed_ns for leaf, share in first.items()} == {
        "io.read": 60_000,
        "unattributed": 40_000,
    }
    assert second["preprocess.decode"].exposed_ns == 30_000
    assert found.wall_ns == 200_000


def test_without_marked_requests_the_work_is_the_request_and_idle_ends_are_not() -> None:
    made = timeline(
        "main: 100-200 op aten::mm | s7: 150-300 kernel gemm | main: 300-900 call cudaEventQuery"
        " | main: 0-900 python threading.py(1): wait"
    )
    assert [(one.start_ns, one.end_ns) for one in made.requests] == [(100_000, 300_000)]


def test_many_names_of_one_stage_join_as_other_ranges() -> None:
    rows = " | ".join(f"main: {i}-{i + 1} range io:file{i}" for i in range(30))
    found = by_occupancy(timeline(f"main: 0-30 request | {rows}"))
    assert sum(leaf.startswith("io.file") for leaf in found.leaves) == 20
    assert found.leaves["io.other ranges"][0] == 10_000


KINDS = ("op", "call cudaLaunchKernel", "call cudaMalloc", "call cudaMemcpyAsync #3",
         "call cudaStreamSynchronize", "range io:a", "range preprocess:b", "range compute:m",
         "overhead Buffer Flush", "python PIL/Image.py(1): open")  # fmt: skip
DEVICE = ("kernel gemm", "kernel elementwise", "copy Memcpy HtoD (Pageable -> Device) #3",
          "copy Memcpy DtoH (Device -> Pinned)", "memset Memset (Device)")  # fmt: skip


@st.composite
def programs(draw: st.DrawFn) -> Recording:
    """Any mess of events on two threads and two streams, with overlapping requests."""
    rows: list[str] = []
    for _ in range(draw(st.integers(1, 25))):
        start = draw(st.integers(0, 900))
        end = start + draw(st.integers(0, 300))
        on_device = draw(st.booleans())
        lane = draw(st.sampled_from(("s7", "s9") if on_device else ("main", "t2")))
        rows.append(
            f"{lane}: {start}-{end} {draw(st.sampled_from(DEVICE if on_device else KINDS))}"
        )
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, 900))
        lane = draw(st.sampled_from(("main", "t2")))
        rows.append(f"{lane}: {start}-{start + draw(st.integers(1, 400))} request")
    return recording("\n".join(rows))


@settings(max_examples=300, deadline=None)
@given(programs())
def test_exposed_times_sum_to_the_wall_exactly(made: Recording) -> None:
    found = by_occupancy(Timeline(made))
    for one in found.requests:
        assert sum(share.exposed_ns for share in one.leaves.values()) == one.request.wall_ns
        for share in one.leaves.values():
            assert 0 <= share.exposed_ns <= share.busy_ns
            assert length(share.exposed) == share.exposed_ns
            assert length(union(share.exposed)) == share.exposed_ns
    assert sum(exposed for exposed, _ in found.stages.values()) == found.wall_ns
    assert {stage_of(leaf) for leaf in found.leaves} == set(found.stages)


@settings(max_examples=100, deadline=None)
@given(programs(), st.integers(-(10**12), 10**12))
def test_the_clock_s_zero_does_not_matter(made: Recording, shift: int) -> None:
    from dataclasses import replace

    events, requests = made.events, made.requests
    moved = replace(
        made,
        events=replace(events, start_ns=events.start_ns + shift, end_ns=events.end_ns + shift),
        requests=replace(
            requests, start_ns=requests.start_ns + shift, end_ns=requests.end_ns + shift
        ),
    )
    assert by_occupancy(Timeline(moved)).leaves == by_occupancy(Timeline(made)).leaves


def test_columns_are_integers_throughout() -> None:
    made = timeline("main: 0-10 request | main: 0-5 op a").events
    assert made.start_ns.dtype == made.end_ns.dtype == np.int64


def test_a_helper_thread_explains_only_what_the_request_s_own_thread_does_not() -> None:
    found = leaves(
        """main: 0-100 request
        main: 0-60 op aten::mm
        t2: 0-80 range io:prefetch"""
    )
    assert found == {"compute.cpu": 60, "io.prefetch": 20, "unattributed": 20}


def test_ops_inside_declared_python_are_python() -> None:
    found = leaves("main: 0-50 request | main: 0-40 range python:load model | main: 5-35 op a")
    assert found == {"python.load model": 40, "unattributed": 10}
