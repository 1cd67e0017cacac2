"""The roofline of real recordings, against what the models' published dimensions give."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from infprof.profiler.importers import kineto
from infprof.profiler.roofline import Roofline, roofline
from infprof.profiler.timeline import Timeline

TRACES = Path(__file__).parents[2] / "shared" / "data" / "traces"

pytestmark = pytest.mark.skipif(not TRACES.is_dir(), reason="the recordings are not beside us")


@cache
def roofline_of(name: str) -> Roofline:
    file = TRACES / f"{name}.json.gz"
    if not file.exists():
        pytest.skip(f"{name} is not among the recordings")
    return roofline(Timeline(kineto.read(file)))


def flops(found: Roofline, family: str) -> int:
    return sum(one.flops or 0 for one in found.groups if one.family == family)


@pytest.mark.parametrize("gpu", ("h100", "mi300x"))
def test_bert_small(gpu: str) -> None:
    """4 layers of width 512, a transform and a head of 30522 words, for 141 tokens."""
    layer = 4 * 512 * 512 + 2 * 512 * 2048
    weights = 4 * layer + 512 * 512 + 512 * 30522
    found = roofline_of(f"{gpu}_bert_small_forward")
    assert flops(found, "gemm") == 2 * 141 * weights
    assert found.known_share > 0.99


@pytest.mark.parametrize("gpu", ("h100", "mi300x"))
def test_timesformer_base(gpu: str) -> None:
    """12 layers of width 768: attention over 8 frames, then over 3136 patches of a frame and one
    token for all, with 12 heads of 64."""
    frames, patches, width, heads = 8, 3136, 768, 12
    tokens, of_frames = frames * patches, frames * (patches + 1)
    in_time = 4 * width * width + width * width  # query, key, value, output; and one more dense
    in_space = 4 * width * width
    products = tokens * in_time + of_frames * in_space + (tokens + 1) * 8 * width * width
    scores = heads * 64 * (patches * frames**2 + frames * (patches + 1) ** 2)
    whole = 2 * 12 * (products + 2 * scores) + 2 * width * 400
    found = roofline_of(f"{gpu}_timesformer_pipeline")
    stem = 2 * tokens * 3 * 16 * 16 * width if gpu == "mi300x" else 0
    assert flops(found, "gemm") in (whole, whole + stem)  # MIOpen convolves by a product


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("h100_bert_small_forward", 0.001, 0.003),
        ("h100_timesformer_pipeline", 0.02, 0.03),
        ("h100_transformer_layer_forward", 0.02, 0.04),
        ("a100_particle_transformer_batch2", 1e-5, 1e-4),
        ("a100_switch_transformer_cold_start_repeat", 0.3, 0.4),
        ("a100_sam_step1_vanilla", 0.15, 0.2),
    ],
)
def test_mfu_where_the_model_ran_eagerly(name: str, low: float, high: float) -> None:
    found = roofline_of(name)
    assert found.mfu is not None and low < found.mfu < high
    assert found.mbu is not None and 0 < found.mbu < 1
    assert found.known_share > 0.9


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a100_sam_step2_vanilla_postprocess_rewritten", "TF32"),
        ("a100_vit_bf16_compiled_cudagraph", "CUDA graphs"),
        ("h100_qwen05b_forward", "of the time that may be products"),
        ("mi300x_qwen05b_forward", "not in infprof's table"),
    ],
)
def test_mfu_is_withheld_with_its_reason(name: str, reason: str) -> None:
    found = roofline_of(name)
    assert found.mfu is None and reason in found.missing["mfu"]


@pytest.mark.parametrize("name", ("v100_ddp_train", "rtx2080ti_linear_train_cold"))
def test_nothing_that_multiplies_is_known_without_shapes(name: str) -> None:
    found = roofline_of(name)
    assert found.mfu is None
    assert all(one.flops is None for one in found.groups)


@pytest.mark.parametrize("name", sorted(file.name[:-8] for file in TRACES.glob("*.json.gz")))
def test_nothing_reaches_more_than_the_device_can_do(name: str) -> None:
    found = roofline_of(name)
    for one in found.groups:
        assert 0 <= one.known_share <= 1
        assert one.reached_share is None or 0 <= one.reached_share <= 1
        if one.flops_per_s is not None and found.peaks and found.peaks.peak(one.precision):
            assert one.reached_share is not None, one
    for share in (found.mfu, found.mbu):
        assert share is None or 0 <= share <= 1
