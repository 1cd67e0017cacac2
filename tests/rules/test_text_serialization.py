"""text-serialization: data to text and back."""

from __future__ import annotations

import pytest

from infprof.rules.finding import Outcome, Verdict
from tests.build import recording
from tests.rules.judge import verdict_of

RULE = "text-serialization"
MODEL = "main: 0-40 stack 40 serve.py:9.200:main > lib/torch/nn/modules/module.py:1:_call_impl"
REPLY = "serve.py:10.300:main > serve.py:71.40:reply"


def judged(*parts: str) -> Verdict:
    return verdict_of(RULE, recording(" | ".join(("main: 0-100 request", *parts)), gpus=()))


@pytest.mark.parametrize(
    "name",
    [
        "json.dumps in reply (serve.py:71)",
        "base64.b64encode in reply (serve.py:71)",
        "pickle.dumps in reply (serve.py:71)",
        "torch.Tensor.tolist in reply (serve.py:71)",
    ],
)
def test_entries_of_libraries(name: str) -> None:
    (finding,) = judged(
        "main: 0-60 op aten::linear", f"main: 60-100 range postprocess:{name}"
    ).findings
    assert finding.where[0].name == name
    assert (finding.saving.low_ns, finding.saving.high_ns) == (0, 39_000)  # a fortieth stays
    assert finding.stage == "postprocess" and "40 %" in finding.why
    compile(finding.fix.code, "fix", "exec")


def test_reading_text_belongs_to_the_preprocessing() -> None:
    (finding,) = judged(
        "main: 0-40 range preprocess:json.loads in parse (serve.py:7)",
        "main: 40-100 op aten::linear",
    ).findings
    assert finding.stage == "preprocess" and "parse (serve.py:7)" in finding.where[0].name


@pytest.mark.parametrize(
    "inner",
    [
        "lib/json/__init__.py:231:dumps > lib/json/encoder.py:200:encode",
        "lib/base64.py:58:b64encode",
        "lib/csv.py:140:writerows",
        "lib/pydantic/main.py:470:model_dump_json",
    ],
)
def test_sampled_frames(inner: str) -> None:
    (finding,) = judged(MODEL, f"main: 40-100 stack 60 {REPLY} > {inner}").findings
    assert finding.where[0].name == "reply (serve.py:71)"
    assert finding.stage == "postprocess" and finding.saving.high_ns == 58_500


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param(["main: 60-100 range io:read json"], id="a read is blocking-io's"),
        pytest.param(["main: 60-100 range preprocess:decode jpeg"], id="a picture"),
        pytest.param(
            [MODEL, f"main: 40-100 stack 60 {REPLY} > lib/orjson/__init__.py:5:dumps"],
            id="a fast encoder",
        ),
        pytest.param(
            [
                MODEL,
                f"main: 40-100 stack 60 {REPLY} > lib/torch/serialization.py:9:load"
                " > lib/pickle.py:5:load",
            ],
            id="a model is loaded",
        ),
        pytest.param(
            [MODEL, f"main: 40-100 stack 60 {REPLY} > lib/json/encoder.py:5:f !gil"],
            id="waits for the interpreter",
        ),
        pytest.param(
            [
                "main: 0-96 op aten::linear",
                "main: 96-100 range postprocess:json.dumps in reply (serve.py:71)",
            ],
            id="a small answer",
        ),
    ],
)
def test_silent(parts: list[str]) -> None:
    work = [] if MODEL in parts else ["main: 0-60 op aten::linear"]
    assert judged(*work, *parts).outcome is Outcome.CLEAR


def test_hidden_behind_the_device_it_costs_nothing() -> None:
    text = """
        main: 0-100 request
        s7: 0-100 kernel gemm #1
        main: 40-90 range postprocess:json.dumps in reply (serve.py:71)
    """
    assert verdict_of(RULE, recording(text)).outcome is Outcome.CLEAR


def test_unknown_while_nothing_names_the_host_time() -> None:
    text = "main: 0-1000 request | main: 0-100 op aten::linear"
    verdict = verdict_of(RULE, recording(text, gpus=()))
    assert verdict.outcome is Outcome.UNKNOWN and "90 % of the wall" in verdict.reason
