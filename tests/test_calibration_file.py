"""The calibration is kept whole and private, and whatever is wrong with the file is a reason."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infprof.profiler.calibration import Calibration
from infprof.profiler.calibration_file import MOST_BYTES, keep, kept, where

MADE = Calibration(
    device="NVIDIA L4",
    on_gpu=True,
    made_at="2026-01-31T01:02:03+00:00",
    torch="2.13.0",
    flops_per_s={"fp32": 2.5e13, "bf16": 1e14},
    copy_bytes_per_s={"h2d.pinned": 2.5e10},
    dispatch_ns=5000,
    cores=7.5,
    missing={"bandwidth": "too little memory"},
    notes=["Other work."],
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "infprof" / "calibration.json"


def test_what_is_kept_comes_back(file: Path) -> None:
    assert keep(MADE, file) == file
    assert kept(file=file) == MADE
    assert kept("L4", file) == kept("nvidia l4 ", file) == MADE  # drivers write it both ways


def test_it_is_for_the_user_alone(file: Path) -> None:
    keep(MADE, file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_a_newer_one_replaces_it_and_nothing_else_is_left(file: Path) -> None:
    keep(MADE, file)
    keep(MADE.model_copy(update={"cores": 3.0}), file)
    found = kept(file=file)
    assert isinstance(found, Calibration) and found.cores == 3.0
    assert [one.name for one in file.parent.iterdir()] == ["calibration.json"]


def test_a_folder_in_its_place_is_an_error_that_leaves_nothing(file: Path) -> None:
    (file / "x").mkdir(parents=True)
    with pytest.raises(OSError):
        keep(MADE, file)
    assert [one.name for one in file.parent.iterdir()] == ["calibration.json"]
    assert kept(file=file) == "none was made yet"


def test_none_yet(file: Path) -> None:
    assert kept(file=file) == "none was made yet"


def test_another_device_s_is_none(file: Path) -> None:
    keep(MADE, file)
    for other in ("NVIDIA L40", "NVIDIA L4 Ti", ""):
        found = kept(other, file)
        assert isinstance(found, str) and "of another device: NVIDIA L4" in found


def edited(file: Path, figures: dict[str, object], **more: object) -> None:
    """What was kept, with some of it replaced."""
    keep(MADE, file)
    document = json.loads(file.read_text())
    document["calibration"] |= figures
    file.write_text(json.dumps(document | more))


def test_another_version_s_is_none(file: Path) -> None:
    edited(file, {}, schema="infprof.calibration/2")
    assert str(kept(file=file)).endswith("was written by another version of infprof")


def test_what_a_later_version_adds_is_no_damage(file: Path) -> None:
    edited(file, {"moon_phase": "full"}, extra=1)
    assert kept(file=file) == MADE


@pytest.mark.parametrize(
    "figures",
    [
        {"cores": float("nan")}, {"cores": 0}, {"cores": -1}, {"cores": "many"},
        {"flops_per_s": {"fp32": float("inf")}}, {"flops_per_s": {"fp32": None}},
        {"dispatch_ns": -1}, {"dispatch_ns": 1.5}, {"device": None}, {"copy_bytes_per_s": []},
    ],
)  # fmt: skip
def test_a_figure_that_cannot_be_makes_it_damaged(figures: dict[str, object], file: Path) -> None:
    edited(file, figures)
    assert kept(file=file) == f"{file} is damaged"


@given(data=st.data())
def test_no_damage_is_an_error(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.getbasetemp() / "damaged.json"
    keep(MADE, file)
    whole = file.read_bytes()
    cut = data.draw(st.integers(0, len(whole)))
    more = data.draw(st.binary(max_size=20))
    file.write_bytes(whole[:cut] + more)
    found = kept("NVIDIA L4", file)
    assert isinstance(found, (str, Calibration))


def test_a_huge_or_unreadable_file_is_none(file: Path) -> None:
    keep(MADE, file)
    file.write_bytes(file.read_bytes() + b" " * MOST_BYTES + b"x")
    # its first part is whole, and that is all that is read
    assert kept(file=file) == MADE
    file.write_bytes(b"[" * 2 * MOST_BYTES)
    assert kept(file=file) == f"{file} is damaged"
    file.unlink()
    file.symlink_to(file)
    assert isinstance(kept(file=file), str)
    file.unlink()
    os.mkfifo(file)  # would block whoever opens it
    assert kept(file=file) == "none was made yet"


def test_the_place_is_the_user_s_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "x"))
    assert where() == tmp_path / "x" / "infprof" / "calibration.json"
    keep(MADE)
    assert kept() == MADE
    monkeypatch.setenv("HOME", str(tmp_path))
    for ignored in ("", "not/absolute"):
        monkeypatch.setenv("XDG_CACHE_HOME", ignored)
        assert where() == tmp_path / ".cache" / "infprof" / "calibration.json"
        assert kept() == "none was made yet"
