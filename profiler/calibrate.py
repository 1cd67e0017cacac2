"""Measure what this machine can do: all calibrators in turn, within a deadline."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from types import ModuleType
from typing import Any

from infprof.profiler import registry
from infprof.profiler.calibration import Calibration
from infprof.profiler.calibrators import Bench, Figures, Measured, Unavailable
from infprof.profiler.clock import now_ns
from infprof.profiler.collectors.host import cpu_name
from infprof.profiler.other_work import OtherWork
from infprof.profiler.probes.cpu_limits import cpu_limits

GPU_SECONDS, CPU_SECONDS = 20.0, 10.0
"""In all, importing torch not counted; a CPU has fewer figures."""
BUSY_SHARE = 0.1
"""Others' part of all CPU time above which figures are said to be too low."""
WIDE_SPREAD = 0.1
"""By how much the usual repeat may be longer than the best one. Above it a rate is less well known
than the best of the predicted savings (10 %) needs it."""


def calibrate(seconds: float | None = None, root: Path = Path("/")) -> Calibration:
    """Measure the GPU that torch uses first, or the CPU where it finds none.

    ``seconds`` is for all calibrators together; one that fails costs its own figures only.
    ``root`` holds ``proc`` and ``sys``. Raises ``Unavailable`` where nothing can be measured.
    """
    found = _nothing_yet(root)
    if seconds is None:
        seconds = GPU_SECONDS if found.on_gpu else CPU_SECONDS
    whole = Bench(found.on_gpu, now_ns() + round(seconds * 1e9), root)
    others, spreads = OtherWork(root), dict[str, float]()
    modules = registry.load("infprof.profiler.calibrators", "infprof.calibrators")
    for place, (name, module) in enumerate(modules.items()):
        try:
            measured = _measure(module, replace(whole, until_ns=whole.part(len(modules) - place)))
            found = _with(found, measured.figures, measured.missing)
            spreads |= measured.spreads
        except Unavailable as reason:
            found = _with(found, {}, {name: str(reason)})
        except Exception as error:  # the GPU's fault, or a stranger's: the other figures are good
            line = f"{type(error).__name__}: {error}".partition("\n")[0]
            found = _with(found, {}, {name: line})
        _let_go(found.on_gpu)
    if not any(getattr(found, figure) for figure in Figures.__annotations__):
        raise Unavailable("; ".join(f"{name}: {why}" for name, why in found.missing.items()))
    return found.model_copy(update={"notes": list(notes(others.share(), spreads))})


def notes(others: float | None, spreads: Mapping[str, float]) -> Iterator[str]:
    """Sentences on why figures may be too low: others' share of the CPUs, repeats that differ."""
    if others is not None and others > BUSY_SHARE:
        yield (
            f"Other work took {others:.0%} of this machine's CPU time meanwhile:"
            " the figures are too low. Measure again when it is idle."
        )
    wide = [name for name, spread in spreads.items() if spread > WIDE_SPREAD]
    if wide:
        yield (
            f"Repeats differed by more than {WIDE_SPREAD:.0%} ({', '.join(wide)}): something"
            " disturbed them, and these figures may be too low."
        )


def _nothing_yet(root: Path) -> Calibration:
    """The device and how it is used, without a figure. Raises ``Unavailable``."""
    try:
        import torch

        on_gpu = torch.cuda.is_available()
        device = torch.cuda.get_device_name() if on_gpu else cpu_name(root) or platform.machine()
    except ModuleNotFoundError:
        raise Unavailable("PyTorch is not installed") from None
    except (ImportError, OSError, RuntimeError) as error:
        line = str(error).partition("\n")[0]
        raise Unavailable(f"PyTorch or its GPU does not work: {line}") from None
    return Calibration(
        device=device,
        on_gpu=on_gpu,
        made_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        torch=torch.__version__,
        threads=torch.get_num_threads(),
        usable_cpus=cpu_limits(root).usable,
    )


def _measure(module: ModuleType, bench: Bench) -> Measured:
    if now_ns() >= bench.until_ns:
        raise Unavailable("no time was left")
    measured: Measured = module.measure(bench)
    return measured


def _with(found: Calibration, figures: Mapping[str, Any], missing: dict[str, str]) -> Calibration:
    """More figures. Raises ``ValueError`` where one is no number or not positive."""
    more = {**figures, "missing": found.missing | missing}
    return Calibration.model_validate(found.model_dump() | more)


def _let_go(on_gpu: bool) -> None:
    """Give back what torch keeps for later allocations."""
    if not on_gpu:
        return
    import torch

    with suppress(RuntimeError):  # after a fault of the GPU, nothing on it works
        torch.cuda.synchronize()
        torch.cuda.empty_cache()
        getattr(torch._C, "_host_emptyCache", lambda: None)()  # not in every torch
