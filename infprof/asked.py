"""What a command line says of how to judge."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class Asked(NamedTuple):
    """Each option that commands share; empty where it was not given."""

    ignore: tuple[str, ...] = ()
    rules: tuple[Path, ...] = ()
    price_per_hour: float | None = None
