"""Sentences about a request, said of the whole."""

from __future__ import annotations

import pytest

from infprof.rules.whole import of_the_whole


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("Each request waits 5 ms (of its wall).", "The program waits 5 ms (of the whole)."),
        ("It takes 5 ms of each request (3 % of its wall).", "It takes 5 ms (3 % of the whole)."),
        ("Per request 7 kernels run.", "7 kernels run."),
        ("98 copies per request take 5 ms (the wall).", "98 copies take 5 ms (the whole)."),
        ("2 kernels per request, short ones.", "2 kernels, short ones."),
        ("After the model the request works 5 ms.", "After the model the program works 5 ms."),
        ("Nothing of the kind.", "Nothing of the kind."),
    ],
)  # fmt: skip
def test_what_is_said_of_a_request(said: str, meant: str) -> None:
    assert of_the_whole(said) == meant
