"""What rules see under the tracer is told in the time of requests without one."""

from __future__ import annotations

from dataclasses import replace

from infprof.profiler.recording import Recording, Window
from infprof.profiler.timeline import Timeline
from infprof.profiler.untraced import untraced
from infprof.rules.engine import _in_time_of, judge
from infprof.rules.evidence import Evidence
from infprof.rules.finding import Finding, Fix, Outcome, Saving
from tests.build import recording
from tests.rules.judge import evidence_of

MODEL = "lib/torch/nn/modules/module.py:1:_call_impl"
CALL_US = 100


def recorded(traced_us: int, untraced_requests: int = 20) -> Recording:
    """Requests that are one model call of 100 us, and two traced ones with ten element-wise ops
    that take four fifths of it."""
    rows = []
    for number in range(untraced_requests):
        at = number * 1000
        rows.append(f"""
            main: {at}-{at + CALL_US} request plain
            main: {at}-{at + CALL_US} range nn.Module: Net
            main: {at}-{at + CALL_US} stack 5 serve.py:11:main > {MODEL}
        """)
    for number in range(2):
        at = (1000 + number) * 1000
        rows.append(f"""
            main: {at}-{at + traced_us} request traced
            main: {at}-{at + traced_us} range nn.Module: Net
        """)
        for op in range(10):
            start = at + op * traced_us // 10
            rows.append(f"main: {start}-{start + traced_us * 8 // 100} op aten::mul")
    found = recording("\n".join(rows), gpus=())
    spans = [Window(start_ns=10**9, end_ns=2 * 10**9)]
    return replace(found, header=found.header.model_copy(update={"windows": spans}))


def found_in(one: Recording) -> tuple[Evidence, Finding]:
    traced = evidence_of(one)
    seen = untraced(traced.timeline)
    assert seen is not None
    plain = Evidence(one, *seen, traced.device, traced.latency)
    verdicts = {verdict.rule: verdict for verdict in judge(traced, plain)}
    assert verdicts["uncompiled-model"].outcome == Outcome.FOUND
    return plain, verdicts["uncompiled-model"].findings[0]


def test_a_saving_is_a_part_of_the_untraced_request() -> None:
    plain, finding = found_in(recorded(traced_us=300))
    assert plain.wall_ns == CALL_US * 1000
    assert finding.saving.high_ns == plain.exposed_ns("compute") <= plain.wall_ns
    assert "Seen under the tracer, where a request took 0.30 ms" in finding.why


def test_a_tracer_that_costs_nothing_changes_nothing() -> None:
    _, finding = found_in(recorded(traced_us=CALL_US))
    assert finding.saving.high_ns == 80_000 and "tracer" not in finding.why


def test_without_untraced_requests_the_traced_ones_count() -> None:
    alone = recorded(traced_us=300, untraced_requests=0)
    assert untraced(Timeline(alone)) is None
    (verdict,) = (v for v in judge(evidence_of(alone)) if v.rule == "uncompiled-model")
    assert verdict.findings[0].saving.high_ns == 240_000


def test_a_saving_of_more_than_its_stage_is_no_more_than_the_request() -> None:
    traced, plain = (evidence_of(recording(text, gpus=())) for text in (WHOLE, QUICK))
    saving = Saving(0, 90_000, "C")  # of the 100 us under the tracer 20 are of its stage
    finding = _in_time_of(plain, traced, replace(ANY, stage="compute", saving=saving))
    assert finding.saving.high_ns == 40_000


WHOLE = "main: 0-100 request | main: 0-20 op aten::mm | main: 20-100 range python:other"
QUICK = "main: 0-40 request | main: 0-30 op aten::mm | main: 30-40 range python:other"
ANY = Finding(
    title="t", why="w", stage="compute", saving=Saving(0, 0, "C"),
    fix=Fix(text="t", code="", risk="r", references=()),
)  # fmt: skip
