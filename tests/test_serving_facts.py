"""From an engine's own metrics to a report: what was served, and where a request waited."""

from __future__ import annotations

from pathlib import Path

import pytest

from infprof import diagnose, load
from infprof.profiler.importers.metrics_page import recording_of
from infprof.profiler.recording import BadInput, Recording
from infprof.profiler.serving.engines import engines
from infprof.profiler.serving.facts import served
from infprof.profiler.serving.page import read_page
from infprof.reports import phrases, serving_words
from tests.metrics_pages import vllm

SECOND = 10**9
PAGES = Path(__file__).parents[2] / "shared" / "data" / "serving"


def test_two_pages_tell_what_was_between() -> None:
    found = served([read_page(vllm(10)), read_page(vllm(30))], 4 * SECOND)
    assert found is not None
    assert (found.engine, found.models, found.window_ns) == ("vLLM", ["m"], 4 * SECOND)
    assert found.counts["requests"] == 20 and found.counts["generated_tokens"] == 1000
    request = found.times["request"]
    assert (request.count, request.mean_ns) == (20, 2 * SECOND)
    assert request.p50_ns == SECOND
    assert found.gauges["running"] == [8.0, 8.0]


def test_one_page_tells_what_was_since_the_start() -> None:
    found = served([read_page(vllm(10))])
    assert found is not None and found.window_ns is None
    assert found.times["request"].count == 10


def test_an_unknown_page_is_no_engines() -> None:
    assert served([read_page("up 1\n")]) is None


def test_older_names_are_known_too() -> None:
    old = vllm(10).replace("kv_cache_usage_perc", "gpu_cache_usage_perc")
    old = old.replace("inter_token_latency", "time_per_output_token")
    found = served([read_page(old)])
    assert found is not None and found.gauges["kv_use"] == [0.3]
    assert "between_tokens" in found.times


def test_microseconds_become_nanoseconds() -> None:
    page = "".join(
        f'nv_inference_{name}{{model="m",version="{version}"}} {value}\n'
        for version in (1, 2)
        for name, value in {
            "request_success": 10, "count": 40, "exec_count": 10, "request_duration_us": 50_000,
            "queue_duration_us": 20_000, "compute_infer_duration_us": 25_000,
        }.items()
    )  # fmt: skip
    found = served([read_page(page)])
    assert found is not None and found.engine == "Triton"
    assert found.times["request"].mean_ns == 5_000_000
    assert found.times["queue"].mean_ns == 2_000_000
    assert found.counts["inferences"] == 80


def test_each_table_names_each_metric_once() -> None:
    for engine in engines():
        tables = (engine.times, engine.sums, engine.counts, engine.gauges)
        names = [name for table in tables for row in table.values() for name in row]
        assert len(names) == len(set(names)) and names
        assert set(engine.times) | set(engine.sums) <= set(serving_words.PHASES)


def recording(**of: float) -> Recording:
    pages = [vllm(10, **of), vllm(30, **of)]  # type: ignore[arg-type]
    return recording_of("host:8000", pages, 4 * SECOND)


def test_a_request_is_divided_as_the_engine_says() -> None:
    report = diagnose(recording())
    assert report.breakdown.wall_ns == 2 * SECOND
    shares = {row.stage: row.share for row in report.breakdown.stages}
    assert shares["queue"] == pytest.approx(0.05) and shares["compute"] == pytest.approx(0.95)
    assert sum(row.exposed_ns for row in report.breakdown.stages) == 2 * SECOND
    assert report.quality.basis == "sampled"
    assert report.latency.requests == 20 and report.latency.throughput_per_s == 5.0
    assert report.verdict.sentence.startswith("A request spends 95 % of its time")
    assert "server-queue" not in [one.rule for one in report.findings]


def test_a_long_queue_is_the_first_finding() -> None:
    report = diagnose(recording(queue_s=1.5, waiting=24))
    assert report.verdict.limit == "queue-bound"
    assert report.findings[0].rule == "server-queue"
    assert report.findings[0].saving.high_ms == pytest.approx(1500)


def test_the_report_shows_what_the_engine_tells() -> None:
    report = diagnose(recording())
    assert report.serving is not None
    assert ("whole request", "20", "2,000 ms") == serving_words.rows(report.serving)[0][:3]
    assert ("generated tokens", "250.0 a second") in serving_words.figures(report.serving)
    assert phrases.requests(report) == "From 20 requests, as the engine tells."
    assert phrases.composition(report).startswith("The mean of 20 requests")
    assert report.paths == []


def test_an_idle_server_is_not_judged() -> None:
    report = diagnose(recording_of("host", [vllm(0)]))
    assert report.findings == [] and "no request" in report.verdict.sentence


def test_a_saved_page_is_read(tmp_path: Path) -> None:
    path = tmp_path / "page.txt"
    path.write_text(vllm(10))
    assert diagnose(load(path)).latency.requests == 10
    path.write_text("# TYPE up gauge\nup 1\n")
    with pytest.raises(BadInput, match="no metrics of a serving engine"):
        load(path)


@pytest.mark.skipif(not PAGES.is_dir(), reason="the recorded pages are not here")
class TestRecordedPages:
    """Pages of real servers."""

    def test_an_overloaded_server_queues(self) -> None:
        report = diagnose(load(PAGES / "sglang_llama3.1-8b_overloaded.txt"))
        assert report.verdict.limit == "queue-bound" and report.findings[0].rule == "server-queue"
        assert "2,826 waiting" in report.findings[0].why

    def test_of_an_idle_one_nothing_is_claimed(self) -> None:
        report = diagnose(load(PAGES / "vllm_0.25.1_idle.txt"))
        assert report.findings == [] and report.verdict.stage is None

    def test_triton_tells_sums(self) -> None:
        (page,) = PAGES.glob("triton*.metrics")
        report = diagnose(load(page))
        assert report.latency.requests == 147_492
        assert report.latency.mean_ms == pytest.approx(0.274, abs=0.001)
        shares = {row.stage: row.share for row in report.breakdown.stages}
        assert shares["queue"] == pytest.approx(0.237, abs=0.002)

    def test_an_exporter_of_the_gpu_tells_no_request(self) -> None:
        report = diagnose(load(PAGES / "dcgm_exporter_T4_idle.txt"))
        assert report.findings == [] and report.verdict.stage is None
        assert report.serving is not None
        assert ("GPU busy, %", "0.0, at most 0") in serving_words.figures(report.serving)

    @pytest.mark.parametrize("name", ["families_tgi.txt", "families_sglang.txt"])
    def test_names_without_values_are_refused_in_one_line(self, name: str) -> None:
        with pytest.raises(BadInput) as refusal:
            load(PAGES / name)
        assert "\n" not in str(refusal.value)
