"""The memory of a tensor, looked at without asking torch to compute.

An operator of ours would show in the user's trace, in a graph that is being captured and in a mode
of the program's. So the bytes are read where they lie.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


class Unreadable(Exception):
    """The tensor has no plain memory on the host."""


@contextmanager
def unnoticed() -> Iterator[None]:
    """What is asked of tensors here reaches no mode of the program's. Raises ``Unreadable`` where
    torch notes down what it is asked, and for a tensor that is sparse or wrapped by a transform."""
    torch = sys.modules["torch"]
    if torch.jit.is_tracing():
        raise Unreadable
    try:
        with torch._C.DisableTorchFunction():
            yield
    except RuntimeError as error:
        raise Unreadable from error


def is_plain(one: Any) -> bool:
    """Whether it is a tensor itself, and of no class of somebody's."""
    return type(one) is sys.modules["torch"].Tensor


def memory_of(tensor: Any) -> tuple[int, int]:
    """Address and size in bytes. Raises ``Unreadable``."""
    if tensor.device.type != "cpu" or not tensor.is_contiguous():
        raise Unreadable
    size = tensor.numel() * tensor.element_size()
    start, storage = tensor.data_ptr(), tensor.untyped_storage()
    if not start or start + size > storage.data_ptr() + storage.nbytes():
        raise Unreadable  # its memory was taken back
    return start, size
