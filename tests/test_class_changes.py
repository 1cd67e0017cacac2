"""A process that sees many sessions keeps its classes fast, and its models are still found."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from infprof.profiler import class_changes, model_calls
from infprof.profiler.class_changes import ClassChanges
from infprof.profiler.model_calls import ModelCalls
from tests.models import ONE, Heard, Small, listening


def test_each_class_has_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(class_changes, "IS_LIMITED", True)
    monkeypatch.setattr(class_changes, "MOST_OF_BASE", 4)
    monkeypatch.setattr(class_changes, "MOST_OF_OTHERS", 6)
    changes = ClassChanges()
    assert [changes.may_change(Small, is_base=True) for _ in range(3)] == [True, True, False]
    assert [changes.may_change(Heard, is_base=False) for _ in range(4)] == [True] * 3 + [False]


def test_without_a_limit_nothing_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(class_changes, "IS_LIMITED", False)
    changes = ClassChanges()
    assert all(changes.may_change(Small, is_base=True) for _ in range(1000))


def test_known_models_are_found_without_a_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(class_changes, "IS_LIMITED", True)
    monkeypatch.setattr(class_changes, "MOST_OF_BASE", 10)
    monkeypatch.setattr(model_calls, "CHANGES", ClassChanges())
    model, other = Small(), nn.Sequential(nn.Linear(2, 2))
    for session in range(4):
        listener = Heard()
        with listening(listener):
            for _ in range(4):
                model(ONE)
            if session == 3:  # a class that came too late
                other(torch.ones(1, 2))
        assert listener.models == ["Small"] * 4
        assert "of_infprof" not in vars(nn.Module.__call__)


def test_one_that_ends_as_another_thread_wraps_leaves_nothing() -> None:
    calls = ModelCalls(Heard())
    calls._base = nn.Module
    calls.end()
    calls._wrap(Small)
    calls._ended = False
    calls._wrap(Small)
    assert "__call__" in vars(Small)
    calls._ended = True
    calls._unwrap_late(Small)
    assert "__call__" not in vars(Small)
