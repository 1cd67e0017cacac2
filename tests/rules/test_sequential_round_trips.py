"""sequential-round-trips: the N+1 pattern."""

from __future__ import annotations

from infprof.rules.finding import Outcome
from tests.build import recording
from tests.rules.judge import verdict_of

RULE = "sequential-round-trips"


def test_reads_one_after_the_other_can_be_issued_together() -> None:
    text = """
        main: 0-100 request
        main: 0-20 range io:fetch
        main: 20-50 range io:fetch
        main: 50-60 range io:fetch
        main: 60-100 op aten::linear
    """
    (finding,) = verdict_of(RULE, recording(text, gpus=())).findings
    # of 60 us all but the longest read
    assert (finding.saving.low_ns, finding.saving.high_ns) == (0, 30_000)
    assert finding.title == "Issue the 3 reads of a request together"
    assert finding.stage == "io" and finding.where[0].count == 3
    compile(finding.fix.code, "fix", "exec")


def test_calls_of_one_library_belong_together_and_name_their_lines() -> None:
    text = """
        main: 0-100 request
        main: 0-30 range io:requests.request in user (serve.py:12)
        main: 30-50 range io:requests.request in items (serve.py:20)
        main: 50-100 op aten::linear
    """
    (finding,) = verdict_of(RULE, recording(text, gpus=())).findings
    assert finding.saving.high_ns == 20_000
    assert finding.where[0].name == "requests.request in user (serve.py:12)"
    assert finding.where[0].name in finding.why


def test_sending_waiting_and_reading_are_one_round_trip() -> None:
    one = """
        main: 0-100 request
        main: 0-10 range io:http.client.request in ask (serve.py:12)
        main: 10-30 range io:http.client.getresponse in ask (serve.py:13)
        main: 30-40 range io:http.client.read in ask (serve.py:14)
        main: 40-100 op aten::linear
    """
    assert verdict_of(RULE, recording(one, gpus=())).outcome is Outcome.CLEAR
    assert verdict_of("blocking-io", recording(one, gpus=())).outcome is Outcome.FOUND
    two = """
        main: 0-100 request
        main: 0-5 range io:http.client.request in ask (serve.py:12)
        main: 5-25 range io:http.client.getresponse in ask (serve.py:13)
        main: 25-30 range io:http.client.request in ask (serve.py:12)
        main: 30-50 range io:http.client.getresponse in ask (serve.py:13)
        main: 50-100 op aten::linear
    """
    (finding,) = verdict_of(RULE, recording(two, gpus=())).findings
    assert finding.title == "Issue the 2 reads of a request together"
    assert finding.saving.high_ns == 30_000


def test_reads_inside_one_declared_range_are_counted() -> None:
    text = """
        main: 0-100 request
        main: 0-60 range io:features
        main: 0-30 range io:requests.request in get (serve.py:12)
        main: 30-60 range io:requests.request in get (serve.py:12)
        main: 60-100 op aten::linear
    """
    (finding,) = verdict_of(RULE, recording(text, gpus=())).findings
    assert finding.where[0].count == 2 and finding.saving.high_ns == 30_000
    assert verdict_of("blocking-io", recording(text, gpus=())).outcome is Outcome.CLEAR


def test_a_declared_read_gets_its_line_from_samples() -> None:
    text = """
        main: 0-100 request
        main: 0-30 range io:read 1
        main: 30-60 range io:read 2
        main: 60-100 op aten::linear
        main: 0-60 stack 20 serve.py:30:load > lib/redis/client.py:3:get !io
    """
    (finding,) = verdict_of(RULE, recording(text, gpus=())).findings
    assert "load (serve.py:30)" in [one.name for one in finding.where]


def test_exactly_one_rule_speaks_for_a_lone_read() -> None:
    text = "main: 0-100 request | main: 0-40 range io:fetch | main: 40-100 op aten::linear"
    assert verdict_of(RULE, recording(text, gpus=())).outcome is Outcome.CLEAR
    assert verdict_of("blocking-io", recording(text, gpus=())).outcome is Outcome.FOUND


def test_one_slow_read_among_quick_ones_is_no_pattern() -> None:
    text = """
        main: 0-100 request
        main: 0-38 range io:fetch
        main: 38-40 range io:fetch
        main: 40-100 op aten::linear
    """
    assert verdict_of(RULE, recording(text, gpus=())).outcome is Outcome.CLEAR


def test_reads_of_different_kinds_may_need_each_other() -> None:
    text = """
        main: 0-100 request
        main: 0-20 range io:redis.get in key (serve.py:3)
        main: 20-40 range io:urllib.request.urlopen in image (serve.py:5)
        main: 40-100 op aten::linear
    """
    assert verdict_of(RULE, recording(text, gpus=())).outcome is Outcome.CLEAR


def test_reads_that_run_at_once_in_threads_are_as_advised() -> None:
    text = """
        main: 0-100 request
        t2: 0-40 range io:fetch
        t3: 0-40 range io:fetch
        main: 40-100 op aten::linear
    """
    assert verdict_of(RULE, recording(text, gpus=())).outcome is Outcome.CLEAR


def test_the_other_side_of_a_read_in_the_same_process_is_not_counted() -> None:
    text = """
        main: 0-100 request
        main: 0-30 range io:socket.recv in ask (serve.py:12)
        t2: 5-29 range io:socket.recv in store (serve.py:40)
        main: 30-60 range io:socket.recv in ask (serve.py:12)
        t2: 35-59 range io:socket.recv in store (serve.py:40)
        main: 60-100 op aten::linear
    """
    (finding,) = verdict_of(RULE, recording(text, gpus=())).findings
    assert finding.title == "Issue the 2 reads of a request together"
    assert [one.name for one in finding.where] == ["socket.recv in ask (serve.py:12)"]


def test_small_reads_and_hidden_reads_are_left_alone() -> None:
    quick = """
        main: 0-100 request
        main: 0-4 range io:fetch
        main: 4-8 range io:fetch
        main: 8-100 op aten::linear
    """
    assert verdict_of(RULE, recording(quick, gpus=())).outcome is Outcome.CLEAR
    hidden = """
        main: 0-100 request
        main: 0-40 range io:fetch
        main: 40-80 range io:fetch
        s7: 0-100 kernel gemm #1
    """
    assert verdict_of(RULE, recording(hidden)).outcome is Outcome.CLEAR


def test_files_read_from_the_page_cache_are_no_round_trips() -> None:
    text = """
        main: 0-100 request
        main: 0-20 range io:open in load (serve.py:30)
        main: 20-40 range io:open in load (serve.py:30)
        main: 40-100 op aten::linear
        main: 0-40 stack 20 serve.py:30:load
    """
    assert verdict_of(RULE, recording(text, gpus=())).outcome is Outcome.CLEAR


def test_sampled_reads_cannot_be_counted() -> None:
    text = """
        main: 0-1000 request plain
        main: 0-400 stack 20 serve.py:5:main > serve.py:30:load > lib/storage.py:9:get !io
        main: 400-1000 stack 30 serve.py:7:main > lib/torch/nn/modules/module.py:1:_call_impl
    """
    verdict = verdict_of(RULE, recording(text, gpus=()))
    assert verdict.outcome is Outcome.UNKNOWN and "cannot count" in verdict.reason
    assert verdict_of("blocking-io", recording(text, gpus=())).outcome is Outcome.FOUND


def test_unknown_while_nothing_names_the_host_time() -> None:
    text = "main: 0-1000 request | main: 900-1000 op aten::linear"
    verdict = verdict_of(RULE, recording(text, gpus=()))
    assert verdict.outcome is Outcome.UNKNOWN and "90 % of the wall" in verdict.reason
