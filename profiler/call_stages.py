"""Which stage a sampled call belongs to: what is on the stack decides (DESIGN section 4).

Known libraries decide by table. The user's own code is cut by order: in the function that calls
the model, what comes before the call is preprocessing, what comes after it postprocessing. So are
libraries that serve on both sides of a model (Pillow reads pictures, and draws on them). Where the
order is unknown too, a function's own name may tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

from infprof.profiler import names
from infprof.profiler.call_tree import MODEL_FILE
from infprof.profiler.stacks import Calls, Place, State


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

    @cached_property
    def _leading(self) -> set[int]:
        """Calls that lead to a model call."""
        return {call for path in self._model_paths for call in path}

    def label(self, call: int, state: int) -> Label:
        """The label of a thread found in ``call``, in a ``State``."""
        key = (call, state)
        if key not in self._labels:
            self._labels[key] = self._judge(call, State(state))
        return self._labels[key]

    def _judge(self, call: int, state: State) -> Label:
        path = self.calls.path(call)
        user = next((one for one in reversed(path) if self.calls.is_user[one]), -1)
        stage, library = self._declared(path)
        if stage is not None:
            return Label(stage, f"{stage}.{self._function(user)}", user, library)
        stage, library = self._of_library(self._within(path, user))
        if stage in SIDES and names.depends_on_position(library):
            stage = self._side(path) or stage
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
        if any(runs_model(place) or runs_backward(place) for place in map(self.calls.place, path)):
            return Label("compute", "compute.model", user, "")
        stage = self._side(path) or self._by_name(path) or "python"
        return Label(stage, f"{stage}.{function}", user, "")

    def range_stage(self, name: str) -> str | None:
        """The stage of a range around a library's entry point by where the user's code called it,
        ``None`` where the library decides, or the order is not known."""
        found = names.WRAPPED.fullmatch(name)
        if not found or not found["place"] or not names.depends_on_position(found["entry"]):
            return None
        key = found["file"], found["function"]
        lines = self._model_lines.get(key)
        if lines:
            return _of_lines(int(found["line"]), lines)
        sides = {self._side(self.calls.path(call)) for call in self._calls_in.get(key, ())}
        return sides.pop() if len(sides) == 1 else None

    @cached_property
    def _calls_in(self) -> dict[tuple[str, str], list[int]]:
        """The user's calls by file name and function, as names of ranges have them."""
        found = dict[tuple[str, str], list[int]]()
        for call in range(len(self.calls)):
            place = self.calls.place(call)
            if place.is_user:
                found.setdefault((PurePosixPath(place.file).name, place.function), []).append(call)
        return found

    @cached_property
    def _model_lines(self) -> dict[tuple[str, str], set[int]]:
        """In which lines each function leads to a model call."""
        return {
            key: {int(self.calls.line[call]) for call in calls if call in self._leading}
            for key, calls in self._calls_in.items()
        }

    def _declared(self, path: list[int]) -> tuple[str | None, str]:
        """What the user's own table says of any frame, innermost first."""
        for place in map(self.calls.place, reversed(path)):
            stage = names.declared_stage(frame_text(place))
            if stage is not None:
                return stage, f"{place.file}: {place.function}"
        return None, ""

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

    def _within(self, path: list[int], user: int) -> list[int]:
        """The library's frames within the user's innermost call; without one, where a pool's thread
        was given a model to call, those within the model's call: the pool's frames around it are
        where the thread waits for work otherwise."""
        if user >= 0:
            return path[path.index(user) + 1 :]
        models = [place for place, one in enumerate(path) if runs_model(self.calls.place(one))]
        return path[models[0] :] if models else path

    def _function(self, call: int) -> str:
        return "library code" if call < 0 else self.calls.place(call).function

    def _by_name(self, path: list[int]) -> str | None:
        """What the user's functions are called, innermost first; not those that call a model."""
        for call in reversed(path):
            if call not in self._leading and self.calls.is_user[call]:
                stage = names.function_stage(self._function(call))
                if stage is not None:
                    return stage
        return None

    def _side(self, path: list[int]) -> str | None:
        """``preprocess`` before the last model call that is nearest on the stack, else
        ``postprocess``; ``None`` where no model call is near, or at the call itself."""
        shared, sides = 0, list[int]()
        for model in self._model_paths:
            depth, side = self._compare(path, model)
            if depth > shared:
                shared, sides = depth, [side]
            elif depth == shared and depth:
                sides.append(side)
        return _SIDE_OF[min(sides, default=0)]

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


def _of_lines(line: int, model_lines: set[int]) -> str | None:
    """The side of a line in a function that leads to model calls in these lines."""
    return _SIDE_OF[min((line > one) - (line < one) for one in model_lines)]


def runs_model(place: Place) -> bool:
    """Whether a place is within ``nn.Module``'s own call of a model's ``forward``."""
    return place.file.endswith(MODEL_FILE) and place.function.endswith("call_impl")


def runs_backward(place: Place) -> bool:
    """Whether a place is within autograd's pass back through a model: as much compute as forward,
    where gradients are the answer."""
    return place.file.endswith(BACKWARD_FILE) and place.function.endswith("_engine_run_backward")


BACKWARD_FILE = "torch/autograd/graph.py"
SIDES = ("preprocess", "postprocess")
_SIDE_OF: dict[int, str | None] = {-1: "preprocess", 0: None, 1: "postprocess"}
_WAITS = {"queue": "queue.waiting for work", "lock_wait": "python.lock_wait"}


def frame_text(place: Place) -> str:
    """A place as torch's tracer writes a Python frame, which is what the tables match."""
    return f"{place.file}({place.line}): {place.function}"
