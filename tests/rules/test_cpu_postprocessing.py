"""cpu-postprocessing: work on the results after the model's call."""

from __future__ import annotations

import pytest

from infprof.rules.finding import Outcome, Verdict
from tests.build import recording
from tests.rules.judge import verdict_of

RULE = "cpu-postprocessing"
MODEL = "main: 0-40 stack 40 serve.py:9.200:main > lib/torch/nn/modules/module.py:1:_call_impl"
AFTER = "serve.py:10.300:main > serve.py"


def judged(*stacks: str, rule: str = RULE) -> Verdict:
    text = " | ".join(("main: 0-100 request", MODEL, *stacks))
    return verdict_of(rule, recording(text, gpus=()))


PART = "<listcomp"  # the strings that describe stacks are split at the closing bracket
PAIRS = f"{AFTER}:62.40:nms > serve.py:62.50:{PART} > serve.py"
NMS = (
    f"main: 40-52 stack 12 {AFTER}:62.40:nms > serve.py:62.57:{PART}",
    f"main: 52-70 stack 18 {PAIRS}:55.46:overlap",
    f"main: 70-100 stack 30 {PAIRS}:55.102:overlap",
)


def test_suppression_in_python_is_one_finding() -> None:
    (finding,) = judged(*NMS).findings
    assert [one.name for one in finding.where] == ["nms (serve.py:62)"]
    assert finding.stage == "postprocess" and "nms" in finding.title
    assert (finding.saving.low_ns, finding.saving.high_ns) == (0, 58_800)  # a fiftieth stays
    compile(finding.fix.code, "fix", "exec")
    assert judged(*NMS, rule="python-loops").outcome is Outcome.CLEAR


def test_native_work_is_to_move() -> None:
    (finding,) = judged(f"main: 40-100 stack 60 {AFTER}:70.40:masks").findings
    assert finding.where[0].name == "masks (serve.py:70)"
    assert (finding.saving.low_ns, finding.saving.high_ns) == (0, 60_000)
    assert "60 %" in finding.why
    compile(finding.fix.code, "fix", "exec")


SPINNER = "t2: 0-100 stack 100 stats.py:3:run > stats.py:7.41:recount"


def beside(spinner: str, requests: str = "main: 0-100 request") -> Verdict:
    """20 us wait for the interpreter after 40 us in the model, and 40 seem to work."""
    after = (
        f"main: 40-60 stack 20 {AFTER}:70.40:masks !gil | main: 60-100 stack 40 {AFTER}:70.40:masks"
    )
    return verdict_of(RULE, recording(f"{requests} | {MODEL} | {after} | {spinner}", gpus=()))


def test_beside_a_thread_that_runs_python_work_may_be_a_wait_for_the_interpreter() -> None:
    verdict = beside(SPINNER)
    assert verdict.outcome is Outcome.UNKNOWN and "waits for the interpreter" in verdict.reason


@pytest.mark.parametrize(
    "others",
    [
        pytest.param("", id="none"),
        pytest.param(SPINNER.replace("recount", "recount !sleep"), id="asleep"),
        pytest.param("t2: 0-100 stack 100 lib/nvidia/watch.py:3:run", id="a library's own"),
        pytest.param(f"t2: 0-100 request | {SPINNER}", id="serves as well"),
    ],
)
def test_other_threads_leave_it_work(others: str) -> None:
    assert beside(others or "main: 0-1 op aten::add").outcome is Outcome.FOUND


def test_beside_a_thread_that_runs_python_it_is_work_where_nothing_waits() -> None:
    work = f"main: 40-100 stack 60 {AFTER}:70.40:masks"
    text = f"main: 0-100 request | {MODEL} | {work} | {SPINNER}"
    assert verdict_of(RULE, recording(text, gpus=())).outcome is Outcome.FOUND


def test_declared_ranges_need_no_samples() -> None:
    text = """
        main: 0-100 request
        main: 0-60 op aten::linear
        main: 60-100 range postprocess:draw boxes
    """
    (finding,) = verdict_of(RULE, recording(text, gpus=())).findings
    assert finding.where[0].name == "draw boxes" and finding.saving.high_ns == 40_000


@pytest.mark.parametrize(
    "stacks",
    [
        pytest.param(
            [f"main: 40-100 stack 60 {AFTER}:7.40:reply > lib/json/encoder.py:200:encode"],
            id="text is text-serialization's",
        ),
        pytest.param([f"main: 40-100 stack 60 {AFTER}:7.40:send !io"], id="a write"),
        pytest.param([f"main: 40-100 stack 60 {AFTER}:7.40:poll !sleep"], id="asleep"),
        pytest.param(
            ["main: 40-100 stack 60 serve.py:8.100:main > serve.py:5.41:normalise"],
            id="before the model",
        ),
        pytest.param(
            [
                f"main: 40-48 stack 8 {AFTER}:62.57:label",
                "main: 48-100 stack 52 serve.py:8.100:main > serve.py:5.40:resize",
            ],
            id="less than a tenth",
        ),
    ],
)
def test_silent(stacks: list[str]) -> None:
    assert judged(*stacks).outcome is Outcome.CLEAR


def test_work_hidden_behind_the_device_costs_nothing() -> None:
    text = f"""
        main: 0-100 request
        s7: 0-100 kernel gemm #1
        {MODEL}
        main: 40-100 stack 60 {AFTER}:70.40:masks
    """
    assert verdict_of(RULE, recording(text)).outcome is Outcome.CLEAR


def test_unknown_while_nothing_names_the_host_time() -> None:
    text = "main: 0-1000 request | main: 0-100 op aten::linear"
    verdict = verdict_of(RULE, recording(text, gpus=()))
    assert verdict.outcome is Outcome.UNKNOWN and "90 % of the wall" in verdict.reason
