"""blocking-io: requests that wait for reads."""

from __future__ import annotations

from infprof.rules.finding import Outcome
from tests.build import recording
from tests.rules.judge import verdict_of

RULE = "blocking-io"


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


def test_a_lone_read_can_only_be_hidden() -> None:
    text = "main: 0-100 request | main: 0-40 range io:fetch | main: 40-100 op aten::linear"
    (finding,) = verdict_of(RULE, recording(text, gpus=())).findings
    assert (finding.saving.low_ns, finding.saving.high_ns) == (0, 40_000)
    assert finding.saving.confidence == "C"
    compile(finding.fix.code, "fix", "exec")


def test_one_slow_read_among_quick_ones_can_only_be_hidden() -> None:
    text = """
        main: 0-100 request
        main: 0-38 range io:fetch
        main: 38-40 range io:fetch
        main: 40-100 op aten::linear
    """
    (finding,) = verdict_of(RULE, recording(text, gpus=())).findings
    assert finding.title == "Take the read out of the request"
    assert finding.saving.high_ns == 40_000


def test_the_mean_of_all_requests_counts() -> None:
    text = """
        main: 0-100 request
        main: 0-20 range io:fetch
        main: 20-40 range io:fetch
        main: 40-100 op aten::linear
        main: 200-300 request
        main: 200-300 op aten::linear
    """
    (finding,) = verdict_of(RULE, recording(text, gpus=())).findings
    # 1 read per request on average: hiding 40 us of the first saves 20 us per request
    assert finding.saving.high_ns == 20_000


def test_frames_of_known_clients_are_reads() -> None:
    text = """
        main: 0-100 request
        main: 0-40 python requests/sessions.py(500): request
        main: 5-35 python urllib3/connectionpool.py(700): urlopen
        main: 40-100 op aten::linear
    """
    (finding,) = verdict_of(RULE, recording(text, gpus=())).findings
    assert finding.saving.high_ns == 40_000 and finding.where[0].count == 1


def test_less_than_a_tenth_of_the_wall_is_left_alone() -> None:
    text = "main: 0-100 request | main: 0-9 range io:fetch | main: 9-100 op aten::linear"
    assert verdict_of(RULE, recording(text, gpus=())).outcome is Outcome.CLEAR


def test_reads_hidden_behind_the_device_cost_nothing() -> None:
    text = """
        main: 0-100 request
        main: 0-90 range io:fetch
        s7: 0-100 kernel gemm #1
    """
    assert verdict_of(RULE, recording(text)).outcome is Outcome.CLEAR


def test_an_idle_thread_that_blocks_on_a_socket_is_no_read() -> None:
    text = """
        t2: 0-100 python socket.py(700): readinto
        main: 0-20 op aten::linear
        main: 80-100 op aten::linear
    """
    assert verdict_of(RULE, recording(text, gpus=())).outcome is Outcome.CLEAR


def test_unknown_while_nothing_names_the_host_time() -> None:
    text = "main: 0-1000 request | main: 900-1000 op aten::linear"
    verdict = verdict_of(RULE, recording(text, gpus=()))
    assert verdict.outcome is Outcome.UNKNOWN
    assert "90 % of the wall" in verdict.reason
