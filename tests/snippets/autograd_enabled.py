"""What is predicted keeps no graph."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from tests.snippets.reader import x


def test_nothing_is_kept_for_gradients(predict: Callable[[Tensor], Tensor]) -> None:
    assert predict(x).is_inference() and not predict(x).requires_grad
