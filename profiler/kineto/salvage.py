"""Whatever can be read of a damaged Chrome trace: every whole event, and a count of the others.

Cut off, edited by hand, full of ``NaN``, in no encoding, or made to break parsers: each event is
decoded alone, so damage costs the events it hit. The work is bounded by a multiple of the file's
size.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal, InvalidOperation
from typing import Any

from msgspec import Raw

from infprof.profiler.kineto.document import About, Args, ChromeTrace, Event

EVENTS = re.compile(r'"traceEvents"\s*:\s*\[')
BETWEEN = re.compile(r"[\s,]*")
EVENT_START = re.compile(
    r'(?<!"args":)(?<!"args": )\{\s*"(?:ph|cat|name|pid|tid|ts|dur|id|bp|s|args)"\s*:'
)
LAST_END = re.compile(r"\}[\s,]*(?=\]\s*(?:,\s*\"|\}|$))")
TRAILING_COMMA = re.compile(r",(?=\s*[}\]])")
SMALL, LARGE = 1 << 10, 1 << 20
"""An event is looked for in a window this long: small first, for an error costs its length."""
VERBATIM = {field for field, type_ in Args.__annotations__.items() if type_ == "Raw"}
EFFORT = 8
"""How many times the file's size may be spent on damaged events."""


class Bomb(ValueError):
    """Nested or numbered beyond any sense: nothing behind it is worth the reading."""


def salvage(data: bytes) -> ChromeTrace:
    """All whole events of ``data``. Raises ``ValueError`` where there is no list of events."""
    text = data.decode("utf-8", "replace").removeprefix("\ufeff")
    listed = EVENTS.search(text)
    if listed is None and not text.lstrip().startswith("["):
        raise ValueError("holds no list of trace events")
    start = listed.end() if listed else text.index("[") + 1
    reader = _Reader(text, start)
    reader.run()
    cuts = []
    if not reader.closed:
        cuts.append(
            f"the list of events breaks off after {len(reader.events)} whole events"
            " (a file cut short or damaged); what came after them is lost"
        )
    about = _about(text[:start] + text[reader.position :])
    return ChromeTrace(reader.events, about, cuts, reader.dropped)


class _Reader:
    """Walks along the list of events; ``closed`` tells whether it reached the list's end."""

    def __init__(self, text: str, position: int) -> None:
        self.text, self.position = text, position
        self.events: list[Event] = []
        self.dropped = 0
        self.closed = False
        self.effort = EFFORT * len(text) + LARGE

    def run(self) -> None:
        """Read events until the list, the text or the effort ends."""
        while self.effort > 0:
            between = BETWEEN.match(self.text, self.position)
            self.position = between.end() if between else self.position
            if self.text[self.position : self.position + 1] in ("]", ""):
                self.closed = self.position < len(self.text)
                return
            try:
                value, self.position = _decode(self.text, self.position)
                self._add(value)
            except Bomb:
                return
            except json.JSONDecodeError as error:
                self.effort -= len(error.doc)
                if not self._skip():
                    return

    def _add(self, value: Any) -> None:
        if isinstance(value, dict):
            self.events.append(_event(value))
        else:
            self.dropped += 1

    def _skip(self) -> bool:
        """Go behind a damaged event, if it can be told where that is."""
        start, end = self.position, self._next()
        damaged = self.text[start : min(end or len(self.text), start + LARGE)]
        try:  # trailing commas are all that is mended
            value, length = _decode(TRAILING_COMMA.sub(" ", damaged), 0)
        except ValueError:
            self.dropped += end is not None
            self.position = end or len(self.text)
            return end is not None
        self._add(value)
        self.position = start + length
        return True

    def _next(self) -> int | None:
        """Where the next event seems to start, or else the list to end."""
        found = EVENT_START.search(self.text, self.position + 1)
        if found:
            return found.start()
        last = LAST_END.search(self.text, self.position)
        return last.end() if last else None


def _number(text: str) -> Decimal | None:
    try:
        return Decimal(text)
    except InvalidOperation:  # an exponent beyond any
        return None


_DECODER = json.JSONDecoder(strict=False, parse_float=_number, parse_constant=lambda _: None)


def _decode(text: str, position: int) -> tuple[Any, int]:
    """The JSON value at ``position`` and where it ends. Raises ``JSONDecodeError`` or ``Bomb``."""
    size = SMALL
    while True:
        window = text[position : position + size]
        try:
            value, length = _DECODER.raw_decode(window)
            return value, position + length
        except json.JSONDecodeError as error:
            cut = error.pos > len(window) - 16 or error.msg.startswith("Unterminated")
            if not cut or size >= LARGE or position + size >= len(text):
                raise
            size *= 16
        except (ValueError, RecursionError) as error:  # too many digits, too deep
            raise Bomb from error


def _event(value: dict[str, Any]) -> Event:
    args = value.get("args")
    args = args if isinstance(args, dict) else {}
    return Event(
        ph=_text(value.get("ph")), cat=_text(value.get("cat")), name=_text(value.get("name")),
        pid=_plain(value.get("pid")), tid=_plain(value.get("tid")),
        ts=_plain(value.get("ts")), dur=_plain(value.get("dur")),
        args=Args(**_fields(args)),
    )  # fmt: skip


def _fields(args: dict[str, Any]) -> dict[str, Any]:
    keys = zip(Args.__struct_fields__, Args.__struct_encode_fields__, strict=True)
    return {field: (_raw if field in VERBATIM else _plain)(args.get(key)) for field, key in keys}


def _text(value: Any) -> str:
    """A string that any encoder takes: half of a surrogate pair becomes a question mark."""
    return value.encode("utf-8", "replace").decode("utf-8") if isinstance(value, str) else ""


def _plain(value: Any) -> int | str | Decimal | None:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int):
        return value if abs(value) < 1 << 63 else None
    return value if isinstance(value, Decimal) else None


def _raw(value: Any) -> Raw:
    try:
        return Raw(json.dumps(value, default=str).encode()) if value is not None else Raw()
    except (ValueError, RecursionError):
        return Raw()


def _about(text: str) -> About:
    about = About()
    for key in About.__struct_fields__:
        found = re.search(rf'"{key}"\s*:\s*', text)
        if found:
            try:
                setattr(about, key, _decode(text, found.end())[0])
            except ValueError:
                continue
    return about
