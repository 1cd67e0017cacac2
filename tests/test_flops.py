"""What an operator computes and moves, worked out by hand; torch is not needed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infprof.profiler.flops import DENSE, Work, family_of, work_of
from infprof.profiler.op_bytes import ELEMENTWISE, OTHERS

HALF, FLOAT = "c10::Half", "float"


def work(name: str, *arguments: tuple[list[int], str], concrete: list[str] | None = None) -> Work:
    found = maybe(name, *arguments, concrete=concrete)
    assert found is not None
    return found


def maybe(
    name: str, *arguments: tuple[list[int], str], concrete: list[str] | None = None
) -> Work | None:
    inputs: dict[str, object] = {
        "dims": [dims for dims, _ in arguments],
        "types": [kind for _, kind in arguments],
    }
    if concrete is not None:
        inputs["concrete"] = concrete
    return work_of(f"aten::{name}", json.dumps(inputs))


def test_a_product_reads_both_factors_and_writes_the_result() -> None:
    found = work("mm", ([3, 5], HALF), ([5, 7], HALF))
    assert found == Work("gemm", 2 * 3 * 5 * 7, 2 * (15 + 35 + 21), "fp16")


def test_factors_of_two_types_have_no_common_precision() -> None:
    found = work("mm", ([3, 5], HALF), ([5, 7], FLOAT))
    assert found.precision is None and found.flops == 210


@pytest.mark.parametrize(
    "arguments",
    [
        (([3, 5], FLOAT), ([6, 7], FLOAT)),
        (([3, 5], FLOAT),),
        (([3, 5], FLOAT), ([], "")),
        (([3, -5], FLOAT), ([-5, 7], FLOAT)),
        (([2**40, 2**40], FLOAT), ([2**40, 2**40], FLOAT)),
    ],
)
def test_shapes_that_do_not_fit_are_unknown(arguments: tuple[tuple[list[int], str], ...]) -> None:
    assert maybe("mm", *arguments) is None


CONV: tuple[tuple[list[int], str], ...] = (
    ([2, 3, 224, 224], FLOAT),
    ([64, 3, 7, 7], FLOAT),
    ([], ""),
)


def test_the_first_convolution_of_a_resnet() -> None:
    """224 x 224 with stride 2: 118 million products for each image."""
    concrete = ["", "", "", "[2, 2]", "[3, 3]", "[1, 1]", "1"]
    found = work("conv2d", *CONV, concrete=concrete)
    assert found.flops == 2 * 2 * 118_013_952
    assert found.size_bytes == 4 * (2 * 3 * 224**2 + 64 * 3 * 49 + 2 * 64 * 112**2)


def conv_flops(wide: int, size: int, out: int, kernel: int, stride: int) -> int:
    concrete = ["", "", f"[{kernel // 2}]", f"[{stride}]", "[1]", "1"]
    item, weight = ([1, wide, size, size], HALF), ([out, wide, kernel, kernel], HALF)
    return work("cudnn_convolution", item, weight, concrete=concrete).flops or 0


def test_a_resnet_50_has_4_09_billion_products() -> None:
    """As torchvision's documentation has it, for one image of 224 x 224."""
    total, wide, size = conv_flops(3, 224, 64, 7, 2), 64, 56
    for number, (blocks, inner) in enumerate([(3, 64), (4, 128), (6, 256), (3, 512)]):
        for block in range(blocks):
            stride = 2 if block == 0 and number else 1
            total += conv_flops(wide, size, inner, 1, 1) + conv_flops(inner, size, inner, 3, stride)
            if block == 0:
                total += conv_flops(wide, size, 4 * inner, 1, stride)
            size, wide = size // stride, 4 * inner
            total += conv_flops(inner, size, wide, 1, 1)
    total += work("addmm", ([1000], HALF), ([1, 2048], HALF), ([2048, 1000], HALF)).flops or 0
    assert round(total / 2e9, 2) == 4.09


@pytest.mark.parametrize(
    "concrete",
    [None, [], ["", "", "", "same", "[1, 1]", "1"], ["", "", "", "[0, 0]", "[3, 3]", "[1, 1]"],
     ["", "", "", "[2, 2, 2]", "[3, 3]", "[1, 1]"], ["", "", "", "[2, 2]", "[3, 3]", "[99, 99]"]],
)  # fmt: skip
def test_without_stride_and_padding_a_convolution_is_unknown(concrete: list[str] | None) -> None:
    assert maybe("conv2d", *CONV, concrete=concrete) is None


def test_whether_a_convolution_is_transposed_must_be_known() -> None:
    known = ["", "", "", "[2, 2]", "[3, 3]", "[1, 1]"]
    assert maybe("convolution", *CONV, concrete=known) is None
    assert maybe("convolution", *CONV, concrete=[*known, "False"]) is not None


def test_a_transposed_convolution_needs_no_stride() -> None:
    found = work(
        "cudnn_convolution_transpose", ([64, 256, 64, 64], FLOAT), ([256, 64, 2, 2], FLOAT)
    )
    assert found.flops == 2 * 64 * 64 * 64 * 256 * 64 * 2 * 2


def test_one_number_stands_for_all_dimensions() -> None:
    places = ["", "", "", "[2]", "[3]", "[1]", "1"]
    full = ["", "", "", "[2, 2]", "[3, 3]", "[1, 1]", "1"]
    assert work("conv2d", *CONV, concrete=places) == work("conv2d", *CONV, concrete=full)


QKV = ([4, 16, 128, 64], HALF)
FULL = 2 * 4 * 16 * 128 * 128 * (64 + 64)


def test_fused_attention_in_both_layouts() -> None:
    first = work("_scaled_dot_product_flash_attention", QKV, QKV, QKV)
    last = ([4, 128, 16, 64], HALF)
    second = work("_flash_attention_forward", last, last, last, ([], ""), ([], ""))
    assert first.flops == second.flops == FULL
    assert first.size_bytes == second.size_bytes == 4 * 2 * 4 * 16 * 128 * 64


def test_queries_that_share_keys() -> None:
    few = ([4, 2, 128, 64], HALF)
    assert work("scaled_dot_product_attention", QKV, few, few).flops == FULL


def test_packed_sequences_have_no_known_lengths() -> None:
    last = ([1, 512, 16, 64], HALF)
    assert maybe("_flash_attention_forward", last, last, last, ([5], "int"), ([5], "int")) is None


def test_a_recorded_mask_halves_attention_but_for_the_diagonal() -> None:
    concrete = ["", "", "", "0.", "True"]
    found = work("_scaled_dot_product_flash_attention", QKV, QKV, QKV, concrete=concrete)
    assert found.flops == FULL * 129 // 256
    last = ([4, 128, 16, 64], HALF)
    none: tuple[list[int], str] = ([], "")
    bottom = ["", "", "", "", "", "", "", "", "", "2"]
    masked = work("_efficient_attention_forward", last, last, last, none, none, concrete=bottom)
    assert masked.flops == FULL * 129 // 256


def moved(name: str, *arguments: tuple[list[int], str]) -> int | None:
    found = work(name, *arguments)
    assert found.flops is None
    return found.size_bytes


def test_bytes_of_elementwise_work() -> None:
    wide, row = ([8, 16], HALF), ([16], HALF)
    one: tuple[list[int], str] = ([], "double")
    assert moved("add", wide, row) == 2 * (128 + 16 + 128)
    assert moved("add_", wide, row) == 2 * (128 + 16 + 128)
    assert moved("mul", wide, one) == 2 * (128 + 128) + 8
    assert moved("gt", wide, wide) == 2 * 256 + 128
    assert moved("add", wide, ([8, 16], FLOAT)) == 128 * (2 + 4 + 4)
    assert moved("where", ([8, 16], "bool"), wide, wide) == 128 * (1 + 2 + 2 + 2)


def test_a_result_of_uncertain_type_is_not_counted() -> None:
    whole = ([8, 16], "long int")
    assert moved("div", whole, whole) == 2 * 8 * 128
    assert moved("mul", whole, ([], "double")) == 8 * 128 + 8
    assert moved("add", whole, whole) == 3 * 8 * 128


def test_bytes_of_other_work() -> None:
    wide = ([8, 16], HALF)
    assert moved("_softmax", wide) == 2 * 256
    assert moved("sum", wide) == 256
    assert moved("copy_", wide, ([8, 16], FLOAT)) == 128 * 6
    assert moved("fill_", wide, ([], "long int")) == 256
    assert moved("embedding", ([1000, 16], HALF), ([4, 5], "long int")) == 2 * 20 * 32 + 20 * 8
    assert moved("embedding", ([2, 16], HALF), ([4, 5], "long int")) == 22 * 32 + 20 * 8
    assert moved("gather", wide, ([], "Scalar"), ([3, 2], "long int")) == 2 * 12 + 48


def test_what_is_not_known_is_none() -> None:
    assert work_of("aten::lstm", '{"dims":[[3,4]],"types":["float"]}') is None
    assert work_of("mine::mm", '{"dims":[[3,4],[4,5]],"types":["float","float"]}') is None
    assert work_of("aten::add", '{"dims":[[3,4]],"types":["c10::Float4"]}') is None
    assert maybe("add", ([2], FLOAT), ([3], FLOAT)) is None
    lists = '{"dims":[[[3],[3]],[[3],[3]],[]],"types":["TensorList","TensorList","Scalar"]}'
    assert work_of("aten::add", lists) is None


def test_every_formula_has_a_family() -> None:
    for base in (*DENSE, *ELEMENTWISE, *OTHERS):
        assert family_of(f"aten::{base}") in ("gemm", "conv", "attention", "pointwise", "copy")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
)
SHAPES = st.lists(st.lists(st.integers(-1, 2**70) | st.integers(0, 9), max_size=6), max_size=12)
TYPES = st.lists(st.sampled_from(["float", "c10::Half", "bool", "", "Scalar", "x"]), max_size=12)
CONCRETE = st.lists(
    st.sampled_from(["", "[1, 1]", "[0]", "True", "False", "[True, False, True]", "[[[", "2"]),
    max_size=12,
)


@given(
    st.sampled_from(sorted({*DENSE, *ELEMENTWISE, *OTHERS})),
    st.text(max_size=9)
    | st.builds(json.dumps, JSON)
    | st.builds(
        lambda dims, types, concrete: json.dumps(
            {"dims": dims, "types": types, "concrete": concrete}
        ),
        SHAPES,
        TYPES,
        CONCRETE,
    ),
)
def test_damaged_shapes_give_nothing_or_sound_numbers(base: str, inputs: str) -> None:
    found = work_of(f"aten::{base}", inputs)
    if found is not None:
        assert found.flops is None or 0 <= found.flops < 2**62
        assert found.size_bytes is None or 0 <= found.size_bytes < 2**62
