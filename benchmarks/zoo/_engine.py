"""A language model's engine with continuous batching, simulated, and vLLM's page of it.

A step takes the time of reading the weights, and more for each token of a prompt and each sequence
in it: about what an 8 B model takes on one H100. Users wait for an answer, think, and ask again.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from dataclasses import dataclass, field

from _page import Histogram, values

WEIGHTS_S, SEQUENCE_S, PROMPT_TOKEN_S = 0.012, 0.000_05, 0.000_03
"""Of one step, of each sequence or drafted token in it, and of each token of a prompt."""

DRAFT_S = 0.001
"""What drafting one more token for the whole batch takes."""

BLOCK = 16
"""Tokens in a block of the KV cache."""

COUNTERS = (
    "prompt_tokens",
    "generation_tokens",
    "request_success",
    "num_preemptions",
    "prefix_cache_queries",
    "prefix_cache_hits",
    "spec_decode_num_drafts",
    "spec_decode_num_draft_tokens",
    "spec_decode_num_accepted_tokens",
)


@dataclass
class Engine:
    """What somebody who starts the engine chooses, and the memory that is left for the cache."""

    max_seqs: int = 256
    kv_tokens: int = 400_000
    step_tokens: int = 2048
    prefix_caching: bool = True
    drafts: int = 0
    kept: float = 0.0
    """Chance that a drafted token is right, given that those before it are."""


@dataclass
class User:
    """Asks for much the same again and again. Tokens of prompt and answer, a mean each."""

    prompt: int
    answer: int
    shared: int = 0
    """Of the prompt: what every prompt of this kind begins with."""
    thinks_s: float = 1.0


@dataclass
class Asked:
    """One request on its way."""

    user: User
    prompt: int
    answer: int
    came: float
    cached: int = 0
    """Tokens of the prompt that the prefix cache has."""
    done: int = 0
    """Tokens whose keys and values are in the cache."""
    prefill: int = 0
    """So many have to be there before it decodes: after a preemption, those of its answer too."""
    made: int = 0
    began: float | None = None
    first: float | None = None
    last: float = 0.0

    @property
    def to_fill(self) -> int:
        """What is to be computed before it decodes."""
        return max(self.prefill - self.done, 0)

    @property
    def size(self) -> int:
        """Its own tokens in the cache, rounded up to blocks: what is shared counts once."""
        return -(-(self.done - self.cached) // BLOCK) * BLOCK


def _times() -> dict[str, Histogram]:
    whole = (0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480)
    first = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
             20, 40, 80)  # fmt: skip
    gap = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
    bounds = {
        "e2e_request_latency_seconds": whole, "request_queue_time_seconds": whole,
        "request_prefill_time_seconds": whole, "request_decode_time_seconds": whole,
        "time_to_first_token_seconds": first, "inter_token_latency_seconds": gap,
        "iteration_tokens_total": tuple(2**power for power in (0, *range(3, 15))),
    }  # fmt: skip
    return {name: Histogram(one) for name, one in bounds.items()}


@dataclass
class Simulation:
    """The engine at work for some users."""

    engine: Engine
    users: list[User]
    seed: int = 0
    now: float = 0.0
    waiting: deque[Asked] = field(default_factory=deque)
    running: list[Asked] = field(default_factory=list)
    times: dict[str, Histogram] = field(default_factory=_times)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTERS, 0))

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        starts = [self.random.uniform(0, 5) for _ in self.users]
        self.coming = [(start, place) for place, start in enumerate(starts)]
        heapq.heapify(self.coming)

    def go_on(self, until: float) -> None:
        """Step after step; where there is nothing to do, until somebody asks."""
        while self.now < until:
            self._receive()
            if self.running or self.waiting:
                self._step()
            else:
                self.now = min(self.coming[0][0], until) if self.coming else until

    def _receive(self) -> None:
        while self.coming and self.coming[0][0] <= self.now:
            came, place = heapq.heappop(self.coming)
            user = self.users[place]
            prompt, answer = (self._about(mean) for mean in (user.prompt, user.answer))
            asked = Asked(user, max(prompt, user.shared + 1), answer, came)
            if self.engine.prefix_caching:
                asked.cached = user.shared // BLOCK * BLOCK
            self.waiting.append(asked)

    def _about(self, mean: int) -> int:
        return max(round(mean * self.random.uniform(0.5, 1.5)), 1)

    def _step(self) -> None:
        drafted = 1 + self.engine.drafts
        decoding = [one for one in self.running if not one.to_fill]
        self._make_room(decoding)
        filled, left = 0, self.engine.step_tokens - drafted * len(decoding)
        filling = [one for one in self.running if one.to_fill]
        while filling or self._may_admit(left):
            one = filling.pop(0) if filling else self._admit()
            part = min(one.to_fill, max(left, 0))
            one.done, left, filled = one.done + part, left - part, filled + part
        sequences = drafted * len(decoding)
        drafting = DRAFT_S * self.engine.drafts if decoding else 0.0
        self.now += WEIGHTS_S + SEQUENCE_S * sequences + PROMPT_TOKEN_S * filled + drafting
        self._give_tokens(decoding)

    def _make_room(self, decoding: list[Asked]) -> None:
        """Throw out who came last until each of the others has room for its next tokens."""
        while len(self.running) > 1 and self._used() + BLOCK * len(decoding) // 4 > self._room:
            last = self.running.pop()
            if last in decoding:
                decoding.remove(last)
            last.done, last.cached = 0, 0
            self.waiting.appendleft(last)
            self.counts["num_preemptions"] += 1

    def _may_admit(self, left: int) -> bool:
        if not self.waiting or left <= 0 or len(self.running) >= self.engine.max_seqs:
            return False
        first = self.waiting[0]
        return self._used() + first.prompt + first.made - first.cached <= self._room

    def _admit(self) -> Asked:
        one = self.waiting.popleft()
        self.running.append(one)
        one.done, one.prefill = one.cached, one.prompt + one.made
        if one.began is None:
            one.began = self.now
        if self.engine.prefix_caching:
            self.counts["prefix_cache_queries"] += one.prompt
            self.counts["prefix_cache_hits"] += one.cached
        return one

    def _used(self) -> int:
        return sum(one.size for one in self.running)

    @property
    def _room(self) -> int:
        shared = {id(one): one.shared for one in self.users} if self.engine.prefix_caching else {}
        return self.engine.kv_tokens - max(shared.values(), default=0)

    def _give_tokens(self, decoding: list[Asked]) -> None:
        """Who decoded gets a token and the drafts that were right; whose prompt is filled, one.

        vLLM counts a prompt's tokens all in the step that ends its prefill.
        """
        told = 0
        for one in list(self.running):
            if one.to_fill:
                continue
            gained = 1
            if one in decoding:
                gained += self._kept_drafts()
                one.done += gained
            elif one.first is None:
                one.first = self.now
                told += one.prompt - one.cached
                self.counts["prompt_tokens"] += one.prompt
                self.times["time_to_first_token_seconds"].add(self.now - one.came)
            if one.made:
                self.times["inter_token_latency_seconds"].add(self.now - one.last)
            one.made, one.last, told = one.made + gained, self.now, told + gained
            self.counts["generation_tokens"] += gained
            if one.made >= one.answer:
                self._finish(one)
        if told:
            self.times["iteration_tokens_total"].add(told)

    def _kept_drafts(self) -> int:
        kept = 0
        while kept < self.engine.drafts and self.random.random() < self.engine.kept:
            kept += 1
        if self.engine.drafts:
            self.counts["spec_decode_num_drafts"] += 1
            self.counts["spec_decode_num_draft_tokens"] += self.engine.drafts
            self.counts["spec_decode_num_accepted_tokens"] += kept
        return kept

    def _finish(self, one: Asked) -> None:
        assert one.began is not None and one.first is not None
        self.running.remove(one)
        place = next(n for n, user in enumerate(self.users) if user is one.user)
        pause = self.random.expovariate(1 / one.user.thinks_s)
        heapq.heappush(self.coming, (self.now + pause, place))
        self.counts["request_success"] += 1
        for name, time in (
            ("e2e_request_latency", self.now - one.came),
            ("request_queue_time", one.began - one.came),
            ("request_prefill_time", one.first - one.began),
            ("request_decode_time", self.now - one.first),
        ):
            self.times[f"{name}_seconds"].add(time)

    def page(self) -> str:
        """As vLLM's V1 engine writes it; drafts are counted only where there are any."""
        labels = 'engine="0",model_name="meta-llama/Llama-3.1-8B-Instruct"'
        gauges = {
            "num_requests_running": len(self.running), "num_requests_waiting": len(self.waiting),
            "kv_cache_usage_perc": min(self._used() / self._room, 1.0),
        }  # fmt: skip
        counts = {
            name: count
            for name, count in self.counts.items()
            if self.engine.drafts or not name.startswith("spec")
        }
        blocks = self.engine.kv_tokens // BLOCK
        told = (
            f'block_size="{BLOCK}",cache_dtype="auto",gpu_memory_utilization="0.92",'
            f'num_gpu_blocks="{blocks}",enable_prefix_caching="{self.engine.prefix_caching}"'
        )
        return "".join((
            values("gauge", {f"vllm:{name}": value for name, value in gauges.items()}, labels),
            values("counter", {f"vllm:{name}_total": n for name, n in counts.items()}, labels),
            *(one.text(f"vllm:{name}", labels) for name, one in self.times.items()),
            values("gauge", {"vllm:cache_config_info": 1.0}, told),
        ))  # fmt: skip
