"""Results of load generators, through the whole of ``infprof report``."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path

import pytest

from infprof.diagnosis import diagnose
from infprof.loading import load
from infprof.profiler.importers import metrics_page
from infprof.profiler.importers.load_result import load_of
from infprof.profiler.loads.load import Load
from infprof.profiler.recording import BadInput, Recording
from infprof.reports import as_html, as_markdown, as_text, load_words
from infprof.reports.report import Report
from tests import load_documents as written
from tests.metrics_pages import vllm

RESULTS = Path(__file__).parents[2] / "shared" / "data" / "loadtest"


def saved(folder: Path, text: str) -> Path:
    path = folder / "result.json"
    path.write_text(text)
    return path


def report_of(folder: Path, text: str) -> Report:
    return diagnose(load(saved(folder, text)))


def stages(report: Report) -> dict[str, float]:
    return {row.stage: round(row.exposed_ms, 3) for row in report.breakdown.stages}


def test_the_verdict_claims_no_limit(tmp_path: Path) -> None:
    report = report_of(tmp_path, written.inference_perf())
    assert report.subject.kind == "load" and report.quality.level == "limited"
    assert (report.verdict.stage, report.verdict.limit) == (None, "unknown")
    assert "2,100 ms on average (99 % within 3,000 ms), 100 ms of it until the first token" in (
        report.verdict.sentence
    )
    assert report.findings == [] and report.paths == []
    assert report.latency.p99_ms == 3000 and report.latency.throughput_per_s == 9.9
    others = {row.outcome for row in report.verdicts if row.rule != "invalid-load-test"}
    assert others <= {"UNKNOWN", "CLEAR"}


def test_decode_is_what_follows_the_first_token(tmp_path: Path) -> None:
    report = report_of(tmp_path, written.inference_perf())
    assert stages(report) == {"compute": 2000.0, "unattributed": 100.0}
    assert sum(row.exposed_ns for row in report.breakdown.stages) == report.breakdown.wall_ns


def test_streams_that_did_not_end_leave_it_undivided(tmp_path: Path) -> None:
    """Of 300 answers that ended and 100 first tokens, one is no part of the other."""
    text = written.LOCUST.replace("/predict", "E2E").replace("/health", "TTFT")
    report = report_of(tmp_path, text)
    assert stages(report) == {"unattributed": 100.5}
    assert "first token" not in report.verdict.sentence
    assert stages(report_of(tmp_path, text.replace("TTFT,100,", "TTFT,300,"))) == {
        "compute": 90.0, "unattributed": 10.5
    }  # fmt: skip


def test_without_tokens_nothing_is_divided(tmp_path: Path) -> None:
    assert stages(report_of(tmp_path, written.VEGETA)) == {"unattributed": 6.0}


def test_without_whole_requests_there_is_no_breakdown(tmp_path: Path) -> None:
    document = {name: value for name, value in written.vllm().items() if "e2el" not in name}
    report = report_of(tmp_path, json.dumps(document))
    assert report.breakdown.requests == 0
    assert "how long whole requests took is not told" in report.verdict.sentence


def test_the_queue_that_triton_tells_is_shown(tmp_path: Path) -> None:
    header, first, _ = written.PERF_ANALYZER.splitlines()
    report = report_of(tmp_path, f"{header}\n{first}\n")
    assert stages(report) == {
        "preprocess": 0.05, "compute": 0.7, "postprocess": 0.04, "queue": 0.09,
        "unattributed": 0.12,
    }  # fmt: skip


def test_a_sweep_says_where_it_got_most(tmp_path: Path) -> None:
    report = report_of(tmp_path, written.VLLM_SWEEP)
    assert "Of 3 levels, max concurrency 4 reached the highest rate: 4.00 requests" in (
        report.verdict.sentence
    )
    assert report.findings == [] and report.latency.requests == 0
    (table,) = load_words.tables(report.load or Load(tool=""))
    assert table.columns[:4] == ("", "requests", "failed", "a second")
    assert [row[0] for row in table.rows] == [f"max concurrency {users}" for users in (1, 2, 4)]


def test_columns_that_no_level_fills_are_left_out(tmp_path: Path) -> None:
    report = report_of(tmp_path, written.MODEL_ANALYZER)
    (table,) = load_words.tables(report.load or Load(tool=""))
    assert table.columns == ("", "a second", "99 %")
    assert table.rows[0][1:] == ("250", "9.50 ms")


def test_of_failed_requests_no_latency_is_said(tmp_path: Path) -> None:
    report = report_of(tmp_path, written.VLLM_FAILED)
    assert report.verdict.sentence.startswith("All 102 requests failed")
    assert [finding.rule for finding in report.findings] == ["invalid-load-test"]
    assert report.findings[0].saving.speedup_high == 1.0


@pytest.mark.parametrize("render", [as_html.render, as_markdown.render, as_text.render])
def test_every_format_has_the_table(tmp_path: Path, render: object) -> None:
    assert callable(render)
    text = render(report_of(tmp_path, written.inference_perf()))
    for words in (load_words.TITLE, "until the first token", "2,100 ms", "10.0 a second", "594"):
        assert words in text


def test_names_from_the_file_are_data(tmp_path: Path) -> None:
    name = "<script>alert(1)</script>|`x`"
    rows = written.LOCUST.replace("/predict", name)
    report = report_of(tmp_path, rows)
    assert report.load is not None and name in report.load.parts[0].label
    assert "<script>alert" not in as_html.render(report)
    assert "\\|" in (text := as_markdown.render(report)) or "&#124;" in text
    assert "<script>" not in text


def test_a_recording_keeps_its_load(tmp_path: Path) -> None:
    recording = load(saved(tmp_path, written.VLLM_SWEEP))
    recording.save(tmp_path / "recording")
    again = Recording.load(tmp_path / "recording")
    assert again.header == recording.header
    assert diagnose(again).verdict == diagnose(recording).verdict


def test_beside_what_the_server_tells_it_is_a_table_more() -> None:
    """Latency and breakdown stay the server's own; the load test is judged all the same."""
    page = metrics_page.recording_of("host", [vllm(0), vllm(20)], 10**10)
    alone = diagnose(page)
    load = load_of(Path("result"), written.K6.encode())
    both = diagnose(replace(page, header=page.header.model_copy(update={"load": load})))
    assert both.verdict.stage == alone.verdict.stage == "compute"
    assert both.latency == alone.latency and both.breakdown == alone.breakdown
    assert load_words.TITLE in as_markdown.render(both)
    assert [finding.rule for finding in both.findings] == ["invalid-load-test"]


def test_the_json_report_keeps_it_too(tmp_path: Path) -> None:
    report = report_of(tmp_path, written.K6)
    assert Report.model_validate_json(report.to_json()).load == report.load


def test_a_packed_result_is_read(tmp_path: Path) -> None:
    path = tmp_path / "k6.json.gz"
    path.write_bytes(gzip.compress(written.K6.encode()))
    assert diagnose(load(path)).latency.requests == 1000


def test_other_tables_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "stats.csv"
    path.write_text("t,ts_unix,runners\n0.0,1782550343.3,1\n")
    with pytest.raises(BadInput, match="or the result file of a load generator"):
        load(path)


REAL = {
    # file: (tool, requests, mean and 99th percentile of a request in ms, rule's outcome)
    "genai_perf_llama3_8b_concurrency100_profile_export_genai_perf.csv": (
        "GenAI-Perf", None, 3142.09, 3265.26, "UNKNOWN"),
    "genai_perf_llama3_8b_concurrency100_profile_export_genai_perf.json": (
        "GenAI-Perf", None, 3142.089, 3265.255, "FOUND"),
    "genai_perf_llama3_8b_concurrency10_profile_export_genai_perf.json": (
        "GenAI-Perf", None, 876.933, 888.501, "FOUND"),
    "genai_perf_llama3_8b_concurrency1_profile_export_genai_perf.json": (
        "GenAI-Perf", None, 667.384, 671.424, "FOUND"),
    "genai_perf_llama3_8b_concurrency1_profile_export_raw.json": (
        "perf_analyzer", 53, 667.384, 671.475, "FOUND"),
    "guidellm_report_v2.json": ("GuideLLM", 4, None, None, "CLEAR"),
    "inference_perf_vllm_stage_0_lifecycle.json": (
        "inference-perf", 60, 483.228, 493.350, "CLEAR"),
    "inference_perf_vllm_stage_3_lifecycle.json": (
        "inference-perf", 6715, 1697.948, 2056.481, "CLEAR"),
    "inference_perf_vllm_stage_6_lifecycle.json": (
        "inference-perf", 13369, 3797.037, 4395.666, "FOUND"),
    "k6_k6-summary.json": ("k6", 1569, 2465.521, None, "FOUND"),
    "llmperf_individual_groq_70b.json": ("llmperf", 150, 815.108, 1002.532, "FOUND"),
    "llmperf_summary_groq_70b.json": ("llmperf", 150, 815.108, 992.271, "FOUND"),
    "lmbench_vllm_llama3_70b_h100_qps10.csv": (
        "multi-round-qa", 1051, 621.080, 676.613, "UNKNOWN"),
    "locust_stats.csv": ("Locust", 190, 44544.534, 122000.0, "UNKNOWN"),
    "locust_stats_history.csv": ("Locust", 190, 44544.534, None, "CLEAR"),
    "sglang_bench_batched_sglang-oai.json": (
        "SGLang bench", 2000, 1026.433, 1082.001, "FOUND"),
    "sglang_bench_batched_vllm.json": ("SGLang bench", 2000, 941.500, 1049.117, "FOUND"),
    "sglang_bench_short_sglang-oai.json": ("SGLang bench", 400, 721.863, 727.880, "FOUND"),
    "sglang_bench_short_vllm.json": ("SGLang bench", 400, 685.614, 687.584, "FOUND"),
    "triton_model_analyzer_metrics-model-inference.csv": (
        "Model Analyzer", None, None, None, "CLEAR"),
    "triton_perf_client_min_latency_grpc_graphdef_sbatch1_instance1.csv": (
        "perf_analyzer", None, None, None, "CLEAR"),
    "vllm_bench_serve.json": ("vLLM bench", 8, None, None, "FOUND"),
    "vllm_bench_serve_all_failed.json": ("vLLM bench", 8, None, None, "FOUND"),
    "vllm_qwen25_7b_awq_perf.json": ("vLLM bench", 100, 10818.672, 35552.926, "FOUND"),
    "vllm_sweep_maxnumseqs4_run0.json": ("vLLM bench", 8, 340.341, 876.801, "FOUND"),
    "vllm_sweep_maxnumseqs4_summary.json": ("vLLM bench", 16, None, None, "FOUND"),
    "vllm_sweep_maxnumseqs8_run0.json": ("vLLM bench", 8, 166.333, 189.182, "FOUND"),
    "vllm_sweep_maxnumseqs8_summary.json": ("vLLM bench", 16, None, None, "FOUND"),
}  # fmt: skip
"""What the files' own fields say, read by hand."""

REFUSED = {
    "inference_perf_vllm_stage_0_prometheus.json": "Prometheus",
    "inference_perf_vllm_stage_3_prometheus.json": "Prometheus",
    "inference_perf_vllm_stage_6_prometheus.json": "Prometheus",
    "locust_exceptions.csv": "list of exceptions",
    "locust_failures.csv": "list of failures",
    "stats.csv": "not a trace in a format known here",
    "triton_model_analyzer_metrics-model-gpu.csv": "GPU metrics",
    "triton_model_analyzer_metrics-server-only.csv": "GPU metrics",
    "triton_perf_client_min_latency_grpc_graphdef_sbatch1_instance1.log": "perf_analyzer printed",
}


@pytest.mark.skipif(not RESULTS.is_dir(), reason="the results of others are not beside us")
class TestRealResults:
    """Files that the tools wrote."""

    @pytest.mark.parametrize("name", REAL)
    def test_is_read_as_it_was_meant(self, name: str) -> None:
        tool, requests, mean_ms, p99_ms, outcome = REAL[name]
        report = diagnose(load(RESULTS / name))
        assert report.load is not None
        assert (report.load.tool, report.load.requests) == (tool, requests)
        assert report.latency.mean_ms == pytest.approx(mean_ms, abs=0.001)
        assert report.latency.p99_ms == pytest.approx(p99_ms, abs=0.001)
        found = {row.rule: row.outcome for row in report.verdicts}
        assert found["invalid-load-test"] == outcome
        assert "FAILED" not in found.values() and report.verdict.limit == "unknown"

    @pytest.mark.parametrize("name", REFUSED)
    def test_is_refused_with_its_name(self, name: str) -> None:
        with pytest.raises(BadInput, match=REFUSED[name]) as refusal:
            load(RESULTS / name)
        assert "\n" not in str(refusal.value)

    def test_none_is_left_out(self) -> None:
        others = {"genai_perf_llama3_8b_concurrency10_profile_export_genai_perf.csv",
                  "genai_perf_llama3_8b_concurrency1_profile_export_genai_perf.csv"}  # fmt: skip
        assert {path.name for path in RESULTS.iterdir()} == {*REAL, *REFUSED, *others}
