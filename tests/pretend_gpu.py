"""A GPU on paper, and a host that issues operators to it: what torch.profiler would see of them.

Kernels take what arithmetic and memory need by the GPU's data sheet, one after the other on one
stream (CATALOGUE sections 2 and 4). The host is ahead of them unless it waits.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from math import prod
from typing import Any

from infprof.profiler.events import EventsBuilder, Flag, Kind
from infprof.profiler.gpu_table import lookup
from infprof.profiler.recording import (
    Gpu,
    Header,
    Lane,
    Machine,
    Phase,
    Recording,
    Requests,
    Samples,
    Series,
    Subject,
)
from infprof.rules.host_link import host_link
from tests.build import A100

Shape = tuple[int, ...]
Sizes = Any
"""An example's constants by their names."""

FP32, FP16, BF16, TF32 = "float", "c10::Half", "c10::BFloat16", "tf32"
TYPE_BYTES = {FP32: 4, FP16: 2, BF16: 2}

H200 = Gpu(
    name="NVIDIA H200", sm_major=9, sm_minor=0, multiprocessors=132, memory_bytes=141 * 10**9
)

PEAKS = {FP32: "fp32", TF32: "tf32", FP16: "fp16", BF16: "bf16"}
PAGEABLE = 8e9
"""Bytes per second of a copy out of pageable memory, and of a thread's own."""
REACHED = 0.8
"""What a good kernel reaches of the peak, or of the memory's rate."""
SHORTEST = 2_000
"""ns, of any kernel."""

ENTER, LEAVE, CALL, LATENCY, TAIL = 3_000, 2_000, 3_000, 4_000, 1_000
"""ns: of an operator on the host; of an API call; from a launch to its kernel; after a wait."""

GEMM = {
    FP32: "ampere_sgemm_128x64_tn",
    TF32: "ampere_tf32_s1688gemm_128x128_tn",
    BF16: "ampere_bf16_s16816gemm_bf16_128x128_tn",
}
ATTENTION = {
    FP32: ("efficient", "fmha_cutlassF_f32_aligned_64x64_rf_sm80"),
    BF16: ("flash", "void pytorch_flash::flash_fwd_kernel<cutlass::bfloat16_t>"),
}
EAGER = "void at::native::vectorized_elementwise_kernel<4, at::native::{}>"
REDUCES = "void at::native::reduce_kernel<512, 1, at::native::ReduceOp>"
COPIES = "void at::native::elementwise_kernel<128, 4, at::native::direct_copy_kernel_cuda>"


class PretendGpu:
    """Runs one program. Times in ns."""

    def __init__(self, gpu: Gpu = A100, *, tf32: bool = False) -> None:
        spec = lookup(gpu.name, gpu.multiprocessors)
        assert spec is not None
        self.gpu, self.spec, self.link = gpu, spec, host_link(Machine(gpus=[gpu]))
        self.builder, self.ids = EventsBuilder(), count(1)
        self.now = self.free = self.arrived = 0
        self.tf32 = tf32
        self.load = dict[str, float]()
        """What NVML says in the midst of each request, by the series' names without ``gpu.``."""
        self.points = list[tuple[int, str, float]]()
        self.requests = list[tuple[int, int, int, int, bool, int, int]]()

    def recording(self) -> Recording:
        """All of it."""
        header = Header(
            subject=Subject(kind="run", name="pretended"),
            machine=Machine(gpus=[self.gpu]),
            flags={"matmul_precision": "high" if self.tf32 else "highest", "cudnn_tf32": True},
            lanes=[
                Lane(type="thread", process=1, id=1),
                *(Lane(type="stream", device=0, id=stream) for stream in (7, 8)),
            ],
            requests_seen=len(self.requests),
            series=[
                Series(name=f"gpu.{name}", source="gpu", unit="", device=0) for name in self.load
            ],
        )
        places = {name: place for place, name in enumerate(self.load)}
        samples = Samples.of([(places[name], at, value) for at, name, value in self.points])
        return Recording(header, self.builder.build(), Requests.of(self.requests), samples)

    @contextmanager
    def request(self) -> Iterator[None]:
        """What is issued within is one request; nothing of it is left at its end."""
        start = self.now
        yield
        middle = (start + self.now) // 2
        self.points += [(middle, name, value) for name, value in self.load.items()]
        self.requests.append((start, self.now, 0, int(Phase.TRACED), False, -1, 1))
        self.now += 50_000

    @contextmanager
    def mark(self, stage: str, name: str = "") -> Iterator[None]:
        """``infprof.annotate``."""
        start = self.now
        yield
        self.builder.add(Kind.RANGE, 0, name or stage, start, self.now, stage=stage)

    @contextmanager
    def op(
        self, name: str, dtype: str = FP32, *shapes: Shape, types: tuple[str, ...] = ()
    ) -> Iterator[None]:
        """An operator and what it calls; ``types`` where its inputs have not all ``dtype``."""
        start = self.now
        self.now += ENTER
        yield
        self.now += LEAVE
        given = json.dumps({"dims": shapes, "types": types or [dtype] * len(shapes)})
        self.builder.add(Kind.OP, 0, f"aten::{name}", start, self.now, shapes=given)

    def work(self, time_ns: float) -> None:
        """The host computes."""
        self.now += round(time_ns)

    def call(self, name: str, time_ns: int = CALL) -> int:
        """A call of the driver; its number."""
        start, self.now, number = self.now, self.now + time_ns, next(self.ids)
        self.builder.add(Kind.CALL, 0, name, start, self.now, correlation=number)
        return number

    def launch(self, kernel: str, moved_bytes: float, flops: float = 0, peak: str = BF16) -> None:
        """Issue a kernel."""
        arithmetic = flops / (self.spec.peak(PEAKS[self.precision(peak)]) or 1.0)
        moving = moved_bytes / self.spec.bandwidth_bytes_per_s
        needs = round(1e9 * max(arithmetic, moving) / REACHED)
        call = self.call("cudaLaunchKernel")
        start = max(self.now + LATENCY, self.free + TAIL)
        self.free = start + max(needs, SHORTEST)
        self.builder.add(Kind.KERNEL, 1, kernel, start, self.free, correlation=call)

    def precision(self, dtype: str) -> str:
        """What products of this type are computed in."""
        return TF32 if dtype == FP32 and self.tf32 else dtype

    def wait(self, name: str = "cudaStreamSynchronize") -> None:
        """Until the GPU has done all that it was given."""
        start, self.now = self.now, max(self.now + CALL, self.free + TAIL)
        self.builder.add(Kind.CALL, 0, name, start, self.now)

    def graph(self, kernels: list[str], kernel_ns: int = SHORTEST) -> None:
        """Issue kernels of one length with one call."""
        call, at = self.call("cudaGraphLaunch"), max(self.now + LATENCY, self.free + TAIL)
        for kernel in kernels:
            self.builder.add(
                Kind.KERNEL, 1, kernel, at, at + kernel_ns, correlation=call, flags=Flag.GRAPH
            )
            at += kernel_ns + TAIL
        self.free = at - TAIL

    def copy(
        self, way: str, size: int, *, pinned: bool = False, waits: bool = True, ahead: bool = False
    ) -> None:
        """Upload or download. The host waits for it where memory is pageable, but for what is so
        small that the driver takes it along; ``ahead``: on a stream of its own, for the next
        request, while this one's input has arrived during the last."""
        memory = "Pinned" if pinned else "Pageable"
        rate = self.link.bytes_per_s if pinned else PAGEABLE
        name = {"HtoD": f"({memory} -> Device)", "DtoH": f"(Device -> {memory})"}[way]
        begin, number = self.now, next(self.ids)
        before = self.arrived if ahead else self.free
        start = max(self.now + LATENCY, before + TAIL)
        end = start + max(round(1e9 * size / rate), SHORTEST)
        if ahead:
            self.free, self.arrived = max(self.free, self.arrived), end
        else:
            self.free = end
        is_waited_for = waits and not pinned
        self.now = max(self.now + CALL, end + TAIL) if is_waited_for else self.now + CALL
        self.builder.add(Kind.CALL, 0, "cudaMemcpyAsync", begin, self.now, correlation=number)
        self.builder.add(
            Kind.COPY, 2 if ahead else 1, f"Memcpy {way} {name}", start, end, correlation=number,
            size_bytes=size,
        )  # fmt: skip
        if is_waited_for:
            self.wait()

    # What models are made of.

    def linear(self, rows: int, into: int, out: int, dtype: str, part: float = 1.0) -> None:
        """A layer on so many rows; ``part`` of what a good product reaches."""
        with self.op("linear", dtype, (rows, into), (out, into), (out,)):
            self.addmm(rows, into, out, dtype, part)

    def addmm(self, rows: int, into: int, out: int, dtype: str, part: float = 1.0) -> None:
        """Its product."""
        moved = TYPE_BYTES[dtype] * (rows * into + into * out + rows * out)
        with self.op("addmm", dtype, (out,), (rows, into), (into, out)):
            kernel = GEMM[self.precision(dtype)]
            self.launch(kernel, moved, 2.0 * rows * into * out / part, dtype)

    def each(self, name: str, dtype: str, shape: Shape, inputs: int = 1) -> None:
        """An element-wise operator."""
        size = TYPE_BYTES[dtype] * prod(shape)
        with self.op(name, dtype, *[shape] * inputs):
            self.launch(EAGER.format(name), size * (inputs + 1))

    def norm(self, dtype: str, shape: Shape) -> None:
        """A layer norm."""
        with self.op("layer_norm", dtype, shape), self.op("native_layer_norm", dtype, shape):
            size = 2 * TYPE_BYTES[dtype] * prod(shape)
            self.launch("void at::native::vectorized_layer_norm_kernel<float>", size)

    def attention(self, heads: int, queries: int, keys: int, width: int, dtype: str) -> None:
        """Fused, of so many heads in all."""
        kind, kernel = ATTENTION[dtype]
        shapes = (1, heads, queries, width), (1, heads, keys, width), (1, heads, keys, width)
        moved = TYPE_BYTES[dtype] * heads * width * 2 * (queries + keys)
        flops = 4.0 * heads * queries * keys * width
        with self.op("scaled_dot_product_attention", dtype, *shapes):
            with self.op(f"_scaled_dot_product_{kind}_attention", dtype, *shapes):
                self.launch(kernel, moved, flops, dtype)

    def answer(self, dtype: str, shape: Shape) -> None:
        """The mean of all numbers' sizes, and ``float()`` of it."""
        with self.mark("compute"):
            self.each("abs", dtype, shape)
            self.reduce("mean", dtype, shape)
        with self.mark("d2h"):
            self.item(dtype)

    def reduce(self, name: str, dtype: str, shape: Shape) -> None:
        """A sum, a mean, the largest."""
        with self.op(name, dtype, shape):
            self.launch(REDUCES, TYPE_BYTES[dtype] * prod(shape))

    def item(self, dtype: str) -> None:
        """One number to the host."""
        with self.op("item", dtype), self.op("_local_scalar_dense", dtype):
            self.copy("DtoH", TYPE_BYTES[dtype])
