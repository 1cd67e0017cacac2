"""Small results of load generators, with the fields and units that the tools write."""

from __future__ import annotations

import json
from typing import Any


def lines(*documents: Any) -> str:
    """One JSON document a line."""
    return "\n".join(map(json.dumps, documents)) + "\n"


def _k6(*, new: bool) -> str:
    duration = {"avg": 120.5, "min": 80, "med": 100.0, "max": 900, "p(90)": 200, "p(95)": 250.25}
    requests, failed = {"count": 1000, "rate": 50.0}, {"passes": 10, "fails": 990}
    if not new:
        metrics = {
            "http_reqs": requests,
            "http_req_duration": {**duration, "thresholds": {"p(95)<300": False}},
            "http_req_failed": {**failed, "value": 0.01},
            "iterations": requests,
            "dropped_iterations": {"count": 250, "rate": 12.5},
            "vus_max": {"value": 40, "min": 40, "max": 40},
        }
        return json.dumps({"root_group": {"name": ""}, "metrics": metrics})
    metrics = {
        "http_reqs": {"type": "counter", "contains": "default", "values": requests},
        "http_req_duration": {"type": "trend", "contains": "time", "values": duration},
        "http_req_failed": {"type": "rate", "values": {**failed, "rate": 0.01}},
        "vus_max": {"type": "gauge", "values": {"value": 40, "min": 40, "max": 40}},
    }
    return json.dumps({"metrics": metrics, "state": {"testRunDurationMs": 20_000.5}})


K6, K6_NEW = _k6(new=False), _k6(new=True)

LOCUST = (
    "Type,Name,Request Count,Failure Count,Median Response Time,Average Response Time,"
    "Min Response Time,Max Response Time,Average Content Size,Requests/s,Failures/s,50%,66%,75%,"
    "80%,90%,95%,98%,99%,99.9%,99.99%,100%\n"
    "POST,/predict,300,6,90,100.5,10,900.5,12.0,10.0,0.2,90,100,110,120,200,300,500,800,900,900,900\n"
    "GET,/health,100,0,9,10.5,1,20.5,12.0,3.5,0.0,9,10,11,12,13,14,15,16,20,20,20\n"
    ",Aggregated,400,6,80,78.0,1,900.5,12.0,13.5,0.2,80,90,100,110,190,290,490,790,900,900,900\n"
)

_ENDS = "Total Request Count,Total Failure Count,Total Median Response Time,"
LOCUST_HISTORY = (
    "Timestamp,User Count,Type,Name,Requests/s,Failures/s,50%,66%,75%,80%,90%,95%,98%,99%,99.9%,"
    f"99.99%,100%,{_ENDS}Total Average Response Time,Total Min Response Time,"
    "Total Max Response Time,Total Average Content Size\n"
    "1000,0,,Aggregated,0,0,N/A,N/A,N/A,N/A,N/A,N/A,N/A,N/A,N/A,N/A,N/A,0,0,0,0.0,0,0,0\n"
    "1010,5,,Aggregated,10,0,70,70,70,70,70,70,70,77,77,77,77,100,0,80,95.0,1,900,0\n"
    "1020,5,,Aggregated,10,0,0,0,0,0,0,0,0,0,0,0,0,200,4,85,100.0,1,900,0\n"
)

VEGETA = json.dumps(
    {
        "latencies": {
            "total": 600_000_000, "mean": 6_000_000, "50th": 5_000_000, "90th": 9_000_000,
            "95th": 10_000_000, "99th": 20_000_000, "max": 30_000_000, "min": 500_000,
        },
        "bytes_in": {"total": 1, "mean": 1.0}, "bytes_out": {"total": 0, "mean": 0.0},
        "duration": 9_900_000_000, "wait": 100_000_000, "requests": 100, "rate": 10.1,
        "throughput": 9.7, "success": 0.97, "status_codes": {"200": 97, "500": 3}, "errors": [],
    }
)  # fmt: skip

VEGETA_LINES = lines(
    *(
        {
            "attack": "", "seq": number, "code": 500 if number == 3 else 200,
            "timestamp": f"2026-03-15T14:30:0{number}.000000500{zone}",
            "latency": (number + 1) * 1_000_000, "bytes_out": 0, "bytes_in": 9,
            "error": "500 Internal Server Error" if number == 3 else "", "body": None,
            "method": "GET", "url": "http://host/", "headers": None,
        }
        for number, zone in enumerate(("Z", "Z", "+00:00", "Z"))
    )
)  # fmt: skip

GHZ = json.dumps(
    {
        "date": "2026-03-15T14:30:00Z", "endReason": "normal",
        "options": {"call": "a.B/c", "total": 200, "concurrency": 50, "insecure": True},
        "count": 200, "total": 2_000_000_000, "average": 40_000_000, "fastest": 1_000_000,
        "slowest": 90_000_000, "rps": 100.0, "errorDistribution": {"rpc error": 2},
        "statusCodeDistribution": {"OK": 198, "Unavailable": 2},
        "latencyDistribution": [
            {"percentage": 50, "latency": 39_000_000}, {"percentage": 95, "latency": 80_000_000},
            {"percentage": 99, "latency": 88_000_000},
        ],
        "histogram": None, "details": [],
    }
)  # fmt: skip

AUTOCANNON = json.dumps(
    {
        "url": "http://host", "connections": 10, "pipelining": 1, "duration": 10, "errors": 5,
        "timeouts": 5, "non2xx": 15, "requests": {"average": 99.5, "total": 995, "sent": 1005},
        "latency": {"average": 0.45, "min": 0, "max": 17, "p50": 0, "p90": 1, "p99": 5},
    }
)  # fmt: skip


def vllm(**changes: Any) -> dict[str, Any]:
    """A run of ``vllm bench serve``."""
    return {
        "date": "20260816-160853", "endpoint_type": "vllm", "backend": "vllm", "model_id": "m",
        "tokenizer_id": "m", "num_prompts": 102, "request_rate": "inf", "burstiness": 1.0,
        "max_concurrency": 8, "duration": 50.0, "completed": 100, "failed": 2,
        "total_input_tokens": 25_600, "total_output_tokens": 12_800, "request_throughput": 2.0,
        "mean_ttft_ms": 210.0, "median_ttft_ms": 200.0, "p99_ttft_ms": 400.0,
        "mean_tpot_ms": 12.0, "median_tpot_ms": 11.0, "p99_tpot_ms": 15.0,
        "mean_itl_ms": 12.5, "median_itl_ms": 10.0, "p99_itl_ms": 30.0,
        "mean_e2el_ms": 3734.0, "median_e2el_ms": 3700.0, "p99_e2el_ms": 5000.0, **changes,
    }  # fmt: skip


VLLM = json.dumps(vllm())
VLLM_FAILED = json.dumps(
    vllm(completed=0, failed=102, max_concurrency=None, request_throughput=0.0)
    | {f"{one}_{phase}_ms": 0.0 for one in ("mean", "p99") for phase in ("ttft", "e2el")}
)
VLLM_SWEEP = json.dumps(
    [vllm(max_concurrency=users, request_throughput=float(users)) for users in (1, 2, 4)]
)


def _sglang(rate: float) -> dict[str, Any]:
    return {
        "backend": "sglang", "dataset_name": "random", "request_rate": rate,
        "max_concurrency": None, "sharegpt_output_len": None, "random_input_len": 1024,
        "duration": 100.0, "completed": 500, "total_input_tokens": 1000,
        "total_output_tokens": 2000, "request_throughput": 5.0, "mean_e2e_latency_ms": 900.0,
        "median_e2e_latency_ms": 880.0, "p90_e2e_latency_ms": 950.0, "p99_e2e_latency_ms": 1000.0,
        "mean_ttft_ms": 100.0, "mean_tpot_ms": 6.0, "mean_itl_ms": 7.0,
    }  # fmt: skip


SGLANG, SGLANG_LINES = lines(_sglang(5.0)), lines(_sglang(5.0), _sglang(float("inf")))


def _genai(**changes: Any) -> str:
    def metric(unit: str, mean: float, p99: float) -> dict[str, Any]:
        return {"unit": unit, "avg": mean, "p50": mean, "p95": p99, "p99": p99, "max": p99}

    return json.dumps(
        {
            "request_throughput": {"unit": "requests/sec", "avg": 20.0},
            "request_latency": metric("ms", 800.0, 990.0),
            "time_to_first_token": metric("ms", 100.0, 150.0),
            "inter_token_latency": metric("ms", 7.0, 9.0),
            "input_config": {"concurrency": 16, "request_rate": None}, **changes,
        }
    )  # fmt: skip


GENAI = _genai()
AIPERF = _genai(
    aiperf_version="0.7.0", request_count={"unit": "requests", "avg": 400.0},
    input_config={"loadgen": {"request_rate": 25.0}},
)  # fmt: skip
GENAI_CSV = (
    "Metric,avg,min,max,p99,p95,p90,p75,p50,p25\n"
    'Time To First Token (ms),"1,024.21",75.90,"1,530.63","1,529.93",1,1,1,"1,192.57",1\n'
    'Request Latency (ms),"3,142.09",2,"3,265.36","3,265.26",4,3,3,"3,143.99",3\n'
    "\nMetric,Value\nRequest Throughput (per sec),31.79\n"
)

PERF_ANALYZER = (
    "Concurrency,Inferences/Second,Client Send,Network+Server Send/Recv,Server Queue,"
    "Server Compute Input,Server Compute Infer,Server Compute Output,Client Recv,p50 latency,"
    "p90 latency,p95 latency,p99 latency\n"
    "2,8000,10,100,90,50,700,40,10,900,1100,1200,1300\n"
    "1,8000,5,45,10,20,400,15,5,480,520,550,600\n"
)
"""Microseconds; of batches of four."""

PERF_ANALYZER_REQUESTS = json.dumps(
    {
        "experiments": [
            {
                "experiment": {"mode": "concurrency", "value": 1},
                "requests": [
                    {
                        "timestamp": start,
                        "response_timestamps": [start + 20, start + 90, start + 91],
                        "response_outputs": [
                            {"response": 'data: {"a": 1}'}, {"response": 'data: {"b": 1}'},
                            {"response": "data: [DONE]\n\n"},
                        ],
                    }
                    for start in (1_000_000_000_000, 1_000_000_000_200)
                ],
            }
        ]
    }
)  # fmt: skip

MODEL_ANALYZER = (
    "Model,Batch,Concurrency,Model Config Path,Instance Group,Max Batch Size,"
    "Satisfies Constraints,Throughput (infer/sec),p99 Latency (ms)\n"
    "m,4,2,m_config_0,1:GPU,8,Yes,1000.0,9.5\nm,1,1,m_config_0,1:GPU,8,Yes,200.0,5.5\n"
    "\nModel,other\n"
)

GUIDELLM = json.dumps(
    {
        "metadata": {"version": 2, "guidellm_version": "0.8.0"},
        "benchmarks": [
            {
                "type_": "generative_benchmark", "duration": 60.0,
                "config": {"strategy": {"type_": "constant", "rate": 2.0, "max_concurrency": 99}},
                "scheduler_metrics": {"request_targeted_start_delay_avg": 0.002},
                "metrics": {
                    "request_totals": {"successful": 118, "errored": 2, "incomplete": 1},
                    "requests_per_second": {"successful": {"mean": 1.95}},
                    "request_latency": {"successful": {
                        "mean": 1.5, "median": 1.4, "count": 118, "max": 3.0,
                        "percentiles": {"p95": 2.5, "p99": 2.75},
                    }},
                    "time_to_first_token_ms": {"successful": {"mean": 250.0, "count": 118}},
                    "inter_token_latency_ms": {"successful": {"mean": 12.5, "count": 7000}},
                    "output_token_count": {"successful": {"total_sum": 11_800.0}},
                },
            }
        ],
    }
)  # fmt: skip


def inference_perf(*, each_token_s: float = 0.02, late_s: float = 0.0005) -> str:
    """A stage of 101 tokens a request; ``each_token_s`` is as the tool tells it."""
    return json.dumps(
        {
            "load_summary": {
                "count": 600, "requested_rate": 10.0, "achieved_rate": 10.01,
                "schedule_delay": {"mean": late_s, "median": late_s, "p99": late_s},
            },
            "successes": {
                "count": 594,
                "latency": {
                    "request_latency": {"mean": 2.1, "median": 2.0, "p95": 2.8, "p99": 3.0},
                    "time_to_first_token": {"mean": 0.1, "median": 0.09, "p99": 0.2},
                    "time_per_output_token": {"mean": each_token_s, "median": 0.02, "p99": 0.03},
                    "inter_token_latency": {"mean": each_token_s, "median": 0.02, "p99": 0.03},
                },
                "throughput": {"requests_per_sec": 9.9},
                "prompt_len": {"mean": 200.0}, "output_len": {"mean": 101.0},
            },
            "failures": {"count": 6},
        }
    )  # fmt: skip


LLMPERF = json.dumps(
    {
        "version": "2023-08-31", "model": "m", "num_concurrent_requests": 5,
        "results_ttft_s_quantiles_p50": 0.22, "results_ttft_s_mean": 0.23,
        "results_inter_token_latency_s_mean": 0.005,
        "results_end_to_end_latency_s_quantiles_p50": 0.8,
        "results_end_to_end_latency_s_quantiles_p99": 0.99,
        "results_end_to_end_latency_s_mean": 0.815, "results_num_requests_started": 150,
        "results_number_errors": 3, "results_num_completed_requests": 147,
        "results_num_completed_requests_per_min": 176.4,
        "results_number_output_tokens_mean": 150.0,
    }
)  # fmt: skip

LLMPERF_EACH = json.dumps(
    [
        {
            "error_code": 429 if wall == 9.0 else None, "ttft_s": wall / 4,
            "end_to_end_latency_s": wall, "number_output_tokens": 10, "number_input_tokens": 20,
        }
        for wall in (1.0, 2.0, 3.0, 9.0)
    ]
)  # fmt: skip

MULTI_ROUND_QA = (
    "prompt_tokens,generation_tokens,ttft,generation_time,user_id,question_id,launch_time,"
    "finish_time\n"
    "76.0,20.0,0.05,0.55,1,1,1746692562.0,1746692562.6\n"
    "80.0,20.0,0.10,0.90,2,1,1746692563.0,1746692564.0\n"
)
