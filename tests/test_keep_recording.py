"""From a run on a GPU to a test without one: what is kept, what is left out, what is found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import infprof
from infprof.profiler.recording import Machine, Note, Recording
from scripts.keep_recording import keep, size_bytes, without_folders
from tests.build import A100, recording
from tests.kept import check_is_small_and_nameless, check_verdict, planted, recordings, said, texts
from tests.pretend_examples import PRETENDED
from tests.pretend_examples import recorded as pretended
from tests.random_programs import Step
from tests.simulated_machine import run

HOME = "/home/somebody/secret-project"


def launched() -> Recording:
    """A request of 600 kernels on a machine that issues one in 13 us and runs it in two."""
    steps = [Step("work", time_ns=10_000), Step("kernel", 0, 2_000)] * 600
    ran = run([*steps, Step("sync", 0)]).timeline.recording
    return replace(ran, header=ran.header.model_copy(update={"machine": Machine(gpus=[A100])}))


NAMES = ["launch_bound-a100", *(f"{name}-a100" for name in PRETENDED)]


def recorded(name: str, folder: Path) -> Path:
    """What a run of this example on a GPU would leave, in somebody's folders."""
    example = name.removesuffix("-a100")
    made = launched() if example == "launch_bound" else pretended(example)
    header = made.header.model_copy(deep=True)
    header.subject.command = ["python", f"{HOME}/{example}.py", "--requests", "10"]
    header.machine.gpus = [A100.model_copy(update={"uuid": "GPU-1234"})]
    header.machine.os = "Linux somebodys-machine 6.1"
    header.notes.append(Note(code="late", text=f"{HOME}/serve.py was changed"))
    header.missing["energy"] = f"cannot read {HOME}/counter"
    sampled = recording(f"main: 0-500 stack 9 {HOME}/serve.py:10:main > lib/json.py:3:dumps")
    replace(made, header=header, stacks=sampled.stacks).save(folder / "recording")
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_a_run_on_a_gpu_becomes_a_test_without_one(name: str, tmp_path: Path) -> None:
    kept = tmp_path / "recordings" / name
    size = keep(recorded(name, tmp_path / "out"), kept)
    assert recordings(kept.parent) == [kept] and size == size_bytes(kept)
    assert said(kept.parent)[name]["first"] == planted(name) is not None
    check_verdict(kept)
    check_is_small_and_nameless(kept)


def test_what_names_somebody_is_left_out_and_nothing_else(tmp_path: Path) -> None:
    source, kept = recorded("moved_model-a100", tmp_path / "out"), tmp_path / "kept" / "moved_model"
    keep(source, kept)
    before, after = infprof.load(source), infprof.load(kept)
    words = (HOME, "somebody", "secret", "GPU-1234")
    assert not [word for word in words if word in "\n".join(texts(after))]
    assert len(after.events) == len(before.events) and len(after.stacks) == len(before.stacks)
    assert after.header.machine.gpus[0].name == A100.name
    assert "serve.py was changed" in [one.text for one in after.header.notes]


def test_a_second_recording_of_that_name_replaces_the_first(tmp_path: Path) -> None:
    kept = tmp_path / "recordings" / "launch_bound-a100"
    keep(recorded("moved_model-a100", tmp_path / "one"), kept)
    keep(recorded("launch_bound-a100", tmp_path / "two"), kept)
    check_verdict(kept)


def test_what_is_no_recording_is_left_alone(tmp_path: Path) -> None:
    kept = tmp_path / "recordings" / "launch_bound-a100"
    kept.mkdir(parents=True)
    (kept / "mine.parquet").write_text("mine")
    keep(recorded("launch_bound-a100", tmp_path / "out"), kept)
    assert (kept / "mine.parquet").read_text() == "mine"


@pytest.mark.parametrize(
    ("path", "told"),
    [
        (f"{HOME}/serve.py", "serve.py"),
        ("/home/some body/serve.py", "serve.py"),
        ("/opt/venv/lib/python3.11/site-packages/torch/nn/x.py", "site-packages/torch/nn/x.py"),
        ("/usr/lib/python3/dist-packages/PIL/Image.py", "dist-packages/PIL/Image.py"),
        ("/home/somebody/python/lib/python3.11/queue.py", "lib/python3.11/queue.py"),
        ("<frozen importlib._bootstrap>", "<frozen importlib._bootstrap>"),
        ("Sequential.forward", "Sequential.forward"),
    ],
)
def test_of_a_file_its_place_in_a_package_is_told_or_its_name(path: str, told: str) -> None:
    assert without_folders(path) == told


def test_a_name_says_what_was_planted() -> None:
    assert planted("launch_bound-h200") == "launch-bound-forward"
    assert planted("launch_bound") == "launch-bound-forward"
    assert planted("launch_bound-cured-h200") is None
