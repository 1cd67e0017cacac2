"""Of a read that waits for the interpreter, that part is no reading."""

from __future__ import annotations

from infprof.profiler.breakdown import by_occupancy
from infprof.profiler.interpreter_waits import interpreter_waits
from tests.build import timeline

READ, FETCH = "socket.recv in fetch (serve.py:3)", "urllib.request.urlopen in fetch (serve.py:2)"
STACK = "serve.py:9:serve > serve.py:3:fetch"


def leaves(text: str) -> dict[str, int]:
    """Exposed nanoseconds by leaf; leaves without any are left out."""
    found = by_occupancy(timeline(text)).leaves
    return {leaf: exposed for leaf, (exposed, _) in found.items() if exposed}


def test_a_read_is_divided_by_what_the_samples_in_it_waited_for() -> None:
    assert leaves(
        f"""main: 0-100 request
        main: 0-80 range io:{READ}
        main: 0-40 stack 4 {STACK} !io
        main: 40-80 stack 4 {STACK} !gil
        main: 80-100 stack 2 {STACK} !running"""
    ) == {f"io.{READ}": 40_000, "python.gil_wait": 40_000, "python.fetch": 20_000}


def test_an_outer_call_holds_its_inner_ones_waits() -> None:
    found = leaves(
        f"""main: 0-100 request
        main: 0-100 range io:{FETCH}
        main: 20-80 range io:{READ}
        main: 0-50 stack 5 {STACK} !io
        main: 50-100 stack 5 {STACK} !gil"""
    )
    assert found["python.gil_wait"] == 50_000
    assert sum(found.values()) == 100_000


def test_calls_seldom_sampled_divide_as_all_of_them_together() -> None:
    text = f"main: 0-1000 request | main: 0-400 range io:{READ} | main: 500-900 range io:{FETCH}"
    text += f" | main: 0-200 stack 4 {STACK} !io | main: 200-400 stack 4 {STACK} !gil"
    assert leaves(text)["python.gil_wait"] == 400_000


def test_without_such_samples_reads_are_reads() -> None:
    text = f"main: 0-100 request | main: 0-80 range io:{READ} | main: 0-80 stack 8 {STACK} !lock"
    assert interpreter_waits(timeline(text)) == []


def test_samples_between_calls_change_none() -> None:
    text = f"main: 0-100 request | main: 0-50 range io:{READ} | main: 50-100 stack 8 {STACK} !gil"
    assert interpreter_waits(timeline(text)) == []


def test_a_model_that_nothing_sees_into_waits_after_its_ops() -> None:
    assert leaves(
        """main: 0-100 request plain
        main: 0-100 range nn.Module: Net
        main: 0-60 stack 6 serve.py:9:serve > serve.py:4:forward !running
        main: 60-100 stack 4 serve.py:9:serve > serve.py:4:forward !gil"""
    ) == {"compute.model": 60_000, "python.gil_wait": 40_000}
