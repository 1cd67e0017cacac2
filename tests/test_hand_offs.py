"""A request's thread waits for others: what it waited for is blamed, and its savings are found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from infprof.profiler.breakdown import by_critical_path, by_occupancy
from infprof.profiler.critical_path import CriticalPaths
from infprof.profiler.hand_offs import HandOffs
from infprof.profiler.helpers import Helpers
from infprof.profiler.intervals import intervals
from infprof.profiler.recording import Recording, Requests
from infprof.profiler.replay import Change, Replay
from infprof.profiler.stints import Stints
from infprof.profiler.timeline import Timeline
from infprof.reports.quality import judge_quality
from tests.build import recording, timeline
from tests.random_programs import Step, random_program
from tests.rules.judge import evidence_of
from tests.simulated_machine import Scales, run
from tests.test_critical_path import RANDOM
from tests.test_replay import replay_of, scaled

POOL = """
main: 0-1000 request | main: 0-100 op aten::a | main: 940-1000 op aten::b
t2: 120-150 op aten::mm | t2: 130-135 call cudaLaunchKernel #1 | s7: 140-800 kernel gemm #1
t2: 150-805 call cudaStreamSynchronize | t2: 805-920 op aten::item
"""


def blame(made: Timeline) -> dict[str, float]:
    """Exposed microseconds by leaf."""
    found = by_critical_path(made, CriticalPaths(made))
    return {leaf: exposed / 1000 for leaf, (exposed, _) in found.leaves.items() if exposed}


def notes(made: Recording) -> list[str]:
    return [one.code for one in judge_quality(evidence_of(made)).notes]


def hands(made: Timeline) -> HandOffs:
    (request,) = made.requests
    return Helpers(made).of(request)


def spans(made: Timeline) -> list[tuple[int, int]]:
    """What helpers did, in microseconds."""
    return [(one.start_ns // 1000, one.end_ns // 1000) for one in hands(made).helps]


def test_a_wait_for_a_pool_is_blamed_on_what_the_pool_waited_for() -> None:
    found = blame(timeline(POOL))
    assert found["compute.gemm"] == 660 and found["python.launch_latency"] == 10
    assert found["compute.cpu"] == 215  # a and item
    assert sum(found.values()) == 1000


def test_a_replay_goes_through_the_pool_and_back() -> None:
    made = timeline(POOL)
    paths, (request,) = CriticalPaths(made), made.requests
    replay = Replay(paths.waits, request, paths.helpers.of(request))
    assert replay.wall_ns() == request.wall_ns
    half = Change(np.array([330_000]))
    assert replay.wall_ns(half) == request.wall_ns - 330_000
    alone = Replay(paths.waits, request)
    assert alone.wall_ns(half) == request.wall_ns  # a helper that is not known


def test_a_thread_that_works_on_its_own_helps_nobody() -> None:
    """It works while the request's thread does, too; and then nothing is known of its launches."""
    made = POOL.replace("t2: 120-150 op", "t2: 90-150 op")
    assert spans(timeline(made)) == []
    assert "hand-offs" in notes(recording(made)) and "hand-offs" not in notes(recording(POOL))


def test_a_thread_that_seldom_keeps_to_silences_does_so_by_chance() -> None:
    """As one that loads ahead all the time: it fills a silence now and then."""
    busy = [f"main: {at}-{at + 9} op a | t2: {at + 5}-{at + 12} op c" for at in range(0, 100, 20)]
    alone = "main: 0-1000 request | main: 0-100 op a | main: 940-1000 op b | t2: 120-920 op c"
    assert spans(timeline(alone)) == [(120, 920)]
    begin = alone.replace("main: 0-100 op a", " | ".join([*busy, "main: 99-100 op a"]))
    assert spans(timeline(begin)) == []


@pytest.mark.parametrize(
    ("sign", "known"),
    [
        ("range io:read", False),  # one that begins meanwhile: the thread was not waiting
        ("stack 20 serve.py:1:f", False),
        ("stack 3 serve.py:1:f", True),  # too few to tell
        ("stack 20 serve.py:1:f !lock", True),
    ],
)
def test_signs_of_life_say_that_it_did_not_wait(sign: str, known: bool) -> None:
    kind = sign.replace("serve.py:1:f", "serve.py:1:f !running") if "!" not in sign else sign
    assert bool(spans(timeline(f"{POOL} | main: 200-700 {kind}"))) == known


def test_a_helper_that_fills_little_of_a_silence_may_work_for_itself() -> None:
    text = "main: 0-1000 request | main: 0-100 op a | main: 900-1000 op b | t2: {} op c"
    assert spans(timeline(text.format("200-600"))) == [(200, 600)]
    assert spans(timeline(text.format("201-600"))) == []


def test_a_long_hole_parts_what_a_helper_did() -> None:
    made = timeline(f"{POOL.replace('main: 940', 'main: 3940').replace('1000', '4000')}"
                    " | t2: 1300-3900 op c")  # fmt: skip
    assert spans(made) == [(120, 920), (1300, 3900)]


def test_of_two_requests_at_once_a_helper_works_for_either() -> None:
    other = "t9: 0-1000 request | t9: 0-50 op a | t9: 950-1000 op b"
    made = timeline(f"{POOL} | {other}")
    assert all(not Helpers(made).of(one).helps for one in made.requests)


def test_of_helpers_side_by_side_the_last_is_blamed() -> None:
    text = """main: 0-1000 request | main: 0-100 op aten::a | main: 940-1000 op aten::b
    t2: 120-500 range preprocess:short | t3: 130-920 range preprocess:long"""
    made = timeline(text)
    found = by_occupancy(made)
    assert found.exposed_ns("preprocess.long") == 790_000
    assert found.exposed_ns("preprocess.short") == 10_000  # until the last was given its work
    assert [one.helps for one in hands(made).waits] == [(0, 1)]


def test_helpers_side_by_side_lose_their_time_together() -> None:
    """Else one that does the same as the other would seem to save nothing."""
    text = """main: 0-1000 request | main: 0-100 op aten::a | main: 940-1000 op aten::b
    t2: 120-900 op aten::c | t3: 130-920 op aten::d"""
    made = timeline(text)
    paths, (request,) = CriticalPaths(made), made.requests
    replay = Replay(paths.waits, request, paths.helpers.of(request))
    without = Change(host_removed=intervals([100_000], [930_000]))
    # a, b and the 10 us before b are left, and the 10 of c until d was given
    assert replay.wall_ns(without) == 180_000


def test_a_wait_for_a_lock_is_what_the_helper_did_meanwhile() -> None:
    text = """main: 0-1000 request | main: 0-100 op aten::a | main: 940-1000 op aten::b
    t2: 120-920 op aten::mm | main: 110-930 stack 20 serve.py:1:f > lib/threading.py:9:wait !lock"""
    (found,) = by_occupancy(timeline(text)).requests
    assert found.leaves["compute.cpu"].exposed_ns == 960_000


def test_what_the_waiting_thread_declared_holds() -> None:
    text = """main: 0-1000 request | main: 0-100 op aten::a | main: 940-1000 op aten::b
    main: 105-935 range preprocess:decode | t2: 120-920 op aten::mm"""
    assert by_occupancy(timeline(text)).exposed_ns("preprocess") == 830_000


def noted(text: str, *stints: tuple[int, int, int, str]) -> Timeline:
    """Request 1 on lane 0 until 1,000 us, with these stints: start, end, lane, wait."""
    made: Recording = recording(text)
    table = Requests.of([(0, 1_000_000, 0, 2, 0, -1, 1)])
    rows = [(1, a * 1000, b * 1000, lane, wait) for a, b, lane, wait in stints]
    return Timeline(replace(made, requests=table, stints=Stints.from_rows(rows)))


BESIDE = """main: 0-300 op aten::a | main: 940-1000 op aten::b
t2: 100-130 op aten::mm | t2: 110-115 call cudaLaunchKernel #1 | s7: 120-800 kernel gemm #1
t2: 150-805 call cudaStreamSynchronize"""


def test_stints_tell_also_of_help_that_began_while_its_own_thread_worked() -> None:
    made = noted(BESIDE, (0, 1000, 0, ""), (50, 100, 0, "thread pool"), (100, 900, 1, ""))
    (wait,) = hands(made).waits
    assert (wait.start_ns, wait.end_ns) == (300_000, 900_000)
    found = blame(made)
    assert found["compute.gemm"] == 680
    assert found["compute.cpu"] == 100  # of a, until the help began


def test_on_an_event_loop_it_waits_between_its_stints() -> None:
    """The loop works for others meanwhile."""
    text = BESIDE.replace("main: 0-300 op", "main: 0-40 op") + "| main: 200-700 op aten::other"
    made = noted(
        text, (0, 50, 0, ""), (50, 100, 0, "thread pool"), (100, 900, 1, ""), (930, 1000, 0, "")
    )
    (wait,) = hands(made).waits
    assert (wait.start_ns, wait.end_ns) == (50_000, 900_000)
    assert blame(made)["compute.gemm"] == 680


def test_what_waits_for_a_free_thread_waits_for_the_help_before_it() -> None:
    text = "main: 0-50 op a | main: 950-1000 op b | t2: 60-400 op c | t2: 410-900 op d"
    made = noted(
        text, (0, 1000, 0, ""), (50, 60, 0, "thread pool"), (60, 400, 1, ""),
        (52, 410, 0, "thread pool"), (410, 900, 1, ""),
    )  # fmt: skip
    route = hands(made).route(1_000_000)
    assert {lane: one.start.tolist() for lane, one in route.items()} == {1: [50_000]}
    assert route[1].end.tolist() == [900_000]


def in_turns(seed: int) -> list[Step]:
    """A random program that waits at once for what it gives away, which takes longer than to give
    it, and then does something."""
    found = list[Step]()
    for one in random_program(seed, events=False):
        if one.do == "give":
            given = Step("work", time_ns=20_000), *one.given
            found += [replace(one, given=given), Step("join"), Step("work", time_ns=20_000)]
        elif one.do != "join":
            found.append(one)
    return found


def test_where_threads_take_turns_their_times_alone_tell() -> None:
    right, helped = [], 0
    for seed in RANDOM[:300]:
        program = in_turns(seed)
        ran = run(program, told=False)
        helped += sum(one.do == "give" for one in program) > 0
        assert replay_of(ran).wall_ns() == ran.wall_ns
        wall = run(program, Scales(kernel=0.5, copy=0.5)).wall_ns
        right.append(abs(replay_of(ran).wall_ns(scaled(ran, 0.5, 0.5)) - wall) <= 0.02 * wall)
    assert helped > 100 and sum(right) >= 0.98 * len(right)
