"""What techniques that people ask about could save at most, whatever was found."""

from __future__ import annotations

import pytest

from infprof.diagnosis import diagnose
from infprof.profiler.recording import Recording
from infprof.rules.advice import Advice, advise
from infprof.rules.ceilings import CEILINGS
from tests.build import recording
from tests.rules.judge import evidence_of
from tests.test_what_if import loop

DEVICE = """
    main: 0-1000 request
    main: 0-100 range preprocess:decode
    main: 100-110 call cudaMemcpyAsync #1 | s7: 110-140 copy Memcpy HtoD (Pinned -> Device) #1 @9000
    main: 110-120 op aten::mm | main: 112-118 call cudaLaunchKernel #2
    s7: 140-640 kernel ampere_sgemm_128x64_nn #2
    main: 120-130 op aten::relu | main: 122-128 call cudaLaunchKernel #3
    s7: 640-940 kernel vectorized_elementwise_kernel #3
    main: 130-940 call cudaStreamSynchronize
    main: 940-1000 range postprocess:answer
"""
"""A request that waits 500 us for a product and 300 us for what can be fused."""

HOST = """
    main: 0-1000 request
    main: 0-400 range preprocess:decode
    main: 400-700 op aten::addmm
    main: 700-900 op aten::relu
    main: 900-1000 range postprocess:answer
"""


def advice(made: Recording) -> dict[str, Advice]:
    return {one.technique: one for one in advise(evidence_of(made))}


def micro(one: Advice) -> float | None:
    return None if one.high_ns is None else one.high_ns / 1000


def test_every_technique_is_judged_always() -> None:
    for text in (DEVICE, HOST, ""):
        assert list(advice(recording(text))) == list(CEILINGS)


def test_beside_a_device_each_has_its_part() -> None:
    found = advice(recording(DEVICE))
    assert micro(found["quantization"]) == 500
    assert micro(found["torch.compile"]) == pytest.approx(300, abs=40)
    assert micro(found["TensorRT"]) == pytest.approx(800, abs=40)
    assert micro(found["DALI"]) == pytest.approx(130, abs=10)
    assert micro(found["CUDA graphs"]) == pytest.approx(0, abs=40)
    assert micro(found["more GPUs"]) == 0


def test_no_ceiling_is_below_what_its_work_takes() -> None:
    """A launch-bound loop: graphs could save nearly all that the kernels do not take."""
    made = loop(host_us=50, kernel_us=10, waits=False)
    evidence, found = evidence_of(made), advice(made)
    busy = evidence.per_request(evidence.device_busy_ns)
    graphs = found["CUDA graphs"].high_ns
    assert graphs is not None and evidence.wall_ns / 2 < graphs <= evidence.wall_ns - busy
    assert micro(found["quantization"]) == 10  # of 20 kernels only the last is waited for


def test_where_the_device_is_busy_graphs_save_only_the_rest() -> None:
    made = loop(host_us=50, kernel_us=50, waits=False)
    evidence, found = evidence_of(made), advice(made)
    rest = evidence.wall_ns - evidence.per_request(evidence.device_busy_ns)
    assert (found["CUDA graphs"].high_ns or 0) <= rest < evidence.wall_ns / 4


def test_on_a_host_without_a_device() -> None:
    found = advice(recording(HOST, gpus=()))
    assert micro(found["quantization"]) == 300
    assert micro(found["torch.compile"]) == 200
    assert micro(found["larger batches"]) == 500
    assert micro(found["DALI"]) == 400
    for technique in ("TensorRT", "CUDA graphs", "more GPUs"):
        assert (found[technique].applies, found[technique].high_ns) == (False, None)
        assert found[technique].reason == "no work ran on a GPU"


@pytest.mark.parametrize(
    ("op", "is_dense"),
    [("aten::einsum", True), ("aten::convolution", True), ("mkldnn::_linear_pointwise", True),
     ("aten::lstm", True), ("aten::_transformer_encoder_layer_fwd", True), ("aten::mul", False),
     ("aten::softmax", False), ("aten::layer_norm", False), ("aten::copy_", False)],
)  # fmt: skip
def test_which_operators_of_a_host_multiply_matrices(op: str, is_dense: bool) -> None:
    found = advice(recording(HOST.replace("aten::addmm", op), gpus=()))
    assert micro(found["quantization"]) == (300 if is_dense else 0)


def test_dispatch_of_short_products_is_what_a_compiler_can_remove() -> None:
    short = " | ".join(f"main: {400 + 15 * n}-{415 + 15 * n} op aten::addmm" for n in range(20))
    found = advice(recording(HOST.replace("main: 400-700 op aten::addmm", short), gpus=()))
    assert (micro(found["torch.compile"]), micro(found["quantization"])) == (500, 300)


def test_products_inside_another_operator_count() -> None:
    inside = "main: 400-700 op Torch-Compiled Region: 0/0 | main: 450-650 op aten::addmm"
    found = advice(recording(HOST.replace("main: 400-700 op aten::addmm", inside), gpus=()))
    assert micro(found["quantization"]) == 200


def test_a_queue_is_what_more_gpus_shorten() -> None:
    made = recording(DEVICE.replace("preprocess:decode", "queue:wait"))
    assert micro(advice(made)["more GPUs"]) == 100


def test_kernels_from_graphs_are_said_to_be() -> None:
    found = advice(recording(DEVICE.replace("nn #2", "nn #2 !graph")))
    assert found["CUDA graphs"].reason.endswith("; 50 % of the kernels come from graphs already")


def test_time_that_nothing_explains_counts_for_what_prepares_the_input() -> None:
    found = advice(recording(HOST.replace("main: 900-1000 range postprocess:answer", ""), gpus=()))
    assert micro(found["DALI"]) == 500
    assert found["DALI"].reason.endswith("prepared, with the 10 % that nothing explains")


UNKNOWN = {
    "dark": ("main: 0-100 request | main: 0-60 range preprocess:decode", "where 40 % of the time"),
    "nothing": ("", "nothing was recorded that takes time"),
    "hidden device": (
        "main: 0-100 request | main: 0-90 op aten::mm | main: 0-80 call cudaLaunchKernel #1",
        "no device activity was recorded",
    ),
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_without_the_data_there_is_a_reason_and_no_number(case: str) -> None:
    text, reason = UNKNOWN[case]
    for one in advice(recording(text)).values():
        assert (one.high_ns, one.applies) == (None, True)
        assert one.reason.startswith(reason)


def test_without_operators_only_their_part_is_unknown() -> None:
    text = "main: 0-100 request | main: 0-90 range preprocess:decode"
    found = advice(recording(text))
    assert micro(found["DALI"]) == 100
    assert found["quantization"].high_ns is None
    assert found["quantization"].reason == "no device activity was recorded"


def test_the_report_says_it_in_sentences() -> None:
    rows = {row.technique: row for row in diagnose(recording(HOST, gpus=())).advice}
    assert rows["quantization"].sentence == (
        "Quantization would save at most 0.300 ms (30 %) here, because that is all the time spent "
        "waiting for products of matrices, convolutions and attention."
    )
    assert rows["quantization"].share_high == pytest.approx(0.3)
    assert rows["TensorRT"].sentence == "There is no place for TensorRT: no work ran on a GPU."
    assert rows["torch.compile"].sentence.startswith("torch.compile would save at most 0.200 ms")


def test_what_costs_nothing_saves_nothing() -> None:
    rows = {row.technique: row for row in diagnose(recording(DEVICE)).advice}
    assert rows["more GPUs"].sentence == (
        "More GPUs would save nothing here, because no time is spent waiting for a turn in a "
        "queue, and each GPU serves requests of its own, none of them quicker."
    )


def test_an_invalid_measurement_gives_no_number() -> None:
    report = diagnose(recording(""))
    assert report.quality.level == "invalid"
    assert {row.outcome for row in report.advice} == {"UNKNOWN"}
