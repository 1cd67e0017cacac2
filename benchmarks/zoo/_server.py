"""A model server with a queue, simulated, and the pages of Triton and TorchServe of it.

Requests come at random at a given rate. A free instance takes what waits, up to the largest batch;
a run takes ``a + b B`` for a batch of B.
"""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass, field

from _page import values


@dataclass
class Server:
    """How it is set up, and the load on it."""

    per_s: float
    run_s: float
    """Of a run, whatever the batch."""
    item_s: float
    """More for each item of it."""
    batch: int = 1
    instances: int = 1
    seed: int = 0
    now: float = 0.0
    came: deque[float] = field(default_factory=deque)
    """When those came who wait."""
    requests: int = 0
    runs: int = 0
    busy: list[float] = field(default_factory=list)
    """When each instance is free again."""
    sums: dict[str, float] = field(default_factory=lambda: dict.fromkeys(("queue", "compute"), 0.0))

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.busy = [0.0] * self.instances
        self.next_comes = self.random.expovariate(self.per_s)

    def go_on(self, until: float) -> None:
        """Arrivals and runs, in order of time."""
        while self.now < until:
            free = min(self.busy)
            if self.came and free <= self.next_comes:
                self.now = max(free, self.now)
                self._run(self.busy.index(free))
                continue
            if self.next_comes > until:
                break
            self.now = self.next_comes
            self.came.append(self.now)
            self.next_comes += self.random.expovariate(self.per_s)
        self.now = until

    def _run(self, instance: int) -> None:
        taken = [self.came.popleft() for _ in range(min(len(self.came), self.batch))]
        time = self.run_s + self.item_s * len(taken)
        self.busy[instance] = self.now + time
        self.requests, self.runs = self.requests + len(taken), self.runs + 1
        self.sums["queue"] += sum(self.now - one for one in taken)
        self.sums["compute"] += time * len(taken)

    @property
    def _us(self) -> dict[str, int]:
        """What requests spent so far, and where, in microseconds."""
        told = {name: round(1e6 * time) for name, time in self.sums.items()}
        return {**told, "request": sum(told.values())}


class Triton(Server):
    """Triton's page: one model."""

    def page(self) -> str:
        """Times are sums in microseconds; a run is an execution, an item of it an inference."""
        model, us = 'model="resnet50_onnx",version="1"', self._us
        counters = {
            "nv_inference_request_success": self.requests,
            "nv_inference_count": self.requests,
            "nv_inference_exec_count": self.runs,
            "nv_inference_request_duration_us": us["request"],
            "nv_inference_queue_duration_us": us["queue"],
            "nv_inference_compute_input_duration_us": us["compute"] // 20,
            "nv_inference_compute_infer_duration_us": us["compute"] * 18 // 20,
            "nv_inference_compute_output_duration_us": us["compute"] // 20,
        }
        gauge = {"nv_inference_pending_request_count": len(self.came)}
        return values("counter", counters, model) + values("gauge", gauge, model)


class TorchServe(Server):
    """TorchServe's page: one model, whose latency has its queue in it."""

    def page(self) -> str:
        """Sums in microseconds, and the host's last values."""
        model = 'model_name="reranker",model_version="default",hostname="serving-0",'
        host, us = 'Level="Host",Hostname="serving-0",', self._us
        counters = {
            "ts_inference_requests_total": self.requests,
            "ts_inference_latency_microseconds": us["request"],
            "ts_queue_latency_microseconds": us["queue"],
        }
        return values("counter", counters, model) + values(
            "gauge", {"Requests2XX": self.requests, "CPUUtilization": 41.7}, host
        )
