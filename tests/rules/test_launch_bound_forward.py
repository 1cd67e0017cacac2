"""launch-bound-forward: the device waits for its launches, and for nothing else."""

from __future__ import annotations

import pytest

from infprof.profiler.recording import Recording
from infprof.rules.finding import Outcome, Verdict
from tests.build import recording
from tests.rules.judge import verdict_of

RULE = "launch-bound-forward"


def forward(
    kernels: int = 20, *, kernel_us: int = 10, gap_us: int = 40, flag: str = "", extra: str = ""
) -> Recording:
    """Each kernel follows its launch, which the host issues when the last one is long done."""
    step = kernel_us + gap_us
    rows = [
        f"main: {at}-{at + gap_us - 10} op aten::add | "
        f"main: {at + gap_us - 10}-{at + gap_us} call cudaLaunchKernel #{at + 1} | "
        f"s7: {at + gap_us}-{at + step} kernel vectorized_elementwise_kernel #{at + 1} {flag}"
        for at in range(0, kernels * step, step)
    ]
    return recording("\n".join([f"main: 0-{kernels * step} request", *rows, extra]))


def found(recorded: Recording) -> Verdict:
    return verdict_of(RULE, recorded)


def test_gaps_between_kernels_can_be_saved_but_for_the_graph_itself() -> None:
    (finding,) = found(forward()).findings
    # 19 gaps of 40 us, less one graph launch of 10 us and 20 gaps of 1 us inside the graph;
    # the tracer may have added 2.5 us to each of 20 ops
    assert (finding.saving.low_ns, finding.saving.high_ns) == (680_000, 730_000)
    assert finding.saving.confidence == "B" and finding.stage == "python"
    assert 'mode="reduce-overhead"' in finding.fix.code
    compile(finding.fix.code, "fix", "exec")


def test_only_the_models_launches_become_one() -> None:
    model = "main: 0-500 range nn.Module: Net"
    (finding,) = found(forward(extra=model)).findings
    # its 500 us shrink to a launch of 10 us, which its kernels outlast while the host goes on
    assert (finding.saving.high_ns, finding.saving.basis) == (490_000, "replay")


@pytest.mark.parametrize("ran", ["range nn.Module: Net", "range compute:model"])
def test_a_graph_saves_at_most_the_gaps(ran: str) -> None:
    (finding,) = found(forward(extra=f"main: 0-1000 {ran}")).findings
    assert finding.saving.high_ns == 730_000 and finding.change is not None


def test_a_device_that_is_mostly_busy_is_not_launch_bound() -> None:
    assert found(forward(kernel_us=93)).outcome == Outcome.CLEAR


def test_a_busy_share_just_below_the_limit_is() -> None:
    assert found(forward(kernel_us=88)).outcome == Outcome.FOUND


def test_graphs_that_are_already_there_are_not_advised() -> None:
    assert found(forward(flag="!graph")).outcome == Outcome.CLEAR


def test_a_handful_of_kernels_is_not_worth_a_graph() -> None:
    assert found(forward(9)).outcome == Outcome.CLEAR


def test_gaps_of_preprocessing_are_not_the_forwards() -> None:
    fed = "\n".join(
        f"main: {at}-{at + 40} range preprocess:resize | s7: {at + 40}-{at + 50} kernel gemm"
        for at in range(0, 1000, 50)
    )
    recorded = recording(f"main: 0-1000 request\nmain: 0-1 op aten::add\n{fed}")
    assert found(recorded).outcome == Outcome.CLEAR


def test_lazy_loading_is_not_launching() -> None:
    """Launches that take over a millisecond each load modules or compile."""
    assert found(forward(gap_us=1_050)).outcome == Outcome.CLEAR


def test_gaps_that_only_the_tracer_made_are_not_the_programs() -> None:
    traced = "\n".join(
        f"main: {at}-{at + 40} op aten::add | s7: {at + 40}-{at + 50} kernel add_kernel"
        for at in range(5000, 6000, 50)
    )
    plain = "main: 0-250 request plain | main: 5000-6000 request traced"
    assert found(recording(f"{plain}\n{traced}")).outcome == Outcome.CLEAR


def test_an_untraced_wall_makes_the_low_estimate_sure() -> None:
    traced = "\n".join(
        f"main: {at}-{at + 40} op aten::add | s7: {at + 40}-{at + 50} kernel add_kernel"
        for at in range(5000, 6000, 50)
    )
    plain = "main: 0-900 request plain | main: 5000-6000 request traced"
    (finding,) = found(recording(f"{plain}\n{traced}")).findings
    # 760 us of gaps, 100 us of them the tracer's, 30 us stay
    assert (finding.saving.low_ns, finding.saving.high_ns) == (630_000, 630_000)


def test_a_queue_that_is_drained_by_waits_is_another_rules_case() -> None:
    waits = "\n".join(
        f"main: {at}-{at + 5} call cudaStreamSynchronize" for at in range(51, 950, 100)
    )
    assert found(forward(extra=waits)).outcome == Outcome.CLEAR


def cpu(op_us: int, count: int, gap_us: int = 5) -> Recording:
    step = op_us + gap_us
    rows = [f"main: {at}-{at + op_us} op aten::add" for at in range(0, count * step, step)]
    return recording("\n".join([f"main: 0-{count * step} request", *rows]), gpus=())


def test_tiny_operators_on_a_cpu_are_a_ceiling() -> None:
    (finding,) = found(cpu(10, 100)).findings
    assert (finding.saving.low_ns, finding.saving.high_ns) == (0, 1_495_000)
    assert finding.saving.confidence == "C"
    compile(finding.fix.code, "fix", "exec")


@pytest.mark.parametrize(("op_us", "count"), [(20, 100), (10, 99)])
def test_longer_or_fewer_operators_on_a_cpu_are_fine(op_us: int, count: int) -> None:
    assert found(cpu(op_us, count)).outcome == Outcome.CLEAR


def test_tiny_operators_beside_long_ones_are_fine() -> None:
    ops = [f"main: {at}-{at + 10} op aten::view" for at in range(0, 1500, 15)]
    text = "\n".join(["main: 0-20000 request", "main: 1500-20000 op aten::conv2d", *ops])
    assert found(recording(text, gpus=())).outcome == Outcome.CLEAR


def test_launches_without_device_activity_are_unknown() -> None:
    blind = recording(
        "main: 0-100 request | main: 0-9 op aten::add | main: 1-2 call cudaLaunchKernel"
    )
    assert found(blind).outcome == Outcome.UNKNOWN


def test_a_cut_recording_may_have_lost_the_device() -> None:
    recorded = cpu(10, 100)
    recorded.header.cuts.append("the file breaks off")
    assert found(recorded).outcome == Outcome.UNKNOWN
