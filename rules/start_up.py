"""What a program does from its start to its first answer to make its model ready, by samples.

Before the first request a program is sampled too, twenty times a second or oftener.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from infprof.profiler.call_stages import frame_text
from infprof.profiler.intervals import Int64Array
from infprof.profiler.stacks import Calls, Stacks
from infprof.profiler.timeline import Rows
from infprof.rules.call_masks import Mask
from infprof.rules.evidence import Evidence

OVERWRITTEN = "setting weights that the load overwrites"


class Work(NamedTuple):
    """One kind of work that makes a model ready."""

    what: str
    frame: re.Pattern[str]
    """Tried on each frame of a stack, written ``file(line): function``."""
    is_sure: bool = False
    """It is for a model also where no function that loads one is on the stack."""


KINDS = (
    Work(
        "compiling",
        re.compile(
            r"torch/_(dynamo/convert_frame|inductor/(compile_fx|codecache|graph|scheduler))\.py"
            r"|triton/compiler/"
        ),
        is_sure=True,
    ),
    Work(
        OVERWRITTEN,
        re.compile(r"torch/nn/init\.py|: \S*(reset_parameters|_?init_weights)$"),
        is_sure=True,
    ),
    Work(
        "fetching files",
        re.compile(
            r"huggingface_hub/|(^|/)(urllib3|requests|httpx|httpcore|aiohttp|boto(core|3)|fsspec)/"
            r"|(^|/)(http/client|urllib/request|socket|ssl)\.py"
        ),
    ),
    Work(
        "reading the checkpoint",
        re.compile(r"torch/serialization\.py.*: (\w+\.)?_?load|safetensors|(^|/)pickle\.py"),
    ),
    Work("copying weights into the model", re.compile(r": \S*load_state_dict$")),
    Work(
        "moving the model",
        re.compile(r"torch/nn/modules/module\.py\(\d+\): (Module\.)?(to|cuda|half|bfloat16)$"),
        is_sure=True,
    ),
)
"""In this order: the first that some frame of a stack matches is what it does."""

OTHER = "the rest"

READS = re.compile(
    r"torch/serialization\.py.*: (\w+\.)?load$|safetensors|: \S*load_state_dict$"
    r"|(transformers|diffusers)/.*: \S*from_pretrained$"
)
"""Library functions that give a model weights of before. A model that is only made new, with random
ones, is not loaded."""

LOADERS = re.compile(
    r"(?i): (\w+\.)*(load|fetch|download|restor|get)\w*_?(model|weights|checkpoint)\w*$"
)
"""Functions whose name says that they do, the user's own among them."""


@dataclass(frozen=True, slots=True)
class StartUp:
    """Columns of one length: the samples of the thread that made the model ready, while it did,
    each with the time until the next."""

    call: npt.NDArray[np.int32]
    time_ns: Int64Array
    spent_ns: Int64Array
    kind: npt.NDArray[np.object_]
    """One of ``KINDS`` in words, or ``OTHER``."""

    @property
    def loading_ns(self) -> int:
        """All that made the model ready."""
        return int(self.spent_ns.sum())

    def by_kind(self) -> list[tuple[str, int]]:
        """Each kind with its time, longest first."""
        time = Counter[str]()
        for kind, spent in zip(self.kind.tolist(), self.spent_ns.tolist(), strict=True):
            time[kind] += spent
        return sorted(time.items(), key=lambda one: (-one[1], one[0]))


class _Judged(NamedTuple):
    """Columns of one length: for each call of a recording what it is part of."""

    kind: npt.NDArray[np.object_]
    loads: Mask
    """It is under a function that loads a model."""
    reads: Mask
    """It is under one of a library's that gives a model weights of before."""


def start_up(evidence: Evidence) -> StartUp | None:
    """Up to the first answer; ``None`` where no thread was seen to load a model. Of several, the
    one that took longest."""
    stacks, requests = evidence.recording.stacks, evidence.recording.requests
    answer = int(requests.end_ns[np.argmin(requests.start_ns)])
    judged, before = _judged(stacks.calls), stacks.time_ns < answer
    found = [
        _of(stacks, np.flatnonzero(before & (stacks.lane == lane)), judged, answer)
        for lane in np.unique(stacks.lane[before & judged.loads[stacks.call]]).tolist()
    ]
    return max(found, key=lambda one: one.loading_ns, default=None)


def _of(stacks: Stacks, rows: Rows, judged: _Judged, answer: int) -> StartUp:
    """What one thread did, from its samples ``rows``."""
    call, time = stacks.call[rows], stacks.time_ns[rows]
    spent, kind = np.diff(np.append(time, answer)), judged.kind[call]
    last = np.flatnonzero(judged.reads[call]).max(initial=-1)
    after = np.arange(len(kind)) > last
    kind[after & (kind == OVERWRITTEN)] = ""  # made new for its own sake
    chosen = kind != ""
    return StartUp(call[chosen], time[chosen], spent[chosen], kind[chosen])


def _judged(calls: Calls) -> _Judged:
    patterns = [*(one.frame for one in KINDS), LOADERS, READS]
    loader, reader = 1 << len(KINDS), 1 << len(KINDS) + 1
    bits, importing = [0] * len(calls), [False] * len(calls)
    for call in range(len(calls)):
        parent, place = int(calls.parent[call]), calls.place(call)
        above = parent >= 0 and importing[parent]
        importing[call] = not place.is_user and (above or place.function == "<module>")
        text = "" if importing[call] else frame_text(place)
        own = sum(1 << bit for bit, pattern in enumerate(patterns) if pattern.search(text))
        bits[call] = own | (bits[parent] if parent >= 0 else 0)
    loads = np.array([bool(one & (loader | reader)) for one in bits], np.bool_)
    kind = [_what(one, is_loading) for one, is_loading in zip(bits, loads.tolist(), strict=True)]
    reads = np.array([bool(one & reader) for one in bits], np.bool_)
    return _Judged(np.array(kind, object), loads, reads)


def _what(bits: int, is_loading: bool) -> str:
    for bit, work in enumerate(KINDS):
        if bits >> bit & 1 and (is_loading or work.is_sure):
            return work.what
    return OTHER if is_loading else ""
