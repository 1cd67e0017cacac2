"""An imported trace goes to another process and is the same there."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from infprof.profiler.packed import pack, unpack
from infprof.profiler.recording import Recording
from tests.build import recording

TEXT = """\
main: 0-100 request
main: 10-40 op aten::mm {"dims":[[2,3]],"types":["float"]}
main: 20-30 call cudaLaunchKernel #1
s7: 50-90 kernel gemm #1
s7: 90-95 copy Memcpy DtoH (Device -> Pageable) #2 @64
"""


def assert_same(one: Recording, other: Recording) -> None:
    assert one.header == other.header
    for table in ("events", "requests"):
        left, right = getattr(one, table), getattr(other, table)
        for field in dataclasses.fields(left):
            mine, theirs = getattr(left, field.name), getattr(right, field.name)
            if isinstance(mine, np.ndarray):
                assert mine.dtype == theirs.dtype and (mine == theirs).all()
                assert theirs.flags.writeable
            else:
                assert mine == theirs


@pytest.mark.parametrize("text", [TEXT, "main: 0-1 op a"])
def test_it_is_the_same_there(text: str) -> None:
    packed = recording(text, kind="trace")
    assert_same(packed, unpack(pack(packed)))


@pytest.mark.parametrize("cut", [0, 1, 100, -1])
def test_what_is_cut_off_is_no_recording(cut: int) -> None:
    with pytest.raises(ValueError, match="truncated|trailing"):
        unpack(pack(recording(TEXT))[:cut])
