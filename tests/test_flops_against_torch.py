"""The formulas against torch's own counter, on operators that run and are profiled here."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infprof.profiler.flops import DENSE, work_of

torch = pytest.importorskip("torch")
flop_counter = pytest.importorskip("torch.utils.flop_counter")

F = torch.nn.functional
CASES = range(4)


def profiled(function: Callable[[], Any], file: Path) -> list[tuple[str, str]]:
    """Name and inputs of each operator, written as the importer writes them."""
    activities = [torch.profiler.ProfilerActivity.CPU]
    with torch.profiler.profile(activities=activities, record_shapes=True) as profiler:
        function()
    profiler.export_chrome_trace(str(file))
    rows = [
        (row["name"], row["args"])
        for row in json.loads(file.read_text())["traceEvents"]
        if row.get("cat") == "cpu_op" and "Input Dims" in row["args"]
    ]
    return [
        (
            name,
            json.dumps(
                {
                    "dims": args["Input Dims"],
                    "types": args["Input type"],
                    "concrete": args.get("Concrete Inputs", []),
                }
            ),
        )
        for name, args in rows
    ]


def counted(function: Callable[[], Any]) -> int:
    with flop_counter.FlopCounterMode(display=False) as counter:
        function()
    return int(counter.get_total_flops())


def known(rows: list[tuple[str, str]]) -> dict[str, int]:
    """The operations of all operators of a name with a dense formula: groups may run one by one."""
    found = dict[str, int]()
    for name, inputs in rows:
        work = work_of(name, inputs)
        if name.partition("::")[2] in DENSE and work is not None and work.flops is not None:
            found[name] = found.get(name, 0) + work.flops
    return found


def sizes(seed: int, number: int, most: int = 9) -> list[int]:
    draw = random.Random(seed)
    return [draw.randint(1, most) for _ in range(number)]


def agree(function: Callable[[], Any], file: Path, *names: str) -> None:
    """All formulas that apply to what ran give what torch counts, those of ``names`` among them."""
    found, truth = known(profiled(function, file)), counted(function)
    assert set(names) <= set(found)
    assert set(found.values()) == {truth}


PRODUCTS: dict[str, Callable[[Any, int, int, int, int], Callable[[], Any]]] = {
    "mm": lambda r, b, m, k, n: lambda: torch.mm(r(m, k), r(k, n)),
    "addmm": lambda r, b, m, k, n: lambda: torch.addmm(r(n), r(m, k), r(k, n)),
    "bmm": lambda r, b, m, k, n: lambda: torch.bmm(r(b, m, k), r(b, k, n)),
    "baddbmm": lambda r, b, m, k, n: lambda: torch.baddbmm(r(b, m, n), r(b, m, k), r(b, k, n)),
    "linear": lambda r, b, m, k, n: lambda: F.linear(r(b, m, k), r(n, k), r(n)),
    "matmul": lambda r, b, m, k, n: lambda: torch.matmul(r(b, 3, m, k), r(3, k, n)),
}


@pytest.mark.parametrize("seed", CASES)
@pytest.mark.parametrize("name", PRODUCTS)
def test_matrix_products(name: str, seed: int, tmp_path: Path) -> None:
    b, m, k, n = (size + 1 for size in sizes(seed, 4))
    agree(PRODUCTS[name](torch.rand, b, m, k, n), tmp_path / "trace.json", f"aten::{name}")


@pytest.mark.parametrize("seed", CASES)
@pytest.mark.parametrize("rank", (1, 2, 3))
@pytest.mark.parametrize("transposed", (False, True))
def test_convolutions(rank: int, transposed: bool, seed: int, tmp_path: Path) -> None:
    batch, groups, wide_in, wide_out, kernel, stride, padding = sizes(seed, 7, 3)
    options = {"stride": stride, "padding": min(padding, kernel - 1), "groups": groups}
    kind = f"Conv{'Transpose' if transposed else ''}{rank}d"
    layer = getattr(torch.nn, kind)(wide_in * groups, wide_out * groups, kernel, **options).eval()
    item = torch.rand(batch, wide_in * groups, *range(8, 8 + rank))

    def run() -> None:
        with torch.no_grad():
            layer(item)

    agree(run, tmp_path / "trace.json", "aten::convolution")


@pytest.mark.parametrize("wanted", (False, True))
def test_gradients_of_a_convolution(wanted: bool, tmp_path: Path) -> None:
    layer = torch.nn.Conv2d(4, 6, 3, stride=2)  # of groups torch counts each weight for all groups
    result = layer(torch.rand(2, 4, 11, 9, requires_grad=wanted))

    def run() -> None:
        result.sum().backward(retain_graph=True)

    agree(run, tmp_path / "trace.json", "aten::convolution_backward")


def attention(query: Any, key: Any, **options: Any) -> None:
    F.scaled_dot_product_attention(query, key, torch.rand_like(key), **options)


def as_products(query: Any, key: Any) -> int:
    """Torch counts attention on a CPU only where it is not fused."""
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        return counted(lambda: attention(query, key))


FUSED = "aten::_scaled_dot_product_flash_attention_for_cpu"


@pytest.mark.parametrize("seed", CASES)
def test_attention(seed: int, tmp_path: Path) -> None:
    batch, heads, queries, keys = sizes(seed, 4)
    query, key = torch.rand(batch, heads, queries, 16), torch.rand(batch, heads, keys, 16)
    found = known(profiled(lambda: attention(query, key), tmp_path / "trace.json"))
    assert found[FUSED] == found["aten::scaled_dot_product_attention"] == as_products(query, key)


def test_a_causal_mask_that_is_recorded_is_discounted(tmp_path: Path) -> None:
    item = torch.rand(2, 3, 32, 16)
    found = known(profiled(lambda: attention(item, item, is_causal=True), tmp_path / "trace.json"))
    seen = sum(range(1, 33)) / 32**2
    assert found[FUSED] == as_products(item, item) * seen


def test_a_vision_model_counts_as_torch_counts_it(tmp_path: Path) -> None:
    """Of nested operators the innermost with a formula counts: here each is called by a name."""
    model = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 7, stride=2, padding=3),
        torch.nn.BatchNorm2d(8),
        torch.nn.ReLU(),
        torch.nn.Conv2d(8, 8, 3, dilation=2, groups=4),
        torch.nn.Flatten(),
        torch.nn.Linear(8 * 12 * 12, 10),
    ).eval()
    item = torch.rand(2, 3, 32, 32)

    def run() -> None:
        with torch.no_grad():
            model(item)

    rows = profiled(run, tmp_path / "trace.json")
    inner = [work_of(*row) for row in rows if row[0] in ("aten::convolution", "aten::addmm")]
    assert sum(work.flops or 0 for work in inner if work) == counted(run)
