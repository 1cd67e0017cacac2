"""Whether the kernel lets us read another process's memory, else why not and what would allow it.

Asked as py-spy will do it, by ``process_vm_readv``. See ptrace(2), "Ptrace access mode checking".
"""

from __future__ import annotations

import ctypes
import errno
import os
import pwd
from dataclasses import dataclass
from pathlib import Path

from infprof.profiler.probes.py_spy import may_be_traced
from infprof.profiler.probes.quiet_files import read

_CAP_SYS_PTRACE = 1 << 19
_FILTERED = "2"
"""``Seccomp`` in ``/proc/self/status``: system calls go through a filter."""

_IN_KUBERNETES = "securityContext: {capabilities: {add: [SYS_PTRACE]}}  # in the container's spec"
_IN_DOCKER = (
    "docker run --cap-add=SYS_PTRACE ..."
    "  # in Kubernetes: securityContext: {capabilities: {add: [SYS_PTRACE]}}"
)
_AT_BOOT = "echo kernel.yama.ptrace_scope=0 | sudo tee /etc/sysctl.d/10-ptrace.conf && sudo reboot"


@dataclass(frozen=True, slots=True)
class Hindrance:
    """Something that keeps us from looking into a process."""

    why: str
    """One clause that names the process."""
    cure: str
    """The command that ends it, or what to do where there is none."""

    def __str__(self) -> str:
        return f"{self.why}; try: {self.cure}"


@dataclass(frozen=True, slots=True)
class Onlooker:
    """What the kernel judges us by."""

    uid: int
    root_may: bool
    """Whether root has CAP_SYS_PTRACE here; in most containers it has not."""
    is_filtered: bool
    """Whether a seccomp filter stands between us and the kernel."""
    yama: str = ""
    """``kernel.yama.ptrace_scope``; empty where the kernel has none."""
    in_kubernetes: bool = False


@dataclass(frozen=True, slots=True)
class Openness:
    """How much of a process the kernel opens to us."""

    readable: bool
    """Its maps and open files: ``PTRACE_MODE_READ``."""
    traceable: bool
    """Its memory: ``PTRACE_MODE_ATTACH``, which Yama restricts too."""


def forbidden(pid: int, label: str, uid: int) -> Hindrance | None:
    """What forbids us to read the memory of a process of this user; ``None`` where nothing does,
    also where it has ended."""
    if may_be_read(pid):
        return None
    return explain(pid, label, uid, Openness(_is_readable(pid), may_be_traced(pid)), onlooker())


def may_be_read(pid: int) -> bool:
    """Whether the kernel would let us read its memory: we ask for a byte that is never there."""
    libc = ctypes.CDLL(None, use_errno=True)
    byte = ctypes.create_string_buffer(1)
    ours = _Span(ctypes.addressof(byte), 1)
    theirs = _Span(1, 1)
    read_bytes = libc.process_vm_readv
    read_bytes.restype = ctypes.c_ssize_t
    number = ctypes.c_ulong
    arguments = ctypes.byref(ours), number(1), ctypes.byref(theirs), number(1), number(0)
    if read_bytes(pid, *arguments) >= 0:
        return True
    if ctypes.get_errno() == errno.ENOSYS:  # py-spy then reads /proc/<pid>/mem
        return may_be_traced(pid)
    return ctypes.get_errno() not in (errno.EPERM, errno.EACCES)


class _Span(ctypes.Structure):
    """``struct iovec``."""

    _fields_ = [("address", ctypes.c_void_p), ("length", ctypes.c_size_t)]


def onlooker(root: Path = Path("/")) -> Onlooker:
    """Ourselves."""
    lines = (read(root / "proc/self/status") or "").splitlines()
    told = {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Onlooker(
        uid=os.geteuid(),
        root_may=bool(int(told.get("CapBnd") or "0", 16) & _CAP_SYS_PTRACE),
        is_filtered=told.get("Seccomp") == _FILTERED,
        yama=(read(root / "proc/sys/kernel/yama/ptrace_scope") or "").strip(),
        in_kubernetes="KUBERNETES_SERVICE_HOST" in os.environ,
    )


def explain(pid: int, label: str, uid: int, it: Openness, me: Onlooker) -> Hindrance:
    """Why the kernel said no. ``uid`` is the process's user."""
    if me.yama == "3":
        why = "kernel.yama.ptrace_scope is 3, so nobody may look into a process until a restart"
        return Hindrance(f"{label} is closed: {why}", _AT_BOOT)
    if it.traceable:
        why = "the container's seccomp profile forbids to read another process's memory"
        return Hindrance(f"{label} is closed: {why}", _grant(me))
    if not it.readable:
        return Hindrance(_why_unreadable(label, uid, me), _as_root(pid, me))
    if me.yama == "1":
        why = "kernel.yama.ptrace_scope is 1, so only its ancestors may look into it"
        lower = "sudo sysctl kernel.yama.ptrace_scope=0"
        return Hindrance(f"{label} is closed: {why}", lower if me.root_may else _grant(me))
    if me.yama == "2":
        why = "kernel.yama.ptrace_scope is 2, so only root may look into it"
        return Hindrance(f"{label} is closed: {why}", _as_root(pid, me))
    why = "a security module of the kernel (AppArmor, SELinux, Landlock) forbids to look into it"
    return Hindrance(f"{label} is closed: {why}", "sudo dmesg | grep -i denied")


def user_name(uid: int) -> str:
    """The name of a user, or the number where it has none here."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _why_unreadable(label: str, uid: int, me: Onlooker) -> str:
    if me.uid == 0 and not me.root_may:
        return f"{label} is closed: this container was not given CAP_SYS_PTRACE"
    if me.uid == 0:
        return f"{label} is closed even to root, as those of another container are"
    if uid != me.uid:
        return f"{label} belongs to user {user_name(uid)}"
    changed = "it changed its user, has another group, or called prctl(PR_SET_DUMPABLE, 0)"
    return f"{label} is closed: {changed}"


def _as_root(pid: int, me: Onlooker) -> str:
    if me.root_may and me.uid == 0:
        return "infprof attach on the host, outside of all containers"
    return f"sudo infprof attach {pid}" if me.root_may else _grant(me)


def _grant(me: Onlooker) -> str:
    return _IN_KUBERNETES if me.in_kubernetes else _IN_DOCKER


def _is_readable(pid: int) -> bool:
    try:
        os.readlink(f"/proc/{pid}/exe")
    except PermissionError:
        return False
    except OSError:
        pass
    return True
