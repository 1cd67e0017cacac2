"""Which stage a sampled call belongs to: what is on the stack decides (DESIGN section 4).

Known libraries decide by table. The user's own code is cut by order: in the function that calls
the model, what comes before the call is preprocessing, what comes after it postprocessing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from infprof.profiler import names
from infprof.profiler.stacks import Calls, Place, State

MODEL_FILE = "torch/nn/modules/module.py"


@dataclass(frozen=True, slots=True)
class Label:
    """What a sample says."""

    stage: str
    leaf: str
    """``preprocess.resize``: the stage and the user's function, or what a wait is for."""
    call: int
    """The user's innermost call, -1 where there is none."""
    library: str
    """The known library's function that decided, ``file: function``; else empty."""


@dataclass(frozen=True)
class CallStages:
    """Labels the calls of one recording. Not to be shared by threads: it keeps its answers."""

    calls: Calls
    model_calls: Sequence[int]
    """Where the program calls its models."""

    @cached_property
    def _labels(self) -> dict[tuple[int, int], Label]:
        return {}

    @cached_property
    def _model_paths(self) -> list[list[int]]:
        return [self.calls.path(call) for call in self.model_calls]

    def label(self, call: int, state: int) -> Label:
        """The label of a thread found in ``call``, in a ``State``."""
        key = (call, state)
        if key not in self._labels:
            self._labels[key] = self._judge(call, State(state))
        return self._labels[key]

    def _judge(self, call: int, state: State) -> Label:
        path = self.calls.path(call)
        user = next((one for one in reversed(path) if self.calls.is_user[one]), -1)
        stage, library = self._of_library(path[path.index(user) + 1 :] if user >= 0 else path)
        function = self._function(user)
        if state == State.GIL:
            return Label("python", "python.gil_wait", user, "")
        if state == State.SLEEP:
            return Label("python", "python.sleep", user, "")
        if stage is not None and "." in stage:  # a wait for something in particular
            return Label(stage.partition(".")[0], stage, user, library)
        if state == State.IO and stage != "preprocess":
            return Label("io", f"io.{function}", user, library)
        if stage is not None:
            return Label(stage, f"{stage}.{function}", user, library)
        if any(self._is_model(one) for one in path):
            return Label("compute", "compute.model", user, "")
        stage = self._by_order(path)
        return Label(stage, f"{stage}.{function}", user, "")

    def _of_library(self, path: list[int]) -> tuple[str | None, str]:
        """What the tables say of library frames, innermost first."""
        for call in reversed(path):
            place = self.calls.place(call)
            text = frame_text(place)
            stage, wait = names.frame_stage(text), names.wait_frame(text)
            found = stage or ("io" if wait == "io" else _WAITS.get(wait or ""))
            if found is not None and found != "model":
                return found, f"{place.file}: {place.function}"
        return None, ""

    def _function(self, call: int) -> str:
        return "library code" if call < 0 else self.calls.place(call).function

    def _is_model(self, call: int) -> bool:
        place = self.calls.place(call)
        return place.file.endswith(MODEL_FILE) and place.function.endswith("call_impl")

    def _by_order(self, path: list[int]) -> str:
        """``preprocess`` before the last model call that is nearest on the stack, else
        ``postprocess``; ``python`` where no model call is near, or at the call itself."""
        shared, sides = 0, list[int]()
        for model in self._model_paths:
            depth, side = self._compare(path, model)
            if depth > shared:
                shared, sides = depth, [side]
            elif depth == shared and depth:
                sides.append(side)
        if not sides:
            return "python"
        return {-1: "preprocess", 0: "python", 1: "postprocess"}[min(sides)]

    def _compare(self, path: list[int], model: list[int]) -> tuple[int, int]:
        """How many functions the two share from the outside, and whether the sample is before (-1)
        or after (1) the model call in the innermost of those."""
        for depth, (mine, other) in enumerate(zip(path, model, strict=False)):
            if mine == other:
                continue
            a, b = self.calls.place(mine), self.calls.place(other)
            if (a.file, a.function) != (b.file, b.function):
                return depth, 0  # called from one place: no order
            before = (a.offset < b.offset) if min(a.offset, b.offset) >= 0 else (a.line < b.line)
            return depth + 1, -1 if before else 1
        return min(len(path), len(model)), 0


_WAITS = {"queue": "queue.waiting for work", "lock_wait": "python.lock_wait"}


def frame_text(place: Place) -> str:
    """A place as torch's tracer writes a Python frame, which is what the tables match."""
    return f"{place.file}({place.line}): {place.function}"
