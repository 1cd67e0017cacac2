"""The table [deployment]: what it says reaches the rules, and what is wrong with it is told."""

from __future__ import annotations

from pathlib import Path
from typing import get_type_hints

import pytest

from infprof import diagnose
from infprof.deployment_settings import _READ
from infprof.judging import Judging
from infprof.output import Output, explain
from infprof.profiler.bad_input import BadInput
from infprof.profiler.deployment import Deployment
from infprof.profiler.recording import Recording
from infprof.settings_file import read_settings
from tests.build import recording

WHOLE = """\
[deployment]
client_timeout_s = 60
streaming = false
latency_target_ms = 250.5
min_replicas = 0
idle_timeout_s = 300
cold_start_s = 45
scale_on = ["queue", "cpu"]
resize_on = []

[deployment.gpu_prices]
"NVIDIA A100-SXM4-80GB" = 4.1
L4 = 0.8
"""


def said(folder: Path, text: str) -> Deployment | None:
    (folder / "infprof.toml").write_text(text)
    return read_settings(folder).deployment


def test_all_that_can_be_said(tmp_path: Path) -> None:
    assert said(tmp_path, WHOLE) == Deployment(
        client_timeout_s=60, streaming=False, latency_target_ms=250.5, min_replicas=0,
        idle_timeout_s=300, cold_start_s=45, scale_on=["queue", "cpu"],
        gpu_prices={"NVIDIA A100-SXM4-80GB": 4.1, "L4": 0.8},
    )  # fmt: skip
    assert list(_READ) == list(get_type_hints(Deployment))[: len(_READ)]


def test_what_is_not_said_is_unknown(tmp_path: Path) -> None:
    assert said(tmp_path, "") is None
    assert said(tmp_path, "[deployment]") == Deployment()


def test_a_shared_file_says_it_too(tmp_path: Path) -> None:
    text = "[tool.infprof.deployment]\nclient_timeout_s = 60\n"
    (tmp_path / "pyproject.toml").write_text(text)
    assert read_settings(tmp_path).deployment == Deployment(client_timeout_s=60)


WRONG = {
    "deployment = 3": "deployment: must be a table, as in client_timeout_s = 60",
    "deployment.client_timeout = 60": "deployment: client_timeout: no such setting; did you mean "
    "client_timeout_s?",
    "deployment.zzz = 1": "zzz: no such setting; known are client_timeout_s, streaming",
    "deployment.client_timeout_s = 0": "deployment.client_timeout_s: must be a number above 0",
    "deployment.cold_start_s = '45 s'": "deployment.cold_start_s: must be a number above 0",
    "deployment.idle_timeout_s = nan": "deployment.idle_timeout_s: must be a number above 0",
    "deployment.latency_target_ms = true": "latency_target_ms: must be a number above 0",
    "deployment.min_replicas = -1": "min_replicas: must be a whole number from 0 up",
    "deployment.min_replicas = true": "min_replicas: must be a whole number from 0 up",
    "deployment.streaming = 1": "deployment.streaming: must be true or false",
    "deployment.scale_on = 'cpu'": 'scale_on: must be a list of signals, as in ["queue"]',
    "deployment.scale_on = ['queues']": "scale_on: queues: no such signal; did you mean queue?",
    "deployment.resize_on = ['x']": "resize_on: x: no such signal; known are cpu, memory",
    "deployment.gpu_prices = 3": 'gpu_prices: must be a table, as in "NVIDIA L4" = 0.8',
    "deployment.gpu_prices.L41 = 1": "gpu_prices: L41: no such GPU; did you mean l4",
    "deployment.gpu_prices.L4 = 0": "deployment.gpu_prices.L4: must be a number above 0",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_is_said_in_one_line(text: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput) as error:
        said(tmp_path, text)
    assert str(error.value).startswith("infprof.toml: deployment") and WRONG[text] in str(
        error.value
    )
    assert "\n" not in str(error.value)


def test_it_is_kept_with_the_recording(tmp_path: Path) -> None:
    made, output = recording("main: 0-100 request"), Output(tmp_path)
    made.save(output.recording)
    explain(made, output, Judging(deployment=Deployment(min_replicas=0)))
    assert Recording.load(output.recording).header.deployment == Deployment(min_replicas=0)


def test_to_diagnose_changes_no_recording() -> None:
    made = recording("main: 0-100 request")
    diagnose(made, Judging(deployment=Deployment(min_replicas=0)))
    assert made.header.deployment is None
