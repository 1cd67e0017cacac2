"""Which work each piece of the device's time did: an operator's, credited once to its kernels.

Of nested operators the innermost with a formula counts (``linear`` calls ``addmm``), and where it
launched several kernels they share its work by their time. What has no such operator, as a kernel
of a CUDA graph or a compiled one, has no known work. On a CPU the operators are the pieces.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from infprof.profiler import names
from infprof.profiler.events import Kind
from infprof.profiler.flops import Work, family_of, work_of
from infprof.profiler.intervals import subtract
from infprof.profiler.nesting import encloses, holds_another, innermost_at
from infprof.profiler.recording import Header
from infprof.profiler.timeline import Rows, Timeline
from infprof.profiler.work_pieces import DENSE, UNKNOWN, Floats, Pieces

MULTIPLIES = re.compile(
    r"(?i)(?<!bi)(?<!tri)linear|conv(?!ert)|gemm|matmul|_mm|rnn|lstm|gru|attention"
)
"""An operator without a formula that by its name computes products."""

EITHER = "fp32 or tf32"
"""Float32 inputs, and nothing says whether they were rounded to TF32."""


@dataclass(frozen=True, slots=True)
class Credits:
    """The operators whose work counts, as columns of one length."""

    rows: Rows
    flops: Floats
    size_bytes: Floats
    family: npt.NDArray[np.object_]
    precision: npt.NDArray[np.object_]


def pieces_of(timeline: Timeline) -> Pieces:
    """All device work, or all operators where no device was used."""
    credits = _credits(timeline)
    if timeline.uses_device:
        return _of_device(timeline, credits)
    return _of_cpu(timeline, credits)


def operator_of(timeline: Timeline, rows: Rows) -> Rows:
    """For each piece of device work the operator whose work it does, -1 where none is known."""
    credits = _credits(timeline)
    return np.append(credits.rows, -1)[_owner(timeline, credits, rows)]


def _credits(timeline: Timeline) -> Credits:
    """The innermost operators with a known work."""
    events, ops = timeline.events, timeline.by_kind[Kind.OP]
    ops = ops[events.shapes[ops] >= 0]
    ops = ops[timeline.label(ops, family_of) != ""]
    keys = events.name[ops].astype(np.int64) * max(len(events.shape_names), 1) + events.shapes[ops]
    _, first, each = np.unique(keys, return_index=True, return_inverse=True)
    works = [
        work_of(timeline.name(row), events.shape_names[int(events.shapes[row])])
        for row in ops[first].tolist()
    ]
    found = _columns(ops, works, each.reshape(-1))
    found = _only(found, (found.flops >= 0) | (found.size_bytes >= 0))
    dense = np.flatnonzero(found.flops >= 0)
    keep = ~holds_another(events, found.rows)
    keep[dense] = ~holds_another(events, found.rows[dense])
    return _only(found, keep)


def _columns(rows: Rows, works: list[Work | None], each: Rows) -> Credits:
    def floats(values: list[int | None]) -> Floats:
        known = [UNKNOWN if value is None else float(value) for value in values]
        return np.array(known, np.float64)[each]

    def words(values: list[str | None]) -> npt.NDArray[np.object_]:
        return np.array([value or "" for value in values], object)[each]

    return Credits(
        rows,
        floats([work.flops if work else None for work in works]),
        floats([work.size_bytes if work else None for work in works]),
        words([work.family if work else None for work in works]),
        words([work.precision if work else None for work in works]),
    )


def _only(credits: Credits, keep: npt.NDArray[np.bool_]) -> Credits:
    return Credits(*(getattr(credits, field.name)[keep] for field in fields(credits)))


def _of_device(timeline: Timeline, credits: Credits) -> Pieces:
    events = timeline.events
    inside = timeline.where(Kind.COPY, names.copy_direction, "d2d")
    rows = np.sort(
        np.concatenate([timeline.by_kind[Kind.KERNEL], timeline.by_kind[Kind.MEMSET], inside])
    )
    is_kernel = events.kind[rows] == Kind.KERNEL
    family = np.full(len(rows), "copy", object)
    family[is_kernel] = timeline.label(rows[is_kernel], names.kernel_family)
    owner = _owner(timeline, credits, rows)
    family, flops, size_bytes = _shared(timeline, credits, rows, family, owner)
    moved = np.where(events.kind[rows] == Kind.COPY, 2.0, 1.0) * events.size_bytes[rows]
    size_bytes = np.where((size_bytes < 0) & ~is_kernel & (moved >= 0), moved, size_bytes)
    lanes = timeline.recording.header.lanes
    devices = np.array([one.device or 0 for one in lanes], np.int64)
    return Pieces(
        events.start_ns[rows], events.end_ns[rows], devices[events.lane[rows]], family,
        _executed(timeline, credits, rows, family, owner), flops, size_bytes,
    )  # fmt: skip


def _owner(timeline: Timeline, credits: Credits, rows: Rows) -> npt.NDArray[np.intp]:
    """For each row the place in ``credits`` of the operator that launched it, or -1."""
    calls = timeline.launch_of[rows]
    known = np.flatnonzero(calls >= 0)
    events, calls = timeline.events, calls[known]
    ops = innermost_at(events, credits.rows, events.lane[calls], events.start_ns[calls])
    found = np.full(len(rows), -1, np.intp)
    found[known[ops >= 0]] = np.searchsorted(credits.rows, ops[ops >= 0])
    return found


def _shared(
    timeline: Timeline,
    credits: Credits,
    rows: Rows,
    family: npt.NDArray[np.object_],
    owner: npt.NDArray[np.intp],
) -> tuple[npt.NDArray[np.object_], Floats, Floats]:
    """Families, and each operator's work divided among its kernels by their time.

    The products are the work of its dense kernels; where no name tells which those are, of all.
    """
    number = len(credits.rows)
    owned = owner >= 0
    by_name = np.isin(family, DENSE)
    has_dense = np.bincount(owner[owned & by_name], minlength=number) > 0
    of_dense = np.append(credits.flops >= 0, False)[owner]
    told = np.append(has_dense, False)[owner]
    takes = owned & (by_name | ~of_dense | ~told)
    renamed = takes & ~by_name & (of_dense | (family == "other"))
    family = np.where(renamed, np.append(credits.family, "")[owner], family)
    time = np.maximum(timeline.durations(rows), 1).astype(np.float64)
    total = np.bincount(owner[takes], time[takes], minlength=number)
    part = np.zeros(len(rows))
    part[takes] = time[takes] / total[owner[takes]]
    flops, size_bytes = (
        np.where(takes & (column[owner] >= 0), column[owner] * part, UNKNOWN)
        for column in (np.append(credits.flops, UNKNOWN), np.append(credits.size_bytes, UNKNOWN))
    )
    return family, flops, size_bytes


def _executed(
    timeline: Timeline,
    credits: Credits,
    rows: Rows,
    family: npt.NDArray[np.object_],
    owner: npt.NDArray[np.intp],
) -> npt.NDArray[np.object_]:
    """Precision of the dense kernels: by their name, else by the types of their operator."""
    found = timeline.label(rows, names.kernel_precision)
    found = np.where(found == "", np.append(credits.precision, "")[owner], found)
    for one in DENSE:
        unknown = (found == "float") & (family == one)
        found[unknown] = "fp32" if tf32_is_off(timeline.recording.header, one) else EITHER
    return np.where(np.isin(family, DENSE), found, "")


def tf32_is_off(header: Header, family: str) -> bool:
    """Whether float32 inputs cannot have been rounded to TF32, as far as is known."""
    gpus, flags = header.machine.gpus, header.flags
    if gpus and all(gpu.sm_major is not None and gpu.sm_major < 8 for gpu in gpus):
        return True
    if family == "conv":
        return flags.get("cudnn_tf32") is False
    return flags.get("matmul_precision") == "highest"


def _of_cpu(timeline: Timeline, credits: Credits) -> Pieces:
    """The operators with a known work, those that multiply and have none, and what is left."""
    events, dense = timeline.events, credits.rows[credits.flops >= 0]
    within = innermost_at(events, dense, events.lane[credits.rows], events.start_ns[credits.rows])
    credits = _only(credits, (credits.flops >= 0) | (within < 0))  # the outer one's time has both
    multiply = timeline.outermost(
        timeline.where(Kind.OP, lambda name: "yes" if MULTIPLIES.search(name) else None, "yes")
    )
    unknown = multiply[~encloses(events, multiply, dense)]
    left = subtract(
        timeline.busy(timeline.outermost_ops),
        timeline.busy(np.concatenate([credits.rows, unknown])),
    )
    rows = np.concatenate([credits.rows, unknown])
    number = len(unknown) + len(left.start)
    nothing = np.full(number, UNKNOWN)
    precision = np.where(np.isin(credits.family, DENSE), credits.precision, "")
    precision[precision == "float"] = "fp32"  # TF32 is a GPU's
    return Pieces(
        np.concatenate([events.start_ns[rows], left.start]),
        np.concatenate([events.end_ns[rows], left.end]),
        np.zeros(len(credits.rows) + number, np.int64),
        np.concatenate(
            [
                credits.family,
                timeline.label(unknown, _dense_family),
                np.full(len(left.start), "other", object),
            ]
        ),
        np.concatenate([precision, np.full(number, "", object)]),
        np.concatenate([credits.flops, nothing]),
        np.concatenate([credits.size_bytes, nothing]),
    )


def _dense_family(name: str) -> str:
    family = names.kernel_family(name)
    return family if family in DENSE else "gemm"
