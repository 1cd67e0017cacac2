"""``ASGIMiddleware`` around plain ASGI applications, on real event loops and real threads."""

from __future__ import annotations

import asyncio
import threading
import traceback
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter_ns, time_ns
from typing import Any

import pytest

import infprof
from infprof import ASGIMiddleware, annotate
from infprof.profiler.breakdown import by_occupancy
from infprof.profiler.recording import Phase, Recording
from infprof.profiler.stints import WAITS, WORK
from infprof.profiler.timeline import Timeline
from infprof.profiler.web.exchange import current
from tests.recorded import recorded

Send = Callable[[Any], Awaitable[None]]
App = Callable[..., Awaitable[None]]

START = {"type": "http.response.start", "status": 200, "headers": [(b"x", b"y")]}


def body(data: bytes = b"", more: bool = False) -> dict[str, object]:
    return {"type": "http.response.body", "body": data, "more_body": more}


def spin(ms: float) -> None:
    """Hold this thread."""
    end = perf_counter_ns() + ms * 1e6
    while perf_counter_ns() < end:
        pass


async def get(app: App, scope: dict[str, Any] | None = None) -> list[Any]:
    """What the application sends to one request."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    await app({"type": "http", "method": "GET", "headers": [], **(scope or {})}, receive, send)
    return sent


async def together(app: App, count: int) -> None:
    """As a server does: a task for each request."""
    loop = asyncio.get_running_loop()
    await asyncio.gather(*[loop.create_task(get(app)) for _ in range(count)])


def waited_ns(made: Recording, what: str) -> int:
    """All time that requests waited for something."""
    mine = made.stints.wait == WAITS.index(what)
    return int((made.stints.end_ns - made.stints.start_ns)[mine].sum())


def stages(made: Recording) -> list[dict[str, int]]:
    """Exposed ns by leaf, of each request."""
    found = by_occupancy(Timeline(made, phases=(Phase.PLAIN,)))
    return [{leaf: one.exposed_ns for leaf, one in each.leaves.items()} for each in found.requests]


async def hello(scope: Any, receive: Any, send: Send) -> None:
    await send(START)
    await send(body(b"hello"))


def test_each_http_request_is_one_request(tmp_path: Path) -> None:
    async def serve() -> None:
        for _ in range(5):
            assert await get(app) == [START, body(b"hello")]

    app = ASGIMiddleware(hello)
    with recorded(tmp_path) as made:
        asyncio.run(serve())
    assert len(made.done.requests) == 5 and not made.done.requests.failed.any()
    assert len(set(made.done.requests.number.tolist())) == 5
    assert current() is None


def test_without_a_session_the_application_is_called_as_it_is() -> None:
    given: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        given.append(send)
        assert current() is None
        assert asyncio.get_running_loop().get_task_factory() is None

    async def serve() -> None:
        await ASGIMiddleware(app)({"type": "http"}, None, send)  # type: ignore[arg-type]

    async def send(message: Any) -> None: ...

    asyncio.run(serve())
    assert given == [send]


@pytest.mark.parametrize("kind", ["websocket", "lifespan", "something new"])
def test_other_scopes_pass_untouched(kind: str, tmp_path: Path) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert current() is None
        await send("anything")

    with recorded(tmp_path) as made:
        assert asyncio.run(get(ASGIMiddleware(app), {"type": kind})) == ["anything"]
    assert len(made.done.requests) == 0


def test_a_request_lasts_until_its_last_byte_and_no_longer(tmp_path: Path) -> None:
    async def app(scope: Any, receive: Any, send: Send) -> None:
        await send(START)
        for _ in range(3):
            await send(body(b"piece", more=True))
            with annotate("streaming"):
                spin(1)
        await send(body())
        assert current() is None
        with annotate("in the background"):
            spin(1)

    with recorded(tmp_path) as made:
        asyncio.run(get(ASGIMiddleware(app)))
    done, events = made.done, made.done.events
    names = [events.names[name] for name in events.name]
    last = max(int(events.end_ns[i]) for i, name in enumerate(names) if name == "streaming")
    after = int(events.start_ns[names.index("in the background")])
    assert last <= int(done.requests.end_ns[0]) <= after


def test_exceptions_pass_and_count_as_failed(tmp_path: Path) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise KeyError("mine")

    with recorded(tmp_path) as made, pytest.raises(KeyError, match="mine") as caught:
        asyncio.run(get(ASGIMiddleware(app)))
    assert made.done.requests.failed.tolist() == [True]
    assert traceback.extract_tb(caught.value.__traceback__)[-1].name == "app"


def test_a_status_of_500_counts_as_failed_and_404_does_not(tmp_path: Path) -> None:
    def answering(status: int) -> App:
        async def app(scope: Any, receive: Any, send: Send) -> None:
            await send({**START, "status": status})
            await send(body())

        return ASGIMiddleware(app)

    with recorded(tmp_path) as made:
        for status in (500, 404, 503):
            asyncio.run(get(answering(status)))
    assert made.done.requests.failed.tolist() == [True, False, True]


def test_a_client_that_leaves_ends_its_request(tmp_path: Path) -> None:
    async def app(scope: Any, receive: Any, send: Send) -> None:
        await asyncio.Event().wait()

    async def serve() -> None:
        task = asyncio.get_running_loop().create_task(get(ASGIMiddleware(app)))
        for _ in range(3):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await get(ASGIMiddleware(hello))

    with recorded(tmp_path) as made:
        asyncio.run(serve())
    assert made.done.requests.failed.tolist() == [True, False]


def test_twice_around_it_counts_once(tmp_path: Path) -> None:
    with recorded(tmp_path) as made:
        asyncio.run(get(ASGIMiddleware(ASGIMiddleware(hello))))
    assert len(made.done.requests) == 1


def test_requests_that_take_turns_on_a_loop_claim_only_their_own_work(tmp_path: Path) -> None:
    bounds = list[tuple[int, int]]()
    """Of each request's work, in order of start: stamps within the mark, and around it."""

    async def app(scope: Any, receive: Any, send: Send) -> None:
        began = perf_counter_ns()
        with annotate("work", stage="compute"):
            within = perf_counter_ns()
            spin(4)
            within = perf_counter_ns() - within
        bounds.append((within, perf_counter_ns() - began))
        await asyncio.sleep(0)
        with annotate("answer", stage="postprocess"):
            spin(2)
        await hello(scope, receive, send)

    with recorded(tmp_path) as made:
        asyncio.run(together(ASGIMiddleware(app), 4))
        asyncio.run(together(ASGIMiddleware(app), 4))
    found = stages(made.done)
    assert len(found) == 5  # the first three warm up
    for one, (least, most) in zip(found, bounds[3:], strict=True):
        computed = sum(ns for leaf, ns in one.items() if leaf.startswith("compute"))
        assert least <= computed <= most
        waits = sum(ns for leaf, ns in one.items() if leaf.startswith("queue"))
        assert waits + computed + one["postprocess.answer"] > 0.8 * sum(one.values())
    assert max(one.get("queue.other requests on the loop", 0) for one in found) > 6e6


def test_the_wait_for_the_first_step_is_the_loop_s_queue(tmp_path: Path) -> None:
    async def app(scope: Any, receive: Any, send: Send) -> None:
        spin(5)
        await hello(scope, receive, send)

    async def serve() -> None:
        await get(ASGIMiddleware(app))  # from here on tasks know when they were made
        await together(ASGIMiddleware(app), 3)

    with recorded(tmp_path) as made:
        asyncio.run(serve())
    assert waited_ns(made.done, "event loop") >= (5 + 10) * 1_000_000
    starts = made.done.requests.start_ns[1:]
    assert starts.max() - starts.min() < 5_000_000  # all arrived before the first one's work
    assert stages(made.done)[-1]["queue.event loop"] >= 10_000_000


@pytest.mark.parametrize("way", ["to_thread", "run_in_executor"])
def test_work_in_a_pool_of_threads_belongs_to_the_request(way: str, tmp_path: Path) -> None:
    pool, all_given = ThreadPoolExecutor(max_workers=1), threading.Event()
    seen: list[int | None] = []
    arrived = list[None]()

    def work() -> int:
        all_given.wait()  # else the pool may be done with each before the next one is given to it
        exchange = current()
        seen.append(exchange.number if exchange else None)
        with annotate("pooled", stage="compute"), infprof.request("inner"):
            spin(4)
        return 7

    async def app(scope: Any, receive: Any, send: Send) -> None:
        loop = asyncio.get_running_loop()
        arrived.append(None)
        if len(arrived) == 5:
            loop.call_later(0.01, all_given.set)
        if way == "to_thread":
            loop.set_default_executor(pool)
            assert await asyncio.to_thread(work) == 7
        else:
            assert await loop.run_in_executor(pool, work) == 7
        await hello(scope, receive, send)

    with recorded(tmp_path) as made:
        asyncio.run(together(ASGIMiddleware(app), 5))
    done = made.done
    pool.shutdown()
    assert len(done.requests) == 5, "the marked request in the pool is a part of it"
    assert sorted(done.requests.number.tolist()) == sorted(one for one in seen if one)
    explained = stages(done)
    assert len(explained) == 2  # the first three warm up
    assert all(one["compute.declared"] >= 4_000_000 for one in explained)
    assert sum(one["queue.thread pool"] for one in explained) >= 10_000_000


def test_the_wait_of_a_finished_pool_call_for_a_busy_loop(tmp_path: Path) -> None:
    pool, begun, may_end = ThreadPoolExecutor(max_workers=1), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        may_end.wait()

    async def pooled(scope: Any, receive: Any, send: Send) -> None:
        await asyncio.get_running_loop().run_in_executor(pool, work)
        await hello(scope, receive, send)

    async def serve() -> None:
        task = asyncio.get_running_loop().create_task(get(ASGIMiddleware(pooled)))
        while not begun.is_set():
            await asyncio.sleep(0)
        may_end.set()
        pool.submit(spin, 0).result()  # the pool has one thread: the work before it has ended
        spin(6)  # a handler that blocks the loop
        await task

    with recorded(tmp_path) as made:
        asyncio.run(serve())
    pool.shutdown()
    assert waited_ns(made.done, "event loop") >= 6_000_000


def test_tasks_that_a_request_starts_work_for_it(tmp_path: Path) -> None:
    async def part() -> None:
        with annotate("part", stage="preprocess"):
            spin(2)
        await asyncio.sleep(0)

    async def app(scope: Any, receive: Any, send: Send) -> None:
        await asyncio.gather(part(), part())
        await hello(scope, receive, send)

    with recorded(tmp_path) as made:
        asyncio.run(together(ASGIMiddleware(app), 4))
    assert all(one["preprocess.part"] >= 4_000_000 for one in stages(made.done))


def test_stints_of_one_thread_never_overlap(tmp_path: Path) -> None:
    async def app(scope: Any, receive: Any, send: Send) -> None:
        for _ in range(3):
            await asyncio.gather(asyncio.sleep(0), asyncio.to_thread(spin, 0.1))
        await hello(scope, receive, send)

    with recorded(tmp_path) as made:
        asyncio.run(together(ASGIMiddleware(app), 8))
    stints = made.done.stints
    for lane in stints.lanes():
        mine = (stints.lane == lane) & (stints.wait == WORK)
        assert (stints.start_ns[mine][1:] >= stints.end_ns[mine][:-1]).all()


def test_the_program_s_own_task_factory_stays(tmp_path: Path) -> None:
    def own(loop: Any, work: Any, **options: Any) -> Any:
        return asyncio.Task(work, loop=loop, **options)

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        loop.set_task_factory(own)
        await together(ASGIMiddleware(hello), 2)
        assert loop.get_task_factory() is own

    with recorded(tmp_path) as made:
        asyncio.run(serve())
    assert len(made.done.requests) == 2


def test_after_the_session_tasks_are_asyncio_s_own_again(tmp_path: Path) -> None:
    async def serve() -> None:
        loop = asyncio.get_running_loop()
        with recorded(tmp_path):
            await get(ASGIMiddleware(hello))
            assert loop.get_task_factory() is not None
        assert type(await _task_of(loop)) is type(await _task_of(loop))
        assert loop.get_task_factory() is None

    asyncio.run(serve())


async def _task_of(loop: asyncio.AbstractEventLoop) -> Any:
    task = loop.create_task(asyncio.sleep(0))
    await task
    return task


def test_the_proxy_s_header_moves_the_arrival_when_asked_to(tmp_path: Path) -> None:
    stamp = str((time_ns() - 30_000_000) // 1000).encode()
    scope = {"headers": [(b"x-request-start", stamp)]}
    with recorded(tmp_path) as made:
        asyncio.run(get(ASGIMiddleware(hello), scope))
        asyncio.run(get(ASGIMiddleware(hello, queue_header="X-Request-Start"), scope))
    walls = made.done.requests.end_ns - made.done.requests.start_ns
    assert sorted(walls.tolist())[1] >= 30_000_000
    assert waited_ns(made.done, "before the server") >= 30_000_000


def timing_of(sent: list[Any]) -> dict[str, float] | None:
    """The entries of the response's ``Server-Timing``."""
    headers = dict(sent[0]["headers"])
    if b"server-timing" not in headers:
        return None
    entries = (one.split(";dur=") for one in headers[b"server-timing"].decode().split(", "))
    return {what: float(ms) for what, ms in entries}


async def staged(scope: Any, receive: Any, send: Send) -> None:
    with annotate("tokenize", stage="preprocess"):
        spin(1)
        with annotate("größe, prüfen"):
            spin(2)
    await asyncio.to_thread(_computed)
    await hello(scope, receive, send)


def _computed() -> None:
    with annotate("model", stage="compute"):
        spin(3)


def test_server_timing_needs_no_session() -> None:
    sent = asyncio.run(get(ASGIMiddleware(staged, server_timing=True)))
    told = timing_of(sent)
    assert told is not None and list(told)[-1] == "total"
    assert told["preprocess"] >= 1 and told["gr_e_pr_fen"] >= 2 and told["compute"] >= 3
    assert told["total"] >= told["preprocess"] + told["gr_e_pr_fen"] + told["compute"]
    assert (b"x", b"y") in sent[0]["headers"] and b"server-timing" not in dict(START["headers"])  # type: ignore[call-overload]


def test_server_timing_on_demand() -> None:
    app = ASGIMiddleware(staged, server_timing_header="X-Debug")
    assert timing_of(asyncio.run(get(app))) is None
    asked = asyncio.run(get(app, {"headers": [(b"x-debug", b"\xff1")]}))
    assert timing_of(asked) is not None
    assert timing_of(asyncio.run(get(ASGIMiddleware(staged)))) is None


def test_server_timing_of_requests_at_once_tells_each_its_own() -> None:
    async def app(scope: Any, receive: Any, send: Send) -> None:
        with annotate("work", stage=scope["stage"]):
            spin(1)
        await asyncio.sleep(0)
        await hello(scope, receive, send)

    async def serve() -> list[list[Any]]:
        wrapped = ASGIMiddleware(app, server_timing=True)
        words = ("io", "compute", "d2h")
        return await asyncio.gather(*[get(wrapped, {"stage": word}) for word in words])

    told = [timing_of(sent) for sent in asyncio.run(serve())]
    assert [sorted(one or ()) for one in told] == [
        ["io", "total"],
        ["compute", "total"],
        ["d2h", "total"],
    ]
