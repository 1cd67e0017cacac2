"""Samples with their labels, and which of them caught a warm request."""

from __future__ import annotations

from dataclasses import replace

from infprof.profiler.host_samples import HostSamples
from tests.build import recording, timeline

MODEL = "lib/torch/nn/modules/module.py:1:Module._call_impl"

SERVING = f"""main: 100-200 request plain
    main: 300-400 request traced
    main: 500-600 request cold
    main: 700-800 request warmup
    t2: 0-900 stack 9 serve.py:3:watch
    main: 0-900 stack 90 serve.py:19:serve > serve.py:5:resize
    main: 100-200 stack 10 serve.py:20:serve > {MODEL}"""


def test_each_sample_has_a_stage_a_leaf_and_the_user_s_call() -> None:
    samples = timeline(SERVING).samples
    assert len(samples) == len(samples.stage) == len(samples.leaf) == 109
    assert set(zip(samples.stage, samples.leaf, strict=True)) == {
        ("preprocess", "preprocess.resize"),
        ("compute", "compute.model"),
        ("python", "python.watch"),
    }
    resizing = samples.user_call[samples.leaf == "preprocess.resize"]
    assert {samples.stacks.calls.place(call).function for call in resizing.tolist()} == {"resize"}


def test_a_sample_of_library_code_alone_has_no_user_s_call() -> None:
    samples = timeline("main: 0-10 stack 1 lib/requests/api.py:1:get").samples
    assert samples.user_call.tolist() == [-1]
    assert samples.library.tolist() == ["lib/requests/api.py: get"]


def test_what_the_user_declared_outranks_what_the_order_of_lines_says() -> None:
    found = timeline(
        SERVING
        + " | main: 0-40 range compute:mine | main: 40-60 range io:PIL.open in f (serve.py:5)"
    ).samples
    resizing = found.leaf == "preprocess.resize"
    declared = resizing & (found.time_ns < 40_000)
    assert declared.any() and set(found.stage[declared]) == {"compute"}
    assert set(found.stage[resizing & ~declared]) == {"preprocess"}
    assert set(found.stage[found.leaf == "python.watch"]) == {"python"}  # another thread's


def test_only_warm_requests_of_the_same_thread_count() -> None:
    samples = timeline(SERVING).samples
    caught = samples.time_ns[samples.of_requests]
    assert len(caught) == 30
    assert (((caught >= 100_000) & (caught < 200_000)) | (caught >= 300_000)).all()
    assert (caught < 400_000).all()
    assert (samples.lane[samples.of_requests] == 0).all()


def test_a_request_s_end_is_not_in_it() -> None:
    text = "main: 0-10 request | main: 9-11 stack 1 a.py:1:f | main: 0-0 stack 1 a.py:1:f"
    samples = timeline(text).samples
    assert samples.time_ns.tolist() == [0, 10_000]
    assert samples.of_requests.tolist() == [True, False]


def test_requests_that_overlap_catch_a_sample_once() -> None:
    samples = timeline(
        "main: 0-60 request | main: 10-20 request | main: 0-80 stack 8 a.py:1:f"
    ).samples
    assert int(samples.of_requests.sum()) == 6


def test_without_samples_all_columns_are_empty() -> None:
    samples = timeline("main: 0-100 request").samples
    for name in ("stage", "leaf", "library", "user_call", "of_requests"):
        assert len(getattr(samples, name)) == 0


def test_a_model_call_that_no_sample_knows_is_left_out() -> None:
    made = recording(SERVING)
    header = made.header.model_copy(update={"model_calls": [-1, 10_000, *made.header.model_calls]})
    odd = HostSamples(replace(made, header=header))
    assert odd.leaf.tolist() == HostSamples(made).leaf.tolist()
