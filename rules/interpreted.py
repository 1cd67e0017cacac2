"""Loops of the user's that the interpreter walks through element by element, found in samples.

CPython lets a sampler in between two instructions only where a loop jumps back, a function is
entered or a call returns, and while native code runs without the interpreter lock. So native work
is seen at its call, often at several calls of one function (``x = x / 255``, ``x.transpose()``);
a loop is seen at its jump, often nowhere else. The number of instructions seen tells nothing, what
they are does: the recorder marks a *turn*, a jump back or a function's entry, by an odd offset
(instructions themselves begin at even ones). Native code that keeps the lock is seen at the first
turn after it; but then the sampler comes late, which a loop's turns never make it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from infprof.profiler.stacks import Calls, Place, Stacks
from infprof.rules.call_masks import Mask, running
from infprof.rules.evidence import Evidence
from infprof.rules.finding import Unknown

ENTRY_OFFSET = 5
"""No call is possible within the first three instructions: a sample there saw the entry."""

FEW_TURNS = 3
"""One or two turns are chance: the sampler also gets in there after native work that let nobody
in before, once in a while."""

TURN_SHARE = 0.05
"""A function whose turns are fewer among the samples below it merely contains its loop: handling
a batch, not elements."""

ENTRY_SHARE = 0.15
"""The same where no jump back was seen, but functions entered: loops that call small functions show
15 % and more (measured); a function that is called once after native work shows some, too."""

HEAVY_CALL = 4
"""A call that is seen so many times as often as all turns of its loop does the work itself:
vectorising the loop around it would change little."""

DATA_LOADING = "torch/utils/data/"
"""Below it work belongs to a DataLoader, which workers can take over."""

Function = tuple[str, str]
"""File and name."""


@dataclass(frozen=True, slots=True)
class Loop:
    """A function of the user's with the samples that its loops took."""

    place: Place
    """The function at the line where most of its turns were seen."""
    samples: Mask


def loops(evidence: Evidence, among: Mask | None = None) -> list[Loop]:
    """The user's functions that loop in the interpreter, most samples first."""
    stacks = evidence.timeline.samples.stacks
    chosen = own_code(evidence) if among is None else own_code(evidence) & among
    walks = _walks(stacks, chosen)
    owned = _owned(walks, _turning(walks), _calling_models(evidence))
    found = []
    for function in {function for function, _ in owned.values()}:
        mine = {call: line for call, (owner, line) in owned.items() if owner == function}
        mask = chosen & np.isin(stacks.call, list(mine))
        lines, at_turns = Counter[int](), Counter[int]()
        for walk in walks:
            if walk.call in mine:
                lines[mine[walk.call]] += walk.count
                at_turns[mine[walk.call]] += walk.count if walk.turns else 0
        lines = +at_turns or lines
        line = max(lines, key=lambda one: (lines[one], -one))
        found.append(Loop(Place(*function, line), mask))
    return sorted(found, key=lambda loop: (-int(loop.samples.sum()), loop.place))


def below_loops(evidence: Evidence, among: Mask) -> Mask:
    """Samples of ``among`` in functions of the user's that loop, whatever they called: in a short
    turn a sampler gets in at a call (``ranks.get(pair)``) more often than at the jump back, and the
    call looks like native work (seen: 38 % at the call, 9 % at jumps)."""
    stacks, chosen = evidence.timeline.samples.stacks, own_code(evidence) & among
    walks = _walks(stacks, chosen)
    looping, ends = _turning(walks).keys() - _calling_models(evidence), _ends(walks)
    calls = [walk.call for walk in walks if any(walk.is_within(one, ends) for one in looping)]
    return chosen & np.isin(stacks.call, calls)


def own_code(evidence: Evidence) -> Mask:
    """Samples that found the user's own code innermost: no function of a library below it."""
    stacks = evidence.timeline.samples.stacks
    if not len(stacks):
        return running(evidence)
    inside = np.zeros(len(stacks.calls) + 1, bool)  # of a DataLoader; the last one is parent -1
    for call in range(len(stacks.calls)):
        in_file = DATA_LOADING in stacks.calls.place(call).file
        inside[call] = inside[stacks.calls.parent[call]] or in_file
    is_user: Mask = (stacks.call >= 0) & stacks.calls.is_user[stacks.call] & ~inside[stacks.call]
    return running(evidence) & is_user


def require_instructions(evidence: Evidence, among: Mask, gate: float) -> None:
    """Raise ``Unknown`` where too much of ``among`` does not tell at which instruction it was."""
    stacks, chosen = evidence.timeline.samples.stacks, own_code(evidence) & among
    blind = chosen & (stacks.calls.offset[stacks.call] < 0) if len(stacks) else chosen
    if blind.sum() >= gate * max(int(evidence.timeline.samples.of_requests.sum()), 1):
        raise Unknown(
            "the samples tell lines but no instructions, so a loop looks like one native call"
        )


@dataclass(frozen=True, slots=True)
class _Walk:
    """An innermost call, how often it was seen, and the user's functions it was reached through."""

    call: int
    count: int
    late: int
    """How often the sampler came late: then something else ran before, and no turn was seen."""
    place: Place
    chain: tuple[tuple[Function, int], ...]
    """Innermost first, each with the line it was at; a comprehension is its function's."""
    offsets: tuple[int, ...]
    """The instruction that each was at."""

    def is_within(self, function: Function, ends: dict[Function, int]) -> bool:
        """Whether it was in or below a loop of a function: before the last jump back that was seen
        of it, where one was seen at all (else a function that the loop calls told of it)."""
        mine = zip(self.chain, self.offsets, strict=True)
        return any(one == function and offset <= ends.get(one, offset) for (one, _), offset in mine)

    @property
    def turns(self) -> Function | None:
        """The function whose loop took a turn here."""
        if not is_turn(self.place):
            return None
        return self.chain[1 if self.is_entry and len(self.chain) > 1 else 0][0]

    @property
    def is_entry(self) -> bool:
        """Whether a function was seen as it began: a turn of the loop that calls it, if any."""
        return 0 <= self.place.offset <= ENTRY_OFFSET and not _is_part(self.place)


def is_turn(place: Place) -> bool:
    """Whether a loop jumps back here, or a function is entered."""
    return 0 <= place.offset <= ENTRY_OFFSET or (place.offset > 0 and place.offset % 2 == 1)


def _walks(stacks: Stacks, chosen: Mask) -> list[_Walk]:
    counted = Counter(stacks.call[chosen].tolist())
    late = Counter(stacks.call[chosen & stacks.is_late].tolist())
    return [_walk(stacks.calls, call, count, late[call]) for call, count in counted.items()]


def _walk(calls: Calls, call: int, count: int, late: int) -> _Walk:
    path, step = list[Place](), call
    while step >= 0 and calls.is_user[step]:
        path.append(calls.place(step))
        step = int(calls.parent[step])
    whole = [place for place in path if not _is_part(place) or place is path[-1]]
    chain = tuple(((place.file, place.function), place.line) for place in whole)
    return _Walk(call, count, late, path[0], chain, tuple(place.offset for place in whole))


def _ends(walks: list[_Walk]) -> dict[Function, int]:
    """The last instruction of each function that was seen to jump back."""
    ends = dict[Function, int]()
    for walk in walks:
        function, _ = walk.chain[0]
        if walk.place.offset > ENTRY_OFFSET and is_turn(walk.place) and not _is_part(walk.place):
            ends[function] = max(ends.get(function, 0), walk.place.offset)
    return ends


def _is_part(place: Place) -> bool:
    """Whether it is a comprehension or a lambda: part of the function it stands in."""
    name = place.function.rpartition(".")[2]
    return name.startswith("<") and name != "<module>"


def _turning(walks: list[_Walk]) -> dict[Function, int]:
    """The functions that loop, each with the turns seen of it."""
    turns, below, jumping = Counter[Function](), Counter[Function](), set[Function]()
    for walk in walks:
        if walk.turns is not None:
            turns[walk.turns] += walk.count - walk.late
            jumping |= set() if walk.is_entry else {walk.turns}
        for function in {function for function, _ in walk.chain}:
            below[function] += walk.count
    return {
        function: count
        for function, count in turns.items()
        if count >= FEW_TURNS
        and count >= (TURN_SHARE if function in jumping else ENTRY_SHARE) * below[function]
    }


def _calling_models(evidence: Evidence) -> set[Function]:
    """The functions through which the program calls its models: their loops serve requests."""
    calls = evidence.timeline.samples.stacks.calls
    paths = [calls.path(call) for call in evidence.header.model_calls if call < len(calls)]
    places = [calls.place(call) for path in paths for call in path]
    return {(place.file, place.function) for place in places}


def _owned(
    walks: list[_Walk], turning: dict[Function, int], serving: set[Function]
) -> dict[int, tuple[Function, int]]:
    """For each call that a loop took: the outermost function that loops, and its line; one that
    loops over requests only if no other does."""
    owners = dict[int, tuple[Function, int]]()
    turns, seen = Counter[Function](), Counter[tuple[Function, Place]]()
    for walk in walks:
        looping = [one for one in reversed(walk.chain) if one[0] in turning]
        owner = next((one for one in looping if one[0] not in serving), next(iter(looping), None))
        if owner is not None:
            owners[walk.call] = owner
            turns[owner[0]] += walk.count * (walk.turns is not None)
            seen[owner[0], walk.place] += walk.count
    return {
        walk.call: owners[walk.call]
        for walk in walks
        if walk.call in owners
        and (
            walk.turns is not None
            or seen[owners[walk.call][0], walk.place] <= HEAVY_CALL * turns[owners[walk.call][0]]
        )
    }
