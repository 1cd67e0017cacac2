"""host-bound-steps: a GPU that waits for Python between two steps of a generation."""

from __future__ import annotations

from infprof.rules.finding import Outcome, Verdict
from tests.build import recording
from tests.rules.judge import verdict_of

RULE = "host-bound-steps"


def generation(
    between_us: int, *, steps: int = 10, kernel_us: int = 60, ahead: bool = False
) -> str:
    """A step launches for 10 us, its kernel runs, and is waited for unless the host runs ahead;
    then the host does something else before the next one."""
    rows, now, free = list[str](), 0, 0
    for step in range(steps):
        start = max(now + 10, free)
        free = start + kernel_us
        end = now + 10 if ahead else free
        rows += [
            f"main: {now}-{now + 10} range nn.Module: Chat",
            f"main: {now + 2}-{now + 9} call cudaLaunchKernel #{step}",
            f"s7: {start}-{free} kernel gemm #{step}",
            *([] if ahead else [f"main: {now + 10}-{free} call cudaStreamSynchronize"]),
        ]
        now = end + between_us
    last = max(now, free)
    if ahead:
        rows.append(f"main: {now}-{last} call cudaStreamSynchronize")
    return " | ".join([f"main: 0-{last} request", *rows])


def judged(text: str) -> Verdict:
    return verdict_of(RULE, recording(text))


def test_work_of_the_host_between_steps_is_found() -> None:
    (finding,) = judged(generation(between_us=30)).findings
    assert finding.stage == "python" and finding.saving.confidence == "C"
    # nine gaps of 30 us; the last one has no step after it
    assert "calls nn.Module: Chat 10 times" in finding.why and "0.27 ms" in finding.why
    assert 0.95 * 270_000 <= finding.saving.high_ns <= 270_000
    compile(finding.fix.code, "fix", "exec")


def test_little_between_them_is_no_finding() -> None:
    assert judged(generation(between_us=5)).outcome is Outcome.CLEAR


def test_a_host_that_runs_ahead_does_its_work_meanwhile() -> None:
    assert judged(generation(between_us=30, ahead=True)).outcome is Outcome.CLEAR


def test_a_few_calls_are_no_generation() -> None:
    assert judged(generation(between_us=30, steps=7)).outcome is Outcome.CLEAR


def test_on_a_cpu_there_is_no_gpu_to_wait() -> None:
    text = "main: 0-100 request | main: 0-100 range nn.Module: Chat | main: 0-90 op aten::mm"
    assert verdict_of(RULE, recording(text, gpus=())).outcome is Outcome.CLEAR


def test_without_the_calls_it_is_open() -> None:
    text = generation(between_us=30).replace("range nn.Module: Chat", "op aten::mm")
    verdict = judged(text)
    assert verdict.outcome is Outcome.UNKNOWN and "one by one" in verdict.reason
