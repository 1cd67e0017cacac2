"""Each calibrator on this CPU with little time: plausible figures, and nothing left changed."""

from __future__ import annotations

import gc
import math
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from infprof import showing
from infprof.cli import main
from infprof.profiler import registry
from infprof.profiler.bad_input import BadInput
from infprof.profiler.calibrate import BUSY_SHARE, WIDE_SPREAD, calibrate, notes
from infprof.profiler.calibration import Calibration
from infprof.profiler.calibration_file import kept
from infprof.profiler.calibrators import Bench, Figures, Measured, Unavailable, host_time
from infprof.profiler.calibrators.bandwidth import CPU_ARRAY_BYTES, GPU_ARRAY_BYTES, array_bytes
from infprof.profiler.calibrators.copies import COPY_BYTES, copy_bytes
from infprof.profiler.calibrators.cores import one_thread_each
from infprof.profiler.calibrators.matmul import float32_as
from infprof.profiler.clock import now_ns
from infprof.profiler.other_work import OtherWork

torch = pytest.importorskip("torch")

CALIBRATORS = registry.load("infprof.profiler.calibrators", "infprof.calibrators")
ON_GPU_ONLY = ("copies", "launches")
FACTOR = 50
"""How far torch and numpy may be apart on a machine that does something else as well."""
CYCLES_PER_S = 7e9
FLOP_PER_CYCLE = {"fp64": 32, "fp32": 64, "bf16": 2048}
"""Of a core with two 512-bit multiply-adds a cycle, and with AMX; no CPU runs at 7 GHz."""


def measured(name: str, milliseconds: float = 20) -> Measured:
    """With so little time that sizes stay small."""
    bench = Bench(on_gpu=False, until_ns=now_ns() + round(milliseconds * 1e6))
    found: Measured = CALIBRATORS[name].measure(bench)
    return found


def best_seconds(work: Callable[[], object]) -> float:
    """As a program without us would time it."""
    times = []
    for _ in range(5):
        before = time.perf_counter()
        work()
        times.append(time.perf_counter() - before)
    return min(times)


def test_the_folder_is_the_registry() -> None:
    assert sorted(CALIBRATORS) == [
        "bandwidth", "copies", "cores", "dispatch", "launches", "matmul",
    ]  # fmt: skip
    assert all(module.__doc__ and module.measure.__doc__ for module in CALIBRATORS.values())


@pytest.mark.parametrize("name", sorted(set(CALIBRATORS) - set(ON_GPU_ONLY)))
def test_each_has_finite_positive_figures_and_leaves_nothing_behind(name: str) -> None:
    def state() -> tuple[object, ...]:
        gc.collect()
        tensors = sum(type(one) is torch.Tensor for one in gc.get_objects())
        dice = torch.get_rng_state().sum().item()
        switches = (torch.get_num_threads(), torch.get_float32_matmul_precision())
        return tensors, dice, *switches, torch.is_inference_mode_enabled()

    before = state()
    found = measured(name)
    figures: list[float] = []
    for figure in dict[str, Any](found.figures).values():
        figures += figure.values() if isinstance(figure, dict) else [figure]
    assert figures and all(math.isfinite(one) and one > 0 for one in figures)
    assert all(math.isfinite(one) and one >= 0 for one in found.spreads.values())
    assert state() == before


@pytest.mark.parametrize("name", ON_GPU_ONLY)
def test_what_needs_a_gpu_says_so(name: str) -> None:
    with pytest.raises(Unavailable, match="there is no GPU"):
        measured(name)


def test_matrix_multiplications_are_as_fast_as_numpy_finds_them() -> None:
    rates = measured("matmul", 200).figures["flops_per_s"]
    assert {"fp32", "fp64"} <= set(rates)
    for precision, rate in rates.items():
        cores = os.cpu_count() or 1
        assert rate <= cores * CYCLES_PER_S * FLOP_PER_CYCLE[precision]
    one = np.ones((512, 512), np.float32)
    numpy_rate = 2 * 512**3 / best_seconds(lambda: one @ one)
    assert numpy_rate / FACTOR < rates["fp32"] < numpy_rate * FACTOR


def test_memory_is_as_fast_as_numpy_finds_it() -> None:
    rate = measured("bandwidth").figures["bandwidth_bytes_per_s"]
    one, other = np.ones(2**25, np.uint8), np.ones(2**25, np.uint8)
    numpy_rate = 2 * 2**25 / best_seconds(lambda: np.copyto(one, other))
    assert numpy_rate / FACTOR < rate < numpy_rate * FACTOR


def test_an_operator_costs_more_than_a_function_of_python() -> None:
    found = measured("dispatch").figures["dispatch_ns"]
    python_ns = best_seconds(lambda: [0 for _ in range(10_000)]) / 10_000 * 1e9
    assert python_ns < found < 10_000 * python_ns


def test_no_more_threads_advance_than_there_are_cpus() -> None:
    assert 1 <= measured("cores").figures["cores"] <= (os.cpu_count() or 1)


def test_a_single_cpu_is_one_core_without_measuring(tmp_path: Path) -> None:
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/status").write_text("Cpus_allowed_list:\t3\n")
    bench = Bench(False, 0, tmp_path)
    assert CALIBRATORS["cores"].measure(bench) == Measured(Figures(cores=1.0))


def test_switches_are_restored_also_after_an_error() -> None:
    threads, precision = torch.get_num_threads(), torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    torch.set_num_threads(2)
    try:
        with pytest.raises(ZeroDivisionError), float32_as("high"), one_thread_each():
            assert (torch.get_float32_matmul_precision(), torch.get_num_threads()) == ("high", 1)
            raise ZeroDivisionError
        assert (torch.get_float32_matmul_precision(), torch.get_num_threads()) == ("medium", 2)
    finally:
        torch.set_float32_matmul_precision(precision)
        torch.set_num_threads(threads)


def test_work_is_done_as_often_as_told() -> None:
    done: list[None] = []
    elapsed = host_time(Bench(False, 0), lambda: done.append(None))(7)
    assert len(done) == 7 and elapsed > 0


@pytest.mark.parametrize(
    ("cache", "free", "on_gpu", "size"),
    [
        (None, None, False, CPU_ARRAY_BYTES),
        (48 << 20, 64 << 30, False, CPU_ARRAY_BYTES),
        (500 << 20, 64 << 30, False, 1000 << 20),  # twice the cache
        (50 << 20, 80 << 30, True, GPU_ARRAY_BYTES),
        (50 << 20, 3 << 30, True, 256 << 20),  # a quarter of what is free, for three
        (500 << 20, 2 << 30, False, None),
        (None, 1 << 30, True, None),
    ],
)
def test_arrays_outgrow_the_caches_and_fit_the_memory(
    cache: int | None, free: int | None, on_gpu: bool, size: int | None
) -> None:
    if size is None:
        with pytest.raises(Unavailable, match="too little memory"):
            array_bytes(cache, free, on_gpu)
    else:
        assert array_bytes(cache, free, on_gpu) == size


def test_copies_fit_the_memory_of_both_sides() -> None:
    assert copy_bytes(None, None) == copy_bytes(80 << 30, 64 << 30) == COPY_BYTES
    assert copy_bytes(80 << 30, 1 << 30) == copy_bytes(1 << 30, None) == 128 << 20
    with pytest.raises(Unavailable, match="too little memory"):
        copy_bytes(100 << 20, None)


@pytest.fixture(scope="module")
def made() -> Calibration:
    return calibrate(3)


def test_all_of_it_in_little_time(made: Calibration) -> None:
    assert not made.on_gpu and made.device and made.torch == torch.__version__
    assert made.threads == torch.get_num_threads() and made.usable_cpus
    assert made.flops_per_s and made.bandwidth_bytes_per_s and made.dispatch_ns and made.cores
    assert made.copy_bytes_per_s == {} and made.launch_ns is made.gap_ns is made.sync_ns is None
    assert set(made.missing) == set(ON_GPU_ONLY)


def use(monkeypatch: pytest.MonkeyPatch, **calibrators: Callable[[Bench], Measured]) -> None:
    """Let these be all the calibrators that there are."""
    modules = {name: SimpleNamespace(measure=measure) for name, measure in calibrators.items()}
    monkeypatch.setattr(registry, "load", lambda *_: modules)


def failing(bench: Bench) -> Measured:
    raise RuntimeError("CUDA error: unspecified launch failure\nCompile with ...")


def no_number(bench: Bench) -> Measured:
    return Measured(Figures(cores=math.nan))


def good(bench: Bench) -> Measured:
    return Measured(Figures(sync_ns=7), {"copy": 0.5}, {"gap": "not today"})


def test_what_fails_costs_its_own_figures_only(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, broken=failing, nan=no_number, good=good)
    found = calibrate(5)
    assert found.sync_ns == 7 and found.cores is None
    assert found.missing["broken"] == "RuntimeError: CUDA error: unspecified launch failure"
    assert found.missing["nan"].startswith("ValidationError") and found.missing["gap"]
    assert any("(copy)" in note for note in found.notes)


def test_nothing_at_all_is_no_calibration(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, broken=failing)
    with pytest.raises(Unavailable, match="broken: RuntimeError: CUDA error"):
        calibrate(5)
    use(monkeypatch, good=good)
    with pytest.raises(Unavailable, match="good: no time was left"):
        calibrate(0)


def test_one_that_takes_too_long_leaves_the_others_less(monkeypatch: pytest.MonkeyPatch) -> None:
    shares: list[int] = []

    def note(bench: Bench) -> Measured:
        shares.append(bench.until_ns - now_ns())
        return Measured(Figures(sync_ns=1))

    use(monkeypatch, a=note, b=note, c=note)
    calibrate(30)
    # what one does not use is the others': a third of 30 s, half of 30 s, all of 30 s
    assert [round(share / 1e9) for share in shares] == [10, 15, 30]


def test_notes_say_when_figures_are_too_low() -> None:
    assert list(notes(None, {})) == list(notes(BUSY_SHARE, {"x": WIDE_SPREAD})) == []
    [busy] = notes(0.42, {})
    assert "Other work took 42%" in busy and "too low" in busy
    [wide] = notes(0.0, {"fp32": 0.3, "fp64": 0.01, "cores": 2.0})
    assert "(fp32, cores)" in wide


def test_others_work_is_told_from_ours(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    stat = tmp_path / "proc/stat"
    assert OtherWork(tmp_path).share() is None
    stat.write_text("cpu  100 0 0 1000 0 0 0 0 0 0\n")
    others = OtherWork(tmp_path)
    assert others.share() is None  # no time has passed
    ticks = 10_000_000  # so much that what this test takes itself counts for nothing
    stat.write_text(f"cpu  {100 + ticks} 0 0 {1000 + 2 * ticks} 0 0 0 {ticks} 0 0\n")
    assert others.share() == pytest.approx(0.5, abs=0.01)  # stolen time is others' too
    stat.write_text(f"cpu  100 0 0 {1000 + ticks} 0 0 0 0 0 0\n")
    assert others.share() == 0


def test_it_is_shown_and_kept(
    made: Calibration,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path / "calibration.json"
    monkeypatch.setattr(showing, "calibrate", lambda seconds: made)
    showing.show_calibration(file=file)
    out, error = capsys.readouterr()
    assert kept(file=file) == made
    for words in (
        "matrix multiplication, fp32", "FLOP/s", "memory bandwidth", "one small operator",
        "threads at once", "Not measured: copies (there is no GPU to copy to)",
        f"Kept in {file}", "Next: infprof run",
    ):  # fmt: skip
        assert words in out
    assert error.startswith("Measuring for up to")


def test_a_full_calibration_has_a_line_for_each_figure() -> None:
    whole = Calibration(
        device="L4", on_gpu=True, made_at="2026-01-31", torch="2", flops_per_s={"bf16": 1.2e14},
        bandwidth_bytes_per_s=2.7e11, copy_bytes_per_s={"h2d.pinned": 2.5e10}, dispatch_ns=5100,
        launch_ns=2500, gap_ns=1500, graph_gap_ns=900, sync_ns=3000, cores=7.6,
    )  # fmt: skip
    rows = list(showing._figures(whole))
    values = [value for _, value, _ in rows]
    assert values == [
        "120 TFLOP/s", "270 GB/s", "25.0 GB/s", "5.10 µs", "2.50 µs", "1.50 µs", "0.900 µs",
        "3.00 µs", "7.60",
    ]  # fmt: skip
    assert all(name and use for name, _, use in rows)


def test_what_cannot_be_kept_is_shown_all_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, good=good)
    (tmp_path / "taken").touch()
    with pytest.raises(BadInput, match="could not be kept"):
        showing.show_calibration(1, tmp_path / "taken" / "calibration.json")
    assert "one synchronisation" in capsys.readouterr().out


def test_without_torch_it_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)  # as Python marks what does not import
    result = CliRunner().invoke(main, ["doctor", "--calibrate"])
    assert result.exit_code == 2
    last = result.output.strip().splitlines()[-1]
    assert last == "infprof: this machine cannot be calibrated: PyTorch is not installed"
