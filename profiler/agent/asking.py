"""Asks the agent of another process for a recording, and takes the raw files from it."""

from __future__ import annotations

import array
import os
import socket
import struct
from contextlib import suppress
from pathlib import Path

from infprof.profiler.agent.messages import LONGEST, Order, line_of_order, shown, values_in
from infprof.profiler.agent.places import address, answers, folders, name_of, open_folder
from infprof.profiler.agent.taking import remove, take
from infprof.profiler.bad_input import BadInput
from infprof.profiler.probes.proc import environment_of
from infprof.profiler.schedule import Plan

ANSWER_S = 15.0
"""A program may be busy for a while; one that was stopped never answers."""

ENDING_S = 60.0
"""After its time: closing a window, and writing."""

ORDERED_BYTES = 1 << 30
"""Raw files that an agent may write: its folder may lie in memory."""

TAKEN_BYTES = 4 * ORDERED_BYTES
"""The last window may be written after the size was looked at."""

NO_AGENT = "the process has no agent; start it with infprof run --serve"

GONE = "the process ended"
"""In place of the agent's own reason for the end."""


def socket_of(pid: int) -> Path | None:
    """The socket of a process's agent, as seen from here; ``None`` where nobody listens."""
    with suppress(OSError, ValueError):
        user, inner = _identity(pid)
        for folder in _places(pid, user):
            for seen in (Path(f"/proc/{pid}/root{folder}"), folder):  # the first: in containers
                if _answers(seen, name_of(inner), user):
                    return seen / name_of(inner)
    return None


def _places(pid: int, user: int) -> list[Path]:
    """Where its agent may listen. What environment a program has it can change, and hide by
    changing its title; so the usual places count too."""
    usual = {"XDG_RUNTIME_DIR": f"/run/user/{user}"}
    environments = environment_of(pid), os.environ, usual
    found = [folder for environment in environments for folder in folders(user, environment)]
    return list(dict.fromkeys(found))


def _answers(folder: Path, name: str, user: int) -> bool:
    try:
        place = open_folder(folder, user)
    except OSError:
        return False
    try:
        return answers(place, name)
    finally:
        os.close(place)


def ask(pid: int, seconds: float, plan: Plan, folder: Path, most_bytes: int = ORDERED_BYTES) -> str:
    """Have the process record itself for so long, and put the raw files into ``folder``.

    Returns why it ended: one of ``messages.TIME, SIZE, HUNG_UP, EXIT``, or ``GONE`` where the
    process did, and its files were saved. A ``KeyboardInterrupt`` ends the recording early, the
    next one for good. Raises ``BadInput`` with one sentence.
    """
    user, connection = _connect(pid)
    with connection:
        try:
            connection.settimeout(ANSWER_S)
            with suppress(BrokenPipeError):  # it has refused already, and says why
                connection.sendall(line_of_order(Order(seconds, plan, most_bytes)))
            descriptor = _answer(pid, connection)
        except TimeoutError:
            raise BadInput(
                f"{pid}: its agent does not answer; was the process stopped (SIGSTOP)?"
            ) from None
        except ConnectionResetError:  # it had closed before it took us from its queue
            raise BadInput(f"{pid}: {NO_AGENT}") from None
        except OSError as error:
            raise BadInput(f"{pid}: the process ended, or its agent did ({error})") from error
        try:
            why = _wait(pid, connection, seconds)
            take(descriptor, user, folder, TAKEN_BYTES)
            if why == GONE:
                remove(descriptor)
        except OSError as error:
            raise BadInput(f"{folder}: what {pid} recorded was not saved ({error})") from error
        finally:
            os.close(descriptor)
    if why == GONE and not (folder / "session.json").exists():
        raise BadInput(f"{pid}: the process ended before anything was recorded")
    return why


def _connect(pid: int) -> tuple[int, socket.socket]:
    """The process's user, and a connection to that very process. Raises ``BadInput``."""
    path = socket_of(pid)
    if path is None:
        raise BadInput(f"{pid}: {NO_AGENT}")
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        user = _identity(pid)[0]
        place = open_folder(path.parent, user)
        try:
            made.settimeout(ANSWER_S)
            made.connect(address(place, path.name))
        finally:
            os.close(place)
        credentials = made.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        if struct.unpack("3i", credentials)[0] != pid:
            raise PermissionError("another process answers in its place")
    except ConnectionRefusedError:  # it ended just now
        made.close()
        raise BadInput(f"{pid}: {NO_AGENT}") from None
    except (OSError, ValueError) as error:
        made.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise BadInput(f"{pid}: its agent cannot be reached ({reason})") from error
    return user, made


def _answer(pid: int, connection: socket.socket) -> int:
    """The descriptor of the folder. Raises ``BadInput`` and ``OSError``."""
    item = array.array("i").itemsize
    text, more, _, _ = connection.recvmsg(
        LONGEST, socket.CMSG_SPACE(4 * item), socket.MSG_CMSG_CLOEXEC
    )
    given = array.array("i")
    for level, kind, data in more:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            given.frombytes(data[: len(data) // item * item])
    said = _said(pid, text)
    if said.get("recording") is True and len(given) == 1:
        return given[0]
    for descriptor in given:
        os.close(descriptor)
    raise BadInput(f"{pid}: its agent refused: {shown(said.get('refused', 'no reason given'))}")


def _said(pid: int, text: bytes) -> dict[str, object]:
    try:
        return values_in(text)
    except ValueError:
        what = "it closed the connection" if not text else "no words of ours"
        raise BadInput(f"{pid}: its agent gave no answer: {what}") from None


def _wait(pid: int, connection: socket.socket, seconds: float) -> str:
    """Until it says that it has ended, and why."""
    try:
        text = _heard(pid, connection, seconds + ENDING_S)
    except KeyboardInterrupt:
        with suppress(OSError):
            connection.shutdown(socket.SHUT_WR)  # that is enough: hand over what there is
        text = _heard(pid, connection, ENDING_S)
    if not text:
        return GONE
    said = _said(pid, text)
    if "refused" in said:
        raise BadInput(f"{pid}: its agent failed: {shown(said['refused'])}")
    return shown(said.get("ended"))


def _heard(pid: int, connection: socket.socket, patience_s: float) -> bytes:
    """What it says next; nothing where it has gone."""
    connection.settimeout(patience_s)
    try:
        return connection.recv(LONGEST)
    except TimeoutError:
        raise BadInput(f"{pid}: its agent did not end in time; was it stopped?") from None
    except ConnectionError:
        return b""


def _identity(pid: int) -> tuple[int, int]:
    """The process's user, and its number as it knows it itself, which in a container is another.
    Raises ``OSError`` and ``ValueError``."""
    rows = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(rows["Uid"].split()[1]), int(rows.get("NSpid", str(pid)).split()[-1])
