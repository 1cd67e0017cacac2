"""The zoo's scripts say what they plant so that its judge can read it, and run without infprof."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import infprof
from infprof.profiler.serving.facts import served
from infprof.profiler.serving.page import read_page
from infprof.profiler.serving.scrape import MetricsPage
from infprof.rules import catalog

of_scripts, of_runs, of_judge, of_score = (
    import_module(f"zoo_{part}") for part in ("scripts", "runs", "judge", "score")
)
"""By name: a type checker looks for modules elsewhere."""

scripts: Any = of_scripts.scripts
expected_of, judge, truth_of = of_judge.expected_of, of_judge.judge, of_judge.truth_of
score: Any = of_score.score

STAGES = frozenset("io preprocess h2d compute d2h postprocess python queue unattributed".split())

ALL = [pytest.param(one, id=one.path.stem) for one in scripts()]


def test_the_zoo_is_large_enough() -> None:
    healthy = [one for one in scripts() if one.zoo["healthy"]]
    assert len(scripts()) - len(healthy) >= 46
    assert len(healthy) >= 16


@pytest.mark.parametrize("script", ALL)
def test_a_script_says_what_it_plants(script: Any) -> None:
    said = script.zoo
    assert {*script.stages(False), *script.stages(True)} <= STAGES
    assert script.how in of_runs.HOW
    assert said.get("file", "").endswith(".json") == (script.how == "report")
    if script.how != "report":
        assert "stage" in said and "cured_stage" in said
    assert set(script.true()) <= catalogued()
    assert not set(script.rules()) & set(said.get("true_too", []))
    assert isinstance(said["healthy"], bool) and isinstance(said["same_output"], bool)
    assert not (said["healthy"] and said["rule"])
    assert script.lines


@pytest.mark.parametrize("script", ALL)
def test_a_script_is_not_annotated(script: Any) -> None:
    text = script.path.read_text()
    assert "infprof" not in text and "nvtx" not in text
    assert f"def {script.zoo['function']}(" in text or script.zoo["function"] == "<module>"


def catalogued() -> set[str]:
    names = (path.stem for path in (Path(catalog.__file__ or "").parent).glob("[!_]*.py"))
    return {name.replace("_", "-") for name in names}


@pytest.mark.parametrize("name", ["normalise_loops", "topk_sorted", "conv_steady"])
def test_slow_and_cured_give_the_same_answers(name: str) -> None:
    pytest.importorskip("torch")
    (script,) = scripts([name])
    with ThreadPoolExecutor(2) as side_by_side:
        slow, cured = side_by_side.map(lambda options: bare(script, *options), ((), ("--cured",)))
    assert script.zoo["same_output"]
    assert slow["answer"] == cured["answer"]


def bare(script: Any, *options: str) -> dict[str, Any]:
    command = [sys.executable, str(script.path), "--requests", "3", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    truth: dict[str, Any] | None = truth_of(done.stdout)
    assert truth is not None
    return truth


ENGINES = {
    "engine_few_seqs": "vLLM",
    "server_one_by_one": "Triton",
    "server_overloaded": "TorchServe",
}


@pytest.mark.parametrize("name", ENGINES)
def test_a_server_shows_the_page_of_an_engine_that_is_known(name: str) -> None:
    (script,) = scripts([name])
    with of_runs.serving(script, []) as port:
        found = served([read_page(MetricsPage(f"http://127.0.0.1:{port}").read())])
    assert found is not None and found.engine == ENGINES[name]
    assert found.times["queue"].count > 0


@pytest.mark.parametrize("name", ["load_closed_loop", "load_open_loop"])
def test_a_load_test_s_result_is_one(name: str, tmp_path: Path) -> None:
    (script,) = scripts([name])
    file = tmp_path / script.zoo["file"]
    subprocess.run([sys.executable, str(script.path), "--out", str(file)], check=True, timeout=60)
    load = infprof.load(file).header.load
    assert load is not None and load.requests and load.times["request"].mean_ns


TRUTH = {"share": 0.6, "stages": {"preprocess": 0.6, "compute": 0.4}}


def report(rule: str, stage: str, name: str, severity: str = "high") -> dict[str, Any]:
    """A report with one finding."""
    finding = {"rule": rule, "severity": severity, "where": [{"name": name, "detail": ""}]}
    shares = {"preprocess": 0.62, "compute": 0.36, "unattributed": 0.02}
    return {
        "latency": {"requests": 50},
        "breakdown": {"stages": [{"stage": one, "share": share} for one, share in shares.items()]},
        "verdict": {"stage": stage},
        "findings": [finding] if rule else [],
    }


def judged(given: dict[str, Any], *, cured: bool = False, truth: dict[str, Any] = TRUTH) -> Any:
    """What the judge says of a report on ``normalise_loops``."""
    (script,) = scripts(["normalise_loops"])
    result = expected_of(script, cured, 1)
    judge(result, script, given, {**truth, "stages": {}} if cured else truth)
    return result


def place() -> str:
    (script,) = scripts(["normalise_loops"])
    return f"normalise ({script.path.name}:{min(script.lines)})"


def test_the_right_answer_is_right() -> None:
    result = judged(report("python-loops", "preprocess", place()))
    assert result.right and not result.wrong
    assert result.function and result.line
    assert result.off == pytest.approx(4.0)


def test_another_rule_another_stage_and_another_line_are_not() -> None:
    assert not judged(report("gc-pauses", "preprocess", place())).right
    assert not judged(report("python-loops", "compute", place())).right
    elsewhere = judged(report("python-loops", "preprocess", "normalise (normalise_loops.py:1)"))
    assert elsewhere.function and not elsewhere.line and elsewhere.wrong


def test_where_the_model_takes_longer_than_the_plant_it_comes_first() -> None:
    """By the script's own clock: on a slow machine it may."""
    slow = {"share": 0.4, "stages": {"preprocess": 0.4, "compute": 0.6}}
    assert judged(report("python-loops", "compute", place()), truth=slow).right
    assert judged(report("python-loops", "preprocess", place()), truth=slow).right
    assert not judged(report("python-loops", "postprocess", place()), truth=slow).right


def test_a_cured_script_must_be_silent() -> None:
    assert judged(report("", "compute", ""), cured=True).right
    assert not judged(report("python-loops", "compute", "x", "low"), cured=True).right
    assert judged(report("python-loops", "compute", "x", "info"), cured=True).right


def test_no_report_is_a_miss() -> None:
    script = scripts(["normalise_loops"])[0]
    total = score([expected_of(script, False, 1)])
    assert total.rank_1 == 0
    assert {"rank-1", "shares", "unattributed"} <= set(total.missed)
