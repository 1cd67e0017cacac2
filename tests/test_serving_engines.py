"""Each engine's table, by a page with the names that the engine uses."""

from __future__ import annotations

import pytest

from infprof import diagnose
from infprof.profiler.importers.metrics_page import recording_of
from infprof.profiler.serving.engines import engines
from infprof.profiler.serving.facts import served
from infprof.profiler.serving.page import read_page
from infprof.profiler.serving.ratios import accepted_share, at_once, prefix_hit_share
from infprof.profiler.serving.served import Served
from infprof.reports import serving_words
from tests import engine_pages as pages
from tests.metrics_pages import histogram, values, vllm

SECOND = 10**9
MS = 10**6


def between(of: pages.Pages) -> Served:
    found = served([read_page(of(10)), read_page(of(50))], 2 * SECOND)
    assert found is not None
    return found


@pytest.mark.parametrize("kind", pages.TIMED)
def test_requests_of_100_ms_are_told_by_all(kind: str) -> None:
    engine, of = pages.TIMED[kind]
    found = between(of)
    assert found.engine == engine
    assert (found.times["request"].count, found.times["request"].mean_ns) == (40, 100 * MS)
    assert at_once(found) == pytest.approx(2.0)


@pytest.mark.parametrize("kind", sorted(set(pages.TIMED) - {"tgi", "bentoml 0.13"}))
def test_the_model_has_a_name(kind: str) -> None:
    assert between(pages.TIMED[kind][1]).models == ["m"]


@pytest.mark.parametrize("kind", ["sglang", "tgi", "triton", "triton summaries", "torchserve"])
def test_the_queue_is_a_stage(kind: str) -> None:
    of = pages.TIMED[kind][1]
    report = diagnose(recording_of("host", [of(10), of(50)], 2 * SECOND))
    shares = {row.stage: row.share for row in report.breakdown.stages}
    assert shares["queue"] == pytest.approx(0.2)


def test_phases_make_up_a_request_that_is_not_timed() -> None:
    report = diagnose(recording_of("host", [pages.kserve(10)]))
    shares = {row.stage: row.share for row in report.breakdown.stages if row.share}
    assert shares == pytest.approx({"preprocess": 0.2, "compute": 0.7, "postprocess": 0.1})
    assert report.verdict.limit == "compute-bound"


def test_phases_that_not_all_go_through_count_less() -> None:
    page = pages.timed("request_predict_seconds", 10, 0.05)
    page += pages.timed("request_preprocess_seconds", 5, 0.02)
    found = served([read_page(page)])
    assert found is not None and found.times["request"].mean_ns == 60 * MS


@pytest.mark.parametrize("kind", ["triton", "bentoml", "bentoml 1.1", "ray serve"])
def test_a_batch_is_shown(kind: str) -> None:
    found = between(pages.TIMED[kind][1])
    assert ("batch that the model ran", "2.00") in serving_words.figures(found)


def test_a_worker_is_no_stage_but_shown() -> None:
    labels = [row[0] for row in serving_words.rows(between(pages.ray_serve))]
    assert labels == [
        "whole request", "in the worker that runs the model", "until a batch is full", "one batch",
    ]  # fmt: skip


def test_the_engine_within_another_tells_more() -> None:
    assert between(pages.kserve_with_vllm).engine == "vLLM"
    found = between(pages.ray_serve_with_vllm)
    assert found.engine == "vLLM" and found.times["request"].mean_ns == 2 * SECOND
    assert found.gauges["kv_use"] == [0.3, 0.3]
    assert found.settings == {"prefix_caching": "True"}


def test_rates_of_an_old_vllm() -> None:
    found = between(pages.vllm_v0)
    assert found.gauges["kv_use"] == [0.4, 0.4] and "between_tokens" in found.times
    assert (prefix_hit_share(found), accepted_share(found)) == (0.25, 0.6)


def test_a_cache_that_is_off_has_no_hits() -> None:
    page = vllm(10, more="vllm:gpu_prefix_cache_hit_rate -1\n")
    found = served([read_page(page)])
    assert found is not None and prefix_hit_share(found) is None


def test_a_tree_of_drafts_is_judged_by_its_longest_branch() -> None:
    figures = serving_words.figures(between(pages.sglang))
    assert ("drafted tokens kept", "67 %") in figures
    assert ("prefix-cache hits", "25 %") in figures
    assert ("KV cache has room for", "9,000 tokens") in figures


def test_answers_from_a_cache_are_shown() -> None:
    assert ("response-cache hits", "20 %") in serving_words.figures(between(pages.triton))


CONFIG = (
    "vllm:cache_config_info{{block_size=\"16\",num_gpu_blocks=\"{blocks}\",engine=\"{engine}\","
    "enable_prefix_caching=\"True\",cache_dtype=\"auto\"}} 1.0\n"
)  # fmt: skip


def test_settings_are_what_all_workers_say() -> None:
    one = vllm(10, more=CONFIG.format(blocks=100, engine=0))
    found = served([read_page(one)])
    assert found is not None and found.settings["prefix_caching"] == "True"
    assert ("KV cache has room for", "1,600 tokens") in serving_words.figures(found)
    found = served([read_page(one + CONFIG.format(blocks=90, engine=1))])
    assert found is not None and "kv_blocks" not in found.settings
    assert found.settings["kv_block_size"] == "16"


def test_a_step_and_its_largest() -> None:
    steps = histogram("vllm:iteration_tokens_total", {"8": 90, "64": 100, "+Inf": 100}, 900)
    found = served([read_page(vllm(10, more=steps))])
    assert found is not None
    ((label, text),) = (row for row in serving_words.figures(found) if "step" in row[0])
    assert (label, text) == ("tokens of an engine step", "9.0, 99 % of them at most 58")


def test_what_a_gpu_does_beside_being_busy() -> None:
    page = values(
        {"DCGM_FI_PROF_GR_ENGINE_ACTIVE": 0.9, "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE": 0.1,
         "DCGM_FI_PROF_DRAM_ACTIVE": 0.6, "DCGM_FI_PROF_SM_ACTIVE": 0.8,
         "DCGM_FI_PROF_SM_OCCUPANCY": 0.3}, 'gpu="0"',
    )  # fmt: skip
    found = served([read_page(page)])
    assert found is not None and found.engine == "DCGM exporter"
    figures = dict(serving_words.figures(found))
    assert figures["tensor cores busy"] == "10 %, at most 10 %"
    assert len(figures) == 5


def test_every_engine_has_a_page_here() -> None:
    shown = {engine for engine, _ in pages.TIMED.values()} | {"vLLM", "DCGM exporter"}
    assert {engine.name for engine in engines()} == shown


@pytest.mark.parametrize("number", ["+Inf", "-Inf", "NaN"])
def test_a_number_that_is_none_is_not_there(number: str) -> None:
    found = served([read_page(f"vllm:num_requests_running 1\nvllm:prompt_tokens_total {number}\n")])
    assert found is not None and found.counts == {}
