"""What the processor, the disk and the network did for a process tree since the last look."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from infprof.profiler.probes.proc import ProcessTree, Scheduled, numbers, scheduled, stat, threads
from infprof.profiler.probes.quiet_files import read
from infprof.profiler.probes.rates import Rates

MACHINE = 0
"""Owner of the counters that belong to no process."""

_IO = {"read_bytes": "host.disk_read", "write_bytes": "host.disk_write", "rchar": "host.read_chars"}
_SWITCHES = {
    "voluntary_ctxt_switches": "host.voluntary_switches",
    "nonvoluntary_ctxt_switches": "host.involuntary_switches",
}
_PERIODS = {"nr_periods": "periods", "nr_throttled": "host.throttled"}
Counters = dict[tuple[str, int], float]
"""Growing numbers by (series name, id of the process or thread they belong to)."""


class QuickProbe:
    """What changes within a request: CPU by process and thread, memory, disk and network."""

    def __init__(self, tree: ProcessTree) -> None:
        self._tree = tree
        self._rates: Rates[str] = Rates()
        self._thread_shares = ThreadShares()

    def __call__(self, time_ns: int) -> dict[str, float]:
        """One sample by series name. Raises ``Ended`` when the process is gone."""
        proc, pids = self._tree.proc, self._tree.pids(time_ns)
        stats = {pid: found for pid in pids if (found := stat(proc, pid))}
        counters: Counters = {("host.cpu", pid): 100 * found.cpu_s for pid, found in stats.items()}
        for pid in pids:
            counters |= _renamed(numbers(read(f"{proc}/{pid}/io")), _IO, pid)
        counters |= network(read(f"{proc}/{self._tree.pid}/net/dev"))
        counters |= machine_cpu(read(f"{proc}/stat"))
        rates = self._rates(time_ns, counters)
        busy, idle, stolen = (rates.pop(name, None) for name in ("busy", "idle", "stolen"))
        if busy is not None and idle is not None and busy + idle > 0:
            rates["host.machine_cpu"] = 100 * busy / (busy + idle)
            if stolen is not None:
                rates["host.stolen"] = 100 * stolen / (busy + idle)
        if stats:
            rates["host.rss"] = sum(found.rss_bytes for found in stats.values())
        return rates | self._thread_shares(time_ns, _threads_of(proc, pids))


class SlowProbe:
    """What the kernel itself averages over seconds, or what is too dear to ask often."""

    def __init__(self, tree: ProcessTree, throttling: Path | None) -> None:
        self._tree, self._throttling = tree, throttling
        self._rates: Rates[str] = Rates()

    def __call__(self, time_ns: int) -> dict[str, float]:
        """One sample by series name. Raises ``Ended`` when the process is gone."""
        proc = self._tree.proc
        counters: Counters = {}
        for pid in self._tree.pids(time_ns):
            for thread in threads(proc, pid):  # /proc/<pid>/status counts the main thread only
                text = read(f"{proc}/{pid}/task/{thread}/status") or ""
                counters |= _renamed(numbers(text[-100:]), _SWITCHES, thread)  # its last two lines
        periods = numbers(read(self._throttling)) if self._throttling else {}
        counters |= _renamed(periods, _PERIODS, MACHINE)
        rates = self._rates(time_ns, counters)
        every, throttled = rates.pop("periods", None), rates.get("host.throttled")
        if throttled is not None and every:
            rates["host.throttled_share"] = 100 * throttled / every
        return rates | pressure(proc)


class ThreadShares:
    """Which part of the time the busiest thread ran, and the neediest one waited for a CPU."""

    def __init__(self) -> None:
        self._time_ns = 0
        self._last: dict[int, Scheduled] = {}

    def __call__(self, time_ns: int, now: dict[int, Scheduled]) -> dict[str, float]:
        """In percent of the time since the call before.

        The neediest thread is the one that ran and waited most: when it waits, the program does.
        A sum over threads would grow with the size of an idle thread pool instead.
        """
        elapsed = time_ns - self._time_ns
        grown = [
            (now[thread].ran_ns - before.ran_ns, now[thread].waited_ns - before.waited_ns)
            for thread, before in self._last.items()
            if thread in now
        ]
        self._time_ns, self._last = time_ns, now
        if not grown or elapsed <= 0:
            return {}
        neediest = max(grown, key=sum)
        return {
            "host.busiest_thread": 100 * max(ran for ran, _ in grown) / elapsed,
            "host.run_delay": 100 * neediest[1] / elapsed,
        }


def _threads_of(proc: str, pids: Iterable[int]) -> dict[int, Scheduled]:
    return {
        thread: found
        for pid in pids
        for thread in threads(proc, pid)
        if (found := scheduled(proc, pid, thread))
    }


def _renamed(found: dict[str, int], series: dict[str, str], owner: int) -> Counters:
    return {(name, owner): found[key] for key, name in series.items() if key in found}


def network(dev: str | None) -> Counters:
    """Bytes received and sent by all interfaces but the loopback, from ``/proc/<pid>/net/dev``."""
    rows = [line.partition(":") for line in (dev or "").splitlines() if ":" in line]
    if not rows:
        return {}
    fields = [rest.split() for name, _, rest in rows if name.strip() != "lo"]
    return {
        ("host.network_received", MACHINE): sum(int(field[0]) for field in fields),
        ("host.network_sent", MACHINE): sum(int(field[8]) for field in fields),
    }


def machine_cpu(stat_text: str | None) -> Counters:
    """Time that all CPUs of the machine were busy and idle, from the top of ``/proc/stat``; and the
    part of the busy time in which a virtual machine's host ran something else."""
    head = (stat_text or "").partition("\n")[0].split()
    if not head or head[0] != "cpu" or len(head) < 9:
        return {}
    times = [int(field) for field in head[1:9]]  # what follows is counted in user time already
    idle = times[3] + times[4]  # waiting for a disk is idle too
    return {
        ("busy", MACHINE): sum(times) - idle,
        ("idle", MACHINE): idle,
        ("stolen", MACHINE): times[7],
    }


def pressure(proc: str) -> dict[str, float]:
    """Share of the last ten seconds in which some task of the machine was stalled, in percent."""
    found = {}
    for resource in ("cpu", "io", "memory"):
        for line in (read(f"{proc}/pressure/{resource}") or "").splitlines():
            words = dict(word.split("=", 1) for word in line.split() if "=" in word)
            if line.startswith("some ") and "avg10" in words:
                found[f"host.pressure_{resource}"] = float(words["avg10"])
    return found
