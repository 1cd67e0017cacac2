"""pruning-masks: weights that are multiplied by a mask before each use."""

from __future__ import annotations

import pytest

from infprof.profiler.recording import Recording
from infprof.rules.finding import Outcome
from tests.build import recording
from tests.rules.judge import verdict_of

RULE = "pruning-masks"


def shapes(*dims: list[int]) -> str:
    types = ",".join(['"float"'] * len(dims))
    return f'{{"dims":[{",".join(map(str, dims))}],"types":[{types}]}}'.replace(" ", "")


def served(*masks: list[list[int]], on_gpu: bool = False) -> Recording:
    """Two layers of 300 us each, before them a product of 100 us each if it is given."""
    rows = ["main: 0-1000 request"]
    for place, weight in enumerate(([64, 32], [16, 64])):
        at = 500 * place
        if place < len(masks):
            rows.append(f"main: {at}-{at + 100} op aten::mul {shapes(*masks[place])}")
        rows.append(f"main: {at + 150}-{at + 450} op aten::linear {shapes([8, weight[1]], weight)}")
    if on_gpu:
        rows += [
            "main: 10-20 call cudaLaunchKernel #1 | s7: 30-90 kernel elementwise_kernel #1",
            "main: 510-520 call cudaLaunchKernel #2 | s7: 530-590 kernel elementwise_kernel #2",
        ]
    return recording("\n".join(rows), gpus=())


HOOKS = ([[64, 32], [64, 32]], [[16, 64], [16, 64]])


def test_masks_before_their_layers_are_found() -> None:
    (finding,) = verdict_of(RULE, served(*HOOKS)).findings
    assert (finding.saving.low_ns, finding.saving.high_ns) == (0, 200_000)
    assert "2 times per request" in finding.why
    compile(finding.fix.code, "fix", "exec")


def test_on_a_gpu_kernels_and_their_dispatch_count() -> None:
    (finding,) = verdict_of(RULE, served(*HOOKS, on_gpu=True)).findings
    assert 0 < finding.saving.high_ns <= 200_000 and finding.saving.basis == "replay"


@pytest.mark.parametrize(
    "masks",
    [
        (),  # the hooks were removed
        ([[64, 32], [64, 32]],),  # one layer: may be the model's own
        ([[16, 64], [16, 64]], [[64, 32], [64, 32]]),  # before other layers
        ([[8, 64], [8, 64]], [[8, 16], [8, 16]]),  # gates between activations
        ([[64, 32], []], [[16, 64], []]),  # weights that are scaled
    ],
)
def test_other_products_are_fine(masks: tuple[list[list[int]], ...]) -> None:
    assert verdict_of(RULE, served(*masks)).outcome is Outcome.CLEAR


def test_without_shapes_there_is_no_verdict() -> None:
    verdict = verdict_of(RULE, recording("main: 0-100 request | main: 0-90 op aten::linear"))
    assert verdict.outcome is Outcome.UNKNOWN and "shapes" in verdict.reason
