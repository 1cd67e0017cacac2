"""Stretches of work, cut from what threads were seen to do."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from infprof.profiler.outside.stretches import cut_into_stretches
from infprof.profiler.recording import Recording
from tests.build import recording

LOOP = "lib/socketserver.py:10:BaseServer.serve_forever"
WAITING = f"{LOOP} > lib/selectors.py:5:_PollLikeSelector.select"
SERVING = f"{LOOP} > app.py:20:Handler.do_GET"
MODEL = f"{SERVING} > lib/torch/nn/modules/module.py:1:Module._wrapped_call_impl"


def cut(*rows: str) -> Recording:
    return cut_into_stretches(recording(" | ".join(rows)))


def spans(found: Recording) -> list[tuple[int, int, int]]:
    table = found.requests
    rows = zip(table.start_ns.tolist(), table.end_ns.tolist(), table.lane.tolist(), strict=True)
    return sorted((start // 1000, end // 1000, lane) for start, end, lane in rows)


def test_work_lies_between_two_waits_for_work() -> None:
    found = cut(
        f"main: 0-100 stack 10 !io {WAITING}", f"main: 100-200 stack 10 {SERVING}",
        f"main: 200-300 stack 10 !io {WAITING}",
    )  # fmt: skip
    assert spans(found) == [(100, 200, 0)]
    assert found.header.is_of_stretches


def test_a_thread_at_rest_is_idle_whatever_the_kernel_said_of_another_moment() -> None:
    assert spans(cut(f"main: 0-100 stack 10 {WAITING}", f"t2: 0-100 stack 10 {SERVING}")) == [
        (0, 100, 1)
    ]


def test_who_has_read_and_waits_for_the_interpreter_is_at_work() -> None:
    found = cut(f"main: 0-100 stack 10 !io {WAITING}", f"main: 100-200 stack 10 !gil {WAITING}")
    assert spans(found) == [(100, 200, 0)]


def test_a_blocked_server_is_idle_and_a_blocked_handler_is_not() -> None:
    own = "lib/uvicorn/server.py:5:Server.main_loop"
    assert spans(cut(f"main: 0-100 stack 10 !io {own}", f"t2: 0-100 stack 10 {SERVING}")) == [
        (0, 100, 1)
    ]
    assert spans(cut(f"main: 0-100 stack 10 !sleep {own} > app.py:3:handle")) == [(0, 100, 0)]
    assert spans(cut(f"main: 0-100 stack 10 {own}")) == [(0, 100, 0)]


def test_a_gap_without_samples_ends_a_stretch() -> None:
    found = cut(f"main: 0-100 stack 10 {SERVING}", f"main: 500-600 stack 10 {SERVING}")
    (first, second) = spans(found)
    assert first[0] == 0 and first[1] < 150 and second[0] > 450 and second[1] == 600


def test_a_thread_s_number_given_again_seconds_later_makes_no_long_stretch() -> None:
    found = cut(
        f"main: 0-10000 stack 1000 !io {WAITING}", f"t2: 1000-1010 stack 1 {SERVING}",
        f"t2: 9000-9010 stack 1 {SERVING}",
    )  # fmt: skip
    assert sum(end - start for start, end, _ in spans(found)) < 100


def test_threads_that_serve_nobody_are_left_out_beside_those_that_do() -> None:
    background = "t2: 0-100 stack 10 app.py:50:count"
    assert {lane for *_, lane in spans(cut(f"main: 0-100 stack 10 {SERVING}", background))} == {0}
    assert spans(cut(background)) == [(0, 100, 0)]
    assert spans(cut("t2: 0-100 stack 10 !sleep app.py:50:look_now_and_then")) == []


def test_a_pool_s_worker_that_is_never_seen_to_rest_serves() -> None:
    worker = "main.py:1:main > lib/multiprocessing/process.py:4:BaseProcess.run > app.py:7:decode"
    found = cut(f"main: 0-100 stack 10 !io {WAITING}", f"t2: 0-100 stack 10 {worker}")
    assert spans(found) == [(0, 100, 1)]


def test_the_place_that_calls_the_model_is_known() -> None:
    found = cut(f"main: 0-100 stack 10 {SERVING}", f"main: 100-200 stack 10 {MODEL}")
    (call,) = found.header.model_calls
    assert found.stacks.calls.place(call).function == "Handler.do_GET"


@given(st.lists(st.sampled_from([WAITING, SERVING, MODEL]), min_size=2, max_size=30))
def test_stretches_hold_all_samples_at_work_and_no_other(places: list[str]) -> None:
    rows = [f"main: {10 * i}-{10 * i + 10} stack 1 {place}" for i, place in enumerate(places)]
    found = cut(*rows)
    working = [10 * i + 5 for i, place in enumerate(places) if place != WAITING]
    resting = [10 * i + 5 for i, place in enumerate(places) if place == WAITING]
    stretches = spans(found)
    assert all(any(start <= at < end for start, end, _ in stretches) for at in working)
    assert not any(start <= at < end for at in resting for start, end, _ in stretches)
    assert sum(end - start for start, end, _ in stretches) == 10 * len(working)
