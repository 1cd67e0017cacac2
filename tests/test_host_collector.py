"""The host collector on our own process, and its readers on made-up ``/proc`` trees."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from infprof.profiler.collectors import Facts, Target, Unavailable
from infprof.profiler.collectors.host import UNITS, Collector, cpu_features
from infprof.profiler.probes.cpu_limits import CpuLimits, cpu_limits
from infprof.profiler.probes.host import (
    QuickProbe,
    SlowProbe,
    ThreadShares,
    machine_cpu,
    network,
    pressure,
)
from infprof.profiler.probes.proc import ProcessTree, Scheduled, numbers, scheduled, stat
from infprof.profiler.probes.quiet_files import names, read
from infprof.profiler.probes.sampler import Ended


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def stat_line(pid: int, *, state: str = "S", user: int = 0, start: int = 5, pages: int = 10) -> str:
    fields = [state] + ["0"] * 10 + [str(user), "0"] + ["0"] * 6 + [str(start), "0", str(pages)]
    return f"{pid} (a (b) c) {' '.join(fields)}"


def process(pid: int, children: str = "", **fields: object) -> dict[str, str]:
    return {
        f"{pid}/stat": stat_line(pid, **fields),  # type: ignore[arg-type]
        f"{pid}/task/{pid}/children": children,
    }


def values(facts: Facts, name: str) -> list[float]:
    index = [series.name for series in facts.series].index(name)
    return [value for series, _, value in facts.points if series == index]


def burn(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


# --- our own process


def test_a_busy_process_is_seen_busy() -> None:
    collector = Collector()
    collector.prepare(Target(os.getpid()))
    quick, slow = collector.samplers
    quick.tick(), slow.tick()
    before = time.perf_counter(), time.process_time()
    burn(0.3)
    truth = 100 * (time.process_time() - before[1]) / (time.perf_counter() - before[0])
    quick.tick(), slow.tick()
    facts = collector.stop()
    [cpu] = values(facts, "host.cpu")
    assert cpu == pytest.approx(truth, abs=15)  # the kernel counts in ticks of 10 ms
    [busiest] = values(facts, "host.busiest_thread")
    assert busiest == pytest.approx(truth, abs=25)
    assert all(value > 2**20 for value in values(facts, "host.rss"))
    assert all(series.unit == UNITS[series.name] for series in facts.series)
    assert facts.notes == []


def test_what_is_read_is_counted_even_from_the_page_cache(tmp_path: Path) -> None:
    file = tmp_path / "big"
    file.write_bytes(bytes(32 << 20))
    collector = Collector()
    collector.prepare(Target(os.getpid()))
    quick = collector.samplers[0]
    start = time.perf_counter()
    quick.tick()
    file.read_bytes()
    time.sleep(0.05)
    quick.tick()
    elapsed = time.perf_counter() - start
    [rate] = values(collector.stop(), "host.read_chars")
    assert rate * elapsed > 32 << 20


def test_the_machine_is_described() -> None:
    collector = Collector()
    collector.prepare(Target(os.getpid()))
    machine = collector.stop().machine
    assert machine is not None and machine.python == sys.version.split()[0]
    assert machine.cpu.logical == os.cpu_count()
    assert machine.cpu.usable and machine.cpu.usable <= len(os.sched_getaffinity(0))
    assert machine.cpu.memory_bytes and machine.cpu.memory_bytes > 2**28
    assert machine.os and machine.os.startswith("Linux")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("model name\t: EPYC\nflags\t\t: fpu avx2 avx512f avx512_bf16 sse4_2 avx512_vnni\n"
         "flags\t\t: other\n", ["avx2", "avx512_bf16", "avx512_vnni", "avx512f"]),
        ("flags : amx_tile amx_bf16 avx512_fp16 avx_ne_convert avx_vnni aes",
         ["amx_bf16", "amx_tile", "avx512_fp16", "avx_ne_convert", "avx_vnni"]),
        ("flags : fpu vme", []),
        ("Features : fp asimd bf16", None),  # ARM
        ("", None),
    ],
)  # fmt: skip
def test_the_instruction_sets_for_matrix_products(
    tmp_path: Path, text: str, found: list[str] | None
) -> None:
    assert cpu_features(write(tmp_path, {"proc/cpuinfo": text})) == found


def test_the_thread_keeps_its_pace_beside_a_busy_interpreter() -> None:
    """Each file opened the usual way would cost 5 ms of waiting for the GIL."""
    collector = Collector(20_000_000)
    collector.start(Target(os.getpid()))
    assert {"infprof-host", "infprof-host-slow"} <= {t.name for t in threading.enumerate()}
    end = time.perf_counter() + 1
    while time.perf_counter() < end:
        pass
    facts = collector.stop()
    assert len(values(facts, "host.rss")) > 15
    assert not [t for t in threading.enumerate() if t.name.startswith("infprof-host")]


def test_children_are_watched_too_until_the_process_is_gone() -> None:
    worker = "import os,time; os.fork(); time.sleep(60)"
    child = subprocess.Popen([sys.executable, "-c", worker])
    try:
        tree = ProcessTree(child.pid)
        deadline = time.monotonic() + 20
        pids: tuple[int, ...] = ()
        while len(pids) < 2 and time.monotonic() < deadline:
            pids = tree.pids(time.perf_counter_ns() + 10**12)
            time.sleep(0.02)
        assert len(pids) == 2 and pids[0] == child.pid
        collector = Collector()
        collector.prepare(Target(child.pid))
        assert all(sampler.tick() for sampler in collector.samplers)
        for pid in pids:
            os.kill(pid, 9)
    finally:
        child.kill()
    while (found := stat("/proc", child.pid)) and found.state != "Z":
        time.sleep(0.01)
    with pytest.raises(Ended):  # a zombie, and then nothing at all
        tree.pids(2 * 10**18)
    child.wait()
    with pytest.raises(Ended):
        tree.pids(3 * 10**18)
    facts = collector.stop()
    assert values(facts, "host.rss")[0] > 0 and facts.notes == []


def test_no_process_is_no_source() -> None:
    with pytest.raises(Unavailable, match="there is no process"):
        Collector().start(Target(2**22 + 7))


# --- made-up /proc


def test_a_recycled_process_id_is_not_followed(tmp_path: Path) -> None:
    tree = ProcessTree(7, str(write(tmp_path, process(7, start=100))))
    assert tree.pids(0) == (7,)
    write(tmp_path, process(7, start=200))
    assert tree.pids(500_000_000) == (7,)  # looked up once a second
    with pytest.raises(Ended):
        tree.pids(1_500_000_000)


def test_descendants_are_found(tmp_path: Path) -> None:
    write(tmp_path, process(7, "8 9 ") | process(8, "10 ") | process(9) | process(10))
    assert ProcessTree(7, str(tmp_path)).pids(0) == (7, 8, 10, 9)


def test_missing_files_leave_their_series_out(tmp_path: Path) -> None:
    tree = ProcessTree(7, str(write(tmp_path, process(7, user=100, pages=3))))
    quick, slow = QuickProbe(tree), SlowProbe(tree, None)
    assert quick(0) == {"host.rss": 3 * os.sysconf("SC_PAGE_SIZE")}
    write(tmp_path, process(7, user=150, pages=3))
    assert quick(1_000_000_000)["host.cpu"] == pytest.approx(50 * 100 / os.sysconf("SC_CLK_TCK"))
    assert slow(0) == {} and slow(1_000_000_000) == {}


def test_switches_and_throttling_per_second(tmp_path: Path) -> None:
    def step(switches: int, periods: int, throttled: int) -> None:
        status = f"Name:\tx\nvoluntary_ctxt_switches:\t{switches}\nnonvoluntary_ctxt_switches:\t1\n"
        write(tmp_path, process(7) | {"7/task/7/status": status})
        write(tmp_path, {"cpu.stat": f"nr_periods {periods}\nnr_throttled {throttled}\n"})

    step(10, 100, 5)
    probe = SlowProbe(ProcessTree(7, str(tmp_path)), tmp_path / "cpu.stat")
    assert probe(0) == {}
    step(30, 120, 10)
    assert probe(2_000_000_000) == {
        "host.voluntary_switches": 10.0,
        "host.involuntary_switches": 0.0,
        "host.throttled": 2.5,
        "host.throttled_share": 25.0,
    }
    assert "host.throttled_share" not in probe(3_000_000_000)  # no period went by: unknown


def test_run_delay_is_that_of_the_thread_that_wanted_to_run_most() -> None:
    shares = ThreadShares()
    assert shares(0, {1: Scheduled(0, 0), 2: Scheduled(0, 0), 3: Scheduled(0, 0)}) == {}
    later = {1: Scheduled(50, 0), 2: Scheduled(40, 30), 4: Scheduled(900, 900)}
    assert shares(100, later) == {"host.busiest_thread": 50.0, "host.run_delay": 30.0}
    assert shares(200, {}) == {}


def test_readers_of_small_files(tmp_path: Path) -> None:
    dev = (
        "Inter-|   Receive                |  Transmit\n face |bytes    packets |bytes\n"
        "    lo: 999 1 0 0 0 0 0 0 999 1 0 0 0 0 0 0\n  eth0:10 1 0 0 0 0 0 0 20 1 0 0 0 0 0 0\n"
        "  eth1: 1 1 0 0 0 0 0 0 2 1 0 0 0 0 0 0\n"
    )
    assert network(dev) == {("host.network_received", 0): 11, ("host.network_sent", 0): 22}
    assert network(None) == {}
    cpu = "cpu  1 2 3 40 5 6 7 8 100 100\ncpu0 1"
    assert machine_cpu(cpu) == {("busy", 0): 27, ("idle", 0): 45, ("stolen", 0): 8}
    assert machine_cpu(None) == {}
    write(tmp_path, {"pressure/cpu": "some avg10=1.50 avg60=0 total=3\nfull avg10=9 avg60=0\n"})
    assert pressure(str(tmp_path)) == {"host.pressure_cpu": 1.5}
    assert numbers("read_bytes: 5\nusage 7\nother: a\nthree 1 2\n") == {"read_bytes": 5, "usage": 7}
    assert numbers(None) == {}
    write(tmp_path, {"7/task/7/schedstat": ""})
    assert scheduled(str(tmp_path), 7, 7) is None


def test_quiet_files(tmp_path: Path) -> None:
    text = "é" + "x" * 100_000
    write(tmp_path, {"a": text, "b": ""})
    assert read(tmp_path / "a") == text and read(tmp_path / "b") == ""
    assert read(tmp_path / "none") is None and read(tmp_path) is None
    assert sorted(names(tmp_path)) == ["a", "b"] and names(tmp_path / "none") == []
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(50):
        read(tmp_path), read(tmp_path / "a"), names(tmp_path)
    assert len(os.listdir("/proc/self/fd")) == before


# --- limits

V2 = "sys/fs/cgroup"


@pytest.mark.parametrize(
    ("files", "allowed", "quota", "usable"),
    [
        pytest.param({}, None, None, None, id="nothing-known"),
        pytest.param({"status": "0-7"}, 8, None, 8, id="no-cgroup"),
        pytest.param({"status": "0,2-3,8"}, 4, None, 4, id="a-mask-with-holes"),
        pytest.param(
            {"status": "0-7", "cgroup": "0::/\n", f"{V2}/cpu.max": "250000 100000\n"},
            8, 2.5, 2, id="v2-container",
        ),
        pytest.param(
            {"status": "0-7", "cgroup": "0::/pod/a\n", f"{V2}/pod/cpu.max": "400000 100000",
             f"{V2}/pod/a/cpu.max": "max 100000"},
            8, 4.0, 4, id="v2-limit-on-the-parent",
        ),
        pytest.param(
            {"status": "0-1", "cgroup": "0::/not/mounted/here\n", f"{V2}/cpu.max": "50000 100000"},
            2, 0.5, 1, id="v2-host-path-in-a-container",
        ),
        pytest.param(
            {"status": "0-7", "cgroup": "4:cpu,cpuacct:/docker/x\n3:cpuset:/\n0::/\n",
             f"{V2}/cpu,cpuacct/docker/x/cpu.cfs_quota_us": "300000\n",
             f"{V2}/cpu,cpuacct/docker/x/cpu.cfs_period_us": "100000\n"},
            8, 3.0, 3, id="v1",
        ),
        pytest.param(
            {"status": "0-7", "cgroup": "1:cpu:/\n", f"{V2}/cpu/cpu.cfs_quota_us": "-1\n",
             f"{V2}/cpu/cpu.cfs_period_us": "100000\n"},
            8, None, 8, id="v1-unlimited",
        ),
        pytest.param(
            {"status": "0-3", "cgroup": "0::/../../etc\n", f"{V2}/cpu.max": "rubbish"},
            4, None, 4, id="rubbish",
        ),
    ],
)  # fmt: skip
def test_cpu_limits(
    tmp_path: Path,
    files: dict[str, str], allowed: int | None, quota: float | None, usable: int | None,
) -> None:  # fmt: skip
    if "status" in files:
        files = files | {"status": f"Name:\tx\nCpus_allowed_list:\t{files['status']}\n"}
    placed = {
        name if name.startswith("sys/") else f"proc/self/{name}": text
        for name, text in files.items()
    }
    limits = cpu_limits(write(tmp_path, placed))
    assert (limits.allowed, limits.quota, limits.usable) == (allowed, quota, usable)


def test_the_tightest_cgroup_is_the_one_whose_throttling_counts(tmp_path: Path) -> None:
    root = write(tmp_path, {
        "proc/self/cgroup": "0::/a/b\n",
        "sys/fs/cgroup/a/cpu.max": "100000 100000",
        "sys/fs/cgroup/a/b/cpu.max": "300000 100000",
    })  # fmt: skip
    assert cpu_limits(root) == CpuLimits(None, 1.0, root / "sys/fs/cgroup/a/cpu.stat")
