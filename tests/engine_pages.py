"""A metrics page of each engine after so many requests of 100 ms, with the names that it uses."""

from __future__ import annotations

from collections.abc import Callable

from tests.metrics_pages import histogram, values, vllm

Pages = Callable[[int], str]


def timed(name: str, count: int, mean: float, labels: str = "") -> str:
    """A histogram whose values all lie close below a mean in the unit of its name."""
    return histogram(name, {f"{mean:g}": count, "+Inf": count}, count * mean, labels)


def vllm_v0(requests: int) -> str:
    """Names of the engine before V1, which keeps rates where V1 counts."""
    page = vllm(requests, kv_use=None, more=values({
        "vllm:gpu_cache_usage_perc": 0.4, "vllm:gpu_prefix_cache_hit_rate": 0.25,
        "vllm:spec_decode_draft_acceptance_rate": 0.6, "vllm:num_requests_swapped": 0,
    }, 'model_name="m"'))  # fmt: skip
    return page.replace("inter_token_latency", "time_per_output_token")


def sglang(requests: int) -> str:
    """With speculative decoding of three steps, of which two tokens are kept."""
    model = 'model_name="m",engine_type="unified"'
    times = {"e2e_request_latency": 0.1, "queue_time": 0.02, "time_to_first_token": 0.04,
             "inter_token_latency": 0.005}  # fmt: skip
    return "".join(
        timed(f"sglang:{name}_seconds", requests, mean, model) for name, mean in times.items()
    ) + values({
        "sglang:num_requests_total": requests, "sglang:prompt_tokens_total": 40 * requests,
        "sglang:cached_tokens_total": 10 * requests, "sglang:generation_tokens_total": requests,
        "sglang:num_retracted_requests_total": 0, "sglang:num_running_reqs": 4,
        "sglang:num_queue_reqs": 1, "sglang:token_usage": 0.5, "sglang:max_total_num_tokens": 9000,
        "sglang:cache_hit_rate": 0.9, "sglang:spec_accept_length": 3.0, "sglang:spec_num_steps": 3,
        "sglang:spec_num_draft_tokens": 4, "sglang:spec_accept_rate": 0.1,
    }, model)  # fmt: skip


def tgi(requests: int) -> str:
    """Without ``_total`` after its counters."""
    times = {"duration": 0.1, "validation_duration": 0.01, "queue_duration": 0.02,
             "inference_duration": 0.07, "mean_time_per_token_duration": 0.005,
             "input_length": 40, "generated_tokens": 12}  # fmt: skip
    return "".join(
        timed(f"tgi_request_{name}", requests, mean) for name, mean in times.items()
    ) + values({
        "tgi_request_count": requests, "tgi_request_success": requests, "tgi_queue_size": 1,
        "tgi_batch_current_size": 4,
    })  # fmt: skip


def triton(requests: int) -> str:
    """Two inferences in each run, a fifth of the answers from the response cache."""
    return values({
        "nv_inference_request_success": requests, "nv_inference_request_failure": 0,
        "nv_inference_count": requests, "nv_inference_exec_count": requests // 2,
        "nv_inference_request_duration_us": 100_000 * requests,
        "nv_inference_queue_duration_us": 20_000 * requests,
        "nv_inference_compute_input_duration_us": 5_000 * requests,
        "nv_inference_compute_infer_duration_us": 70_000 * requests,
        "nv_inference_compute_output_duration_us": 5_000 * requests,
        "nv_inference_pending_request_count": 1, "nv_cache_num_hits_per_model": requests // 5,
        "nv_cache_num_misses_per_model": requests - requests // 5,
    }, 'model="m",version="1"') + values({"nv_gpu_utilization": 0.5}, 'gpu_uuid="g"')  # fmt: skip


def triton_summaries(requests: int) -> str:
    """As with ``--metrics-config counter_latencies=false,summary_latencies=true``."""
    return triton(requests).replace("_duration_us{", "_summary_us_sum{")


def torchserve(requests: int) -> str:
    """A comma after the last label, as it writes them; the latency has the queue in it."""
    return values({
        "ts_inference_requests_total": requests,
        "ts_inference_latency_microseconds": 100_000 * requests,
        "ts_queue_latency_microseconds": 20_000 * requests,
    }, 'model_name="m",model_version="default",hostname="h",') + values(
        {"Requests2XX": requests, "GPUUtilization": 50, "QueueTime": 20},
        'Level="Host",Hostname="h",',
    )  # fmt: skip


def kserve(requests: int) -> str:
    """Three phases and no whole request."""
    return "".join(
        timed(f"request_{name}_seconds", requests, mean, 'model_name="m"')
        for name, mean in (("preprocess", 0.02), ("predict", 0.07), ("postprocess", 0.01))
    )


def kserve_with_vllm(requests: int) -> str:
    """Its server of language models, which runs vLLM."""
    return kserve(requests) + vllm(requests)


def ray_serve_with_vllm(requests: int) -> str:
    """Ray passes vLLM's metrics on, without the colon that its own names may not have."""
    settings = 'vllm:cache_config_info{enable_prefix_caching="True"} 1.0\n'
    return ray_serve(requests) + vllm(requests, more=settings).replace("vllm:", "ray_vllm_")


def bentoml(requests: int, name: str = "bentoml_service") -> str:
    """Health checks are counted too, and quick."""
    checks = 25 * requests
    work, probe = (f'endpoint="/{one}",service_name="m"' for one in ("predict", "readyz"))
    return "".join((
        timed(f"{name}_request_duration_seconds", requests, 0.1, work),
        histogram(f"{name}_request_duration_seconds", {"0.1": checks, "+Inf": checks}, 0.5, probe),
        values({f"{name}_request_total": requests, f"{name}_request_in_progress": 4}, work),
        values({f"{name}_request_total": checks}, probe),
        timed("bentoml_service_adaptive_batch_size", requests // 2, 2, 'method_name="predict"'),
    ))  # fmt: skip


def bentoml_1_1(requests: int) -> str:
    """An API server with runners."""
    page = bentoml(requests, "bentoml_api_server").replace("service_adaptive", "runner_adaptive")
    return page + timed("bentoml_runner_request_duration_seconds", requests, 0.06)


def bentoml_0_13(requests: int) -> str:
    """The service's name in each metric's."""
    return bentoml(requests, "BENTOML_IrisClassifier")


def ray_serve(requests: int, prefix: str = "ray_") -> str:
    """In milliseconds, with health checks of its proxy."""
    checks = 25 * requests
    app = 'application="default",route="/"'
    return "".join((
        timed(f"{prefix}serve_http_request_latency_ms", requests, 100, app),
        histogram(f"{prefix}serve_http_request_latency_ms", {"100": checks, "+Inf": checks}, 900,
                  'application="",route="/-/healthz"'),
        timed(f"{prefix}serve_deployment_processing_latency_ms", requests, 80, 'deployment="m"'),
        timed(f"{prefix}serve_batch_wait_time_ms", requests // 2, 10),
        timed(f"{prefix}serve_batch_execution_time_ms", requests // 2, 60),
        timed(f"{prefix}serve_actual_batch_size", requests // 2, 2),
        values({f"{prefix}serve_num_http_requests_total": requests}, app),
        values({f"{prefix}serve_replica_processing_queries": 4,
                f"{prefix}serve_deployment_queued_queries": 1}, 'deployment="m"'),
    ))  # fmt: skip


def ray_serve_unprefixed(requests: int) -> str:
    """Without Ray's own prefix."""
    return ray_serve(requests, prefix="")


TIMED: dict[str, tuple[str, Pages]] = {
    "sglang": ("SGLang", sglang), "tgi": ("TGI", tgi), "triton": ("Triton", triton),
    "triton summaries": ("Triton", triton_summaries), "torchserve": ("TorchServe", torchserve),
    "kserve": ("KServe", kserve), "bentoml": ("BentoML", bentoml),
    "bentoml 1.1": ("BentoML", bentoml_1_1), "bentoml 0.13": ("BentoML", bentoml_0_13),
    "ray serve": ("Ray Serve", ray_serve),
    "ray serve, no prefix": ("Ray Serve", ray_serve_unprefixed),
}  # fmt: skip
"""Engine and pages, by what they are."""
