"""What is spared in some requests alone: with the hit rate of a cache."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from infprof.profiler.intervals import intervals
from infprof.profiler.replay import Change
from infprof.rules.exact_spans import without
from infprof.rules.finding import Finding, Fix, Saving
from infprof.rules.outlook import outlook
from tests.build import recording
from tests.random_programs import Step, random_program
from tests.rules.judge import evidence_of, verdict_of
from tests.simulated_machine import run
from tests.test_replay import varied

SERVED = 50


@pytest.mark.parametrize(("varies", "within"), [(False, 0.02), (True, 0.05)])
def test_a_cached_stage_as_a_machine_that_looks_it_up(varies: bool, within: float) -> None:
    right = 0
    for seed in range(40):
        rng = random.Random(seed)
        before, after = (random_program(rng.randrange(1000), events=False) for _ in range(2))
        stage = [Step("work", time_ns=rng.randint(100_000, 5_000_000))]
        hits = rng.randint(1, SERVED - 1)
        requests = [before + stage * (number >= hits) + after for number in range(SERVED)]
        seen = before + stage + after
        if varies:
            requests, seen = [varied(one, rng) for one in requests], varied(seen, rng)
        truth = sum(run(one).wall_ns for one in requests) / SERVED
        evidence = evidence_of(run(seen).timeline.recording)
        begin = run(seen[: len(before)]).wall_ns
        gone = without(evidence, intervals([begin], [begin + seen[len(before)].time_ns]))
        assert evidence.replays is not None and gone is not None
        predicted = evidence.wall_ns - evidence.replays.saved_ns(gone, hits / SERVED)
        right += abs(predicted - truth) <= within * truth
    assert right >= 39


def test_a_cache_that_is_never_hit_and_a_hidden_stage_save_nothing() -> None:
    long = Step("kernel", 0, 900_000)
    evidence = evidence_of(
        run([long, Step("work", time_ns=500_000), Step("sync")]).timeline.recording
    )
    gone = without(evidence, intervals([3_000], [503_000]))
    assert evidence.replays is not None and gone is not None
    assert evidence.replays.saved_ns(gone, 0.5) == 0
    everything = without(evidence, evidence.covered)
    assert everything is not None and evidence.replays.saved_ns(everything, 0.0) == 0


def served(contents: list[int]) -> str:
    """Requests of 100 us: 40 us on the host, 48 on a GPU."""
    rows = []
    for number, content in enumerate(contents):
        at = 100 * number
        rows += [
            f"main: {at}-{at + 100} request ={content}",
            f"main: {at}-{at + 40} range preprocess:prepare",
            f"main: {at + 40}-{at + 45} call cudaLaunchKernel #{number + 1}",
            f"s7: {at + 50}-{at + 98} kernel gemm #{number + 1}",
            f"main: {at + 45}-{at + 100} call cudaDeviceSynchronize",
        ]
    return "\n".join(rows)


def test_repeated_inputs_cost_nothing_and_the_others_all() -> None:
    contents = random.Random(0).sample([one % 30 + 1 for one in range(40)], 40)
    built = recording(served(contents))
    (finding,) = verdict_of("repeated-inputs", built).findings
    assert finding.rate == 0.25 and finding.saving.basis == "replay"
    assert finding.saving.high_ns == pytest.approx(25_000, rel=0.02)


def test_other_fixes_help_where_a_cache_misses() -> None:
    """A quarter of the requests is over at once; of the others 40 of 100 us go."""
    contents = random.Random(0).sample([one % 30 + 1 for one in range(40)], 40)
    built = recording(served(contents))
    (cache,) = verdict_of("repeated-inputs", built).findings
    evidence = evidence_of(built)
    prepared = intervals(
        [100_000 * one for one in range(40)], [100_000 * one + 40_000 for one in range(40)]
    )
    fix = Finding(
        "Do",
        "Why.",
        "preprocess",
        Saving(0, 40_000),
        Fix("", "", ""),
        (),
        without(evidence, prepared),
    )
    for findings in ([cache, fix], [fix, cache]):
        after = outlook(evidence, findings)
        assert after.wall_ns == pytest.approx(0.75 * 60_000, rel=0.02)
        assert after.stage == "compute"
    both = outlook(evidence, [cache, replace(cache, change=Change()), fix])
    assert both.wall_ns == pytest.approx(0.75 * 60_000, rel=0.02)
