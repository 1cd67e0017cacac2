"""What models were called with, as series: the tokens of each call, and how many were real."""

from __future__ import annotations

from infprof.profiler.collectors import Facts
from infprof.profiler.mark_table import Marks
from infprof.profiler.padding import UNSEEN
from infprof.profiler.recording import Series

TOKENS, LONGEST, REAL = "input.tokens", "input.longest_tokens", "input.real_tokens"
"""All of a call's; those left if its rows ended with the longest; those that are no padding."""


def input_series(marks: Marks) -> Facts:
    """Nothing where no mask was read; only ``TOKENS`` of a mask that was not on the host."""
    found = Facts()
    for name, what in ((TOKENS, "real"), (LONGEST, "longest"), (REAL, "real")):
        rows = marks.paddings(what)
        column = 2 if name == TOKENS else 1
        rows = rows[rows[:, column] != UNSEEN]
        if len(rows):
            place = len(found.series)
            found.series.append(Series(name=name, source="model", unit="tokens"))
            found.points.extend((place, time, float(one)) for time, one in rows[:, [0, column]])
    return found
