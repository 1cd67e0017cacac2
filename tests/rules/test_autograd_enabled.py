"""autograd-enabled: gradients or training mode in inference."""

from __future__ import annotations

import pytest

from infprof.rules.finding import Outcome, Verdict
from tests.build import recording
from tests.rules.judge import verdict_of

RULE = "autograd-enabled"
STATISTICS = '{"dims":[[],[],[]],"types":["long int","Scalar","Scalar"]}'


def verdict(ops: str, **flags: bool) -> Verdict:
    text = f"main: 0-100 request | {ops} | main: 90-100 op aten::softmax"
    return verdict_of(RULE, recording(text, gpus=(), flags=dict(flags)))


def test_each_recorded_op_costs_at_most_a_node() -> None:
    ops = """
        main: 0-40 op aten::linear !autograd
        main: 1-5 op aten::t !autograd
        main: 5-40 op aten::addmm !autograd
        main: 40-60 op aten::relu !autograd
    """
    (finding,) = verdict(ops).findings
    # aten::linear itself makes no node: those of t, addmm and relu remain
    assert (finding.saving.low_ns, finding.saving.high_ns) == (0, 6_000)
    assert "3 ops" in finding.why
    assert "inference_mode" in finding.title and "eval" not in finding.title
    compile(finding.fix.code, "fix", "exec")


def test_nodes_cost_no_more_than_the_time_their_ops_expose() -> None:
    text = """
        main: 0-100 request
        main: 0-30 op aten::linear !autograd
        main: 10-20 call cudaLaunchKernel #1
        s7: 1-100 kernel gemm #1
    """
    (finding,) = verdict_of(RULE, recording(text)).findings
    assert finding.saving.high_ns == 1_000
    assert finding.stage == "python"


@pytest.mark.parametrize(
    "ops",
    [
        "main: 0-40 op aten::dropout | main: 10-20 op aten::bernoulli_",
        "main: 0-40 op aten::native_dropout",
        f"main: 0-5 op aten::add_ {STATISTICS} | main: 5-40 op aten::batch_norm",
    ],
)
def test_training_mode_is_reported_though_it_saves_nothing(ops: str) -> None:
    (finding,) = verdict(ops).findings
    assert finding.title == "Switch the model to eval()"
    assert finding.saving.high_ns == 0


def test_a_model_that_says_it_trains_and_records() -> None:
    (finding,) = verdict("main: 0-40 op aten::linear !autograd", training=True).findings
    assert finding.title == "Switch the model to eval() and inference_mode()"
    assert finding.why.startswith("1 ops of each request ran with grad mode on; the model")


@pytest.mark.parametrize(
    "ops",
    [
        "main: 0-40 op aten::linear",
        "main: 0-40 op aten::dropout | main: 40-50 op aten::batch_norm",
        "main: 0-10 op aten::sub !autograd | main: 10-40 op aten::linear",  # preprocessing
        "main: 0-40 op aten::bernoulli_",  # sampling
        f"main: 0-5 op aten::add_ {STATISTICS} | main: 5-40 op aten::linear",  # a counter
    ],
)
def test_inference_without_autograd_is_clear(ops: str) -> None:
    assert verdict(ops).outcome is Outcome.CLEAR


@pytest.mark.parametrize(
    "sign",
    [
        "op autograd::engine::evaluate_function: AddmmBackward0",
        "op CudnnConvolutionBackward",
        "range Optimizer.step#SGD.step",
    ],
)
def test_training_is_left_alone(sign: str) -> None:
    ops = f"main: 0-40 op aten::linear !autograd | main: 50-60 {sign}"
    assert verdict(ops, training=True).outcome is Outcome.CLEAR


def test_unknown_without_operators() -> None:
    text = "main: 0-100 request | s7: 0-100 kernel gemm #1"
    assert verdict_of(RULE, recording(text)).outcome is Outcome.UNKNOWN
