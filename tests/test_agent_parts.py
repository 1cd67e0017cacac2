"""The agent's language, its places, and the taking of files from those who are not trusted."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from infprof.profiler.agent.messages import (
    ATTACHED,
    LIMITS,
    Order,
    Refused,
    line_of_order,
    order_in,
    shown,
)
from infprof.profiler.agent.places import PREFIX, folders, open_folder, raw_folder, sweep
from infprof.profiler.agent.taking import remove, take
from infprof.profiler.cycle_requests import LONG_COLD_NS, Turns, cut
from infprof.profiler.recording import Phase
from infprof.profiler.schedule import Plan
from infprof.profiler.session import Session
from infprof.profiler.session_files import NONE_MEANWHILE
from infprof.profiler.stragglers import Stragglers
from tests.agents import until
from tests.recorded import read


@given(
    some.builds(
        Order,
        some.floats(0, 3600),
        some.builds(
            Plan,
            **{name: some.integers(0, LIMITS[name]) for name in ("warmup", "plain", "windows")},
            window_seconds=some.floats(0, 60),
        ),
        some.integers(1, 1 << 30),
    )
)
def test_an_order_arrives_as_it_was_given(order: Order) -> None:
    assert order_in(line_of_order(order)[:-1]) == order


@given(some.binary(max_size=100) | some.from_regex(rb'\{"version": ?1,.*\}', fullmatch=True))
def test_any_line_is_an_order_or_refused(line: bytes) -> None:
    try:
        assert isinstance(order_in(line), Order)
    except Refused:
        pass


@pytest.mark.parametrize(
    "change",
    [
        {"seconds": float("nan")},
        {"seconds": float("inf")},
        {"seconds": 10**400},
        {"seconds": True},
        {"seconds": "1"},
        {"most_bytes": 0},
        {"plan": {"windows": 10**9}},
        {"plan": {"window_seconds": float("nan")}},
        {"plan": {"unknown": 1}},
        {"plan": None},
        {"version": None},
    ],
)
def test_what_is_out_of_bounds_is_refused(change: dict[str, Any]) -> None:
    good = json.loads(line_of_order(Order(1.0, ATTACHED, 1 << 20)))
    assert order_in(json.dumps(good).encode()).seconds == 1
    with pytest.raises(Refused):
        order_in(json.dumps({**good, **change}).encode())


@given(some.text())
def test_what_they_say_is_fit_to_be_shown(text: str) -> None:
    assert shown(text).isprintable() and len(shown(text)) <= 300


def test_places(tmp_path: Path) -> None:
    assert folders(7, {"XDG_RUNTIME_DIR": "/run/x"})[0] == Path("/run/x/infprof")
    for environment in ({}, {"XDG_RUNTIME_DIR": ""}, {"XDG_RUNTIME_DIR": "not/absolute"}):
        assert folders(7, environment) == [Path("/tmp/infprof-7")]
    ours = tmp_path / "ours"
    ours.mkdir(mode=0o700)
    os.close(open_folder(ours, os.geteuid()))
    with pytest.raises(PermissionError):
        open_folder(ours, os.geteuid() + 1)
    (tmp_path / "link").symlink_to(ours)
    with pytest.raises(OSError):
        open_folder(tmp_path / "link", os.geteuid())
    ours.chmod(0o750)
    with pytest.raises(PermissionError):
        open_folder(ours, os.geteuid())


def test_what_the_dead_left_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    places = tmp_path / "places"
    places.mkdir(mode=0o700)
    for name in ("999999999.sock", f"{os.getpid()}.sock", "1.sock", "notes", "x.sock"):
        (places / name).touch()
    left = tmp_path / f"{PREFIX}1-x"
    left.mkdir(mode=0o700)
    (tmp_path / f"{PREFIX}link").symlink_to(tmp_path)
    folder = open_folder(places, os.geteuid())
    with raw_folder() as (held, _):
        sweep(folder, f"{os.getpid()}.sock")
        assert sorted(os.listdir(places)) == ["1.sock", "notes", "x.sock"]
        assert held.exists() and not left.exists() and places.exists()
    assert not held.exists()
    os.close(folder)


def test_only_plain_files_are_taken(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    secret = tmp_path / "secret.json"
    secret.write_text("secret")
    (source / "marks.bin").write_bytes(b"12345678")
    (source / "window-0.json").write_text("{}")
    (source / "large.bin").write_bytes(b"x" * 1000)
    (source / "link.json").symlink_to(secret)
    (source / "folder.json").mkdir()
    os.mkfifo(source / "pipe.json")
    for name in ("..x", "session.json.part", "UPPER.JSON", "new\nline.json"):
        (source / name).touch()
    descriptor = os.open(source, os.O_RDONLY)
    take(descriptor, os.geteuid(), target, 100)
    assert {one.name for one in target.iterdir()} == {"marks.bin", "window-0.json"}
    assert (target / "marks.bin").read_bytes() == b"12345678"
    take(descriptor, os.geteuid() + 1, tmp_path / "none", 100)
    assert list((tmp_path / "none").iterdir()) == []
    remove(descriptor)
    assert not source.exists() and secret.read_text() == "secret"
    os.close(descriptor)


def test_stragglers_are_waited_for() -> None:
    stop, waits = threading.Event(), threading.Event()

    def work() -> None:
        while not stop.is_set():
            sum(range(1000))
        waits.wait()

    thread = threading.Thread(target=work)
    thread.start()
    stragglers = Stragglers()

    def is_found() -> bool:
        stragglers.find()
        return stragglers.besides(0)

    def is_left() -> bool:
        stragglers.look()
        return stragglers.besides(0)

    until(is_found, "it is found")
    assert thread.native_id is not None
    assert not stragglers.besides(thread.native_id)
    stragglers.forget(0)
    assert stragglers.besides(0)
    stop.set()
    until(lambda: not is_left(), "it rests")
    waits.set()
    thread.join()


def test_no_window_opens_while_one_is_at_work(tmp_path: Path) -> None:
    session = Session(tmp_path, Plan(warmup=0, plain=1, window=1))
    session.start(joining=True)
    session.gate.stragglers._left = {1}
    phases = [session.enter_request(thread) for thread in (7, 8, 9) for _ in range(2)]
    session.finish()
    assert set(phases) == {Phase.PLAIN}
    assert not session.windows.done


def test_a_session_that_joins_takes_no_whole_run_for_a_request(tmp_path: Path) -> None:
    session = Session(tmp_path / "raw", Plan(warmup=0))
    session.start(joining=True)
    until(lambda: (tmp_path / "raw" / "beats.bin").exists(), "it samples")
    session.finish()
    recording = read(tmp_path / "raw")
    assert len(recording.requests) == 0
    assert recording.header.missing["requests"] == NONE_MEANWHILE


def test_a_long_first_request_is_cold_only_where_a_warm_up_was_asked_for() -> None:
    times = np.array([0, LONG_COLD_NS, LONG_COLD_NS + 10, LONG_COLD_NS + 20], np.int64)
    same = np.zeros(4, np.int64)
    turns = Turns(times, same, same, same - 1)
    for warmup, first in ((0, Phase.PLAIN), (1, Phase.COLD)):
        phases = [Phase(row[3]) for row in cut(turns, warmup, [])]
        assert phases == [first, Phase.PLAIN, Phase.PLAIN]
