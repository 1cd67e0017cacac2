"""How numbers and names are written, the same in every format."""

from __future__ import annotations

import math
import re

UNKNOWN = "unknown"
DASH = "\u2013"
"""Stands in a table's cell for what was not counted."""

_TIME_UNITS = ((10_000.0, "s", 1e-3), (0.1, "ms", 1.0), (1e-4, "µs", 1e3), (0.0, "ns", 1e6))
_BYTE_UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB")

UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 and C1 controls: terminal escapes among them
    "\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # invisible, bidi
    "\ud800-\udfff\U000e0000-\U000e007f]"  # halves of characters, invisible tags
)
"""Characters that act on a terminal, on the order of letters, or cannot be encoded."""
_SPACES = re.compile(r"[\t\n]+")


def printable(text: str) -> str:
    """``text`` with every character that acts instead of showing written out, as ``\\x1b``.

    Tabs and line ends stay: use it for blocks, and ``plain`` for names.
    """
    return UNSAFE.sub(lambda found: _written_out(found[0]), text)


def plain(text: str, most: int | None = None) -> str:
    """``printable`` on one line, cut to ``most`` characters."""
    line = printable(_SPACES.sub(" ", text))
    return line if most is None or len(line) <= most else line[: most - 1] + "…"


def known(value: float | None) -> bool:
    """Whether there is a number at all: ``None``, NaN and infinities are none."""
    return value is not None and math.isfinite(value)


def number(value: float | None) -> str:
    """Three significant digits, never fewer than the whole number has: ``1.23``, ``1,234``."""
    if value is None or not known(value):
        return UNKNOWN
    if value == 0:
        return "0"
    exponent = int(f"{abs(value):.2e}".partition("e")[2])
    return f"{value:,.{max(0, 2 - exponent)}f}"


def count(value: float | None) -> str:
    """A whole number in full, a mean with three digits."""
    if value is not None and known(value) and value == int(value):
        return f"{int(value):,}"
    return number(value)


def count_or_dash(value: float | None) -> str:
    """A count for a column in which sampling leaves some empty."""
    return DASH if value is None or not known(value) else count(value)


def ms(value: float | None) -> str:
    """A time given in milliseconds, in the unit one would say it in."""
    if value is None or not known(value):
        return UNKNOWN
    unit, scale = _time_unit(value)
    return f"{number(value * scale)} {unit}"


def ms_range(low: float, high: float) -> str:
    """``1.20 to 3.40 ms``, or one time where both read the same."""
    if not (known(low) and known(high)):
        return UNKNOWN
    unit, scale = _time_unit(high)
    return _range(number(low * scale), number(high * scale), unit)


def share(value: float | None) -> str:
    """A fraction as per cent; what is there but tiny is not 0."""
    if value is None or not known(value):
        return UNKNOWN
    return f"{_percent(value)} %"


def share_range(low: float, high: float) -> str:
    """``8.0 to 22 %``, or one share where both read the same."""
    if not (known(low) and known(high)):
        return UNKNOWN
    return _range(_percent(low), _percent(high), "%")


def times(value: float | None) -> str:
    """A speed-up or slow-down: ``1.28x``."""
    if value is None or not known(value):
        return UNKNOWN
    return f"{number(value)}x" if value >= 10 else f"{value:.2f}x"


def size(value: float | None) -> str:
    """Bytes with decimal prefixes: ``1.50 GB``."""
    if value is None or not known(value):
        return UNKNOWN
    power = 0
    while abs(value) >= 1000 and power < len(_BYTE_UNITS) - 1:
        value, power = value / 1000, power + 1
    return f"{number(value)} {_BYTE_UNITS[power]}"


def quantity(value: float | None, unit: str) -> str:
    """A value of a sampled series with its unit."""
    if value is None or not known(value):
        return UNKNOWN
    if unit in ("bytes", "bytes/s"):
        return size(value) + unit.removeprefix("bytes")
    if unit == "1/s":
        return f"{number(value)} per second"
    return f"{number(value)} {plain(unit, 20)}".rstrip()


def counted(amount: int, one: str, many: str | None = None) -> str:
    """``1 request``, ``2 requests``."""
    return f"{amount:,} {one if amount == 1 else many or one + 's'}"


def _range(low: str, high: str, unit: str) -> str:
    return f"{high} {unit}" if low == high else f"{low} to {high} {unit}"


def _percent(value: float) -> str:
    percent = 100 * value
    if 0 < percent < 0.05:
        return "< 0.1"
    return f"{percent:.0f}" if percent == 0 or abs(percent) >= 9.95 else f"{percent:.1f}"


def _time_unit(value: float) -> tuple[str, float]:
    if value == 0:
        return "ms", 1.0
    return next((unit, scale) for least, unit, scale in _TIME_UNITS if abs(value) >= least)


def _written_out(character: str) -> str:
    code = ord(character)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
