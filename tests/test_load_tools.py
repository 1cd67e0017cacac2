"""Every load generator's files: which tool wrote them, and numbers in nanoseconds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infprof.profiler import registry
from infprof.profiler.importers.load_result import load_of
from infprof.profiler.loads.load import Load, PhaseTimes
from infprof.profiler.loads.tools import has, tool_of
from infprof.profiler.loads.values import LONGEST_NS, number
from infprof.profiler.recording import BadInput
from tests import load_documents as written

MS, S = 1_000_000, 1_000_000_000


class Told(NamedTuple):
    """What a file says of all its requests."""

    tool: str
    requests: int | None
    failed: int | None
    mean_ns: int | None
    p99_ns: int | None
    achieved_per_s: float | None
    offered_per_s: float | None
    concurrency: int | None
    arrivals: str | None
    window_ns: int | None


EXPECTED = {
    "k6": (
        written.K6,
        Told("k6", 1000, 10, 120_500_000, None, 50.0, 62.5, 40, None, 20 * S),
    ),
    "k6 handleSummary": (
        written.K6_NEW,
        Told("k6", 1000, 10, 120_500_000, None, 50.0, None, 40, None, 20_000_500_000),
    ),
    "locust": (
        written.LOCUST,
        Told("Locust", 400, 6, 78 * MS, 790 * MS, 13.5, None, None, "paced", 29_629_629_630),
    ),
    "locust history": (
        written.LOCUST_HISTORY,
        Told("Locust", 200, 4, 100 * MS, None, 10.0, None, 5, "paced", 20 * S),
    ),
    "vegeta": (
        written.VEGETA,
        Told("Vegeta", 100, 3, 6 * MS, 20 * MS, 10.0, None, None, "open", 10 * S),
    ),
    "vegeta encode": (
        written.VEGETA_LINES,
        Told("Vegeta", 4, 1, 2_500_000, 4 * MS, 4 / 3.004, None, None, "open", 3_004 * MS),
    ),
    "ghz": (
        written.GHZ,
        Told("ghz", 200, 2, 40 * MS, 88 * MS, 100.0, None, 50, "closed", 2 * S),
    ),
    "autocannon": (
        written.AUTOCANNON,
        Told("autocannon", 1000, 20, 450_000, 5 * MS, 100.0, None, 10, "closed", 10 * S),
    ),
    "vllm": (
        written.VLLM,
        Told("vLLM bench", 102, 2, 3_734 * MS, 5 * S, 2.0, None, 8, "closed", 50 * S),
    ),
    "vllm, all failed": (
        written.VLLM_FAILED,
        Told("vLLM bench", 102, 102, None, None, 0.0, None, None, "at once", 50 * S),
    ),
    "vllm within another document": (
        json.dumps({"type": "perf", "raw": written.vllm(request_rate=2.5)}),
        Told("vLLM bench", 102, 2, 3_734 * MS, 5 * S, 2.0, 2.5, 8, "open", 50 * S),
    ),
    "sglang": (
        written.SGLANG,
        Told("SGLang bench", 500, None, 900 * MS, 1 * S, 5.0, 5.0, None, "open", 100 * S),
    ),
    "genai-perf": (
        written.GENAI,
        Told("GenAI-Perf", None, None, 800 * MS, 990 * MS, 20.0, None, 16, "closed", None),
    ),
    "genai-perf CSV": (
        written.GENAI_CSV,
        Told("GenAI-Perf", None, None, 3_142_090_000, 3_265_260_000, 31.79, None, None, None, None),
    ),
    "aiperf": (
        written.AIPERF,
        Told("AIPerf", 400, None, 800 * MS, 990 * MS, 20.0, 25.0, None, "open", 20 * S),
    ),
    "perf_analyzer's requests": (
        written.PERF_ANALYZER_REQUESTS,
        Told("perf_analyzer", 2, None, 90, 90, 2 / 290e-9, None, 1, "closed", 290),
    ),
    "guidellm": (
        written.GUIDELLM,
        Told("GuideLLM", 120, 2, 1_500 * MS, 2_750 * MS, 1.95, 2.0, None, "open", 60 * S),
    ),
    "inference-perf": (
        written.inference_perf(),
        Told("inference-perf", 600, 6, 2_100 * MS, 3 * S, 9.9, 10.0, None, "open", 60 * S),
    ),
    "llmperf": (
        written.LLMPERF,
        Told("llmperf", 150, 3, 815 * MS, 990 * MS, 2.94, None, 5, "closed", 50 * S),
    ),
    "llmperf's requests": (
        written.LLMPERF_EACH,
        Told("llmperf", 4, 1, 2 * S, 3 * S, None, None, None, "closed", None),
    ),
    "multi-round-qa": (
        written.MULTI_ROUND_QA,
        Told("multi-round-qa", 2, None, 800 * MS, 1 * S, 1.0, None, None, None, 2 * S),
    ),
}
SWEEPS = {
    "vllm": (written.VLLM_SWEEP, [(1, 1.0), (2, 2.0), (4, 4.0)]),
    "perf_analyzer": (written.PERF_ANALYZER, [(1, 2000.0), (2, 2000.0)]),
    "Model Analyzer": (written.MODEL_ANALYZER, [(2, 250.0), (1, 200.0)]),
    "sglang": (written.SGLANG_LINES, [(None, 5.0), (None, 5.0)]),
}


def read(text: str) -> Load:
    return load_of(Path("result"), text.encode())


@pytest.mark.parametrize(("text", "told"), EXPECTED.values(), ids=list(EXPECTED))
def test_numbers_are_read_in_their_units(text: str, told: Told) -> None:
    load = read(text)
    request = load.times.get("request", PhaseTimes())
    found = Told(
        load.tool, load.requests, load.failed, request.mean_ns,
        request.p99_ns, load.achieved_per_s, load.offered_per_s, load.concurrency,
        load.arrivals, load.window_ns,
    )  # fmt: skip
    assert found._replace(achieved_per_s=None) == told._replace(achieved_per_s=None)
    assert found.achieved_per_s == pytest.approx(told.achieved_per_s)


@pytest.mark.parametrize(("text", "levels"), SWEEPS.values(), ids=list(SWEEPS))
def test_a_sweep_has_its_levels(text: str, levels: list[tuple[int | None, float]]) -> None:
    load = read(text)
    assert load.is_sweep and not load.times
    assert [(one.concurrency, one.achieved_per_s) for one in load.parts] == levels
    assert len({one.label for one in load.parts}) == len(levels)


def test_runs_under_one_setting_are_no_sweep() -> None:
    load = read(json.dumps([written.vllm(run_number=number) for number in (0, 1)]))
    assert not load.is_sweep and load.parts_are == "repeats" and load.requests == 204
    assert [one.label for one in load.parts] == ["run number 0", "run number 1"]


def test_every_tool_has_a_document_here() -> None:
    texts = [text for text, _ in (*EXPECTED.values(), *SWEEPS.values())]
    tools = {tool.__name__.rpartition(".")[2] for text in texts if (tool := tool_of(text.encode()))}
    known = registry.names("infprof.profiler.loads.tools")
    assert sorted(tool.replace("_", "-") for tool in tools) == known


@pytest.mark.parametrize("text", [text for text, _ in (*EXPECTED.values(), *SWEEPS.values())])
def test_a_file_is_recognised_as_one_tools_only(text: str) -> None:
    tools = registry.load("infprof.profiler.loads.tools", "infprof.loads").values()
    assert sum(has(text.encode(), tool.SIGNS) for tool in tools) == 1


def test_phases_of_tokens_are_told_apart() -> None:
    times = read(written.VLLM).times
    means = {phase: one.mean_ns for phase, one in times.items()}
    assert means == {
        "request": 3_734 * MS, "first_token": 210 * MS, "between_tokens": 12_500_000,
        "per_token": 12 * MS,
    }  # fmt: skip
    assert read(written.VLLM).output_tokens == 12_800


def test_of_requests_that_all_failed_no_time_is_known() -> None:
    load = read(written.VLLM_FAILED)
    assert load.times == {} and load.output_tokens is None


def test_times_per_token_that_contradict_the_requests_are_left_out() -> None:
    assert read(written.inference_perf()).times["per_token"].mean_ns == 20 * MS
    halved = read(written.inference_perf(each_token_s=0.01)).times
    assert "per_token" not in halved and "between_tokens" not in halved


def test_mean_per_token_with_the_first_is_no_time_per_token() -> None:
    assert set(read(written.LLMPERF).times) == {"request", "first_token"}


def test_rates_of_failure_count_what_failed() -> None:
    """k6 calls a failed request a pass of ``http_req_failed``."""
    document = json.loads(written.K6)
    document["metrics"]["http_req_failed"] = {"passes": 990, "fails": 10, "value": 0.99}
    assert read(json.dumps(document)).failed == 990


def test_ghz_sends_openly_only_if_told_to() -> None:
    document = json.loads(written.GHZ)
    document["options"] |= {"rps": 80}
    assert read(json.dumps(document)).arrivals == "paced"
    document["options"] |= {"async": True}
    load = read(json.dumps(document))
    assert (load.arrivals, load.offered_per_s) == ("open", 80.0)


def test_parts_of_a_request_are_no_requests() -> None:
    """A Locust script may report the first token as an entry of its own."""
    text = written.LOCUST.replace("/predict", "E2E").replace("/health", "TTFT")
    load = read(text)
    assert load.requests == 300 and len(load.parts) == 2
    assert {phase: one.mean_ns for phase, one in load.times.items()} == {
        "request": 100_500_000, "first_token": 10_500_000
    }  # fmt: skip


def test_one_path_may_be_asked_for_in_two_ways() -> None:
    load = read(written.LOCUST.replace("/health", "/predict"))
    assert [one.label for one in load.parts] == ["POST /predict", "GET /predict"]
    assert load.requests == 400


def test_a_server_that_tells_nothing_leaves_the_mean_open() -> None:
    """perf_analyzer then writes only what the client did before and after the request."""
    text = (
        "Concurrency,Inferences/Second,Client Send,Client Recv,p50 latency,p99 latency\n"
        "1,100.0,5,3,9000,12000\n"
    )
    load = read(text)
    assert load.times["request"].mean_ns is None and load.times["request"].p99_ns == 12 * MS


def test_triton_tells_the_servers_part() -> None:
    means = {
        phase: one.mean_ns for phase, one in read(written.PERF_ANALYZER).parts[0].times.items()
    }
    assert means == {
        "request": 500_000, "queue": 10_000, "input": 20_000, "compute": 400_000, "output": 15_000
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("Method,Name,Error,Occurrences,First Seen,Last Seen\n", "list of failures.*_stats.csv"),
        ("Count,Message,Traceback,Nodes\n", "list of exceptions"),
        ("Model,GPU UUID,GPU Utilization (%)\n", "GPU metrics"),
        ("*** Measurement Settings ***\n  Batch size: 1\n", "what perf_analyzer printed"),
        ('{"load_summary": {}, "successes": {"count": 9}, "failures": {}}', "Prometheus"),
        (written.VLLM[:-40], "cannot be read .*copy it again"),
        (written.LOCUST.partition("\n")[0], "tells of no request"),
        ('{"metrics": {"http_reqs": 3}}', "tells of no request"),
    ],
)
def test_what_is_of_no_use_is_refused_in_one_line(text: str, what: str) -> None:
    with pytest.raises(BadInput, match=what) as refusal:
        read(text)
    assert "\n" not in str(refusal.value)


def test_numbers_may_be_infinite_and_are_then_unknown() -> None:
    document = json.dumps(written.vllm(request_rate=float("inf"), mean_e2el_ms=float("nan")))
    load = read(document)
    assert load.offered_per_s is None and load.times["request"].mean_ns is None


anything = st.one_of(
    st.none(), st.booleans(), st.floats(), st.integers(), st.text(max_size=8), st.just(10**400)
)


@given(anything)
def test_a_number_is_sound_or_unknown(value: object) -> None:
    found = number(value)
    assert found is None or 0 <= found < float("inf")


JSON_TEXTS = [text for text, _ in EXPECTED.values() if text[0] in "[{" and text.count("\n") < 2]
leaves = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=6), st.just([]),
    st.just({}), st.just("1,5"), st.just(10**400),
)  # fmt: skip


@given(st.sampled_from(JSON_TEXTS), st.data())
def test_any_value_anywhere_is_read_or_refused(text: str, data: st.DataObject) -> None:
    """Nothing but ``BadInput`` comes out, and no time that is not a positive whole number."""
    document = json.loads(text)
    at: Any = document
    while isinstance(at, (dict, list)) and at:
        key = data.draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at))))
        inside = at[key]
        if not isinstance(inside, (dict, list)) or not inside or data.draw(st.booleans()):
            at[key] = data.draw(leaves)
            break
        at = inside
    try:
        load = read(json.dumps(document))
    except BadInput as refusal:
        assert "\n" not in str(refusal)
        return
    for one in (load, *load.parts):
        for times in one.times.values():
            for name, value in times.model_dump(exclude={"count"}).items():
                assert value is None or 0 < value <= LONGEST_NS, name
