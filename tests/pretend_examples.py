"""Examples for a GPU as they would run on one, on paper.

Not a measurement: it shows which rule comes first if a GPU does what its data sheet says.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from inspect import getmembers, isfunction
from types import SimpleNamespace
from typing import Any

from infprof.profiler.recording import Gpu, Recording
from tests import pretend_copies, pretend_models
from tests.build import A100
from tests.pretend_gpu import PretendGpu, Sizes
from tests.run_example import EXAMPLES, names

REQUESTS = 4

Serves = Callable[[PretendGpu, Sizes, bool], None]

PRETENDED: dict[str, Serves] = {
    name: function
    for module in (pretend_copies, pretend_models)
    for name, function in getmembers(module, isfunction)
    if name in names(gpu=True)
}

TF32 = {
    "moved_model": (True, True),
    "unused_gpu": (True, True),
    "misread_copy": (False, True),
    "fp32_matmul": (False, True),
}
"""Whether it is allowed: before the cure and after."""


def sizes(name: str) -> SimpleNamespace:
    """The constants of an example, read without running it."""
    tree, found = ast.parse((EXAMPLES / f"{name}.py").read_text()), dict[str, Any]()
    constants = [one for one in tree.body if isinstance(one, ast.Assign)]
    exec(compile(ast.Module([*constants], []), name, "exec"), found)
    return SimpleNamespace(**found)


def recorded(name: str, chip: Gpu = A100, *, cured: bool = False) -> Recording:
    """What a run of the example would leave."""
    gpu, mine = PretendGpu(chip, tf32=TF32.get(name, (False, False))[cured]), sizes(name)
    for _ in range(REQUESTS):
        with gpu.request():
            PRETENDED[name](gpu, mine, cured)
    return gpu.recording()
