"""python-loops: the interpreter walks through elements before the model's call."""

from __future__ import annotations

import pytest

from infprof.rules.finding import Outcome
from tests.build import recording
from tests.rules.judge import verdict_of

RULE = "python-loops"
MODEL = "main: 60-100 stack 40 serve.py:9.200:main > lib/torch/nn/modules/module.py:1:_call_impl"
PART = "<listcomp"  # the strings that describe stacks are split at the closing bracket
WALK = "serve.py:8.100:main > serve.py"


def judged(*stacks: str, **options: object):  # type: ignore[no-untyped-def]
    text = " | ".join(("main: 0-100 request", *stacks, MODEL))
    return verdict_of(RULE, recording(text, gpus=(), **options))  # type: ignore[arg-type]


def test_a_loop_is_seen_at_its_jump_and_nowhere_else() -> None:
    (finding,) = judged(f"main: 0-60 stack 60 {WALK}:24.229:normalise").findings
    assert finding.where[0].name == "normalise (serve.py:24)"
    assert finding.stage == "preprocess"
    # 60 of 100 samples, of which a fiftieth stays
    assert (finding.saving.low_ns, finding.saving.high_ns) == (0, 58_800)
    assert "60 %" in finding.why and "normalise" in finding.title
    compile(finding.fix.code, "fix", "exec")


def test_functions_called_for_each_element_count_to_the_one_that_loops() -> None:
    (finding,) = judged(
        f"main: 0-30 stack 30 {WALK}:31.80:helper > serve.py:29.0:scale",
        f"main: 30-60 stack 30 {WALK}:31.80:helper > serve.py:29.20:scale",
    ).findings
    assert [one.name for one in finding.where] == ["helper (serve.py:31)"]
    assert finding.where[0].time_ns == 60_000


def test_the_line_is_the_loop_s_though_a_call_of_the_function_takes_longer() -> None:
    """As ``tolist`` does before a loop, where the garbage of both is collected."""
    (finding,) = judged(
        f"main: 0-40 stack 40 {WALK}:33.30:normalise",
        f"main: 40-60 stack 20 {WALK}:39.385:normalise",
    ).findings
    assert [one.name for one in finding.where] == ["normalise (serve.py:39)"]
    assert finding.where[0].time_ns == 60_000


def test_comprehensions_count_to_their_function() -> None:
    (finding,) = judged(
        f"main: 0-60 stack 60 {WALK}:17.84:prepare > serve.py:18.47:{PART}"
    ).findings
    assert [one.name for one in finding.where] == ["prepare (serve.py:17)"]


def test_a_loop_where_no_model_call_is_near_is_python() -> None:
    (finding,) = judged("main: 0-60 stack 60 other.py:7.33:loop").findings
    assert finding.stage == "python" and finding.where[0].name == "loop (other.py:7)"


@pytest.mark.parametrize(
    "stacks",
    [
        pytest.param([f"main: 0-60 stack 60 {WALK}:5.58:resize"], id="one native call"),
        pytest.param(
            [
                f"main: {10 * i}-{10 * i + 10} stack 10 {WALK}:{30 + i}.{58 + 20 * i}:scale"
                for i in range(6)
            ],
            id="array operations one after the other",
        ),
        pytest.param(
            [
                f"main: 0-56 stack 56 {WALK}:12.40:each > serve.py:12.52:{PART}",
                f"main: 56-60 stack 4 {WALK}:12.40:each > serve.py:12.61:{PART}",
            ],
            id="a loop around heavy native calls",
        ),
        pytest.param([f"main: 0-60 stack 60 {WALK}:5.33:poll !sleep"], id="asleep"),
        pytest.param([f"main: 0-60 stack 60 {WALK}:5.33:wait !gil"], id="waits for the lock"),
        pytest.param(
            [f"main: 0-60 stack 60 {WALK}:5.33:load > lib/PIL/Image.py:9.31:resize"],
            id="a library's loop",
        ),
        pytest.param(
            [
                f"main: 0-60 stack 60 {WALK}:5.30:main > lib/torch/utils/data/dataloader.py:3:fetch"
                " > data.py:8.41:__getitem__"
            ],
            id="a dataset's loop is the loader's",
        ),
        pytest.param(
            [f"main: 0-60 stack 60 {WALK}:5.41:tokenize"], id="a tokenizer is slow-tokenizer's"
        ),
        pytest.param(
            ["main: 0-60 stack 60 serve.py:10.300:main > serve.py:5.41:nms"],
            id="after the model it is cpu-postprocessing's",
        ),
        pytest.param(
            [
                f"main: 0-3 stack 3 {WALK}:24.229:normalise",
                f"main: 3-60 stack 57 {WALK}:5.58:resize",
            ],
            id="a short loop beside native work",
        ),
    ],
)
def test_silent(stacks: list[str]) -> None:
    assert judged(*stacks).outcome is Outcome.CLEAR


def test_a_native_call_beside_the_loop_is_not_its_time() -> None:
    (finding,) = judged(
        f"main: 0-10 stack 10 {WALK}:24.229:normalise",
        f"main: 10-60 stack 50 {WALK}:22.58:normalise",
    ).findings
    assert finding.where[0].time_ns == 10_000


@pytest.mark.parametrize(("apart_us", "outcome"), [(4_999, "FOUND"), (5_000, "CLEAR")])
def test_a_turn_that_the_sampler_was_late_for_ends_a_native_call(
    apart_us: int, outcome: str
) -> None:
    """Rows that lie whole steps of the sampler's pace apart make up for looks that it missed."""
    text = f"""
        main: 0-{40 * apart_us} request
        main: 0-{30 * apart_us} stack 30 serve.py:54.20:serve > serve.py:40.1:lap
        main: {30 * apart_us}-{40 * apart_us} stack 10 serve.py:9.200:main
    """
    assert verdict_of(RULE, recording(text, gpus=())).outcome is Outcome(outcome)


def test_a_loop_hidden_behind_the_device_costs_nothing() -> None:
    text = f"""
        main: 0-100 request
        s7: 0-100 kernel gemm #1
        main: 0-60 stack 60 {WALK}:24.229:normalise
        {MODEL}
    """
    assert verdict_of(RULE, recording(text)).outcome is Outcome.CLEAR


def test_unknown_with_few_samples() -> None:
    text = f"main: 0-100 request | main: 0-60 stack 9 {WALK}:24.229:normalise"
    verdict = verdict_of(RULE, recording(text, gpus=()))
    assert verdict.outcome is Outcome.UNKNOWN and "only 9 samples" in verdict.reason


def test_unknown_without_stacks() -> None:
    missing = {"stacks": "turned off"}
    verdict = verdict_of(RULE, recording("main: 0-100 request", gpus=(), missing=missing))
    assert verdict.outcome is Outcome.UNKNOWN and verdict.reason == "turned off"


def test_unknown_where_samples_tell_only_lines() -> None:
    verdict = judged("main: 0-60 stack 60 serve.py:8:main > serve.py:24:normalise")
    assert verdict.outcome is Outcome.UNKNOWN and "instructions" in verdict.reason


@pytest.mark.parametrize(
    ("entries", "jumps", "outcome"),
    [(8, 0, Outcome.CLEAR), (10, 0, Outcome.FOUND), (4, 4, Outcome.FOUND)],
)
def test_functions_that_begin_show_a_loop_only_where_many_do(
    entries: int, jumps: int, outcome: Outcome
) -> None:
    """Of 60 samples; what is called once after native work is seen to begin, too."""
    body = f"main: {entries + jumps}-60 stack {60 - entries - jumps} {WALK}:5.80:resize"
    rows = [f"main: 0-{entries} stack {entries} {WALK}:5.90:resize > serve.py:40.0:lap", body]
    if jumps:
        rows.append(f"main: {entries}-{entries + jumps} stack {jumps} {WALK}:5.93:resize")
    assert judged(*rows).outcome is outcome
