"""blocking-io: requests that wait for reads."""

from __future__ import annotations

from infprof.rules.finding import Outcome
from tests.build import recording
from tests.rules.judge import verdict_of

RULE = "blocking-io"


def test_reads_one_after_the_other_are_the_matter_of_another_rule() -> None:
    text = """
        main: 0-100 request
        main: 0-20 range io:fetch
        main: 20-50 range io:fetch
        main: 50-60 range io:fetch
        main: 60-100 op aten::linear
    """
    assert verdict_of(RULE, recording(text, gpus=())).outcome is Outcome.CLEAR


def test_beside_them_a_long_read_is_still_its_own() -> None:
    text = """
        main: 0-100 request
        main: 0-10 range io:redis.get in names (serve.py:8)
        main: 10-20 range io:redis.get in names (serve.py:8)
        main: 20-60 range io:urllib.request.urlopen in image (serve.py:5)
        main: 60-100 op aten::linear
    """
    (finding,) = verdict_of(RULE, recording(text, gpus=())).findings
    assert finding.saving.high_ns == 40_000 and "1.0 reads" in finding.why
    assert finding.where[0].name == "urllib.request.urlopen in image (serve.py:5)"


def test_a_lone_read_can_only_be_hidden() -> None:
    text = "main: 0-100 request | main: 0-40 range io:fetch | main: 40-100 op aten::linear"
    (finding,) = verdict_of(RULE, recording(text, gpus=())).findings
    assert (finding.saving.low_ns, finding.saving.high_ns) == (0, 40_000)
    assert finding.saving.confidence == "C"
    compile(finding.fix.code, "fix", "exec")


def test_an_answer_on_its_way_is_no_read() -> None:
    text = """
        main: 0-100 request
        main: 0-40 range io:socket.sendall in do_GET (serve.py:8)
        main: 40-100 op aten::linear
    """
    assert verdict_of(RULE, recording(text, gpus=())).outcome is Outcome.CLEAR


def test_between_its_requests_a_thread_waits_for_the_next_one() -> None:
    """Also while another thread serves one."""
    text = """
        main: 0-100 request plain
        main: 0-100 op aten::linear
        main: 100-400 range io:socket.recv_into in library code
        t2: 90-300 request plain
        t2: 90-300 op aten::linear
    """
    assert verdict_of(RULE, recording(text, gpus=())).outcome is Outcome.CLEAR


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


READING = "serve.py:5:main > serve.py:30:load > lib/storage.py:9:get !io"
MODEL = "serve.py:7:main > lib/torch/nn/modules/module.py:1:_call_impl"


def sampled(share: int, stack: str = READING) -> str:
    """Ten requests, of which sampled stacks say what they do, and ranges nothing."""
    text = ""
    for start in range(0, 10_000, 1000):
        text += f"main: {start}-{start + 1000} request plain\n"
        text += f"main: {start}-{start + 10 * share} stack {share // 5} {stack}\n"
        text += f"main: {start + 10 * share}-{start + 1000} stack {20 - share // 5} {MODEL}\n"
    return text


def test_sampled_reads_are_found_by_function_and_line() -> None:
    (finding,) = verdict_of(RULE, recording(sampled(40), gpus=())).findings
    assert finding.where[0].name == "load (serve.py:30)" and finding.where[0].count is None
    assert 350_000 <= finding.saving.high_ns <= 450_000
    assert "cannot tell how many" in finding.why and "load (serve.py:30)" in finding.why


def test_a_few_sampled_reads_are_left_alone() -> None:
    assert verdict_of(RULE, recording(sampled(5), gpus=())).outcome is Outcome.CLEAR


def test_a_server_that_waits_for_clients_reads_nothing() -> None:
    idle = "serve.py:5:main > lib/python3.11/socketserver.py:2:serve > lib/x/socket.py:3:recv !io"
    assert verdict_of(RULE, recording(sampled(40, idle), gpus=())).outcome is Outcome.CLEAR
    loop = (
        "serve.py:5:main > lib/asyncio/base_events.py:2:_run_once > lib/selectors.py:9:select !io"
    )
    assert verdict_of(RULE, recording(sampled(40, loop), gpus=())).outcome is Outcome.CLEAR


def test_reading_from_the_page_cache_runs_on_a_cpu() -> None:
    cached = READING.replace("!io", "!running")
    assert verdict_of(RULE, recording(sampled(40, cached), gpus=())).outcome is Outcome.CLEAR
    text = "main: 0-100 request | main: 0-40 range io:open in load (serve.py:30)"
    text += " | main: 40-100 op aten::linear | main: 0-40 stack 20 serve.py:30:load"
    assert verdict_of(RULE, recording(text, gpus=())).outcome is Outcome.CLEAR
    (finding,) = verdict_of(RULE, recording(text + " !io", gpus=())).findings
    assert finding.where[0].name == "open in load (serve.py:30)"


def test_a_declared_read_gets_its_line_from_samples() -> None:
    text = "main: 0-100 request | main: 0-40 range io:fetch | main: 40-100 op aten::linear"
    text += " | main: 0-40 stack 20 serve.py:30:load !io"
    (finding,) = verdict_of(RULE, recording(text, gpus=())).findings
    assert {one.name for one in finding.where} == {"fetch", "load (serve.py:30)"}
    assert finding.saving.high_ns == 40_000


def test_loading_a_model_and_decoding_are_reported_by_their_own_rules() -> None:
    for name in ("open in load_model (serve.py:3)", "decode image"):
        text = f"main: 0-100 request | main: 0-40 range io:{name} | main: 40-100 op aten::linear"
        assert verdict_of(RULE, recording(text, gpus=())).outcome is Outcome.CLEAR
    text = "main: 0-100 request | main: 0-40 range io:open in load_image (serve.py:3)"
    text += " | main: 40-100 op aten::linear"
    assert verdict_of(RULE, recording(text, gpus=())).outcome is Outcome.FOUND


def test_unknown_with_too_few_samples() -> None:
    text = f"main: 0-1000 request plain | main: 0-400 stack 4 {READING}"
    text += f" | main: 400-1000 stack 6 {MODEL}"
    verdict = verdict_of(RULE, recording(text, gpus=()))
    assert verdict.outcome is Outcome.UNKNOWN and "too few samples" in verdict.reason
