"""A result file, parsed: JSON values (one, or one a line), or the rows of a CSV table."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass, field
from typing import Any

import msgspec

BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Document:
    """Either has something, or the file is empty."""

    values: list[Any] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)

    def records(self, first: str = "") -> list[dict[str, str]]:
        """The rows by column, from the header that has ``first`` up to an empty line."""
        header: list[str] | None = None
        found = []
        for row in self.rows:
            if header is None:
                header = row if not first or first in row else None
            elif not any(row):
                break
            else:
                found.append(dict(zip(header, row, strict=False)))
        return found


def is_json(head: bytes) -> bool:
    """Whether a file that begins so is JSON, if anything."""
    return head.removeprefix(BOM).lstrip()[:1] in (b"{", b"[")


def document_of(data: bytes) -> Document:
    """Raises ``ValueError`` where it is neither."""
    data = data.removeprefix(BOM)
    if is_json(data):
        try:
            return Document(values=[_decoded(data)])
        except ValueError:
            return Document(values=[_decoded(line) for line in data.splitlines() if line.strip()])
    text = data.decode("utf-8", "replace")
    try:
        rows = list(csv.reader(io.StringIO(text, newline="")))
    except csv.Error as error:
        raise ValueError(str(error)) from error
    return Document(rows=[[cell.strip() for cell in row] for row in rows])


def _decoded(data: bytes) -> Any:
    """Some tools write ``Infinity`` and ``NaN``, which JSON has not."""
    try:
        return msgspec.json.decode(data)
    except (msgspec.MsgspecError, RecursionError):
        try:
            return json.loads(data)
        except RecursionError as error:
            raise ValueError("nested too deeply") from error
