"""Programs for the simulated machine, drawn at random."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

HELPERS = 3


@dataclass(frozen=True)
class Step:
    """One line of a program."""

    do: str
    """``work``, ``kernel``, ``copy``, ``blocking copy``, ``blocking upload``, ``graph``, ``sync``,
    ``wait``, ``ahead``, ``give`` to a helper, ``join`` all helpers."""
    stream: int = 0
    time_ns: int = 0
    other: int = 0
    """Kernels of a graph; the stream that ``wait`` waits for; -1 in ``sync`` is all streams; which
    copy of its request one ``ahead`` is; the helper to ``give`` work to."""
    given: tuple[Step, ...] = ()


def random_program(seed: int, events: bool = True, threads: bool = True) -> list[Step]:
    """Ten to sixty steps with times of 1 us to 0.3 ms; ``events`` lets streams wait for streams.
    With ``threads`` every other program gives some of its steps to helpers, and waits for them at
    once or later."""
    rng = random.Random(seed)
    kinds = ["work"] * 4 + ["kernel"] * 6 + ["copy", "blocking copy", "graph", "sync"]
    kinds += ["wait"] * events

    def step() -> Step:
        do, time = rng.choice(kinds), round(10 ** rng.uniform(3, 5.5))
        other = {"graph": rng.randint(1, 8), "sync": rng.choice([0, -1])}.get(do, rng.randrange(3))
        return Step(do, rng.randrange(3), time, other)

    steps = [step() for _ in range(rng.randint(10, 60))]
    if threads and rng.random() < 0.5:
        steps = _shared_out(rng, steps)
    return [*steps, Step("sync", other=-1)]


def _shared_out(rng: random.Random, steps: list[Step]) -> list[Step]:
    found = []
    while steps:
        number = rng.randint(1, 9)
        mine, steps = steps[:number], steps[number:]
        if rng.random() < 0.5:
            found += mine
            continue
        found.append(Step("give", other=rng.randrange(HELPERS), given=tuple(mine)))
        if rng.random() < 0.7:
            found.append(Step("join"))
    return [*found, Step("join")]


def with_times(program: Iterable[Step], change: Callable[[Step], float]) -> list[Step]:
    """The program with each step's time multiplied by its ``change``, also of what is given."""
    return [
        replace(
            one,
            time_ns=round(one.time_ns * change(one)),
            given=tuple(with_times(one.given, change)),
        )
        for one in program
    ]
