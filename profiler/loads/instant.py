"""Instants as Go writes them: RFC 3339 with up to nine digits of a second."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

_INSTANT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?\d*(Z|[+-]\d\d:\d\d)")


def instant_ns(text: Any) -> int | None:
    """Nanoseconds since 1970; ``None`` where it is no such instant."""
    found = _INSTANT.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return None
    second, digits, zone = found.groups()
    try:
        moment = datetime.fromisoformat(second + ("+00:00" if zone == "Z" else zone))
    except ValueError:
        return None
    return int(moment.timestamp()) * 1_000_000_000 + int((digits or "0").ljust(9, "0"))
