"""Blamed time that falls away exactly: what a simulated machine does without it."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from infprof.profiler.events import Kind
from infprof.profiler.intervals import intervals, length
from infprof.profiler.replay import Change
from infprof.profiler.timeline import Rows
from infprof.rules.evidence import Evidence
from infprof.rules.exact_spans import waited_for, without, without_rows
from tests.build import recording
from tests.random_programs import Step, random_program, with_times
from tests.rules.judge import evidence_of, verdict_of
from tests.simulated_machine import run
from tests.test_replay import varied

LEAVES = ("python",)


def blamed_and_true(seed: int, part: float, varies: bool) -> tuple[Evidence, int, int]:
    """Some of a program's host work is to blame: what a replay gives without, and the truth."""
    rng = random.Random(seed)
    program = random_program(seed, events=False, threads=False)
    works = [number for number, one in enumerate(program) if one.do == "work"]
    blamed = set(rng.sample(range(len(works)), len(works) // 2))
    gone = {works[number] for number in blamed}
    seen, after = (varied(program, rng) if varies else program for _ in range(2))
    evidence = evidence_of(run(seen).timeline.recording)
    ops = evidence.timeline.by_kind[Kind.OP]
    rows = ops[[number in blamed for number in range(len(ops))]]
    left = [
        replace(one, time_ns=round(one.time_ns * (1 - part))) if number in gone else one
        for number, one in enumerate(after)
    ]
    return evidence, predicted(evidence, rows, part), run(left).wall_ns


def predicted(evidence: Evidence, rows: Rows, part: float) -> int:
    change = without_rows(evidence, rows, *LEAVES, part=part)
    assert change is not None and evidence.replays is not None
    return evidence.wall_ns - evidence.replays.saved_ns(change)


@pytest.mark.parametrize("part", [1.0, 0.6])
@pytest.mark.parametrize(("varies", "within"), [(False, 0.02), (True, 0.05)])
def test_as_a_machine_without_them(part: float, varies: bool, within: float) -> None:
    right = 0
    for seed in range(100):
        _, guess, truth = blamed_and_true(seed, part, varies)
        right += abs(guess - truth) <= within * truth
    assert right >= 98


def test_work_of_helpers_falls_away_on_their_threads() -> None:
    right = 0
    for seed in range(100):
        program = random_program(seed, events=False)
        evidence = evidence_of(run(program).timeline.recording)
        guess = predicted(evidence, evidence.timeline.by_kind[Kind.OP], 0.8)
        left = with_times(program, lambda one: 0.2 if one.do == "work" else 1.0)
        truth = run(left).wall_ns
        right += abs(guess - truth) <= 0.02 * truth
    assert right >= 98


def test_hidden_work_saves_nothing_though_its_stage_is_exposed() -> None:
    """Taken away evenly, what is exposed of its stage would go too."""
    steps = [Step("kernel", 0, 900_000), Step("work", time_ns=400_000), Step("sync")]
    evidence = evidence_of(run([*steps, Step("work", time_ns=300_000)]).timeline.recording)
    hidden = evidence.timeline.by_kind[Kind.OP][:1]
    assert predicted(evidence, hidden, 1.0) == evidence.wall_ns


def request_at(start: int) -> str:
    """A request of 300 us, of which the last 100 are of a GPU."""
    launch, kernel, end = start + 200, start + 210, start + 290
    return f"""
        main: {start}-{start + 300} request
        main: {launch}-{launch + 5} call cudaLaunchKernel #{start + 1}
        s7: {kernel}-{end} kernel gemm #{start + 1}
        main: {launch + 5}-{end + 2} call cudaDeviceSynchronize
    """


GPU = request_at(0)


def removed_us(change: Change | None) -> list[tuple[int, int]]:
    assert change is not None
    start, end = ((one // 1000).tolist() for one in change.host_removed)
    return list(zip(start, end, strict=True))


def test_of_a_helper_only_what_the_request_waits_for() -> None:
    evidence = evidence_of(
        recording(GPU + "t2: 50-150 range io:read | main: 0-90 range preprocess:x")
    )
    rows = evidence.timeline.by_kind[Kind.RANGE][1:]
    assert removed_us(without_rows(evidence, rows, "io")) == [(90, 150)]


def test_where_no_thread_is_known_to_serve_all_count() -> None:
    evidence = evidence_of(
        recording(GPU.replace("main: 0-300 request", "t2: 50-150 range io:read"))
    )
    rows = evidence.timeline.by_kind[Kind.RANGE]
    assert removed_us(without_rows(evidence, rows, "io")) == [(50, 150)]


def test_only_time_of_requests_and_only_a_part() -> None:
    evidence = evidence_of(recording(GPU))
    spans = intervals([100_000, 280_000], [140_000, 400_000])
    assert removed_us(without(evidence, spans, 0.5)) == [(100, 120), (280, 290)]


def test_without_a_replay_there_is_no_change() -> None:
    evidence = evidence_of(recording("main: 0-100 request | main: 10-50 range io:read", gpus=()))
    rows = evidence.timeline.by_kind[Kind.RANGE]
    assert without_rows(evidence, rows, "io") is None
    assert length(waited_for(evidence, rows, "io")) == 40_000


@pytest.mark.parametrize(
    ("rule", "rows", "gone"),
    [
        ("blocking-io", "main: 0-60 range io:read", [(0, 60)]),
        (
            "sequential-round-trips",
            "main: 0-30 range io:redis.get | main: 30-80 range io:redis.get",
            [(0, 30)],
        ),
        ("polling-waits", "main: 20-80 range time.sleep in wait (serve.py:9)", [(20, 80)]),
        (
            "gc-pauses",
            "main: 20-60 range garbage collection | main: 70-90 range garbage collection",
            [(20, 60), (70, 90)],
        ),
        (
            "text-serialization",
            "main: 100-140 range json.dumps in answer (serve.py:9)",
            [(100, 139)],
        ),
        ("cpu-postprocessing", "main: 100-200 range postprocess:boxes", [(100, 200)]),
        ("cpu-image-decode", "main: 0-90 range preprocess:decode_jpeg", [(0, 90)]),
        (
            "serial-dataloader",
            "main: 0-80 range enumerate(DataLoader)#_SingleProcessDataLoaderIter.__next__"
            " | main: 5-70 op aten::stack",
            [(0, 80)],
        ),
    ],
)
def test_rules_name_the_time_that_they_blame(
    rule: str, rows: str, gone: list[tuple[int, int]]
) -> None:
    (finding,) = verdict_of(rule, recording(f"{GPU}\n{rows}")).findings
    assert removed_us(finding.change) == gone
    assert finding.saving.basis == "replay"
    blamed = sum(end - begin for begin, end in gone)
    assert finding.saving.high_ns // 1000 == pytest.approx(blamed, abs=1)


def test_rare_pauses_are_replayed_in_the_requests_that_they_hit() -> None:
    """One of 60 requests: every third is replayed, and not this one."""
    text = "\n".join(request_at(300 * number) for number in range(60))
    evidence = evidence_of(recording(text))
    assert evidence.replays is not None
    pause = without(evidence, intervals([300_000 * 31], [300_000 * 31 + 120_000]))
    assert pause is not None and evidence.replays.saved_ns(pause) == 120_000 // 60
