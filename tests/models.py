"""Small models for tests of what watches them, and a listener that notes what it is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import torch
from torch import nn

from infprof.profiler.model_calls import ModelCalls

ONE = torch.ones(1, 2)
CALL = vars(nn.Module)["__call__"]


class Small(nn.Module):
    """Two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 2)
        self.act = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Of one row or many."""
        out: torch.Tensor = self.act(self.linear(x))
        return out


class Heard:
    """Notes (name of the model's class, name of the calling function)."""

    def __init__(self) -> None:
        self.called: list[tuple[str, str]] = []
        self.returned: list[str] = []
        self.inputs: list[Any] = []

    def model_called(
        self, model: Any, inputs: Any, named: Any, caller: FrameType, since_ns: int
    ) -> None:
        """One more."""
        self.called.append((type(model).__name__, caller.f_code.co_name))
        self.inputs.append(inputs)

    def model_returned(self, model: Any, end_ns: int) -> None:
        """One more."""
        self.returned.append(type(model).__name__)

    @property
    def models(self) -> list[str]:
        """Of which class each called model was."""
        return [name for name, _ in self.called]


@contextmanager
def listening(listener: Any) -> Iterator[ModelCalls]:
    """Model calls are watched."""
    assert_untouched()
    calls = ModelCalls(listener)
    calls.try_to_begin()
    try:
        yield calls
    finally:
        calls.end()
    assert_untouched()


def assert_untouched(*models: nn.Module) -> None:
    """Neither torch's modules nor the models' classes are other than they were."""
    assert vars(nn.Module)["__call__"] is CALL
    for model in models:
        assert type(model).__call__ is CALL and "__call__" not in vars(type(model))
        for one in model.modules():
            assert not one._forward_hooks and not one._forward_pre_hooks
