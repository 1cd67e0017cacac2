"""missing-kv-cache: generations that compute the whole sequence again for each token."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from infprof.rules.finding import Outcome
from tests.build import recording
from tests.rules.judge import verdict_of

RULE = "missing-kv-cache"
STEPS = 16
SITE = "chat.py:5:main > chat.py:30:generate > lib/torch/nn/modules/module.py:1:_call_impl"


def generations(
    lasts: Callable[[int], int],
    rows: Callable[[int], int] | None = None,
    requests: int = 4,
    steps: int = STEPS,
) -> str:
    """Requests that call a model, the n-th call for so many microseconds, with so many rows."""
    text, start = "", 0
    for _ in range(requests):
        begin = start
        for step in range(steps):
            end = start + lasts(step)
            text += f"main: {start}-{end} range nn.Module: Chat\n"
            if rows is not None:
                dims = f'{{"dims":[[{rows(step)},64],[64,64]],"types":["float","float"]}}'
                text += f"main: {start}-{end} op aten::mm {dims}\n"
            start = end + 10
        text += f"main: {begin}-{start} request {'traced' if rows else 'plain'}\n"
        text += f"main: {begin}-{start} stack 20 {SITE}\n"
        start += 100
    return text


def test_a_step_that_computes_all_tokens_again_costs_more_each_time() -> None:
    text = generations(lambda n: 300 + 20 * n, lambda n: 10 + n)
    (finding,) = verdict_of(RULE, recording(text, gpus=())).findings
    growth = sum(max(20 * n - 40, 0) for n in range(STEPS))  # beyond the median of the first five
    assert abs(finding.saving.low_ns - 0.9 * growth * 1000) < 1000
    # 10 rows take 300 us and each more 20 us: a step of one row takes 120
    assert abs(finding.saving.high_ns - sum(180 + 20 * n for n in range(1, STEPS)) * 1000) < 1000
    assert finding.where[0].name == "generate (chat.py:30)"
    assert finding.where[-1].name == "nn.Module: Chat" and finding.where[-1].count == STEPS
    assert "computed anew" in finding.why and "16 times" in finding.why
    assert finding.stage == "compute" and finding.saving.confidence == "B"
    compile(finding.fix.code, "fix", "exec")


def test_durations_alone_give_a_ceiling() -> None:
    text = generations(lambda n: 100 + 20 * n)
    (finding,) = verdict_of(RULE, recording(text, gpus=())).findings
    assert finding.saving.low_ns == 0 and finding.saving.confidence == "C"
    assert abs(finding.saving.high_ns - sum(100 + 20 * n for n in range(1, STEPS)) * 1000) < 1000
    assert "confirm" in finding.why


def test_noise_does_not_hide_the_growth() -> None:
    random = Random(3)
    text = generations(lambda n: round((100 + 20 * n) * random.uniform(0.9, 1.1)))
    assert verdict_of(RULE, recording(text, gpus=())).outcome is Outcome.FOUND


def test_with_a_cache_only_the_prompt_is_long() -> None:
    text = generations(lambda n: 100 if n else 900, lambda n: 1 if n else 40)
    assert verdict_of(RULE, recording(text, gpus=())).outcome is Outcome.CLEAR


def test_reading_a_longer_and_longer_cache_is_not_computing_again() -> None:
    text = generations(lambda n: 100 + 20 * n, lambda n: 1)
    assert verdict_of(RULE, recording(text, gpus=())).outcome is Outcome.CLEAR


def test_random_durations_and_inputs_of_all_sizes_are_left_alone() -> None:
    random = Random(1)
    text = generations(lambda n: random.randint(100, 400))
    assert verdict_of(RULE, recording(text, gpus=())).outcome is Outcome.CLEAR
    sizes = [30, 12, 80, 44, 10, 66, 25, 90, 13, 70, 31, 58, 22, 77, 40, 15]
    text = generations(lambda n: 10 * sizes[n], lambda n: sizes[n])
    assert verdict_of(RULE, recording(text, gpus=())).outcome is Outcome.CLEAR


def test_inputs_sorted_by_length_are_no_generation() -> None:
    sizes = sorted([30, 12, 80, 44, 10, 66, 25, 90, 13, 70, 31, 58, 22, 77, 40, 15])
    text = generations(lambda n: 10 * sizes[n], lambda n: sizes[n])
    assert verdict_of(RULE, recording(text, gpus=())).outcome is Outcome.CLEAR


def test_a_few_calls_and_slight_growth_are_left_alone() -> None:
    text = generations(lambda n: 100 + 50 * n, lambda n: 10 + n, steps=6)
    assert verdict_of(RULE, recording(text, gpus=())).outcome is Outcome.CLEAR
    text = generations(lambda n: 1000 + 10 * n, lambda n: 100 + n)
    assert verdict_of(RULE, recording(text, gpus=())).outcome is Outcome.CLEAR


def test_one_odd_request_is_not_in_the_code() -> None:
    flat = generations(lambda n: 100)
    first = generations(lambda n: 100 + 20 * n, requests=1)
    late = flat.replace("main: ", "t2: ")
    assert verdict_of(RULE, recording(first + late, gpus=())).outcome is Outcome.CLEAR


def test_beside_a_gpu_the_time_between_steps_counts() -> None:
    text, start = "", 0
    for _ in range(3):
        begin = start
        for step in range(STEPS):
            text += f"main: {start}-{start + 10} range nn.Module: Chat\n"
            text += f"s7: {start + 5}-{start + 100 + 20 * step} kernel gemm\n"
            start += 110 + 20 * step
        text += f"main: {begin}-{start} request\n"
    (finding,) = verdict_of(RULE, recording(text)).findings
    assert finding.saving.high_ns > 1_000_000


def test_unknown_without_calls_of_models_and_for_one_request_alone() -> None:
    text = "main: 0-100 request | main: 0-100 op aten::linear"
    verdict = verdict_of(RULE, recording(text, gpus=()))
    assert verdict.outcome is Outcome.UNKNOWN and "one by one" in verdict.reason
    text = generations(lambda n: 100 + 20 * n, requests=1)
    verdict = verdict_of(RULE, recording(text, gpus=()))
    assert verdict.outcome is Outcome.UNKNOWN and "one request" in verdict.reason


def test_a_neighbour_that_slows_some_steps_of_each_request_hides_nothing() -> None:
    random = Random(5)
    text = generations(
        lambda n: (100 + 20 * n) * (4 if random.random() < 0.2 else 1), lambda n: 10 + n, requests=9
    )
    (finding,) = verdict_of(RULE, recording(text, gpus=())).findings
    assert "times as long" in finding.why
