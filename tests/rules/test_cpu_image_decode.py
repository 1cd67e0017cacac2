"""cpu-image-decode: media decoded on the CPU while the request waits."""

from __future__ import annotations

import pytest

from infprof.profiler.outside.stretches import cut_into_stretches
from infprof.rules.finding import Outcome, Verdict
from tests.build import A100, recording
from tests.rules.judge import verdict_of

RULE = "cpu-image-decode"


def one_request(work: str, gpu: bool = False) -> Verdict:
    text = f"main: 0-100 request | main: 0-30 {work} | main: 30-100 op aten::conv2d"
    return verdict_of(RULE, recording(text, gpus=(A100,) if gpu else ()))


@pytest.mark.parametrize(
    "work",
    [
        "range preprocess:decode",
        "range io:load and decode",
        "range decode_jpeg",
        "range preprocess:load_image",
        "python PIL/ImageFile.py(250): load",
        "python av/container/input.pyx(200): decode",
        "python <built-in function imread>",
        "range preprocess:PIL.ImageFile.load in serve (serve.py:3)",
        "range preprocess:cv2.imdecode in serve (serve.py:3)",
        "op image::decode_jpeg",
    ],
)
def test_exposed_decoding_is_the_ceiling(work: str) -> None:
    (finding,) = one_request(work).findings
    assert (finding.saving.low_ns, finding.saving.high_ns) == (0, 30_000)
    assert finding.saving.confidence == "C"
    assert "draft" in finding.fix.code or "torchcodec" in finding.fix.code
    compile(finding.fix.code, "fix", "exec")


@pytest.mark.parametrize(
    ("work", "expected"),
    [
        ("range decode_jpeg", "decoders import decode_jpeg"),
        ("python decord/video_reader.py(9): get", "VideoDecoder"),
    ],
)
def test_a_gpu_host_decodes_there(work: str, expected: str) -> None:
    (finding,) = one_request(work, gpu=True).findings
    assert expected in finding.fix.code
    compile(finding.fix.code, "fix", "exec")


@pytest.mark.parametrize(
    "work",
    [
        "range decode",  # of tokens, by a language model
        "range compute:decode step",
        "range preprocess:json decode",
        "range preprocess:decode base64",
        "range postprocess:decode tokens",
        "range preprocess:encode_jpeg",
        "range preprocess:nvjpeg decode",
        "range preprocess:resize",
        "range io:open in load_image (serve.py:3)",
        "range preprocess:cv2.resize in decode_image (serve.py:3)",
        "range preprocess:PIL.Image.convert in load_image (serve.py:3)",
        "python PIL/Image.py(2200): resize",
        "op image::decode_jpegs_cuda",
    ],
)
def test_other_work_is_no_media_decoding(work: str) -> None:
    assert not one_request(work).findings


LOADING = "serve.py:3:serve > lib/PIL/Image.py:9:Image.convert > lib/PIL/ImageFile.py:9:{function}"


@pytest.mark.parametrize(
    ("function", "outcome"),
    [("ImageFile.load", Outcome.FOUND), ("ImageFile.verify", Outcome.CLEAR)],
)
def test_samples_tell_whether_pillow_decodes_in_another_call(
    function: str, outcome: Outcome
) -> None:
    text = f"""main: 0-100 request
        main: 0-30 range preprocess:PIL.Image.convert in serve (serve.py:3)
        main: 30-100 op aten::conv2d
        main: 0-24 stack 8 {LOADING.format(function=function)}
        main: 24-30 stack 2 serve.py:3:serve > lib/PIL/Image.py:9:Image.convert"""
    assert verdict_of(RULE, recording(text, gpus=())).outcome is outcome


def test_decoding_hidden_behind_the_device_costs_nothing() -> None:
    text = """
        main: 0-100 request
        t2: 0-40 range preprocess:decode
        s7: 0-100 kernel gemm #1
    """
    assert verdict_of(RULE, recording(text)).outcome is Outcome.CLEAR


def test_a_helper_thread_that_the_request_waits_for_counts() -> None:
    text = """
        main: 0-100 request
        t2: 0-40 range preprocess:decode
        main: 40-100 op aten::conv2d
    """
    (finding,) = verdict_of(RULE, recording(text, gpus=())).findings
    assert finding.saving.high_ns == 40_000


def test_unknown_while_nothing_names_the_host_time() -> None:
    text = "main: 0-1000 request | main: 900-1000 op aten::conv2d"
    verdict = verdict_of(RULE, recording(text, gpus=()))
    assert verdict.outcome is Outcome.UNKNOWN and "decoding" in verdict.reason


def test_frames_without_decoding_are_an_answer() -> None:
    text = """
        main: 0-1000 request
        main: 0-900 python serve.py(3): wait
        main: 900-1000 op aten::conv2d
    """
    assert verdict_of(RULE, recording(text, gpus=())).outcome is Outcome.CLEAR


def test_seen_from_outside_the_decoder_is_known_by_its_frames() -> None:
    pillow = "lib/PIL/Image.py:5:Image.convert > lib/PIL/ImageFile.py:7:ImageFile.load"
    load = f"app.py:9:thumbnail > {pillow}"
    seen = recording(
        f"main: 0-400 stack 40 {load} | main: 400-600 stack 20 app.py:9:thumbnail"
        " > lib/PIL/Image.py:8:Image.resize"
    )
    (finding,) = verdict_of(RULE, cut_into_stretches(seen)).findings
    assert (finding.saving.low_ns, finding.saving.high_ns) == (0, 400_000)
    assert finding.where[0].name == "thumbnail (app.py:9)"
    few = recording(f"main: 0-200 stack 20 {load}")
    assert verdict_of(RULE, cut_into_stretches(few)).outcome != Outcome.FOUND
