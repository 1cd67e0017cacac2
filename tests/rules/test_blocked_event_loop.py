"""blocked-event-loop: requests that stand still while their loop's thread runs a model."""

from __future__ import annotations

from infprof.rules.finding import Outcome
from tests.build import recording
from tests.rules.judge import verdict_of

RULE = "blocked-event-loop"
LOOP = "serve.py:90:main > lib/asyncio/base_events.py:1:_run_once > lib/asyncio/events.py:2:_run"
MODEL = "lib/torch/nn/modules/module.py:1:_call_impl"
ON_LOOP = f"{LOOP} > serve.py:30:handle > {MODEL}"
ON_THREAD = f"lib/concurrent/futures/thread.py:1:_worker > serve.py:30:handle > {MODEL}"
IDLE = "serve.py:90:main > lib/asyncio/base_events.py:1:_run_once > lib/selectors.py:3:select !io"
CALL_US = 50_000


def burst(
    requests: int, thread: str = "main", stack: str = ON_LOOP, spans: bool = True, last: int = 0
) -> str:
    """Requests that come at once and are served one after the other by a model on ``thread``."""
    text = ""
    for number in range(requests):
        start, end = number * CALL_US, (number + 1) * CALL_US
        text += f"main: {number}-{end} request plain\n{thread}: {start}-{end} stack 10 {stack}\n"
        if spans:
            text += f"{thread}: {start}-{end} range nn.Module: Net\n"
    return text + (f"main: 0-{last} stack 40 {IDLE}\n" if last else "")


def one_by_one(stack: str = ON_LOOP) -> str:
    """Requests of which each begins as the one before has ended."""
    text = ""
    for number in range(6):
        start, end = number * CALL_US, (number + 1) * CALL_US
        text += f"main: {start}-{end} request plain\nmain: {start}-{end} range nn.Module: Net\n"
        text += f"main: {start}-{end} stack 10 {stack}\n"
    return text


def test_requests_that_came_at_once_wait_for_each_others_model_calls() -> None:
    (finding,) = verdict_of(RULE, recording(burst(4), gpus=())).findings
    # the n-th waits for n - 1 calls: 0 + 1 + 2 + 3 of them, over 4 requests
    assert abs(finding.saving.high_ns - 1.5 * CALL_US * 1000) < 10_000
    assert (finding.saving.low_ns, finding.saving.confidence) == (0, "C")
    assert "4 of 4 requests" in finding.why and "throughput stays" in finding.why
    assert finding.where[0].name == "handle (serve.py:30)"
    assert len(finding.where) == 1
    compile(finding.fix.code, "fix", "exec")


def test_uvloop_is_a_loop_too() -> None:
    stack = f"serve.py:90:main > lib/uvloop/__init__.py:82:run > serve.py:30:handle > {MODEL}"
    assert verdict_of(RULE, recording(burst(4, stack=stack), gpus=())).outcome is Outcome.FOUND


def test_a_model_on_a_thread_of_its_own_is_as_advised() -> None:
    text = burst(4, thread="t2", stack=ON_THREAD, last=4 * CALL_US)
    assert verdict_of(RULE, recording(text, gpus=())).outcome is Outcome.CLEAR


def test_threads_without_a_loop_are_left_alone() -> None:
    text = burst(4, stack=f"serve.py:30:handle > {MODEL}")
    assert verdict_of(RULE, recording(text, gpus=())).outcome is Outcome.CLEAR


def test_one_marked_request_at_a_time_keeps_nobody_waiting() -> None:
    assert verdict_of(RULE, recording(one_by_one(), gpus=())).outcome is Outcome.CLEAR


def test_quick_calls_are_felt_by_nobody() -> None:
    text = ""
    for number in range(8):
        start = number * 5_000
        text += f"main: {number}-{start + 5_000} request plain\n"
        text += f"main: {start}-{start + 5_000} range nn.Module: Net\n"
        text += f"main: {start}-{start + 5_000} stack 5 {ON_LOOP}\n"
    assert verdict_of(RULE, recording(text, gpus=())).outcome is Outcome.CLEAR


def test_a_rare_model_call_is_below_the_gate() -> None:
    text = "main: 0-2000000 request plain | main: 10-2000010 request plain\n"
    text += f"main: 0-20000 range nn.Module: Net | main: 0-20000 stack 5 {ON_LOOP}\n"
    text += f"main: 20000-2000000 stack 100 {IDLE}"
    assert verdict_of(RULE, recording(text, gpus=())).outcome is Outcome.CLEAR


def test_unknown_where_requests_were_cut_from_a_loop() -> None:
    discovered = recording(one_by_one(), gpus=())
    discovered.header.settings["requests"] = "model loop"
    verdict = verdict_of(RULE, discovered)
    assert verdict.outcome is Outcome.UNKNOWN and "cannot be seen" in verdict.reason


def test_a_plain_loop_over_a_model_and_a_notebook_have_no_event_loop_to_block() -> None:
    notebook = (
        f"lib/asyncio/events.py:2:_run > lib/ipykernel/kernel.py:1:do > cell.py:3:f > {MODEL}"
    )
    for stack in (notebook, f"serve.py:30:handle > {MODEL}"):
        discovered = recording(one_by_one(stack), gpus=())
        discovered.header.settings["requests"] = "model loop"
        assert verdict_of(RULE, discovered).outcome is Outcome.CLEAR


def test_unknown_without_spans_of_calls_and_with_too_few_samples() -> None:
    verdict = verdict_of(RULE, recording(burst(4, spans=False), gpus=()))
    assert verdict.outcome is Outcome.UNKNOWN and "one by one" in verdict.reason
    assert verdict_of(RULE, recording(burst(2), gpus=())).outcome is Outcome.UNKNOWN
