"""Recordings of earlier versions still open, still add up and still get the same first finding."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kept import check_is_small_and_nameless, check_verdict, recordings, said

HERE = Path(__file__).parent / "recordings"
KEPT = recordings(HERE)


def test_every_recording_says_what_is_expected_of_it() -> None:
    assert [path.name for path in KEPT] == sorted(said(HERE))
    assert KEPT


@pytest.mark.parametrize("folder", KEPT, ids=lambda path: path.name)
def test_it_still_gets_the_same_verdict(folder: Path) -> None:
    check_verdict(folder)


@pytest.mark.parametrize("folder", KEPT, ids=lambda path: path.name)
def test_it_is_small_and_names_no_machine(folder: Path) -> None:
    check_is_small_and_nameless(folder)
