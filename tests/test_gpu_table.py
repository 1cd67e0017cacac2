"""The GPU table: names that look alike are told apart, and its numbers cohere."""

from __future__ import annotations

import pytest

from infprof.profiler.gpu_table import GpuSpec, _table, lookup

ALIKE = {
    "NVIDIA A10": 125e12,
    "NVIDIA A10G": 70e12,
    "NVIDIA A100-SXM4-40GB": 312e12,
    "NVIDIA L4": 121e12,
    "NVIDIA L40S": 362e12,
    "NVIDIA H100 PCIe": 756e12,
    "NVIDIA H100 80GB HBM3": 989e12,
    "NVIDIA H100 NVL": 835e12,
    "NVIDIA RTX A6000": 155e12,
    "NVIDIA RTX 6000 Ada Generation": 364e12,
}


@pytest.mark.parametrize(("name", "half"), ALIKE.items())
def test_names_that_share_letters_are_told_apart(name: str, half: float) -> None:
    spec = lookup(name)
    assert spec is not None and spec.peak("fp16") == half


@pytest.mark.parametrize(
    "name",
    [
        "NVIDIA L40",
        "NVIDIA H200 NVL",
        "NVIDIA H100",
        "Tesla T40",
        "Tesla V100S-PCIE-32GB",
        "Tesla V100-DGXS-32GB",
        "Quadro RTX 6000",
        "NVIDIA GeForce RTX 3090 Ti",
        "NVIDIA GeForce RTX 4090 D",
        "NVIDIA GeForce RTX 4090 Laptop GPU",
        "NVIDIA RTX PRO 6000 Blackwell Server Edition",
        "NVIDIA A100-PG509-200",
        "AMD Instinct MI300X",
        "",
    ],
)
def test_an_unlisted_device_is_unknown(name: str) -> None:
    assert lookup(name) is None


@pytest.mark.parametrize(
    "name", ["A100-SXM4-40GB", "NVIDIA A100-SXM4-40GB", "nvidia a100-sxm4-40gb", "A100-SXM-40GB"]
)
def test_the_vendor_prefix_and_the_case_do_not_matter(name: str) -> None:
    spec = lookup(name)
    assert spec is not None and spec.bandwidth_bytes_per_s == 1_555_000_000_000


@pytest.mark.parametrize("name", ["Tesla T4", "NVIDIA T4"])
def test_turing_has_neither_bfloat16_nor_tf32(name: str) -> None:
    spec = lookup(name)
    assert spec is not None
    assert spec.peak("bf16") is None and spec.peak("tf32") is None and spec.peak("fp8") is None
    assert spec.peak("int8") == 130e12 and spec.link == "pcie3"


def test_the_a100_peaks_are_dense_and_it_has_no_fp8() -> None:
    spec = lookup("NVIDIA A100-SXM4-80GB")
    assert spec is not None
    assert spec.peak("tf32") == 156e12 and spec.peak("fp8") is None
    assert spec.ridge("fp16") == pytest.approx(153, abs=0.1)


def test_tensor_float_32_brings_nothing_where_the_tensor_cores_are_cut() -> None:
    for name in ("NVIDIA A10G", "NVIDIA GeForce RTX 3090", "NVIDIA GeForce RTX 4090"):
        spec = lookup(name)
        assert spec is not None and spec.peak("tf32") == spec.peak("fp32")


def test_a_mig_slice_gets_its_part_of_the_card() -> None:
    spec = lookup("NVIDIA A100-SXM4-40GB MIG 2g.10gb", multiprocessors=28)
    assert spec is not None
    assert spec.peak("fp16") == pytest.approx(312e12 * 28 / 108)
    assert spec.bandwidth_bytes_per_s == 1_555_000_000_000 // 4
    assert spec.memory_bytes == 10 * 10**9


def test_a_slice_of_unknown_size_is_unknown() -> None:
    assert lookup("NVIDIA A100-SXM4-40GB MIG 1g.5gb") is None


def test_a_memory_slice_is_an_eighth_although_its_gigabytes_are_rounded() -> None:
    spec = lookup("NVIDIA H200 MIG 1g.18gb", multiprocessors=16)
    assert spec is not None and spec.bandwidth_bytes_per_s == 600_000_000_000


@pytest.mark.parametrize("spec", _table().values(), ids=lambda spec: spec.name)
def test_every_row_coheres(spec: GpuSpec) -> None:
    """Narrower arithmetic is never slower, 16-bit tensor cores double TF32, FP8 needs sm 8.9."""
    order = [spec.peak(one) for one in ("fp64", "fp32", "tf32", "fp16", "fp8")]
    known = [peak for peak in order if peak is not None]
    assert known == sorted(known)
    assert (spec.peak("fp8") is not None) == (spec.sm >= (8, 9))
    assert (spec.peak("bf16") is not None) == (spec.sm >= (8, 0))
    tf32, half = spec.peak("tf32"), spec.peak("fp16")
    if tf32 is not None and half is not None:
        assert half / tf32 == pytest.approx(2, rel=0.02)


@pytest.mark.parametrize(
    ("name", "ridge"),
    [("Tesla T4", 203), ("NVIDIA A10G", 117), ("NVIDIA L4", 403), ("NVIDIA H100 NVL", 214),
     ("NVIDIA H200", 206), ("NVIDIA GH200 480GB", 247), ("NVIDIA B200", 281),
     ("NVIDIA GeForce RTX 5090", 117)],
)  # fmt: skip
def test_the_ridge_is_the_published_one(name: str, ridge: int) -> None:
    spec = lookup(name)
    assert spec is not None and spec.ridge("fp16") == pytest.approx(ridge, rel=0.01)
