"""reloaded-model: requests that build, load or move the model."""

from __future__ import annotations

import pytest

from infprof.rules.finding import Outcome
from tests.build import recording
from tests.pretend_examples import recorded
from tests.rules.judge import evidence_of, verdict_of

RULE = "reloaded-model"
FIRST, SECOND = "[512,64]", "[10,512]"


def op(start: int, end: int, name: str, dims: str, types: str = '"float"') -> str:
    return f'main: {start}-{end} op {name} {{"dims":{dims},"types":[{types}]}}\n'


def model(at: int) -> str:
    """Two linear layers, 20 us."""
    return op(at, at + 10, "aten::linear", f"[[4,64],{FIRST}]") + op(
        at + 10, at + 20, "aten::linear", f"[[4,512],{SECOND}]"
    )


def fill(at: int, name: str, types: str = '"float"') -> str:
    """Both layers' weights written: 10 us, 10 us of Python, 10 us."""
    first, second = (f"[{shape},{shape}]" for shape in (FIRST, SECOND))
    return op(at, at + 10, name, first, types) + op(at + 20, at + 30, name, second, types)


def two_requests(before_model: str, second_too: bool = True) -> str:
    again = before_model if second_too else ""
    return (
        f"main: 0-100 request\n{before_model}{model(80)}"
        + f"main: 1000-1100 request\n{moved(again)}{model(1080)}"
    )


def moved(text: str) -> str:
    """The same rows 1000 us later."""
    lines = []
    for line in filter(None, text.split("\n")):
        lane, span, rest = line.split(" ", 2)
        start, end = span.split("-")
        lines.append(f"{lane} {int(start) + 1000}-{int(end) + 1000} {rest}")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("name", "types"),
    [
        ("aten::uniform_", '"float"'),
        ("aten::normal_", '"float"'),
        ("aten::copy_", '"float","float"'),
    ],
)
def test_writing_the_weights_in_each_request(name: str, types: str) -> None:
    (finding,) = verdict_of(RULE, recording(two_requests(fill(10, name, types)), gpus=())).findings
    # from the first to the last write, with the Python between them
    assert (finding.saving.low_ns, finding.saving.high_ns) == (27_000, 30_000)
    assert finding.saving.confidence == "A"
    compile(finding.fix.code, "fix", "exec")


@pytest.mark.parametrize(
    "name", ["range preprocess:load_model", "range build the model", "range torch.load",
             "range io:torch.load in serve (serve.py:3)",
             "python transformers/modeling_utils.py(3000): from_pretrained",
             "python torch/serialization.py(1200): load"],
)  # fmt: skip
def test_names_that_say_so(name: str) -> None:
    rows = f"main: 0-40 {name}\n"
    (finding,) = verdict_of(RULE, recording(two_requests(rows), gpus=())).findings
    assert finding.saving.high_ns == 40_000


def test_weights_moved_to_the_device_between_layers() -> None:
    types = '"float","float"'
    text = (
        "main: 0-100 request\n"
        + op(0, 30, "aten::copy_", f"[{FIRST},{FIRST}]", types)
        + op(30, 40, "aten::linear", f"[[4,64],{FIRST}]")
        + op(40, 60, "aten::copy_", f"[{SECOND},{SECOND}]", types)
        + op(60, 70, "aten::linear", f"[[4,512],{SECOND}]")
        + "s7: 5-30 copy Memcpy HtoD (Pageable -> Device) #1 @131072\n"
        + "s7: 45-55 kernel gemm #2\n"
    )
    both = text + moved(text.replace("#1", "#3").replace("#2", "#4"))
    (finding,) = verdict_of(RULE, recording(both)).findings
    # 30 us and 20 us, less the 10 us in which the first layer still ran on the device
    assert finding.saving.high_ns == 40_000


def test_of_a_model_that_visits_the_gpu_the_copies_and_waits_fall_away_too() -> None:
    slow, cured = (evidence_of(recorded("moved_model", cured=one)) for one in (False, True))
    (finding,) = verdict_of(RULE, slow.recording).findings
    assert finding.saving.basis == "replay"
    assert finding.saving.high_ns == pytest.approx(slow.wall_ns - cured.wall_ns, rel=0.01)


@pytest.mark.parametrize(
    "rows",
    [
        "",
        fill(10, "aten::copy_", '"c10::BFloat16","float"'),  # autocast casts, it does not load
        op(10, 40, "aten::uniform_", f"[{FIRST}]"),  # one tensor of that shape is no model
        op(10, 40, "aten::normal_", "[[4,64]]"),  # a random input
        "main: 0-40 range preprocess:load image\n",
        "main: 0-40 range preprocess:load_data\n",
        "main: 0-40 range compute:model\n",
        "main: 0-40 range io:open in load_model (serve.py:3)\n",
    ],
)
def test_other_work_is_no_load(rows: str) -> None:
    built = recording(two_requests(rows), gpus=())
    assert verdict_of(RULE, built).outcome is Outcome.CLEAR


def test_a_load_that_only_the_first_request_pays_is_warm_up() -> None:
    text = two_requests(fill(10, "aten::uniform_"), second_too=False)
    assert verdict_of(RULE, recording(text, gpus=())).outcome is Outcome.CLEAR


def test_one_request_cannot_tell() -> None:
    text = "main: 0-100 request\n" + fill(10, "aten::uniform_") + model(80)
    verdict = verdict_of(RULE, recording(text, gpus=()))
    assert verdict.outcome is Outcome.UNKNOWN and "one request" in verdict.reason


def test_a_trace_that_marks_no_requests_cannot_tell() -> None:
    text = fill(10, "aten::uniform_") + model(80)
    assert verdict_of(RULE, recording(text, gpus=())).outcome is Outcome.UNKNOWN


def test_unknown_without_operators() -> None:
    text = "main: 0-100 request | main: 0-100 range preprocess:load"
    assert verdict_of(RULE, recording(text, gpus=())).outcome is Outcome.UNKNOWN
