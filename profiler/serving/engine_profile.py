"""The profiler that vLLM and SGLang have built in, started and stopped over HTTP.

Both run torch.profiler in their workers between ``POST /start_profile`` and ``POST /stop_profile``.
vLLM has the endpoints only if it was started with a folder for traces; SGLang is told the folder in
the request. The trace is a file on the engine's machine.
"""

from __future__ import annotations

import gzip
import http.client
import json
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from infprof.profiler.bad_input import BadInput
from infprof.profiler.serving.page import read_page
from infprof.profiler.serving.recognise import engine_of

START_S, STOP_S = 30.0, 120.0
"""For an answer. vLLM answers a stop when all is written: minutes, after a long trace."""
FILE_S = 120.0
"""For a whole file to be there after the stop."""
LOOK_S = 0.1

ENGINES = {
    "vLLM": 'start it with --profiler-config \'{"profiler": "torch", "torch_profiler_dir": '
    '"DIR"}\' (before v0.13: with VLLM_TORCH_PROFILER_DIR=DIR in its environment)',
    "SGLang": "start a release that has it, and let no router stand before it",
}
"""Those that can, and how each gets the endpoints."""

Sizes = dict[Path, int]


@dataclass(slots=True)
class EngineProfile:
    """The profiler of the engine at an address, which writes into ``folder``."""

    url: str
    folder: Path
    engine: str
    _before: Sizes = field(default_factory=dict)

    def start(self) -> None:
        """Begin to trace. Raises ``BadInput``."""
        self._before = _sizes(self.folder)
        told: dict[str, object] = {
            "output_dir": str(self.folder.absolute()),
            "activities": ["CPU", "GPU"],
        }
        self._post("/start_profile", told if self.engine == "SGLang" else None, START_S)

    def stop(self) -> None:
        """Let the engine write what it traced. Raises ``BadInput``."""
        self._post("/stop_profile", None, STOP_S)

    def trace(self, wait: Callable[[float], object] = time.sleep) -> Path:
        """The new trace, as soon as it is whole; of several (one for each worker) the longest.
        Raises ``BadInput`` where none comes in time, or before ``wait`` says that it is enough."""
        began, sizes = time.monotonic(), Sizes()
        while time.monotonic() - began < FILE_S and not wait(LOOK_S):
            last, sizes = sizes, self._new()
            if sizes and sizes == last and all(_is_whole(path) for path in sizes):
                return max(sizes, key=lambda path: sizes[path])
        found = f"{len(sizes)} unfinished" if sizes else "no"
        waited = time.monotonic() - began
        raise BadInput(
            f"{self.folder}: {found} trace of {self.engine} came in {waited:.0f} s;"
            " name the folder where it writes, as it is seen on this machine"
        )

    def _new(self) -> Sizes:
        now = _sizes(self.folder)
        return {path: size for path, size in now.items() if self._before.get(path) != size}

    def _post(self, path: str, told: dict[str, object] | None, timeout_s: float) -> None:
        parts = urlsplit(self.url)
        secure = parts.scheme == "https"
        before = parts.path.rstrip("/").removesuffix("/metrics")
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=timeout_s)
        headers = {} if told is None else {"Content-Type": "application/json"}
        try:
            body = None if told is None else json.dumps(told)
            connection.request("POST", before + path, body, headers)
            answer = connection.getresponse()
            answer.read(1 << 16)
        except (OSError, http.client.HTTPException) as error:
            reason = str(error) or type(error).__name__
            raise BadInput(f"{self.engine} did not answer POST {path} ({reason})") from error
        finally:
            connection.close()
        if answer.status in (http.client.NOT_FOUND, http.client.METHOD_NOT_ALLOWED):
            raise BadInput(f"{self.engine} here has no {path}: {ENGINES[self.engine]}")
        if answer.status != http.client.OK:
            raise BadInput(f"{self.engine} answers {answer.status} {answer.reason} to {path}")


def engine_profile(url: str, page: str, folder: Path) -> EngineProfile:
    """For the engine that wrote this metrics page. Raises ``BadInput`` where it has no profiler
    that is known here."""
    found = engine_of(read_page(page))
    name = "this server" if found is None else found.name
    if found is None or name not in ENGINES:
        known = " and ".join(ENGINES)
        raise BadInput(f"--engine-profile: {name} has no profiler known here; {known} have")
    if not folder.is_dir() and name != "SGLang":
        raise BadInput(f"--engine-profile: {folder} is no folder; name the one where {name} writes")
    return EngineProfile(url, folder, name)


def _sizes(folder: Path) -> Sizes:
    found = {}
    for path in (*folder.rglob("*.json"), *folder.rglob("*.json.gz")):
        try:
            found[path] = path.stat().st_size
        except OSError:  # it was there for a moment only
            continue
    return found


def _is_whole(path: Path) -> bool:
    """Whether the file is written to its end."""
    try:
        if path.suffix == ".gz":
            with gzip.open(path) as packed:
                while packed.read(1 << 20):
                    pass
            return True
        with path.open("rb") as file:
            file.seek(max(path.stat().st_size - 64, 0))
            return file.read().rstrip()[-1:] in (b"}", b"]")
    except (OSError, EOFError, zlib.error):
        return False
