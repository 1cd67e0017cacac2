"""The flame graph: for each stage, what was on the sampled stacks of the threads that served
requests, as a small tree.

A reader looks for lines of their own. So what led to their code is left out, and what goes on
inside torch or inside a model is one box.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import NamedTuple

import numpy as np

from infprof.profiler.call_tree import MODEL_FILE
from infprof.profiler.stacks import Calls, Place
from infprof.reports import wording
from infprof.reports.facts import LONGEST
from infprof.reports.report import FlameNode, FlameStage, HotFunction
from infprof.rules.evidence import Evidence
from infprof.rules.host_code import place_text, places, samples_of

SMALLEST_SHARE = 0.005
"""Of all samples: a smaller box is under 4 pixels wide on an ordinary screen."""

MOST_NODES = 400
"""In all stages together: as many as a page stays quick with and an eye can search."""

MOST_DEPTH = 24
"""Rows of boxes: no deeper stack fits a screen, and recursion in the program stays bounded here."""

SHOWN_FUNCTIONS = 5
"""Functions listed for each stage: what lies behind is rarely 5 % of a request."""

MODEL = "the model (nn.Module)"
TORCH = "torch"


class Frame(NamedTuple):
    """One box of a stack: a function, or all of torch (which has no file)."""

    file: str
    function: str
    line: int
    is_user: bool

    @property
    def key(self) -> tuple[str, str]:
        """Frames under one parent with the same key are one box."""
        return self.file, self.function


@dataclass
class Node:
    """A box that is being filled."""

    frame: Frame
    samples: int = 0
    lines: Counter[int] = field(default_factory=Counter)
    children: dict[tuple[str, str], Node] = field(default_factory=dict)

    def add(self, stack: Iterable[Frame], count: int) -> None:
        """``count`` samples were found in ``stack``, seen from here."""
        node = self
        node.samples += count
        for frame in stack:
            node = node.children.setdefault(frame.key, Node(frame))
            node.samples += count
            node.lines[frame.line] += count

    def inside(self, depth: int = MOST_DEPTH) -> Iterator[Node]:
        """All boxes below, each before its children."""
        for child in self.children.values() if depth else ():
            yield child
            yield from child.inside(depth - 1)


def flame(evidence: Evidence) -> list[FlameStage]:
    """One tree per stage that has samples, the stage with most exposed time first."""
    total = int(evidence.timeline.samples.of_requests.sum())
    found = _trees(evidence)
    kept = _kept(found.values(), total)
    return [
        FlameStage(
            stage=stage,
            samples=root.samples,
            share=root.samples / total,
            children=_rows(root, kept, total),
            functions=_functions(evidence, stage),
        )
        for stage, root in sorted(found.items(), key=lambda one: _rank(evidence, *one))
        if root.samples >= SMALLEST_SHARE * total
    ]


def _rank(evidence: Evidence, stage: str, root: Node) -> tuple[int, int, str]:
    return -evidence.breakdown.exposed_ns(stage), -root.samples, stage


def _trees(evidence: Evidence) -> dict[str, Node]:
    samples, found = evidence.timeline.samples, dict[str, Node]()
    chosen = np.flatnonzero(samples.of_requests)
    counts = Counter(zip(samples.stage[chosen], samples.stacks.call[chosen].tolist(), strict=True))
    stacks = {call: stack_of(samples.stacks.calls, call) for _, call in counts}
    shared = _shared(list(stacks.values()))
    for (stage, call), count in counts.items():
        root = found.setdefault(stage, Node(Frame("", stage, 0, False)))
        root.add(stacks[call][shared:], count)
    return found


def stack_of(calls: Calls, call: int) -> list[Frame]:
    """The boxes of one sampled call, from the user's outermost function inwards."""
    found = list[Frame]()
    for place in (calls.place(one) for one in calls.path(call)):
        frame = _frame(place, found[-1] if found else None)
        if frame is not None:
            found.append(frame)
    first = next((i for i, frame in enumerate(found) if frame.is_user), 0)
    return found[first:]  # how Python or a server came to call the program says nothing


def _frame(place: Place, caller: Frame | None) -> Frame | None:
    """The box of a place, ``None`` where its caller's box already stands for it."""
    if place.is_user:
        return Frame(place.file, place.function, place.line, True)
    inside = caller.function if caller is not None and not caller.file else ""
    if inside == MODEL or (inside == TORCH and _is_torch(place) and not _is_model(place)):
        return None
    if _is_torch(place):
        return Frame("", MODEL if _is_model(place) else TORCH, 0, False)
    return Frame(place.file, place.function, place.line, False)


def _is_torch(place: Place) -> bool:
    return "/torch/" in f"/{place.file}"


def _is_model(place: Place) -> bool:
    return place.file.endswith(MODEL_FILE)


def _shared(stacks: list[list[Frame]]) -> int:
    """How many outermost boxes all stacks have in common and none needs: all up to the innermost
    shared function of the user's, which stays."""
    count = 0
    for frames in zip(*stacks, strict=False):
        if len({frame.key for frame in frames}) > 1:
            break
        count += 1
    users = [i for i in range(count) if stacks[0][i].is_user]
    shortest = min((len(stack) for stack in stacks), default=1)
    return min(users[-1] if users else count, shortest - 1)


def _kept(roots: Iterable[Node], total: int) -> set[int]:
    """The boxes that are shown, by identity: the largest. A caller never comes after its callee."""
    nodes = [node for root in roots for node in root.inside()]
    nodes = [node for node in nodes if node.samples >= SMALLEST_SHARE * total]
    nodes.sort(key=lambda node: -node.samples)
    return {id(node) for node in nodes[:MOST_NODES]}


def _rows(parent: Node, kept: set[int], total: int) -> list[FlameNode]:
    nodes = [node for node in parent.children.values() if id(node) in kept]
    nodes.sort(key=lambda node: (-node.samples, node.frame.key))
    return [
        FlameNode(
            name=_name(node),
            samples=node.samples,
            share=node.samples / total,
            user=node.frame.is_user,
            children=_rows(node, kept, total),
        )
        for node in nodes
    ]


def _name(node: Node) -> str:
    """``resize (serve.py:42)`` with the hottest line; a library's file with its folder."""
    file, function, _, is_user = node.frame
    if not file:
        return wording.plain(function, LONGEST)
    line = max(node.lines, key=lambda number: (node.lines[number], -number))
    if is_user:
        return wording.plain(place_text(Place(file, function, line)), LONGEST)
    text = f"{function} ({'/'.join(PurePosixPath(file).parts[-2:])}:{line})"
    return wording.plain(text, LONGEST)


def _functions(evidence: Evidence, stage: str) -> list[HotFunction]:
    hot = places(evidence, samples_of(evidence, stages=(stage,)), SHOWN_FUNCTIONS)
    return [
        HotFunction(
            name=wording.plain(one.name, LONGEST),
            ms=one.time_ns / 1e6,
            share=evidence.share(one.time_ns),
        )
        for one in hot
        if evidence.share(one.time_ns) >= SMALLEST_SHARE
    ]
