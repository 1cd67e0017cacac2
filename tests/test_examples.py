"""Every example that needs no GPU, end to end: what is planted is found, what is cured is clean."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import pytest

from infprof.rules.choice import catalog
from tests.run_example import EXAMPLES, Ran, expected, names, run

needs_torch = pytest.mark.skipif(
    find_spec("torch") is None or find_spec("PIL") is None, reason="needs torch and Pillow"
)

LONG = ("image_service", "image_decode")

PLAN = ("--warmup", "2", "--plain", "5", "--window", "4", "--windows", "2")
REQUESTS = "14"
"""What this plan needs: 2 to warm up, 1 and 5 untraced, 2 and 4 traced."""

EXPLAINED = (6, 10)
"""The traced ones; or, on a machine so slow that the second window would cost more than its share,
all ten that no tracer touched."""

UNKNOWN_SHARE = 0.10


def runs_anywhere() -> list[object]:
    """Names of the examples, the long ones marked."""
    return [
        pytest.param(name, marks=[pytest.mark.slow] if name in LONG else [])
        for name in names(gpu=False)
    ]


def adds_up(ran: Ran) -> None:
    """What holds for every run of every example."""
    assert ran.exit_code == 0, ran.errors
    breakdown = ran.report.breakdown
    assert breakdown.requests in EXPLAINED
    assert sum(stage.exposed_ns for stage in breakdown.stages) == breakdown.wall_ns
    unknown = ran.share("unattributed")
    assert unknown is not None and unknown <= UNKNOWN_SHARE
    assert not [one for one in ran.report.verdicts if one.outcome == "FAILED"]


@needs_torch
@pytest.mark.parametrize("name", runs_anywhere())
def test_what_is_planted_is_the_first_finding(name: str, tmp_path: Path) -> None:
    ran = run(name, tmp_path / "out", "--requests", REQUESTS, plan=PLAN)
    adds_up(ran)
    assert ran.first == expected(name)


@needs_torch
@pytest.mark.parametrize("name", runs_anywhere())
def test_what_is_cured_is_clean(name: str, tmp_path: Path) -> None:
    ran = run(name, tmp_path / "out", "--requests", REQUESTS, "--cured", plan=PLAN)
    adds_up(ran)
    assert ran.severe == []
    assert expected(name) not in [one.rule for one in ran.report.findings]


@pytest.fixture(scope="module")
def left() -> dict[str, subprocess.CompletedProcess[str]]:
    """How each example for a GPU ended. They import torch and leave, so they run side by side."""

    def bare(name: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(EXAMPLES / f"{name}.py")]
        return subprocess.run(command, capture_output=True, text=True)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(zip(names(gpu=True), pool.map(bare, names(gpu=True)), strict=True))


@needs_torch
@pytest.mark.parametrize("name", names(gpu=True))
def test_an_example_for_a_gpu_says_so_where_there_is_none(
    name: str, request: pytest.FixtureRequest
) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is one")
    done = request.getfixturevalue("left")[name]
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "This example needs an NVIDIA GPU, and torch sees none here.\n"


NO_EXAMPLE = {
    "it is the machine's": {
        "low-gpu-clocks", "misleading-utilization", "slow-link", "starved-cpu",
    },
    "it takes several GPUs or programs": {
        "busy-workers", "exposed-communication", "provider-fallback",
    },
    "it shows over many sizes, or on a machine that was measured": {
        "oversized-batches", "oversized-gpu", "unpipelined-stages",
    },
    "a GPU that waits between the steps of an engine's loop": {"host-bound-steps"},
}  # fmt: skip
"""Rules that no script plants, by the reason."""


def test_every_rule_has_an_example_and_every_example_a_rule() -> None:
    planted = {expected(name) for gpu in (True, False) for name in names(gpu=gpu)}
    assert planted <= catalog().keys()
    zoo = [path.read_text() for path in (EXAMPLES.parent / "benchmarks" / "zoo").glob("[!_]*.py")]
    elsewhere = {rule for rule in catalog() if any(f'"rule": "{rule}"' in one for one in zoo)}
    others = {"served", "service"}  # of engines, and of what the owner of a service says
    of_engines = {rule for rule, one in catalog().items() if others & {*getattr(one, "NEEDS", ())}}
    assert catalog().keys() - planted - elsewhere - of_engines == set().union(*NO_EXAMPLE.values())


def test_the_table_of_examples_is_whole_and_true() -> None:
    table = (EXAMPLES / "README.md").read_text()
    for name in [*names(gpu=True), *names(gpu=False)]:
        row = next(line for line in table.splitlines() if line.startswith(f"| [`{name}.py`]"))
        assert f"`{expected(name)}`" in row
