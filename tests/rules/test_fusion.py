"""Chains of element-wise kernels, found by their operators' shapes and fused on paper."""

from __future__ import annotations

import pytest

from infprof.profiler.op_chain import moved_by, together_bytes
from infprof.profiler.recording import Gpu, Recording
from infprof.rules.finding import Finding
from tests.build import A100, recording
from tests.rules.judge import evidence_of, verdict_of

ELEMENTS = 4_194_304
"""Of float32: 16.8 MB, which an A100 of 2.039 TB/s reads and writes in 16.4 us."""

EAGER = "at::native::vectorized_elementwise_kernel"
NAMES = ("relu", "sigmoid")


def shapes(*elements: int, kind: str = "float") -> str:
    dims, types = [[one] for one in elements], ", ".join(f'"{kind}"' for _ in elements)
    return f'{{"dims": {dims}, "types": [{types}]}}'


def model(
    inputs: list[str], gpus: tuple[Gpu, ...] = (A100,), more: str = "", gap: int = 1
) -> Recording:
    """A product of 300 us, element-wise kernels of 20 us behind it, and another product."""
    rows, end = (
        [more, "main: 1-3 call cudaLaunchKernel #1", "s7: 10-310 kernel ampere_bf16_gemm #1"],
        310,
    )
    for number, text in enumerate(inputs):
        at = 5 + 10 * number
        rows += [
            f"main: {at}-{at + 9} op aten::{NAMES[number % 2]} {text}",
            f"main: {at + 2}-{at + 5} call cudaLaunchKernel #{number + 2}",
            f"s7: {end + gap}-{end + gap + 20} kernel {EAGER} #{number + 2}",
        ]
        end += gap + 20
    at = 5 + 10 * len(inputs)
    rows += [
        f"main: {at}-{at + 3} call cudaLaunchKernel #99",
        f"s7: {end + gap}-{end + gap + 100} kernel ampere_bf16_gemm #99",
        f"main: {at + 3}-{end + gap + 102} call cudaDeviceSynchronize",
    ]
    return recording(
        "\n".join([f"main: 0-{end + gap + 103} request", *filter(None, rows)]), gpus=gpus
    )


def finding_of(built: Recording) -> Finding:
    (finding,) = verdict_of("uncompiled-model", built).findings
    return finding


def test_what_a_chain_moves_as_one() -> None:
    chain = [
        moved_by("aten::add", shapes(100, 100)),
        moved_by("aten::relu", shapes(100)),
        moved_by("aten::mul", shapes(100, 1)),
    ]
    known = [one for one in chain if one is not None]
    assert [one.size_bytes for one in known] == [1200, 800, 804]
    assert all(one.hands_on_to(other) for one, other in zip(known, known[1:], strict=False))
    assert together_bytes(known) == 800 + 4 + 400  # both inputs, the factor, the last result


@pytest.mark.parametrize("other", [shapes(50), shapes(100, kind="c10::Half")])
def test_another_size_is_another_tensor(other: str) -> None:
    one, two = moved_by("aten::relu", shapes(100)), moved_by("aten::relu", other)
    assert one is not None and two is not None and not one.hands_on_to(two)


def test_what_is_not_known_is_not_guessed() -> None:
    assert moved_by("aten::relu", '{"dims": [[8]], "types": ["torch.strange"]}') is None
    assert moved_by("mine::relu", "nonsense") is None


def test_a_chain_becomes_one_kernel() -> None:
    """Of 10 x 21 us on the device one kernel is left, of 16 or 33 us and its gap."""
    finding = finding_of(model([shapes(ELEMENTS)] * 10))
    moved = 2 * 4 * ELEMENTS / 2039e9 * 1e9
    best, sure = (10 * 21_000 - 1_000 - time for time in (moved, 2 * moved))
    assert finding.saving.high_ns == pytest.approx(best, abs=10)
    assert finding.saving.low_ns == pytest.approx(sure, abs=10)
    assert (finding.saving.confidence, finding.saving.basis) == ("B", "replay")


def test_where_little_is_a_chain_the_ceiling_stays() -> None:
    """Every second kernel works on another size."""
    finding = finding_of(model([shapes(ELEMENTS + number % 2) for number in range(10)]))
    assert (finding.saving.low_ns, finding.saving.confidence) == (0, "C")
    assert finding.saving.high_ns == pytest.approx(10 * 20_000, abs=10)


def test_half_of_it_in_chains_is_a_floor_under_the_ceiling() -> None:
    other = [shapes(ELEMENTS + number % 2) for number in range(5)]
    finding = finding_of(model([shapes(ELEMENTS)] * 5 + other))
    moved = 2 * 4 * ELEMENTS / 2039e9 * 1e9
    assert finding.saving.low_ns == pytest.approx(6 * 21_000 - 1_000 - 2 * moved, abs=10)
    assert finding.saving.confidence == "C"


def test_where_the_host_wants_a_result_a_chain_ends() -> None:
    text = [shapes(ELEMENTS)] * 10
    whole, cut = (
        finding_of(model(text, more=more)).saving.low_ns
        for more in ("", "main: 54-55 call cudaStreamSynchronize")
    )
    assert whole - cut == pytest.approx(1_000 + 2 * 2 * 4 * ELEMENTS / 2039e9 * 1e9, abs=10)


def test_without_a_bandwidth_the_ceiling_stays() -> None:
    unlisted = Gpu(name="NVIDIA Nothing", sm_major=8, sm_minor=0, multiprocessors=1)
    finding = finding_of(model([shapes(ELEMENTS)] * 10, gpus=(unlisted,)))
    assert (finding.saving.low_ns, finding.saving.confidence) == (0, "C")


def test_no_kernel_is_shorter_than_two_microseconds_nor_longer_than_now() -> None:
    tiny = finding_of(model([shapes(64)] * 10)).saving
    assert tiny.low_ns == tiny.high_ns == 10 * 21_000 - 1_000 - 2_000
    huge = evidence_of(model([shapes(1000 * ELEMENTS)] * 10))
    assert huge.replays is not None
    assert verdict_of("uncompiled-model", huge.recording).findings == ()
