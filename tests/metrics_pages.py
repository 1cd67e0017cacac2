"""Metrics pages as engines write them, and a server on loopback that shows them."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Buckets = dict[str, int]


def histogram(name: str, buckets: Buckets, total: float, labels: str = "") -> str:
    """``buckets`` are counts up to each bound, ascending and with ``+Inf``."""
    lines = [f"# HELP {name} something", f"# TYPE {name} histogram"]
    for bound, count in buckets.items():
        given = ",".join(filter(None, (labels, f'le="{bound}"')))
        lines.append(f"{name}_bucket{{{given}}} {count}")
    inside = f"{{{labels}}}" if labels else ""
    lines += [
        f"{name}_sum{inside} {total}", f"{name}_count{inside} {list(buckets.values())[-1]}"
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def values(of: Mapping[str, float | None], labels: str = "") -> str:
    """Lines of single values; one that is ``None`` is not on the page."""
    inside = f"{{{labels}}}" if labels else ""
    return "".join(f"{name}{inside} {value}\n" for name, value in of.items() if value is not None)


def vllm(
    requests: int,
    *,
    queue_s: float = 0.1,
    waiting: float = 0,
    kv_use: float | None = 0.3,
    more: str = "",
    **instead: float | None,
) -> str:
    """A vLLM page after so many requests of 2 s, of which so much was in the queue, with ``more``
    lines, and other values of these names ``instead``."""
    model = 'model_name="m"'
    rest = 2.0 - queue_s
    text = "".join(
        histogram(
            f"vllm:{name}_seconds",
            {"0.5": 0, "1.0": requests // 2, "4.0": requests, "+Inf": requests},
            requests * mean,
            model,
        )
        for name, mean in (
            ("e2e_request_latency", 2.0), ("request_queue_time", queue_s),
            ("request_prefill_time", 0.25 * rest), ("request_decode_time", 0.75 * rest),
            ("time_to_first_token", queue_s + 0.25 * rest), ("inter_token_latency", 0.02),
        )
    )  # fmt: skip
    single = {
        "num_requests_running": 8, "num_requests_waiting": waiting, "kv_cache_usage_perc": kv_use,
        "request_success_total": requests, "prompt_tokens_total": 100 * requests,
        "generation_tokens_total": 50 * requests, "num_preemptions_total": 0, **instead,
    }  # fmt: skip
    return text + values({f"vllm:{name}": value for name, value in single.items()}, model) + more


@contextmanager
def showing(*pages: str, status: int = 200) -> Iterator[str]:
    """The address of a server that shows one page after the other, the last for ever."""
    left = list(pages)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # noqa: N802
            data = (left.pop(0) if len(left) > 1 else left[0]).encode()
            self.send_response(status if self.path == "/metrics" else 404)
            self.send_header("Location", "http://elsewhere.invalid/")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
