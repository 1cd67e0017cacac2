"""polling-waits: requests that sleep."""

from __future__ import annotations

import pytest

from infprof.rules.finding import Outcome
from tests.build import recording
from tests.rules.judge import verdict_of

RULE = "polling-waits"

POLL = "range python:time.sleep in poll (serve.py:30)"
WINDOW = "range python:time.sleep in collect (batch.py:12)"


def polls(at: int) -> str:
    """One request of 100 ms: 4 sleeps of 10 ms with a look of 0.1 ms between them, then a model."""
    sleeps = "".join(
        f"main: {at + 10_100 * i}-{at + 10_100 * i + 10_000} {POLL}\n" for i in range(4)
    )
    return f"main: {at}-{at + 100_000} request\n{sleeps}{model(at + 50_000, at + 100_000)}"


def model(start: int, end: int) -> str:
    return f"main: {start}-{end} op aten::linear\n"


def window(at: int, length: int = 40_000) -> str:
    work = model(at + length, at + 100_000)
    return f"main: {at}-{at + 100_000} request\nmain: {at}-{at + length} {WINDOW}\n{work}"


def test_the_same_sleep_again_and_again_is_polling() -> None:
    (finding,) = verdict_of(RULE, recording(polls(0) + polls(200_000), gpus=())).findings
    assert finding.title == "Wait for the result instead of polling for it"
    # half an interval late, all of the sleep if what it waits for was ready long before
    assert (finding.saving.low_ns, finding.saving.high_ns) == (5_000_000, 40_000_000)
    assert finding.where[0].name == "time.sleep in poll (serve.py:30)"
    assert finding.where[0].count == 4
    assert "5.00 ms late" in finding.why
    compile(finding.fix.code, "fix", "exec")


def test_what_another_thread_worked_meanwhile_is_no_saving() -> None:
    stacks = """
        main: 0-40000 stack 40 serve.py:30:poll !sleep
        main: 40000-100000 stack 60 serve.py:31:poll
        t2: 0-40000 stack 40 serve.py:50:work
    """
    (finding,) = verdict_of(RULE, recording(polls(0) + stacks, gpus=())).findings
    assert finding.saving.high_ns == 10_000_000  # one interval: the work itself stays


def test_one_sleep_in_each_request_is_a_fixed_wait() -> None:
    (finding,) = verdict_of(RULE, recording(window(0) + window(100_000), gpus=())).findings
    assert finding.title == "Take the fixed sleep out of the request"
    assert (finding.saving.low_ns, finding.saving.high_ns) == (0, 40_000_000)
    assert finding.where[0].name == "time.sleep in collect (batch.py:12)"
    assert finding.where[0].count == 1
    compile(finding.fix.code, "fix", "exec")


def test_a_helper_that_sleeps_counts_while_the_request_waits_for_it() -> None:
    text = f"""
        main: 0-100000 request
        main: 40000-100000 op aten::linear
        t2: 0-40000 {WINDOW}
        main: 0-40000 stack 40 serve.py:30:submit > lib/threading.py:5:wait !lock
        main: 40000-100000 stack 60 serve.py:31:submit
    """
    (finding,) = verdict_of(RULE, recording(text, gpus=())).findings
    assert finding.title.startswith("Take the fixed sleep")
    assert finding.saving.high_ns == 40_000_000


def test_a_helper_that_sleeps_while_the_request_polls_does_not_count_twice() -> None:
    (finding,) = verdict_of(RULE, recording(polls(0) + f"t2: 0-40000 {WINDOW}", gpus=())).findings
    assert finding.title.startswith("Wait for the result")


def test_a_fixed_wait_and_hardly_any_work_is_still_no_polling() -> None:
    text = window(0, 95_000) + window(100_000, 95_000)
    (finding,) = verdict_of(RULE, recording(text, gpus=())).findings
    assert finding.title.startswith("Take the fixed sleep")


def test_sleeps_between_pieces_of_work_are_fixed_ones() -> None:
    text = "main: 0-100000 request\n"
    for at in (0, 30_000, 60_000):
        text += f"main: {at}-{at + 10_000} {POLL}\n" + model(at + 10_000, at + 30_000)
    (finding,) = verdict_of(RULE, recording(text, gpus=())).findings
    assert finding.title.startswith("Take the fixed sleep") and finding.where[0].count == 3


def test_a_loop_and_a_window_are_two_findings() -> None:
    text = polls(0) + f"main: 70000-90000 {WINDOW}\n"
    text = text.replace(model(50_000, 100_000), model(50_000, 70_000) + model(90_000, 100_000))
    findings = verdict_of(RULE, recording(text, gpus=())).findings
    assert sorted(one.saving.high_ns for one in findings) == [20_000_000, 40_000_000]


def test_samples_where_no_range_was_recorded() -> None:
    text = """
        main: 0-1000000 request plain
        main: 0-400000 stack 40 serve.py:10:main > serve.py:30:poll !sleep
        main: 400000-1000000 stack 60 serve.py:10:main
    """
    (finding,) = verdict_of(RULE, recording(text, gpus=())).findings
    assert finding.title == "Take the sleep out of the request"
    assert (finding.saving.low_ns, finding.saving.high_ns) == (0, 400_000_000)
    assert finding.where[0].name == "poll (serve.py:30)"
    assert "cannot tell" in finding.why


@pytest.mark.parametrize("request_at", ["0-40000", "200000-240000"])
def test_a_sleep_known_from_a_range_is_not_counted_from_samples_too(request_at: str) -> None:
    stacks = (
        f"main: 200000-300000 request plain\n"
        f"main: {request_at} stack 40 batch.py:12:collect !sleep\n"
    )
    (finding,) = verdict_of(RULE, recording(window(0) + stacks, gpus=())).findings
    assert finding.title.startswith("Take the fixed sleep")
    assert finding.saving.high_ns == 40_000_000


@pytest.mark.parametrize(
    "text",
    [
        "main: 0-100000 request\n" + model(0, 100_000) + "main: 0-100000 stack 50 serve.py:1:main",
        window(0, 4_000),  # 4 % of the wall
        # waits on a lock or a socket are no sleeps
        "main: 0-100000 request plain | main: 0-100000 stack 50 serve.py:30:wait !lock",
        "main: 0-100000 request plain | main: 0-100000 stack 50 serve.py:30:wait !io",
        # another thread sleeps, and the request does not wait for it
        window(0).replace(f"main: 0-40000 {WINDOW}", f"t2: 0-40000 {WINDOW}") + model(0, 100_000),
        # between two requests
        f"main: 0-100000 request | main: 100000-200000 {WINDOW}\n" + model(0, 100_000),
    ],
)
def test_silent(text: str) -> None:
    assert verdict_of(RULE, recording(text, gpus=())).outcome is Outcome.CLEAR


def test_sleeps_that_the_device_hides_cost_nothing() -> None:
    text = polls(0) + "s7: 0-100000 kernel gemm #1"
    assert verdict_of(RULE, recording(text)).outcome is Outcome.CLEAR


def test_unknown_while_nothing_names_the_host_time() -> None:
    text = "main: 0-100000 request\n" + model(50_000, 100_000)
    assert verdict_of(RULE, recording(text, gpus=())).outcome is Outcome.UNKNOWN


def test_unknown_with_few_samples() -> None:
    text = "main: 0-100000 request plain | main: 0-100000 stack 10 serve.py:30:poll !sleep"
    assert "too few" in verdict_of(RULE, recording(text, gpus=())).reason
