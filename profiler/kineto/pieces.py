"""The events of a well-formed trace, read some thousand at a time: memory for a piece is enough.

The text is cut where an event seems to end and the next to begin. That the cut was right is proven
by the pieces: each, as a list of its own, is well-formed JSON of events, and so is what is left of
the document with all events taken out (``about_of``). Whatever cannot be read so is left to those
who read whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from infprof.profiler.kineto.document import UNREADABLE, About, Event, Reader, is_listed
from infprof.profiler.kineto.parting import BETWEEN

BOM = b"\xef\xbb\xbf"
LIST = re.compile(rb'"traceEvents"\s*:\s*\[')
END = re.compile(rb"\}\s*(?=\])")
LONGEST = 16 << 20
"""Bytes in which an event, or what stands before the first, must end."""
NEAR_END = 8 << 10
"""Of the text's end is searched for a boundary first; some events long."""
TRIES = 4
"""So many places that look like a boundary may be none (they can lie in an event's arguments)."""
SENTINEL = "infprof: all events"


class NotInPieces(ValueError):
    """The file is damaged or of an unusual form: it has to be read whole."""


class Pieces:
    """Iterating gives lists of events; after the last, ``head`` and ``tail`` are what stands in
    the text before and behind them. Where a ``head`` is given, the text begins behind it.

    Iterating raises ``NotInPieces``, also after events were given, and ``document.NotExact``.
    """

    def __init__(self, texts: Iterator[bytes], *, exact: bool, head: bytes | None = None) -> None:
        self.texts, self.is_inside = texts, head is not None
        self.head, self.tail = head or b"", b""
        self.events = Reader(exact=exact, listed=True)

    def __iter__(self) -> Iterator[list[Event]]:
        text = next(self.texts, b"")
        if not self.is_inside:
            self.head, text = self._begin(text.removeprefix(BOM))
        is_last = text.lstrip()[:1] == b"]"
        while not is_last:
            piece = self._first(text)
            if piece is None:
                text = self._longer(text)
                continue
            yield piece.events
            text, is_last = text[piece.end :], piece.is_last
        self.tail = text + b"".join(self.texts)

    def _begin(self, text: bytes) -> tuple[bytes, bytes]:
        """What stands before the first event, and the text from there on as far as read."""
        while not is_listed(text):
            found = LIST.search(text)
            if found:
                return text[: found.end()], text[found.end() :]
            text = self._longer(text)
        start = text.index(b"[") + 1
        return text[:start], text[start:]

    def _longer(self, text: bytes) -> bytes:
        """The text with about as much again behind it, so that growing costs no square."""
        parts, wanted = [text], len(text)
        while wanted >= 0:
            part = next(self.texts, b"")
            parts.append(part)
            wanted -= len(part) or LONGEST
        if len(text) > LONGEST or not any(parts[1:]):
            raise NotInPieces
        return b"".join(parts)

    def _first(self, text: bytes) -> _Piece | None:
        """As many of the events that the text begins with as can be told, if any."""
        for comma in _commas(text):
            events = self._list(text, comma.start() + 1)
            if events is not None:
                return _Piece(events, comma.end() - 1, is_last=False)
        ends = [brace.end() for brace in END.finditer(text)]
        for end in ends[:TRIES] + ends[TRIES:][-TRIES:]:
            events = self._list(text, end)
            if events is not None:
                return _Piece(events, end, is_last=True)
        return None

    def _list(self, text: bytes, end: int) -> list[Event] | None:
        """The events of the text up to ``end``, if that is where one of the list's ends."""
        try:  # in brackets: had the list ended before, there would be something behind it
            return self.events.read(b"".join((b"[", memoryview(text)[:end], b"]"))).events
        except UNREADABLE:
            return None


class _Piece(NamedTuple):
    events: list[Event]
    end: int
    """Where in the text the next event begins, or the list ends."""
    is_last: bool


def about_of(head: bytes, tail: bytes, *, exact: bool) -> About:
    """What a document says beside its events, told what stands before and behind them all.

    Raises ``NotInPieces`` where they are not the events of this document.
    """
    document = Reader(exact=exact, listed=is_listed(head))
    try:
        left = document.read(head + b'{"name":"%b"}' % SENTINEL.encode() + tail)
    except UNREADABLE as error:
        raise NotInPieces from error
    if [event.name for event in left.events] != [SENTINEL]:
        raise NotInPieces
    return left.about


def _commas(text: bytes) -> list[re.Match[bytes]]:
    """The last places that look like boundaries between events, the very last first."""
    near = max(0, len(text) - NEAR_END)
    found = list(BETWEEN.finditer(text, near)) or list(BETWEEN.finditer(text))
    return found[: -TRIES - 1 : -1]
