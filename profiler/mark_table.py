"""The marks of a session as tables: ranges, requests, turns of loops, contents of inputs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from infprof.profiler.cycle_requests import Turns
from infprof.profiler.intervals import Int64Array
from infprof.profiler.marks import CONTENT, NUMBERED, PADDING, RANGE, REQUEST, STINT, TURN
from infprof.profiler.session_files import read_marks
from infprof.profiler.stints import NOBODY, Stints


@dataclass(frozen=True, slots=True)
class Marks:
    """Rows of (key, start_ns, end_ns, native thread id, state), and the pair behind each key."""

    table: Int64Array
    pairs: list[tuple[str, str]]

    @classmethod
    def read(cls, folder: Path) -> Marks:
        """What a session left in ``folder``."""
        return cls(*read_marks(folder))

    def _of(self, stage: str) -> npt.NDArray[np.bool_]:
        keys = [key for key, pair in enumerate(self.pairs) if pair[0] == stage]
        return np.isin(self.table[:, 0], keys)

    def ranges(self) -> Iterator[tuple[str, str, int, int, int]]:
        """(stage, name, start_ns, end_ns, thread) of each range."""
        special = self._of(TURN) | self._of(CONTENT) | self._of(STINT) | self._of(PADDING)
        for key, start, end, thread, _ in self.table[
            (self.table[:, 4] == RANGE) & ~special
        ].tolist():
            yield *self.pairs[key], start, end, thread

    def requests(self) -> list[tuple[int, ...]]:
        """(start_ns, end_ns, thread, phase, failed) of each request that the program marked."""
        return [
            (*row[1:4], row[4] % NUMBERED // 2, row[4] % 2) for row in self._of_requests().tolist()
        ]

    def numbers(self) -> list[int]:
        """By which number its stints know each of ``requests``; -1 where it has none."""
        return [number or -1 for number in (self._of_requests()[:, 4] // NUMBERED).tolist()]

    def _of_requests(self) -> Int64Array:
        rows: Int64Array = self.table[self._of(REQUEST) & (self.table[:, 4] != RANGE)]
        return rows

    def stints(self) -> Iterator[tuple[int, int, int, int, str]]:
        """(number of the request, start_ns, end_ns, thread, what it waited for) of each stint."""
        for key, start, end, thread, number in self.table[self._of(STINT)].tolist():
            yield number, start, end, thread, self.pairs[key][1]

    def turns(self) -> Turns:
        """The turns of loops around model calls, with the size of the input that follows."""
        rows = self.table[self._of(TURN)]
        rows = rows[np.argsort(rows[:, 1], kind="stable")]
        given = self.table[self._of(CONTENT)]
        size = np.full(len(rows), -1, np.int64)
        for thread in np.unique(rows[:, 3]):
            mine, theirs = np.flatnonzero(rows[:, 3] == thread), given[given[:, 3] == thread]
            theirs = theirs[np.argsort(theirs[:, 1], kind="stable")]
            place = np.searchsorted(theirs[:, 1], rows[mine, 1])
            known = place < len(theirs)
            size[mine[known]] = theirs[place[known], 4]
        return Turns(rows[:, 1], rows[:, 3], rows[:, 2], size)

    def paddings(self, what: str) -> Int64Array:
        """(start_ns, how many of its tokens, tokens) of each call that a mask was read of."""
        keys = [key for key, pair in enumerate(self.pairs) if pair == (PADDING, what)]
        rows: Int64Array = self.table[np.isin(self.table[:, 0], keys)][:, [1, 2, 4]]
        return rows

    def contents(self, requests: list[tuple[int, ...]]) -> dict[tuple[int, int], int]:
        """Fingerprint of the first input of each request, by its (start_ns, thread)."""
        given = self.table[self._of(CONTENT)]
        found: dict[tuple[int, int], int] = {}
        for thread in np.unique(given[:, 3]).tolist():
            rows = given[given[:, 3] == thread]
            rows = rows[np.argsort(rows[:, 1], kind="stable")]
            mine = np.array([one[:2] for one in requests if one[2] == thread], np.int64)
            mine = mine.reshape(-1, 2)
            place = np.searchsorted(rows[:, 1], mine[:, 0])
            inside = place < len(rows)
            inside[inside] = rows[place[inside], 1] < mine[inside, 1]
            starts, values = mine[inside, 0].tolist(), rows[place[inside], 2].tolist()
            found.update(
                ((start, thread), value) for start, value in zip(starts, values, strict=True)
            )
        return found

    def contents_of_stints(self) -> dict[int, int]:
        """Fingerprint of the first input of each request with stints, by its number: requests that
        take turns on a thread may all be under way when it computes for one of them."""
        given = self.table[self._of(CONTENT)]
        given = given[np.argsort(given[:, 1], kind="stable")]
        threads = Stints.from_rows(self.stints())
        owner = threads.owner(given[:, 3].astype(np.int32), given[:, 1])
        known, first = np.unique(owner, return_index=True)
        found = zip(known.tolist(), given[first, 2].tolist(), strict=True)
        return {number: content for number, content in found if number != NOBODY}
