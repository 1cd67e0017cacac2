"""A marked request that gives calls to a pool of threads: who worked for it is noted exactly."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from infprof import annotate, request
from infprof.profiler.helpers import Helpers
from infprof.profiler.stints import NOBODY
from infprof.profiler.timeline import Request, Timeline
from tests.recorded import NO_WINDOWS, recorded


def work() -> str:
    with annotate("pooled", stage="compute"), request("inner"):
        return "done"


def test_what_a_pool_does_is_a_part_of_the_request_that_gave_it(tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as pool, recorded(tmp_path, NO_WINDOWS) as made:
        with request("alone"):
            work()
        with request("shared"):
            first, second = pool.submit(work), pool.submit(work)
            assert first.result() == second.result() == "done"
    done = made.done
    assert len(done.requests) == 2, "a request that is marked in the pool is a part of it"
    assert (done.requests.number == NOBODY).tolist() == [True, False]
    assert done.served(int(done.requests.lane[0]), warm=False).start.tolist() == (
        done.requests.start_ns.tolist()
    )
    columns = done.requests.start_ns, done.requests.end_ns, done.requests.lane, done.requests.number
    helpers = Helpers(Timeline(done))
    alone, helps = (
        helpers.of(Request(*one)).helps
        for one in zip(*(column.tolist() for column in columns), strict=True)
    )
    assert not alone
    assert len(helps) == 2 and helps[0].lane == helps[1].lane != done.requests.lane[1]
    assert all(one.given_ns < one.start_ns < one.end_ns for one in helps)


def test_a_request_that_shares_its_thread_with_others_has_no_stints(tmp_path: Path) -> None:
    """What an event loop does meanwhile is not known."""

    async def serve() -> None:
        with request("on a loop"):
            await asyncio.to_thread(work)

    with recorded(tmp_path, NO_WINDOWS) as made:
        asyncio.run(serve())
    assert not len(made.done.stints)
    assert made.done.requests.number.tolist() == [NOBODY]
