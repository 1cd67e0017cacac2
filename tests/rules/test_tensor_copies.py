"""tensor-copies: bytes moved within one memory, and nothing computed."""

from __future__ import annotations

import pytest

from infprof.profiler.recording import Recording
from infprof.rules.finding import Outcome
from tests.build import recording
from tests.pretend_examples import recorded
from tests.rules.judge import verdict_of

RULE = "tensor-copies"
CAT = "at::native::CatArrayBatchedCopy"


def on_gpu(kind: str = f"kernel {CAT}", *, copy_us: int = 30) -> Recording:
    rows = [
        f"s7: {at}-{at + 100 - copy_us} kernel ampere_bf16_gemm | "
        f"s7: {at + 100 - copy_us}-{at + 100} {kind}"
        for at in range(0, 1000, 100)
    ]
    return recording("\n".join(["main: 0-1000 request", *rows]))


def on_cpu(name: str, copy_us: int) -> Recording:
    rows = [
        f"main: {at}-{at + 100 - copy_us} op aten::conv2d | "
        f"main: {at + 100 - copy_us}-{at + 100} op {name}"
        for at in range(0, 1000, 100)
    ]
    return recording("\n".join(["main: 0-1000 request", *rows]), gpus=())


@pytest.mark.parametrize("kind", [f"kernel {CAT}", "copy Memcpy DtoD (Device -> Device)"])
def test_all_their_time_is_the_ceiling(kind: str) -> None:
    (finding,) = verdict_of(RULE, on_gpu(kind)).findings
    assert (finding.saving.low_ns, finding.saving.high_ns) == (0, 300_000)
    assert finding.saving.confidence == "C"
    compile(finding.fix.code, "fix", "exec")


def test_a_few_at_the_edges_are_fine() -> None:
    assert verdict_of(RULE, on_gpu(copy_us=9)).outcome == Outcome.CLEAR


def test_copies_between_memories_are_other_rules_cases() -> None:
    upload = on_gpu("copy Memcpy HtoD (Pinned -> Device)")
    assert verdict_of(RULE, upload).outcome == Outcome.CLEAR


def test_casts_of_weights_are_autocasts_case() -> None:
    assert verdict_of(RULE, recorded("autocast_weights")).outcome == Outcome.CLEAR
    assert verdict_of("autocast-churn", recorded("autocast_weights")).outcome == Outcome.FOUND


def test_where_launches_take_longer_fewer_bytes_change_nothing() -> None:
    rows = [
        f"main: {at}-{at + 50} op aten::add | s7: {at + 50}-{at + 60} kernel {CAT}"
        for at in range(0, 1200, 60)
    ]
    waiting = recording("\n".join(["main: 0-1200 request", *rows]))
    assert verdict_of(RULE, waiting).outcome == Outcome.CLEAR


@pytest.mark.parametrize("name", ["aten::cat", "aten::contiguous"])
def test_on_a_cpu_operators_count_alike(name: str) -> None:
    (finding,) = verdict_of(RULE, on_cpu(name, 30)).findings
    assert (finding.saving.low_ns, finding.saving.high_ns) == (0, 300_000)
    assert verdict_of(RULE, on_cpu(name, 9)).outcome == Outcome.CLEAR
    assert verdict_of(RULE, on_cpu("aten::relu", 30)).outcome == Outcome.CLEAR


def test_what_a_product_copies_for_itself_is_no_copy_of_the_program() -> None:
    inner = recording(
        "main: 0-1000 request | main: 0-900 op aten::addmm | main: 100-600 op aten::copy_", gpus=()
    )
    assert verdict_of(RULE, inner).outcome == Outcome.CLEAR


def test_without_operators_a_cpu_tells_nothing() -> None:
    silent = recording("main: 0-100 request", missing={"ops": "not recorded"}, gpus=())
    assert verdict_of(RULE, silent).outcome == Outcome.UNKNOWN
