"""per-request-setup: requests that build again what could be kept."""

from __future__ import annotations

import pytest

from infprof.rules.finding import Outcome
from tests.build import recording
from tests.rules.judge import verdict_of

RULE = "per-request-setup"

FRAMES = [
    ("lib/requests/sessions.py:390:Session.__init__", "an HTTP, cloud or database client"),
    ("lib/httpx/_client.py:640:Client.__init__", "an HTTP, cloud or database client"),
    ("lib/boto3/__init__.py:86:client", "an HTTP, cloud or database client"),
    ("lib/redis/client.py:170:Redis.__init__", "an HTTP, cloud or database client"),
    ("lib/onnxruntime/capi/onnxruntime_inference_collection.py:400:InferenceSession.__init__",
     "an ONNX Runtime session"),
    ("lib/transformers/models/auto/tokenization_auto.py:900:AutoTokenizer.from_pretrained",
     "a tokenizer or processor"),
    ("lib/torch/__init__.py:2500:compile", "a compiled model"),
    ("lib/torch/nn/modules/module.py:1300:Module.to",
     "a model on another device or in another type"),
    ("lib/copy.py:128:deepcopy", "a deep copy"),
    ("lib/re/_compiler.py:743:compile", "a regular expression"),
    ("lib/sre_compile.py:743:compile", "a regular expression"),
    ("lib/ssl.py:700:create_default_context", "a TLS context"),
    ("lib/urllib3/util/ssl_.py:300:create_urllib3_context", "a TLS context"),
    ("lib/concurrent/futures/thread.py:140:ThreadPoolExecutor.__init__", "a pool or a process"),
    ("lib/multiprocessing/process.py:110:BaseProcess.start", "a pool or a process"),
    ("lib/multiprocessing/popen_spawn_posix.py:60:Popen._launch", "a pool or a process"),
]  # fmt: skip


def requests(frame: str, each: int = 20, of: int = 4, pay: int = 4) -> str:
    """Requests of a second with 100 samples, ``each`` of which set something up in ``pay``."""
    text = ""
    for at in range(0, of * 1_000_000, 1_000_000):
        mine = each if at < pay * 1_000_000 else 0
        cut, end = at + mine * 10_000, at + 1_000_000
        text += f"main: {at}-{end} request plain\n"
        if mine:
            text += (
                f"main: {at}-{cut} stack {mine} serve.py:9:main > serve.py:20:handle > {frame}\n"
            )
        text += f"main: {cut}-{end} stack {100 - mine} serve.py:9:main > serve.py:30:work\n"
    return text


@pytest.mark.parametrize(("frame", "what"), FRAMES)
def test_set_up_in_each_request(frame: str, what: str) -> None:
    (finding,) = verdict_of(RULE, recording(requests(frame), gpus=())).findings
    assert finding.title == f"Make {what} once, not in each request"
    assert finding.saving.high_ns == 200_000_000
    assert 150_000_000 < finding.saving.low_ns < 200_000_000  # 80 samples, two sigma
    assert finding.where[0].name == "handle (serve.py:20)"
    assert finding.where[0].detail == f"{what}, 20 % of the samples"
    compile(finding.fix.code, "fix", "exec")


def test_what_the_tracer_times_is_recompiles_case() -> None:
    compiled = requests("lib/torch/__init__.py:2500:compile")
    traced = "main: 90000000-91000000 request traced | main: 90000000-90000009 op aten::add"
    verdict = verdict_of(RULE, recording(f"{compiled}\n{traced}", gpus=()))
    assert verdict.outcome is Outcome.CLEAR
    beside = verdict_of(RULE, recording(f"{compiled}\nmain: 0-9 op aten::add", gpus=()))
    assert beside.outcome is Outcome.FOUND  # no request was traced: recompiles cannot tell


def test_what_lies_within_a_set_up_is_part_of_it() -> None:
    frame = "lib/httpx/_client.py:640:Client.__init__ > lib/ssl.py:700:create_default_context"
    (finding,) = verdict_of(RULE, recording(requests(frame), gpus=())).findings
    assert finding.where[0].detail.startswith("an HTTP, cloud or database client")


def test_short_requests_are_caught_now_and_then() -> None:
    text = ""
    for i in range(200):  # 10 ms each, a sample in every second one
        at = i * 10_000
        text += f"main: {at}-{at + 10_000} request plain\n"
        frame = "lib/ssl.py:700:create_default_context" if i % 8 == 0 else "serve.py:30:work"
        if i % 2 == 0:
            text += f"main: {at}-{at + 10_000} stack 1 serve.py:20:handle > {frame}\n"
    (finding,) = verdict_of(RULE, recording(text, gpus=())).findings
    assert finding.saving.high_ns == 2_500_000


def test_the_largest_of_several_kinds_comes_first() -> None:
    text, boto = "", "lib/boto3/__init__.py:8:client"
    for at in range(0, 4_000_000, 1_000_000):
        text += f"""
            main: {at}-{at + 1_000_000} request plain
            main: {at}-{at + 100_000} stack 10 serve.py:20:handle > lib/copy.py:1:deepcopy
            main: {at + 100_000}-{at + 300_000} stack 20 serve.py:21:handle > {boto}
            main: {at + 300_000}-{at + 1_000_000} stack 70 serve.py:22:handle
        """
    (finding,) = verdict_of(RULE, recording(text, gpus=())).findings
    assert "HTTP, cloud or database client" in finding.title and "1 more" in finding.why
    assert [one.name for one in finding.where] == ["handle (serve.py:21)", "handle (serve.py:20)"]
    assert finding.saving.high_ns == 300_000_000


SSL = "lib/ssl.py:700:create_default_context"


@pytest.mark.parametrize(
    "text",
    [
        requests("lib/json/decoder.py:5:decode"),
        requests(SSL, each=1),  # 1 % of the wall
        requests(SSL, each=4),  # 4 %
        requests(SSL, each=80, pay=1),  # lazily, by the first
        requests(SSL, each=80, of=2, pay=1),
        # the user's own file is no library's
        requests("redis/client.py:9:Redis.__init__"),
        # using is not building
        requests("lib/requests/sessions.py:500:Session.request > lib/socket.py:700:readinto !io"),
        requests("lib/re/__init__.py:170:_compile"),
        requests("lib/multiprocessing/popen_fork.py:36:Popen.wait !lock"),
        requests("lib/concurrent/futures/_base.py:450:Future.result !lock"),
        # other rules' business: a model's weights, a DataLoader's workers
        requests("lib/transformers/modeling_utils.py:9:from_pretrained > lib/copy.py:1:deepcopy"),
        requests("lib/torch/serialization.py:9:load > lib/re/_compiler.py:743:compile"),
        requests("lib/torch/utils/data/dataloader.py:1100:_MultiProcessingDataLoaderIter.__init__"
                 " > lib/multiprocessing/process.py:110:BaseProcess.start"),
    ],
)  # fmt: skip
def test_silent(text: str) -> None:
    assert verdict_of(RULE, recording(text, gpus=())).outcome is Outcome.CLEAR


@pytest.mark.parametrize("frame", [SSL, "lib/torch/nn/modules/module.py:1300:Module.to"])
def test_time_that_a_reloaded_model_explains_is_left_to_that_rule(frame: str) -> None:
    text = requests(frame).replace("plain", "traced")
    for at in range(0, 4_000_000, 1_000_000):
        text += f"main: {at}-{at + 200_000} range torch.load\n"
        text += f"main: {at + 500_000}-{at + 600_000} op aten::linear\n"
    built = recording(text, gpus=())
    assert verdict_of("reloaded-model", built).outcome is Outcome.FOUND
    assert verdict_of(RULE, built).outcome is Outcome.CLEAR


def test_setting_up_between_requests_costs_them_nothing() -> None:
    text = requests("serve.py:21:helper")
    text += f"main: 4000000-5000000 stack 100 serve.py:2:startup > {SSL}"
    assert verdict_of(RULE, recording(text, gpus=())).outcome is Outcome.CLEAR


def test_unknown_with_one_request_few_samples_or_none() -> None:
    one = verdict_of(RULE, recording(requests(SSL, of=1), gpus=()))
    assert one.outcome is Outcome.UNKNOWN and "one request" in one.reason
    few = f"main: 0-1000000 request plain | main: 0-1000000 stack 9 serve.py:20:handle > {SSL}"
    assert "too few" in verdict_of(RULE, recording(few, gpus=())).reason
    nothing = verdict_of(RULE, recording("main: 0-1000 request", gpus=()))
    assert nothing.outcome is Outcome.UNKNOWN
