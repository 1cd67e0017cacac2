"""What is said of sampled stacks that are too few, or not where they should be."""

from __future__ import annotations

import pytest

from infprof.diagnosis import diagnose
from infprof.profiler.recording import Recording
from infprof.reports.report import Report
from tests.build import recording

HANDLE = "serve.py:58.1:handle > image.py:12:resize"
CALL = "serve.py:60.9:handle > lib/torch/nn/modules/module.py:1:_call_impl"


def sampled(preprocess: int, requests: int = 30, stack_error_ns: int | None = None) -> Recording:
    """Requests of 1 ms, 0.4 ms of it before the model; ``preprocess`` samples in all."""
    parts = []
    for i in range(requests):
        at = 2000 * i
        phase = "traced" if i >= requests - 5 else "plain"
        parts.append(f"main: {at}-{at + 1000} request {phase}")
        parts.append(f"main: {at + 400}-{at + 1000} range nn.Module: Net")
        parts.append(f"main: {at + 400}-{at + 1000} op aten::mm")
        parts.append(f"main: {at + 400}-{at + 1000} stack 2 {CALL}")
        share = preprocess // requests + (i < preprocess % requests)
        if share:
            parts.append(f"main: {at}-{at + 400} stack {share} {HANDLE}")
    made = recording("\n".join(parts), gpus=())
    made.header.stack_error_ns = stack_error_ns
    return made


def notes(report: Report) -> dict[str, str]:
    return {note.code: note.text for note in report.quality.notes}


def test_a_stage_known_from_few_samples_is_said_to_be() -> None:
    report = diagnose(sampled(preprocess=12))
    assert notes(report)["few-samples"] == (
        "Where inside preprocess is known from only 12 samples: its 40 % of a request may be "
        "21 points more or less."
    )
    assert report.quality.level == "limited"


def test_one_sample_is_enough_to_know_that_little_is_known() -> None:
    assert "only 1 sample:" in notes(diagnose(sampled(preprocess=1)))["few-samples"]


@pytest.mark.parametrize("count", [30, 200])
def test_many_samples_need_no_note(count: int) -> None:
    report = diagnose(sampled(preprocess=count))
    assert "few-samples" not in notes(report)
    assert report.quality.level == "good"


def test_a_stage_that_exact_spans_cover_does_not_rest_on_samples() -> None:
    text = "\n".join(
        f"main: {a}-{a + 100} request traced | main: {a}-{a + 100} range preprocess:resize all"
        for a in range(0, 3000, 150)
    )
    report = diagnose(recording(f"{text}\nmain: 0-100 stack 3 {HANDLE}"))
    assert report.flame
    assert "few-samples" not in notes(report)


def test_stacks_that_fall_into_the_next_request_are_doubted() -> None:
    report = diagnose(sampled(preprocess=200, stack_error_ns=300_000))
    assert notes(report)["stack-clock"] == (
        "Sampled stacks are placed in time only within 0.300 ms, and a request takes 1.00 ms: "
        "some belong to the request before or after, or to none."
    )
    assert report.quality.level == "limited"


@pytest.mark.parametrize("error", [None, 0, 200_000])
def test_stacks_that_are_placed_well_enough_are_not(error: int | None) -> None:
    assert "stack-clock" not in notes(diagnose(sampled(preprocess=200, stack_error_ns=error)))


def test_the_clock_of_stacks_nobody_sampled_does_not_matter() -> None:
    made = recording("main: 0-100 request | main: 0-100 op aten::mm")
    made.header.stack_error_ns = 10**9
    assert "stack-clock" not in notes(diagnose(made))


def test_the_error_is_kept_on_disk(tmp_path: object) -> None:
    from pathlib import Path

    folder = Path(str(tmp_path)) / "recording"
    sampled(preprocess=5, stack_error_ns=7).save(folder)
    assert Recording.load(folder).header.stack_error_ns == 7
