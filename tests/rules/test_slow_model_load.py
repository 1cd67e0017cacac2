"""slow-model-load: what a process does before its first answer."""

from __future__ import annotations

import dataclasses

import pytest

from infprof.profiler.recording import Cpu, Recording
from infprof.rules.finding import Outcome
from tests.build import recording
from tests.rules.judge import verdict_of

RULE = "slow-model-load"

MAIN = "serve.py:50:main"
LOAD = f"{MAIN} > serve.py:10:load_model"
FETCH = f"{LOAD} > lib/urllib/request.py:1:urlopen > lib/http/client.py:9:HTTPResponse.read"
READ = f"{LOAD} > lib/torch/serialization.py:9:load"
INIT = (
    f"{MAIN} > serve.py:5:make > lib/torch/nn/modules/linear.py:3:Linear.__init__"
    " > lib/torch/nn/init.py:4:kaiming_uniform_"
)
COPY = f"{LOAD} > lib/torch/nn/modules/module.py:2500:Module.load_state_dict"
IMPORT = "serve.py:1:<module> > lib/requests/__init__.py:3:<module> > lib/ssl.py:1:<module>"
SERVING = "main: 9000000-9100000 request cold | main: 9100000-9200000 request plain"


def started(
    *done: tuple[float, str], grown: float = 100e6, kind: str = "run", sampled: bool = True
) -> Recording:
    """A program that did these things for so many seconds each, and answered after 9 s; its memory
    grew by ``grown`` bytes at the third second, if anybody looked."""
    rows, now = [SERVING], 0
    for seconds, path in done:
        end = now + round(seconds * 1_000_000)
        rows.append(f"main: {now}-{end} stack {round(seconds * 20)} {path}")
        now = end
    rows.append(f"main: {now}-9000000 stack {(9_000_000 - now) // 50_000} {MAIN}")
    memory = [(0, 100e6), (3_000_000, 100e6 + grown)]
    series = {"host.rss": memory} if sampled else {}
    built = recording("\n".join(rows), gpus=(), series=series, kind=kind)
    machine = built.header.machine.model_copy(update={"cpu": Cpu()})
    return dataclasses.replace(built, header=built.header.model_copy(update={"machine": machine}))


def test_a_start_that_takes_long_is_named_and_no_request_s_time_is_promised() -> None:
    found = verdict_of(RULE, started((1, IMPORT), (0.5, INIT), (3, FETCH), (1, READ), (1, COPY)))
    (finding,) = found.findings
    assert (finding.saving.high_ns, finding.saving.basis) == (0, "none")
    assert "5.5 s went into making the model ready, 3.0 s of it into fetching files" in finding.why
    assert "grew by 100 MB" in finding.why and "in 0.0 s" in finding.why
    first, second = finding.where[:2]
    assert (first.name, round(first.time_ns / 1e9, 1)) == ("load_model (serve.py:10)", 3.0)
    assert second.detail == "reading the checkpoint, once at the start"
    assert "make (serve.py:5)" in [one.name for one in finding.where]
    compile(finding.fix.code, "fix", "exec")


@pytest.mark.parametrize(
    "done",
    [
        [(0.9, READ)],
        [(5, INIT)],  # random weights are this model's own
        [(5, INIT.replace(":make", ":load_model"))],  # whatever the function is called
        [(5, IMPORT), (0.5, READ)],
        [(5, f"{MAIN} > lib/http/client.py:9:HTTPResponse.read"), (0.5, READ)],  # its own data
        [(0.5, READ), (5, INIT)],  # another model, made after the load
    ],
)
def test_what_is_short_or_no_load_is_fine(done: list[tuple[float, str]]) -> None:
    verdict = verdict_of(RULE, started(*done))
    assert (verdict.outcome, verdict.reason) == (Outcome.CLEAR, "")


@pytest.mark.parametrize(("grown", "found"), [(1e9, True), (8e9, False)])
def test_many_bytes_may_take_long(grown: float, found: bool) -> None:
    verdict = verdict_of(RULE, started((6, READ), grown=grown))
    assert (verdict.outcome is Outcome.FOUND) == found


def test_a_function_that_says_so_loads_a_model() -> None:
    """The library's part of it was too short to be sampled."""
    (finding,) = verdict_of(RULE, started((0.5, INIT), (3, FETCH))).findings
    assert "3.0 s went into making the model ready, 3.0 s of it into fetching" in finding.why


def test_what_compiles_and_moves_belongs_to_it() -> None:
    compiling = f"{MAIN} > lib/torch/_dynamo/convert_frame.py:7:_compile"
    moving = f"{MAIN} > lib/torch/nn/modules/module.py:9:Module.to"
    (finding,) = verdict_of(RULE, started((0.2, READ), (1, moving), (4, compiling))).findings
    assert "4.0 s of it into compiling" in finding.why and "5.2 s went" in finding.why


def test_without_a_sight_of_memory_the_size_is_not_known() -> None:
    assert verdict_of(RULE, started((3, READ), sampled=False)).outcome is Outcome.UNKNOWN


def test_a_program_joined_later_has_started_unseen() -> None:
    verdict = verdict_of(RULE, started((3, READ), kind="attach"))
    assert verdict.outcome is Outcome.UNKNOWN and "started before" in verdict.reason


def test_without_stacks_before_the_first_request_there_is_no_verdict() -> None:
    verdict = verdict_of(RULE, recording(SERVING, missing={"stacks": "sampling ended early"}))
    assert (verdict.outcome, verdict.reason) == (Outcome.UNKNOWN, "sampling ended early")
