"""Each outermost model call is seen once, whoever makes it, and nothing of ours is left."""

from __future__ import annotations

import asyncio
import json
import threading
import traceback
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import nn

from infprof.profiler.model_calls import SEARCHED_CALLS, ModelCalls
from tests.models import CALL, ONE, Heard, Small, assert_untouched, listening


@pytest.fixture
def heard() -> Iterator[Heard]:
    listener = Heard()
    with listening(listener):
        yield listener


def test_each_outermost_call_is_told_with_its_caller(heard: Heard) -> None:
    model = Small()
    for _ in range(3):
        model(ONE)
    assert heard.called == [("Small", "test_each_outermost_call_is_told_with_its_caller")] * 3
    assert heard.returned == ["Small"] * 3
    assert "__call__" not in vars(type(model.linear))


def test_a_model_within_another_is_part_of_it(heard: Heard) -> None:
    inner = Small()
    inner(ONE)
    outer = nn.Sequential(inner, nn.Linear(2, 2))
    outer(ONE)
    inner(ONE)
    assert heard.models == ["Small", "Sequential", "Small"] == heard.returned


def test_inputs_may_come_by_name(heard: Heard) -> None:
    model = Small()
    model(x=ONE)
    model(x=ONE)
    assert heard.models == ["Small", "Small"]
    assert heard.inputs[1][0] is ONE


class Recursive(nn.Module):
    """Calls itself ``n`` times."""

    def forward(self, n: int) -> int:
        deeper: int = self(n - 1) + 1 if n else 0
        return deeper


def test_recursion_is_one_call(heard: Heard) -> None:
    model = Recursive()
    assert model(3) == 3 and model(2) == 2
    assert heard.models == ["Recursive"] * 2 == heard.returned


class Failing(Small):
    """Raises when told to."""

    error: BaseException | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.error is not None:
            raise self.error
        return super().forward(x)


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt(), SystemExit(3)])
def test_an_exception_passes_and_the_next_call_is_seen(heard: Heard, error: BaseException) -> None:
    model = Failing()
    for known in (False, True):
        model.error = error
        with pytest.raises(type(error)) as caught:
            model(ONE)
        assert caught.value is error
        files = [one.filename for one in traceback.extract_tb(error.__traceback__)]
        assert not any("infprof" in file and "profiler" in file for file in files)
        model.error = error.__traceback__ = None
        model(ONE)
        assert len(heard.called) == 2 + 2 * known
    assert heard.returned[-1] == "Failing"


def test_an_exception_deep_inside_leaves_nothing_open(heard: Heard) -> None:
    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = Failing()

        def forward(self, x: torch.Tensor) -> Any:
            try:
                return self.inner(x)
            except ValueError:
                return x

    model = Outer()
    model.inner.error = ValueError()
    for _ in range(2):
        assert model(ONE) is ONE
    assert heard.models == ["Outer"] * 2 == heard.returned


def test_threads_each_have_their_own_calls(heard: Heard) -> None:
    shared, failed = Small(), list[BaseException]()
    shared(ONE)
    ready = threading.Barrier(4)

    def work() -> None:
        try:
            ready.wait(10)
            for _ in range(25):
                shared(ONE)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert heard.models == ["Small"] * 101 and len(heard.returned) == 101


def test_generators_and_coroutines_that_call_models(heard: Heard) -> None:
    model = Small()

    def generate() -> Iterator[torch.Tensor]:
        for _ in range(2):
            yield model(ONE)

    async def serve() -> None:
        await asyncio.sleep(0)
        model(ONE)

    async def main() -> None:
        await asyncio.gather(serve(), serve())

    list(generate())
    asyncio.run(main())
    assert [function for _, function in heard.called] == ["generate"] * 2 + ["serve"] * 2


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_script_module_is_seen_too(heard: Heard) -> None:
    scripted = torch.jit.script(Small())
    for _ in range(3):
        scripted(ONE)
    with pytest.raises(RuntimeError):
        scripted(torch.ones(3, 3))
    scripted(ONE)
    Small()(ONE)
    assert heard.models == ["RecursiveScriptModule"] * 5 + ["Small"]
    assert heard.returned == heard.models


def test_modules_of_a_call_under_way_are_not_taken_for_models() -> None:
    """The search may begin in the midst of a long first call, from another thread."""
    listener, calls = Heard(), list[ModelCalls]()

    class Late(Small):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if not calls:
                calls.append(ModelCalls(listener))
                calls[0].try_to_begin()
            return super().forward(x)

    model = Late()
    model(ONE)
    assert listener.called == []
    model(ONE)
    calls[0].end()
    assert listener.models == ["Late"] == listener.returned
    assert_untouched(model)


def test_a_model_without_a_hash_is_seen(heard: Heard) -> None:
    class Odd(Small):
        __hash__ = None  # type: ignore[assignment]  # as a dataclass has it

        def __eq__(self, other: object) -> bool:
            raise ValueError("compare me not")

    model = Odd()
    model(ONE)
    model(ONE)
    assert heard.models == ["Odd", "Odd"]


def test_the_search_ends_when_nothing_new_comes() -> None:
    model, late, listener = Small(), Recursive(), Heard()
    with listening(listener):
        for _ in range(SEARCHED_CALLS + 2):
            model(ONE)
        assert vars(nn.Module)["__call__"] is CALL
        late(1)
    assert_untouched(model, late)
    assert listener.models == ["Small"] * (SEARCHED_CALLS + 2)


def test_a_failure_of_the_listener_ends_the_watch_and_no_more() -> None:
    class Broken(Heard):
        def model_called(self, *_: Any) -> None:
            json.loads("{")  # raised in a file that is not the program's

    model = Small()
    with listening(Broken()):
        assert model(ONE).shape == ONE.shape
        assert_untouched(model)
        model(ONE)
    assert_untouched(model)


def test_what_a_signal_handler_raises_meanwhile_is_the_program_s() -> None:
    class Interrupted(Heard):
        def model_called(self, *_: Any) -> None:
            raise TimeoutError

    model = Small()
    with listening(Interrupted()):
        with pytest.raises(TimeoutError):
            model(ONE)
