"""The table ``[deployment]`` of the settings file: how the service is deployed."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from infprof.profiler.bad_input import BadInput
from infprof.profiler.deployment import SIGNALS, Deployment
from infprof.profiler.gpu_table import gpu_names, lookup
from infprof.profiler.nearest import no_such
from infprof.setting_values import above_0, count, flag, names, table


def read_deployment(value: object, place: str) -> Deployment:
    """What the table says. Raises ``BadInput`` for a name or a value that cannot be."""
    rows = table(value, place, "client_timeout_s = 60")
    for name in rows:
        _must_be_known("setting", name, _READ, place)
    return Deployment.model_validate(
        {name: _READ[name](row, f"{place}.{name}") for name, row in rows.items()}
    )


def _signals(value: object, place: str) -> tuple[str, ...]:
    found = names(value, place, "signals", "queue")
    for one in found:
        _must_be_known("signal", one, SIGNALS, place)
    return found


def _prices(value: object, place: str) -> dict[str, float]:
    rows = table(value, place, '"NVIDIA L4" = 0.8')
    for name in rows:
        if lookup(name) is None:
            _must_be_known("GPU", name, gpu_names(), place)
    return {name: above_0(price, f"{place}.{name}") for name, price in rows.items()}


def _must_be_known(kind: str, name: str, known: Iterable[str], place: str) -> None:
    if name not in known:
        otherwise = f"known are {', '.join(known)}"
        raise BadInput(f"{place}: {no_such(kind, name, known, otherwise)}")


_READ: dict[str, Callable[[object, str], object]] = {
    "client_timeout_s": above_0,
    "streaming": flag,
    "latency_target_ms": above_0,
    "min_replicas": count,
    "idle_timeout_s": above_0,
    "cold_start_s": above_0,
    "scale_on": _signals,
    "resize_on": _signals,
    "gpu_prices": _prices,
}
