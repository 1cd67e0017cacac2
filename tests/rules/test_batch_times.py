"""single-item-batches where the recording also has batches: their times tell what one saves."""

from __future__ import annotations

import pytest

from infprof.profiler.recording import Recording
from infprof.rules.batch_times import cost_by_batch
from infprof.rules.finding import Finding
from infprof.rules.layer_ops import layer_ops, layer_rows
from tests.build import A100, recording
from tests.rules.judge import evidence_of, verdict_of

LAYERS = (("aten::conv2d", "[{0},3,8,8],[16,3,3,3]"), ("aten::linear", "[{0},64],[10,64]"))


class Program:
    """Calls of a model on a CPU, or on a GPU: T(B) is 25 + 2 B us, or 21 + 4 B us."""

    def __init__(self, on_gpu: bool) -> None:
        self.rows, self.now, self.calls, self.on_gpu = list[str](), 0, 0, on_gpu

    def call(self, size: int, waits: bool = True) -> None:
        for name, dims in LAYERS:
            shapes = f'{{"dims":[{dims.format(size)}],"types":[]}}'
            lasts = 5 if self.on_gpu else 10 + size
            self.rows.append(f"main: {self.now}-{self.now + lasts} op {name} {shapes}")
            self.now += lasts + (0 if self.on_gpu else 5)
        if self.on_gpu:
            self._launch(4 * size, waits)

    def _launch(self, kernel_us: int, waits: bool) -> None:
        self.calls += 1
        launch, start = self.now - 2, self.now + 3
        end = start + kernel_us
        self.rows += [
            f"main: {launch}-{self.now} call cudaLaunchKernel #{self.calls}",
            f"s7: {start}-{end} kernel gemm #{self.calls}",
        ]
        if waits:
            self.rows.append(f"main: {self.now}-{end + 1} call cudaStreamSynchronize")
            self.now = end + 1

    def request(self, sizes: list[int], waits: bool = True) -> None:
        begin = self.now
        for size in sizes:
            self.call(size, waits)
        self.rows.append(f"main: {self.now}-{self.now + 10} op aten::sort")
        self.now += 10
        self.rows.append(f"main: {begin}-{self.now} request")

    def recorded(self) -> Recording:
        return recording("\n".join(self.rows), gpus=(A100,) if self.on_gpu else ())


def finding_of(program: Program) -> Finding:
    (finding,) = verdict_of("single-item-batches", program.recorded()).findings
    return finding


def test_on_a_cpu_the_measured_batch_takes_what_it_took() -> None:
    program = Program(on_gpu=False)
    for sizes in ([1] * 8, [2], [4], [8]):
        program.request(sizes)
    saving = finding_of(program).saving
    saved = (8 * 27 - 41) * 1000 // 4  # one of four requests
    assert (saving.high_ns, saving.confidence) == (saved, "B")
    assert saving.low_ns == saved - saved // 4


def test_between_measured_sizes_a_line_tells() -> None:
    program = Program(on_gpu=False)
    for sizes in ([1] * 6, [2], [4], [8]):
        program.request(sizes)
    assert finding_of(program).saving.high_ns == pytest.approx((6 * 27 - 37) * 250, rel=0.01)


@pytest.mark.parametrize("others", [[[2]], [[2], [4]]])
def test_too_few_or_too_small_batches_leave_the_ceiling(others: list[list[int]]) -> None:
    program = Program(on_gpu=False)
    for sizes in ([1] * 8, *others):
        program.request(sizes)
    saving = finding_of(program).saving
    assert saving.confidence == "C"  # all passes but one of 8 * 27 us and 7 * 5 between them
    assert saving.high_ns == pytest.approx(7 / 8 * 251_000 / (1 + len(others)), abs=2)


def test_on_a_gpu_the_batch_is_replayed() -> None:
    program = Program(on_gpu=True)
    for sizes in ([1] * 8, [2], [4], [8]):
        program.request(sizes)
    finding = finding_of(program)
    single, batch = 10 + 3 + 4, 10 + 3 + 32
    assert (finding.saving.basis, finding.saving.confidence) == ("replay", "B")
    assert finding.saving.high_ns == pytest.approx((8 * single - batch) * 250, rel=0.03)
    assert finding.change is not None and len(finding.change.waits_removed) == 7


@pytest.mark.parametrize("waits", [True, False])
def test_calls_that_run_into_the_next_one_tell_no_time(waits: bool) -> None:
    program = Program(on_gpu=True)
    program.request([1] * 8, waits)
    for size in (2, 4, 8):
        program.request([size])
    evidence = evidence_of(program.recorded())
    rows = layer_rows(evidence)
    layers = [op for op in layer_ops(evidence, rows[:2]) if op is not None]
    cost = cost_by_batch(evidence, rows, layers)
    assert cost is not None and (1 in cost.measured) == waits


def test_passes_that_run_into_each_other_leave_the_ceiling() -> None:
    program = Program(on_gpu=True)
    program.request([1] * 8, waits=False)
    for size in (2, 4, 8):
        program.request([size])
    finding = finding_of(program)
    assert finding.change is None and finding.saving.confidence == "C"
