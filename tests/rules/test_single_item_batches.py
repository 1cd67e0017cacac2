"""single-item-batches: the model run on one item at a time within a request."""

from __future__ import annotations

import pytest

from infprof.profiler.recording import Cpu, Recording
from infprof.rules.finding import Outcome
from tests.build import recording
from tests.rules.judge import verdict_of

RULE = "single-item-batches"
Layer = tuple[str, str]

CLASSIFIER: list[Layer] = [
    ("aten::conv2d", "[[1,3,8,8],[16,3,3,3],[16]]"),
    ("aten::linear", "[[1,64],[10,64],[10]]"),
]

DENOISER: list[Layer] = [
    ("aten::conv2d", "[[1,4,8,8],[32,4,3,3]]"),
    ("aten::conv2d", "[[1,32,8,8],[4,32,3,3]]"),
]


def passes(layers: list[Layer], times: int, wall_us: int = 1000) -> str:
    """Each layer takes 10 us and is followed by 10 us of Python."""
    rows, at = [f"main: 0-{wall_us} request"], 0
    for name, dims in layers * times:
        rows.append(f'main: {at}-{at + 10} op {name} {{"dims":{dims},"types":[]}}')
        at += 20
    rows.append(f"main: {at}-{wall_us} op aten::sort")
    return "\n".join(rows)


def on_cpu(text: str, cores: int = 2) -> Recording:
    built = recording(text, gpus=())
    built.header.machine.cpu = Cpu(usable=cores)
    return built


def test_all_passes_but_one_are_the_ceiling_and_their_python_is_certain() -> None:
    (finding,) = verdict_of(RULE, on_cpu(passes(CLASSIFIER, 5, wall_us=400))).findings
    # 5 passes of two ops: 100 us in ops, 90 us of Python between them; four fifths of it
    assert (finding.saving.low_ns, finding.saving.high_ns) == (72_000, 152_000)
    assert finding.saving.confidence == "C"
    assert finding.title == "Run the 5 items of a request as one batch"
    compile(finding.fix.code, "fix", "exec")


@pytest.mark.parametrize(
    "layers",
    [
        [("aten::linear", "[[64],[32,64]]"), ("aten::linear", "[[32],[10,32]]")],  # no batch at all
        [("aten::addmm", "[[10],[1,64],[64,10]]")],
        [("aten::embedding", "[[500,64],[1,12]]"), ("aten::linear", "[[1,12,64],[64,64]]")],
    ],
)
def test_other_models_run_one_by_one(layers: list[Layer]) -> None:
    assert verdict_of(RULE, on_cpu(passes(layers, 8))).outcome is Outcome.FOUND


def test_another_model_before_the_loop_does_not_hide_it() -> None:
    text = passes(CLASSIFIER, 6, wall_us=600)
    later = text.replace("main: 0-600 request", "")
    detector = 'main: 0-300 op aten::conv2d {"dims":[[1,3,640,640],[32,3,3,3]],"types":[]}'
    shifted = "\n".join(_later(line, 300) for line in filter(None, later.split("\n")))
    built = on_cpu(f"main: 0-900 request\n{detector}\n{shifted}")
    (finding,) = verdict_of(RULE, built).findings
    assert finding.title == "Run the 6 items of a request as one batch"


def _later(line: str, by: int) -> str:
    lane, span, rest = line.split(" ", 2)
    start, end = span.split("-")
    return f"{lane} {int(start) + by}-{int(end) + by} {rest}"


@pytest.mark.parametrize(
    ("layers", "times"),
    [
        (CLASSIFIER, 3),  # few
        (CLASSIFIER, 1),
        # a batch already
        ([("aten::conv2d", "[[8,3,8,8],[16,3,3,3]]"), ("aten::linear", "[[8,64],[10,64]]")], 5),
        # a stack of equal layers: what comes out goes in
        ([("aten::linear", "[[1,64],[64,64]]")], 50),
        ([("aten::linear", "[[1,9,64],[256,64]]"), ("aten::linear", "[[1,9,256],[64,256]]")], 12),
        (DENOISER, 20),  # diffusion: an image of the same size comes out
        # generation: each pass looks up the token made before
        ([("aten::embedding", "[[500,64],[1,1]]"), ("aten::linear", "[[1,1,64],[500,64]]")], 20),
        # a recurrent cell written out: four gates of the state that goes in
        ([("aten::linear", "[[1,32],[256,32]]"), ("aten::linear", "[[1,64],[256,64]]")], 20),
    ],
)  # fmt: skip
def test_what_is_no_loop_over_items(layers: list[Layer], times: int) -> None:
    verdict = verdict_of(RULE, on_cpu(passes(layers, times, wall_us=2000)))
    assert verdict.outcome is Outcome.CLEAR


def test_a_recurrent_cell_is_no_loop_over_items() -> None:
    text = passes([("aten::lstm_cell", "[[1,32]]"), *CLASSIFIER], 5)
    assert verdict_of(RULE, on_cpu(text)).outcome is Outcome.CLEAR


@pytest.mark.parametrize(("size", "outcome"), [(8, Outcome.FOUND), (64, Outcome.CLEAR)])
def test_items_that_saturate_the_cores_gain_nothing(size: int, outcome: Outcome) -> None:
    # 2 * 64 * 64 * 64 * 27 FLOP in 10 us is 1400 FLOP/ns, 2 * 8 * 8 * 16 * 27 is 6
    layers = [("aten::conv2d", f"[[1,3,{size},{size}],[{size * 2},3,3,3]]")]
    assert verdict_of(RULE, on_cpu(passes(layers, 5, wall_us=400))).outcome is outcome


@pytest.mark.parametrize(("kernel_us", "saving_us"), [(5, [(76, 76)]), (50, [])])
def test_long_kernels_promise_nothing(kernel_us: int, saving_us: list[tuple[int, int]]) -> None:
    conv, linear = (f'{name} {{"dims":{dims},"types":[]}}' for name, dims in CLASSIFIER)
    rows = ["main: 0-400 request"]
    for number in range(5):
        at, kernel = 20 * number, 10 + max(20, kernel_us) * number
        rows += [
            f"main: {at}-{at + 5} op {conv}",
            f"main: {at + 5}-{at + 15} op {linear}",
            f"main: {at + 6}-{at + 8} call cudaLaunchKernel #{number + 1}",
            f"s7: {kernel}-{kernel + kernel_us} kernel gemm #{number + 1}",
        ]
    # short kernels run in the shadow of their launches, which a batch has once; long ones are
    # waited for, whatever launches them
    rows.append(f"main: 105-{max(107, kernel + kernel_us + 2)} call cudaStreamSynchronize")
    rows.append("main: 300-310 call cudaLaunchKernel #9 | s7: 310-398 kernel sort #9")
    rows.append("main: 310-400 call cudaDeviceSynchronize")
    found = verdict_of(RULE, recording("\n".join(rows))).findings
    savings = [(one.saving.low_ns, one.saving.high_ns) for one in found]
    assert savings == [(low * 1000, high * 1000) for low, high in saving_us]


def test_unknown_without_shapes() -> None:
    text = "main: 0-100 request | main: 0-100 op aten::linear"
    assert verdict_of(RULE, recording(text, gpus=())).outcome is Outcome.UNKNOWN


def test_unknown_where_iterations_of_a_benchmark_may_be_requests() -> None:
    text = "\n".join(passes(CLASSIFIER, 5).split("\n")[1:])
    verdict = verdict_of(RULE, on_cpu(text))
    assert verdict.outcome is Outcome.UNKNOWN and "requests" in verdict.reason
