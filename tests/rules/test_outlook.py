"""What is left after fixes."""

from __future__ import annotations

import pytest

from infprof.profiler.replay import Change
from infprof.rules.evidence import Evidence
from infprof.rules.finding import Finding, Fix, Saving
from infprof.rules.outlook import Outlook, outlook
from tests.build import recording
from tests.rules.judge import evidence_of
from tests.test_what_if import loop

HOST_ONLY = """\
main: 0-100 request
main: 0-50 range preprocess:decode
main: 50-80 op aten::mm
main: 80-100 range postprocess:answer
"""


def finding(stage: str, high_us: int, change: Change | None = None) -> Finding:
    return Finding("Do", "Why.", stage, Saving(0, high_us * 1000), Fix("", "", ""), (), change)


@pytest.mark.parametrize(
    ("findings", "wall_us", "stage"),
    [
        ([("preprocess", 10)], 90, "preprocess"),
        ([("preprocess", 40)], 60, "compute"),
        ([("preprocess", 40), ("compute", 25)], 35, "postprocess"),
        ([("preprocess", 40), ("preprocess", 40)], 50, "compute"),  # no stage goes twice
        ([("preprocess", 50), ("compute", 30), ("postprocess", 20)], 0, None),
    ],
)
def test_on_the_host_alone(
    findings: list[tuple[str, int]], wall_us: int, stage: str | None
) -> None:
    found = [finding(*one) for one in findings]
    assert outlook(evidence_of(recording(HOST_ONLY)), found) == Outlook(
        len(found), wall_us * 1000, stage
    )


def launching() -> Evidence:
    """Twenty launches of 55 us each, with kernels of 10 us that run meanwhile."""
    return evidence_of(loop(host_us=50, kernel_us=10, waits=False))


def test_beside_a_device_another_stage_limits_then() -> None:
    evidence = launching()
    assert evidence.replays is not None
    without = evidence.replays.saved_without_ns("python") // 1000
    after = outlook(evidence, [finding("python", without)])
    assert after.stage == "compute" and after.wall_ns < evidence.wall_ns / 2


def test_what_one_fix_makes_longer_another_does_not_undo() -> None:
    """The device is the limit; half of its kernels' time goes, and 300 us come to the last."""
    evidence = evidence_of(loop(host_us=10, kernel_us=50, waits=False))
    replays = evidence.replays
    assert replays is not None
    longer = Change(replays.without("python").device_ns)
    assert longer.device_ns is not None
    longer.device_ns[-1] += 300_000
    half = replays.without("compute", 0.5)
    walls = [
        evidence.wall_ns - replays.saved_ns(replays.together(*both))
        for both in ([half], [half, longer], [longer, half])
    ]
    assert walls[1] == walls[2] == walls[0] + 300_000
    after = outlook(evidence, [finding("compute", 150, half), finding("python", 150, longer)])
    assert after.wall_ns == walls[1] and after.stage == "compute"


def test_what_is_hidden_saves_nothing_more() -> None:
    """The kernels are hidden behind their launches: half of their time gone leaves the wall."""
    evidence = launching()
    assert evidence.replays is not None
    change = evidence.replays.without("compute", 0.5)
    after = outlook(evidence, [finding("compute", 0, change), finding("d2h", 0)])
    assert after == Outlook(2, evidence.wall_ns, "python")
