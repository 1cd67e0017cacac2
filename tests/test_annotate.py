"""``annotate`` and ``request``: what is marked, by whom, and that marking never hurts."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from infprof import annotate, request
from infprof.profiler.marks import MOST_NAMES, OTHER_NAMES, Keys
from infprof.profiler.recording import Lane, Phase
from infprof.profiler.stages import DECLARABLE
from tests.recorded import recorded


def test_ranges_have_their_name_stage_and_nesting(tmp_path: Path) -> None:
    with recorded(tmp_path) as made:
        with annotate("outer", stage="preprocess"):
            with annotate("inner"):
                pass
    assert made.ranges == [("preprocess", "outer"), (None, "inner")]
    events = made.done.events
    assert events.start_ns[0] <= events.start_ns[1] <= events.end_ns[1] <= events.end_ns[0]


@pytest.mark.parametrize("stage", sorted(DECLARABLE))
def test_every_declarable_stage(stage: str, tmp_path: Path) -> None:
    with recorded(tmp_path) as made, annotate("x", stage=stage):
        pass
    assert made.ranges == [(stage, "x")]


@pytest.mark.parametrize("stage", ["forward", "unattributed", "profiler", "", "COMPUTE"])
def test_another_stage_is_refused_where_it_is_written(stage: str) -> None:
    with pytest.raises(ValueError, match="stage must be one of compute, d2h, h2d"):
        annotate("x", stage=stage)


def test_a_missing_name_is_refused_where_it_is_written() -> None:
    with pytest.raises(TypeError, match="annotate needs a name"):

        @annotate  # type: ignore[arg-type]
        def function() -> None: ...


def test_as_decorator_each_call_is_a_range(tmp_path: Path) -> None:
    @annotate("tokenize", stage="preprocess")
    def tokenize(depth: int) -> int:
        return depth and tokenize(depth - 1)

    with recorded(tmp_path) as made:
        tokenize(2)
    assert made.ranges == [("preprocess", "tokenize")] * 3
    spans = made.done.events
    assert all(spans.start_ns[:-1] <= spans.start_ns[1:])
    assert all(spans.end_ns[:-1] >= spans.end_ns[1:])


def test_a_range_that_raises_is_recorded(tmp_path: Path) -> None:
    with recorded(tmp_path) as made:
        with pytest.raises(KeyError), annotate("x"):
            raise KeyError
    assert made.ranges == [(None, "x")]


def test_nothing_is_kept_without_a_session(tmp_path: Path) -> None:
    with annotate("before"), request("before"):
        pass
    with recorded(tmp_path) as made:
        pass
    with annotate("after"), request("after"):
        pass
    assert made.ranges == [] and made.phases == []


@pytest.mark.parametrize(
    "name", ["", "a\nb", "\x00", "\ud800", "\U0001f600", "x" * 10_000, "<script>", "\x1b[31m"]
)
def test_any_text_is_a_name(name: str, tmp_path: Path) -> None:
    with recorded(tmp_path) as made:
        with request(name), annotate(name, stage="io"):
            pass
    made.done.save(tmp_path / "recording")
    assert made.ranges == [("io", name.replace("\ud800", "?"))]


def test_numbered_names_do_not_fill_the_memory() -> None:
    keys = Keys()
    for number in range(MOST_NAMES):
        keys["io", str(number)]
    assert keys["io", "one more"] == keys["io", "and another"] == MOST_NAMES
    assert keys["h2d", "x"] == MOST_NAMES + 1
    assert keys["io", "7"] == 7
    assert len(keys) == MOST_NAMES + 2 and ("io", OTHER_NAMES) in keys


def test_each_thread_is_a_lane_of_its_own(tmp_path: Path) -> None:
    together = threading.Barrier(4)

    def work() -> None:
        together.wait()
        with request("served"), annotate("x"):
            together.wait()

    threads = [threading.Thread(target=work) for _ in range(4)]
    with recorded(tmp_path) as made:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    lanes = {thread.native_id for thread in threads}
    assert {lane.id for lane in made.done.header.lanes} == lanes
    assert sorted(made.done.requests.lane) == [0, 1, 2, 3]
    assert all(isinstance(lane, Lane) and lane.type == "thread" for lane in made.done.header.lanes)


def test_a_request_inside_a_request_is_a_range(tmp_path: Path) -> None:
    with recorded(tmp_path) as made:
        with request("outer"):
            with request("inner"), request("innermost"):
                pass
        with request("next"):
            pass
    assert made.phases == [Phase.COLD, Phase.WARMUP]
    assert made.ranges == [(None, "inner"), (None, "innermost")]


def test_tasks_serve_requests_side_by_side(tmp_path: Path) -> None:
    async def serve(name: str) -> None:
        with request(name):
            await asyncio.sleep(0)
            with request("inner"):
                await asyncio.sleep(0)

    async def main() -> None:
        await asyncio.gather(*(serve(str(number)) for number in range(5)))

    with recorded(tmp_path) as made:
        asyncio.run(main())
    table = made.done.requests
    assert len(table) == 5 and made.ranges == [(None, "inner")] * 5
    assert table.start_ns[-1] < table.end_ns[0], "they were to overlap"


def test_a_failed_request_is_told_apart_and_a_closed_one_is_not(tmp_path: Path) -> None:
    def stream() -> Iterator[int]:
        with request("stream"):
            yield 1
            yield 2

    with recorded(tmp_path) as made:
        with pytest.raises(OSError), request("bad"):
            raise OSError
        items = stream()
        next(items)
        items.close()  # type: ignore[attr-defined]
    assert list(made.done.requests.failed) == [True, False]


def test_an_abandoned_stream_does_not_swallow_later_requests(tmp_path: Path) -> None:
    """It is closed in another context than the one it was read in."""

    async def stream() -> AsyncIterator[int]:
        with request("stream"):
            yield 1
            yield 2

    async def main() -> None:
        async for _ in stream():
            break
        for _ in range(5):
            await asyncio.sleep(0)  # the loop closes it
        for _ in range(3):
            with request("later"):
                pass

    with recorded(tmp_path) as made:
        asyncio.run(main())
    assert len(made.phases) == 4 and made.ranges == []


def test_torch_s_profiler_sees_the_ranges() -> None:
    script = """
import torch, infprof
with torch.autograd.profiler.profile() as seen:
    with infprof.request("serve"), infprof.annotate("tokenize", stage="preprocess"):
        torch.ones(2) + 1
print([event.name for event in seen.function_events if "infprof" in event.name])
"""
    output = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout
    assert output == "['infprof:request:serve', 'infprof:preprocess:tokenize']\n"


@pytest.mark.parametrize("library", ["", "/nonexistent/tool.so"])
def test_an_nvtx_tool_that_cannot_be_loaded_does_no_harm(library: str) -> None:
    script = "import infprof\nwith infprof.annotate('x', stage='io'): print('body')"
    output = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env={"NVTX_INJECTION64_PATH": library},
    )
    assert (output.returncode, output.stdout) == (0, "body\n")


def test_the_marking_side_imports_the_standard_library_alone() -> None:
    script = """
import sys
before = {name.partition(".")[0] for name in sys.modules}
from infprof import annotate, profile, request
import infprof.profiler.child
new = {name.partition(".")[0] for name in sys.modules} - before - set(sys.stdlib_module_names)
print(sorted(new))
"""
    output = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout
    assert output == "['infprof']\n"
