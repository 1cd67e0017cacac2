"""The order of cold, warm-up, plain and traced requests under any plan."""

from __future__ import annotations

from dataclasses import fields
from itertools import groupby

from hypothesis import given
from hypothesis import strategies as st

from infprof.profiler.phase import Phase
from infprof.profiler.schedule import LONG_REQUEST_NS, Plan, Schedule

COUNTS = st.integers(0, 8)
PLANS = st.builds(
    Plan, warmup=COUNTS, plain=COUNTS, window=COUNTS, windows=COUNTS, window_seconds=st.just(5.0)
)
ODD_PLANS = st.builds(Plan, **{field.name: st.integers(-3, 3) for field in fields(Plan)})
EVENTS = st.lists(st.sampled_from(["stop_window", "stop_tracing", "cold", "put_back", ""]))


def phases(plan: Plan, count: int) -> list[Phase]:
    schedule = Schedule(plan)
    return [schedule.next() for _ in range(count)]


def runs(plan: Plan, count: int = 200) -> list[tuple[Phase, int]]:
    """Phases with how often each follows itself."""
    return [(phase, len(list(same))) for phase, same in groupby(phases(plan, count))]


def test_the_default_plan_by_example() -> None:
    assert runs(Plan(), 60) == [
        (Phase.COLD, 1),
        (Phase.WARMUP, 2),
        (Phase.PLAIN, 2),
        (Phase.TRACED, 2),
        (Phase.PLAIN, 10),
        (Phase.TRACED, 5),
        (Phase.PLAIN, 10),
        (Phase.TRACED, 5),
        (Phase.PLAIN, 23),
    ]


@given(PLANS)
def test_warm_up_comes_first_and_only_once(plan: Plan) -> None:
    order = phases(plan, 200)
    cold = [Phase.COLD] if plan.warmup else []
    warm = [Phase.WARMUP] * (plan.warmup - 1)
    assert order[: plan.warmup] == cold + warm
    assert not {Phase.COLD, Phase.WARMUP}.intersection(order[plan.warmup :])


@given(PLANS)
def test_no_more_is_traced_than_asked_for(plan: Plan) -> None:
    order = phases(plan, 300)
    most = plan.windows * max(plan.window, 1)
    assert order.count(Phase.TRACED) <= most
    assert order[-1] == Phase.PLAIN
    if plan.plain:
        windows = [count for phase, count in runs(plan, 300) if phase == Phase.TRACED]
        assert len(windows) == plan.windows
        assert all(count <= max(plan.window, 1) for count in windows)


@given(PLANS.filter(lambda plan: plan.plain > 0 and plan.windows > 0))
def test_each_window_is_preceded_by_untraced_requests(plan: Plan) -> None:
    order = runs(plan, 300)
    before = [order[place - 1] for place, (phase, _) in enumerate(order) if phase == Phase.TRACED]
    assert [phase for phase, _ in before] == [Phase.PLAIN] * plan.windows
    assert before[0][1] == max(plan.plain // 5, 1)
    assert all(count == plan.plain for _, count in before[1:])


@given(PLANS.filter(lambda plan: plan.windows > 1))
def test_the_first_window_is_short(plan: Plan) -> None:
    first = next(count for phase, count in runs(plan, 300) if phase == Phase.TRACED)
    if plan.plain:
        assert first == min(max(plan.window, 1), 2)


@given(PLANS | ODD_PLANS, EVENTS)
def test_any_order_of_events_settles_and_stays_settled(plan: Plan, events: list[str]) -> None:
    schedule = Schedule(plan)
    settled = False
    for event in [*events, *[""] * 200]:
        phase = schedule.next()
        assert not settled or phase == Phase.PLAIN
        if event == "stop_window":
            schedule.stop_window()
        elif event == "stop_tracing":
            schedule.stop_tracing()
        elif event == "cold" and phase == Phase.COLD:
            schedule.cold_took(LONG_REQUEST_NS)
        elif event == "put_back" and phase == Phase.TRACED:
            schedule.put_back()
            assert not schedule.window_is_over and schedule.next() == Phase.TRACED
        settled = settled or schedule.settled
    assert settled


def test_a_long_cold_request_ends_the_warm_up() -> None:
    schedule = Schedule(Plan(warmup=5))
    assert schedule.next() == Phase.COLD
    schedule.cold_took(LONG_REQUEST_NS)
    assert schedule.next() == Phase.PLAIN


def test_a_quick_cold_request_does_not() -> None:
    schedule = Schedule(Plan(warmup=5))
    assert schedule.next() == Phase.COLD
    schedule.cold_took(LONG_REQUEST_NS - 1)
    assert schedule.next() == Phase.WARMUP


def test_news_of_a_cold_request_that_comes_late_changes_nothing() -> None:
    schedule = Schedule(Plan(warmup=2))
    assert [schedule.next() for _ in range(4)][-1] == Phase.PLAIN
    left = schedule.left_in_phase
    schedule.cold_took(LONG_REQUEST_NS)
    assert schedule.left_in_phase == left and schedule.phase == Phase.PLAIN


def test_after_tracing_was_stopped_nothing_is_traced() -> None:
    schedule = Schedule(Plan(warmup=0, plain=1))
    schedule.stop_tracing()
    assert {schedule.next() for _ in range(100)} == {Phase.PLAIN}
