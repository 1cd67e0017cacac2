"""Columns on disk: Parquet files that pandas, Polars, DuckDB and Arrow read as they are."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as arrow
import pyarrow.parquet as parquet

from infprof.profiler.events import COLUMNS, TYPES, Events
from infprof.profiler.interner import Interner
from infprof.profiler.stacks import CALL_TYPES, NO_STACKS, SAMPLE_COLUMNS, Calls, Stacks

Table = TypeVar("Table")


def write_events(path: Path, events: Events) -> None:
    """Write events; names and shapes become dictionary-encoded text columns."""
    columns: dict[str, Any] = {column: arrow.array(getattr(events, column)) for column in COLUMNS}
    columns["name"] = _dictionary(events.name, events.names)
    columns["shapes"] = _dictionary(events.shapes, events.shape_names)
    parquet.write_table(arrow.table(columns), path, compression="zstd")


def read_events(path: Path) -> Events:
    """Read what ``write_events`` wrote. Raises ``ValueError`` or ``OSError`` (arrow's own are
    both)."""
    table = parquet.read_table(path, read_dictionary=["name", "shapes"]).combine_chunks()
    columns = {
        column: table[column].to_numpy().astype(TYPES[column], copy=False)
        for column in COLUMNS
        if column not in ("name", "shapes")
    }
    columns["name"], names = _indices(table["name"])
    columns["shapes"], shape_names = _indices(table["shapes"])
    return Events(**columns, names=names, shape_names=shape_names)


def write_stacks(folder: Path, stacks: Stacks) -> None:
    """Write sampled stacks as two files; without samples none."""
    if not len(stacks):
        return
    samples = {name: arrow.array(getattr(stacks, name)) for name in SAMPLE_COLUMNS}
    parquet.write_table(arrow.table(samples), folder / "stacks.parquet", compression="zstd")
    calls = stacks.calls
    columns: dict[str, Any] = {name: arrow.array(getattr(calls, name)) for name in CALL_TYPES}
    for name in ("file", "function"):
        columns[name] = _dictionary(getattr(calls, name), calls.strings)
    parquet.write_table(arrow.table(columns), folder / "calls.parquet", compression="zstd")


def read_stacks(folder: Path) -> Stacks:
    """Read what ``write_stacks`` wrote; nothing where there is no such file."""
    if not (folder / "stacks.parquet").exists():
        return NO_STACKS
    samples = parquet.read_table(folder / "stacks.parquet")
    table = parquet.read_table(folder / "calls.parquet").to_pydict()
    strings = Interner()
    for name in ("file", "function"):
        table[name] = [strings(text) for text in table[name]]
    columns = {name: np.array(table[name], kind) for name, kind in CALL_TYPES.items()}
    calls = Calls(**columns, strings=strings.strings())
    if len(samples) and (
        max(samples["call"].to_pylist()) >= len(calls)
        or (calls.parent >= np.arange(len(calls))).any()
    ):
        raise ValueError("the sampled calls are not a tree")
    return Stacks(**{name: samples[name].to_numpy() for name in SAMPLE_COLUMNS}, calls=calls)


def write(path: Path, table: Any) -> None:
    """Write a dataclass of arrays, one column a field."""
    columns = {field.name: arrow.array(getattr(table, field.name)) for field in fields(table)}
    parquet.write_table(arrow.table(columns), path, compression="zstd")


def read(path: Path, kind: type[Table]) -> Table:
    """Read a dataclass of arrays; its field types come back as written.

    A column that is newer than the file is unknown throughout: -1.
    """
    table = parquet.read_table(path)
    unknown = np.full(len(table), -1, np.int64)
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    present = set(table.column_names)
    return kind(**{name: table[name].to_numpy() if name in present else unknown for name in names})


def read_if_there(path: Path, nothing: Table) -> Table:
    """As ``read``; ``nothing`` where there is no such file."""
    return read(path, type(nothing)) if path.exists() else nothing


def _dictionary(indices: np.ndarray[Any, Any], strings: tuple[str, ...]) -> Any:
    clean = [text.encode("utf-8", "replace").decode() for text in strings]
    return arrow.DictionaryArray.from_arrays(
        arrow.array(indices, mask=indices < 0), arrow.array(clean, arrow.string())
    )


def _indices(column: Any) -> tuple[np.ndarray[Any, Any], tuple[str, ...]]:
    if column.num_chunks == 0:
        return np.array([], np.int32), ()
    chunk = column.chunk(0)
    indices = chunk.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32)
    return indices, tuple(chunk.dictionary.to_pylist())
