"""serial-dataloader: loops that wait for their DataLoader."""

from __future__ import annotations

import pytest

from infprof.profiler.recording import Cpu, Recording
from infprof.rules.finding import Finding, Outcome
from tests.build import recording
from tests.rules.judge import verdict_of

RULE = "serial-dataloader"
SERIAL = "enumerate(DataLoader)#_SingleProcessDataLoaderIter.__next__"
PARALLEL = "enumerate(DataLoader)#_MultiProcessingDataLoaderIter.__next__"


def loop(name: str, load_us: int, cores: int | None) -> Recording:
    text = f"""
        main: 0-100 request
        main: 0-{load_us} range {name}
        main: 2-{load_us} op aten::stack
        main: {load_us}-100 op aten::conv2d
    """
    built = recording(text, gpus=())
    built.header.machine.cpu = Cpu(usable=cores)
    return built


def finding_of(built: Recording) -> Finding:
    (finding,) = verdict_of(RULE, built).findings
    compile(finding.fix.code, "fix", "exec")
    return finding


@pytest.mark.parametrize(
    ("load_us", "cores", "high_us", "workers"),
    [
        (40, 8, 40, 1),  # one worker loads 40 us within the model's 60 us
        (80, 8, 80, 4),  # four workers need 20 us a batch each
        (80, 2, 60, 1),  # two cores need 40 us a batch, of which 20 us hide
        (80, None, 80, 4),  # unknown cores: nothing is taken off the ceiling
    ],
)
def test_usable_cores_bound_what_can_be_hidden(
    load_us: int, cores: int | None, high_us: int, workers: int
) -> None:
    finding = finding_of(loop(SERIAL, load_us, cores))
    assert (finding.saving.low_ns, finding.saving.high_ns) == (0, high_us * 1000)
    assert finding.saving.confidence == ("C" if cores is None else "B")
    assert f"num_workers={workers}," in finding.fix.code
    assert "pin_memory" not in finding.fix.code


def test_one_core_can_hide_nothing() -> None:
    assert verdict_of(RULE, loop(SERIAL, 80, 1)).outcome is Outcome.CLEAR


FORKS = (
    "serve.py:48:predict > lib/torch/utils/data/dataloader.py:1150:_shutdown_workers"
    " > lib/multiprocessing/process.py:149:join"
)


def sampled(frames: str) -> Recording:
    """Requests of 100 us that the tracer could not see: 60 under these frames, 40 in the model."""
    rows = [
        f"main: {at}-{at + 100} request plain | main: {at}-{at + 60} stack 6 {frames}"
        f" | main: {at + 60}-{at + 100} stack 4 serve.py:50:predict"
        for at in range(0, 1000, 100)
    ]
    return recording("\n".join(rows), gpus=())


def test_workers_that_each_request_starts_are_known_by_samples() -> None:
    finding = finding_of(sampled(FORKS))
    assert finding.saving.high_ns == 60_000 and "started anew" in finding.why
    assert finding.where[0].name == "predict (serve.py:48)"


def test_samples_of_a_loader_without_workers_leave_it_open() -> None:
    alone = "serve.py:48:predict > lib/torch/utils/data/dataloader.py:700:__next__"
    assert verdict_of(RULE, sampled(alone)).outcome is Outcome.UNKNOWN


def test_workers_that_do_not_keep_up() -> None:
    finding = finding_of(loop(PARALLEL, 40, 8))
    assert finding.saving.high_ns == 40_000 and finding.saving.confidence == "C"
    assert finding.title == "Keep enough DataLoader workers alive"


def test_loading_hidden_behind_the_device_costs_nothing() -> None:
    text = f"""
        main: 0-100 request
        main: 0-50 range {SERIAL}
        main: 50-60 op aten::conv2d
        s7: 0-100 kernel gemm #1
    """
    assert verdict_of(RULE, recording(text)).outcome is Outcome.CLEAR


def test_a_gpu_host_pins_memory() -> None:
    text = f"""
        main: 0-100 request
        main: 0-50 range {SERIAL}
        main: 50-60 op aten::conv2d
        s7: 55-100 kernel gemm #1
    """
    assert "pin_memory=True" in finding_of(recording(text)).fix.code


def test_a_program_without_a_loader_is_clear() -> None:
    text = "main: 0-100 request | main: 0-100 op aten::conv2d"
    assert verdict_of(RULE, recording(text, gpus=())).outcome is Outcome.CLEAR


def test_unknown_without_operators() -> None:
    text = "main: 0-100 request | main: 0-100 range preprocess:load"
    assert verdict_of(RULE, recording(text, gpus=())).outcome is Outcome.UNKNOWN
