"""oversized-batches: batches whose requests wait long for little throughput."""

from __future__ import annotations

from infprof.profiler.deployment import Deployment
from infprof.rules.finding import Outcome, Verdict
from tests.build import recording
from tests.rules.judge import verdict_of

RULE = "oversized-batches"
LAYERS = (("aten::conv2d", "[{0},3,8,8],[16,3,3,3]"), ("aten::linear", "[{0},64],[10,64]"))


class Server:
    """A thread that calls a model for the requests of others: T(B) = 60 + 20 B us, all in all."""

    def __init__(self, own_thread: bool = True) -> None:
        self.rows, self.now = list[str](), 0
        self.lane = "t2" if own_thread else "main"

    def batch(self, size: int, phase: str = "traced") -> None:
        begin = self.now
        for name, dims in LAYERS:
            shapes = f'{{"dims":[{dims.format(size)}],"types":[]}}'
            lasts = 30 + 10 * size
            if phase == "traced":
                self.rows.append(f"{self.lane}: {self.now}-{self.now + lasts} op {name} {shapes}")
            self.now += lasts
        self.rows += [
            f"{self.lane}: {begin}-{self.now} range nn.Module: Net",
            f"main: {begin}-{self.now} request {phase}",
        ]
        self.now += 10_000

    def judged(self, target_ms: float | None = 0.5) -> Verdict:
        made = recording("\n".join(self.rows), gpus=())
        made.header.deployment = Deployment(latency_target_ms=target_ms)
        return verdict_of(RULE, made)


def served(*sizes: int, own_thread: bool = True) -> Server:
    server = Server(own_thread)
    for size in (64, 64):
        server.batch(size, "plain")
    for size in sizes:
        server.batch(size)
    return server


def test_batches_far_beyond_the_knee_are_found() -> None:
    (finding,) = served(1, 32, *[64] * 20).judged().findings
    assert finding.title == "Cap batches at 9" and "MOST = 9 " in finding.fix.code
    # of 1313 items 1280 are in batches of 64: 63.2 on average
    assert "in a batch of 63 on average" in finding.why
    assert finding.saving.low_ns == 0 and finding.saving.confidence == "C"
    assert abs(finding.saving.high_ns - (63.17 - 9) * 20_000) < 1000


def test_within_the_target_or_the_knee_it_is_silent() -> None:
    assert served(1, 8, 32, 64, 64).judged(target_ms=2.0).outcome is Outcome.CLEAR
    assert served(1, 4, 8, 8, 8).judged().outcome is Outcome.CLEAR


def test_the_target_is_asked_for_where_it_matters() -> None:
    verdict = served(1, 8, 32, 64).judged(target_ms=None)
    assert verdict.outcome is Outcome.UNKNOWN and "latency_target_ms" in verdict.reason
    assert served(1, 4, 8).judged(target_ms=None).outcome is Outcome.CLEAR


def test_a_request_that_brings_its_own_batch_is_left_alone() -> None:
    assert served(1, 8, 32, 64, own_thread=False).judged().outcome is Outcome.CLEAR


def test_too_few_sizes_tell_no_cost() -> None:
    assert served(64, 64, 64).judged().outcome is Outcome.CLEAR


def test_without_shapes_it_is_open() -> None:
    verdict = verdict_of(RULE, recording("main: 0-100 request | main: 0-90 op aten::mm"))
    assert verdict.outcome is Outcome.UNKNOWN
