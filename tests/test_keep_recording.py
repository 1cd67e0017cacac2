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
from tests.random_programs import Step
from tests.simulated_machine import run

pytest.importorskip("torch")

HOME = "/home/somebody/secret-project"


def uploaded() -> Recording:
    """Ten requests that wait for 50 MB from pageable memory."""
    lines = []
    for turn in range(10):
        at, call = 10_000 * turn, turn + 1
        lines += [
            f"main: {at}-{at + 9000} request",
            f"main: {at + 100}-{at + 7000} call cudaMemcpyAsync #{call}",
            f"s7: {at + 300}-{at + 7000} copy Memcpy HtoD (Pageable -> Device) #{call} @50331648",
            f"main: {at + 7100}-{at + 7110} call cudaLaunchKernel #{100 + call}",
            f"s7: {at + 7120}-{at + 7200} kernel reduce_kernel #{100 + call}",
            f"main: {at + 7120}-{at + 7210} call cudaStreamSynchronize",
        ]
    lines.append(f"main: 0-99000 stack 50 {HOME}/serve.py:10:main > lib/json.py:3:dumps")
    return recording("\n".join(lines))


def launched() -> Recording:
    """A request of 600 kernels on a machine that issues one in 13 us and runs it in two."""
    steps = [Step("work", time_ns=10_000), Step("kernel", 0, 2_000)] * 600
    ran = run([*steps, Step("sync", 0)]).timeline.recording
    return replace(ran, header=ran.header.model_copy(update={"machine": Machine(gpus=[A100])}))


PROGRAMS = {"pageable_upload-a100": uploaded, "launch_bound-a100": launched}


def recorded(name: str, folder: Path) -> Path:
    """What a run of this example on a GPU would leave."""
    made = PROGRAMS[name]()
    header = made.header.model_copy(deep=True)
    header.subject.command = ["python", f"{HOME}/{name}.py", "--requests", "10"]
    header.machine.gpus = [A100.model_copy(update={"uuid": "GPU-1234"})]
    header.machine.os = "Linux somebodys-machine 6.1"
    header.notes.append(Note(code="late", text=f"{HOME}/serve.py was changed"))
    header.missing["energy"] = f"cannot read {HOME}/counter"
    replace(made, header=header).save(folder / "recording")
    return folder


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_run_on_a_gpu_becomes_a_test_without_one(name: str, tmp_path: Path) -> None:
    kept = tmp_path / "recordings" / name
    size = keep(recorded(name, tmp_path / "out"), kept)
    assert recordings(kept.parent) == [kept] and size == size_bytes(kept)
    assert said(kept.parent)[name]["first"] == planted(name) is not None
    check_verdict(kept)
    check_is_small_and_nameless(kept)


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_names_somebody_is_left_out_and_nothing_else(name: str, tmp_path: Path) -> None:
    source = recorded(name, tmp_path / "out")
    keep(source, tmp_path / "kept" / name)
    before, after = infprof.load(source), infprof.load(tmp_path / "kept" / name)
    words = (HOME, "somebody", "secret", "GPU-1234")
    assert not [word for word in words if word in "\n".join(texts(after))]
    assert len(after.events) == len(before.events) and len(after.stacks) == len(before.stacks)
    assert after.header.machine.gpus[0].name == A100.name
    assert "serve.py was changed" in [one.text for one in after.header.notes]


def test_a_second_recording_of_that_name_replaces_the_first(tmp_path: Path) -> None:
    kept = tmp_path / "recordings" / "launch_bound-a100"
    keep(recorded("pageable_upload-a100", tmp_path / "one"), kept)
    keep(recorded("launch_bound-a100", tmp_path / "two"), kept)
    check_verdict(kept)
    assert not len(infprof.load(kept).stacks)


@pytest.mark.parametrize(
    ("path", "told"),
    [
        (f"{HOME}/serve.py", "serve.py"),
        ("/home/some body/serve.py", "serve.py"),
        ("/opt/venv/lib/python3.11/site-packages/torch/nn/x.py", "site-packages/torch/nn/x.py"),
        ("/usr/lib/python3/dist-packages/PIL/Image.py", "dist-packages/PIL/Image.py"),
        ("/root/.pyenv/versions/3.11.7/lib/python3.11/queue.py", "lib/python3.11/queue.py"),
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
