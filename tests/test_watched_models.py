"""A model that we listen to can be copied, saved, traced and compiled like any other."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import fx, nn

from tests.models import CALL, ONE, Heard, Small, assert_untouched, listening

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def model() -> Iterator[Small]:
    """One whose calls are listened to."""
    made = Small()
    with listening(Heard()):
        made(ONE)
        assert type(made).__call__ is not CALL
        yield made
    assert_untouched(made)


def _saved(model: Small) -> Any:
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


def _loaded(model: Small) -> Small:
    made = Small()
    made.load_state_dict(model.state_dict())
    return made


def _traced(model: Small) -> Any:
    trace: Any = torch.jit.trace
    return trace(model, (ONE,))


WAYS: dict[str, Callable[[Small], Any]] = {
    "deepcopy": copy.deepcopy,
    "copy": copy.copy,
    "pickle": lambda model: pickle.loads(pickle.dumps(model)),
    "save": _saved,
    "state_dict": _loaded,
    "script": torch.jit.script,
    "trace": _traced,
    "fx": fx.symbolic_trace,
    "vmap": lambda model: lambda x: torch.vmap(model)(x[None])[0],
    "functional": lambda m: lambda x: torch.func.functional_call(m, dict(m.named_parameters()), x),
}


@pytest.mark.parametrize("way", WAYS)
def test_it_works_and_gives_the_same(model: Small, way: str) -> None:
    expected = model(ONE)
    made = WAYS[way](model)
    assert torch.equal(made(ONE), expected)
    assert torch.equal(model(ONE), expected)


def test_a_traced_graph_holds_no_more_than_the_model(model: Small) -> None:
    hooked = _traced(model)
    assert [node.kind() for node in hooked.graph.nodes() if "aten" in node.kind()] == []
    graphs = [one.inlined_graph for one in (hooked, torch.jit.script(Small()))]
    kinds = [{node.kind() for node in one.nodes() if "aten" in node.kind()} for one in graphs]
    assert kinds[0] == kinds[1] == {"aten::linear", "aten::relu"}


def test_a_symbolic_trace_still_finds_its_leaves() -> None:
    """A layer that was also called on its own is a leaf of a model's graph all the same."""
    with listening(Heard()):
        nn.Linear(2, 2)(ONE)
        kinds = [node.op for node in fx.symbolic_trace(Small()).graph.nodes]
    assert kinds == ["placeholder", "call_module", "call_module", "output"]


def _exported(model: Small, strict: bool) -> Any:
    return torch.export.export(model, (ONE,), strict=strict).module()


def _compiled_in_place(model: Small) -> Any:
    model.compile(backend="eager", fullgraph=True)
    return model


COMPILED: dict[str, Callable[[Small], Any]] = {
    "export": lambda model: _exported(model, strict=False),
    "strict export": lambda model: _exported(model, strict=True),
    "compile": lambda model: torch.compile(model, backend="eager"),
    "whole": lambda model: torch.compile(model, backend="eager", fullgraph=True),
    "in place": _compiled_in_place,
    "function": lambda m: torch.compile(lambda x: m(x), backend="eager", fullgraph=True),
}


@pytest.mark.parametrize("way", COMPILED)
@pytest.mark.parametrize("is_called_before", [True, False])
def test_it_is_compiled_once_and_whole(way: str, is_called_before: bool) -> None:
    from torch._dynamo.utils import counters

    torch._dynamo.reset()
    counters.clear()
    model = Small()
    expected = model(ONE)
    with listening(Heard()):
        if is_called_before:
            model(ONE)
        compiled = COMPILED[way](model)
        for _ in range(4):
            assert torch.equal(compiled(ONE), expected)
    assert counters["stats"]["unique_graphs"] == (way != "export")
    assert not counters["graph_break"]
    model._compiled_call_impl = None
    assert_untouched(model)


def test_a_compiled_model_is_seen_and_its_graph_is_whole() -> None:
    listener = Heard()
    compiled = torch.compile(Small(), backend="eager", fullgraph=True)
    before = dict(vars(type(compiled)))
    with listening(listener):
        for _ in range(2):
            compiled(ONE)
        with pytest.raises(RuntimeError):
            compiled(torch.ones(3, 3))
    assert listener.models == ["OptimizedModule"] * 3 == listener.returned
    assert dict(vars(type(compiled))) == before
