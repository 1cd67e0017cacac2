"""host_code: time by what samples found, and where in the user's code."""

from __future__ import annotations

import pytest

from infprof.profiler.stacks import Place
from infprof.rules.finding import Unknown
from infprof.rules.host_code import (
    ENOUGH_SAMPLES,
    place_text,
    places,
    require_samples,
    sampled_ns,
    samples_of,
)
from tests.build import recording
from tests.rules.judge import evidence_of

MODEL = "lib/torch/nn/modules/module.py:1:Module._call_impl"

TEXT = f"""main: 0-1000 request
    main: 0-400 stack 30 /srv/serve.py:19:serve > /srv/serve.py:3:resize
    main: 400-500 stack 10 /srv/serve.py:19:serve > /srv/serve.py:4:resize
    main: 500-600 stack 10 /srv/serve.py:18:serve > /srv/serve.py:9:read !io
    main: 600-1000 stack 50 /srv/serve.py:20:serve > {MODEL}
    main: 2000-2100 stack 100 /srv/serve.py:19:serve > /srv/serve.py:3:resize"""


def test_time_is_the_share_of_the_samples_that_caught_a_request() -> None:
    evidence = evidence_of(recording(TEXT))
    assert sampled_ns(evidence, samples_of(evidence)) == 1_000_000
    assert sampled_ns(evidence, samples_of(evidence, stages=("preprocess",))) == 400_000
    assert sampled_ns(evidence, samples_of(evidence, leaves=("io.read",))) == 100_000
    either = samples_of(evidence, stages=("preprocess",), leaves=("io.read",))
    assert sampled_ns(evidence, either) == 500_000


def test_a_sample_outside_of_requests_counts_in_no_mask() -> None:
    evidence = evidence_of(recording(TEXT))
    everything = samples_of(evidence) | ~samples_of(evidence)
    assert int(everything.sum()) == 200 and int(samples_of(evidence).sum()) == 100
    assert sampled_ns(evidence, everything) == 1_000_000
    assert sum(one.time_ns for one in places(evidence, everything)) == 1_000_000


def test_places_name_functions_by_their_hottest_line_longest_first() -> None:
    evidence = evidence_of(recording(TEXT))
    found = places(evidence, samples_of(evidence))
    assert [one.name for one in found] == [
        "serve (serve.py:20)",
        "resize (serve.py:3)",
        "read (serve.py:9)",
    ]
    assert [one.time_ns for one in found] == [500_000, 400_000, 100_000]
    assert found[1].detail == "40 % of the samples" and found[1].count is None
    assert len(places(evidence, samples_of(evidence), most=1)) == 1


def test_of_equally_hot_lines_the_first_is_named() -> None:
    text = "main: 0-100 request | main: 0-50 stack 5 a.py:9:f | main: 50-100 stack 5 a.py:2:f"
    evidence = evidence_of(recording(text))
    assert places(evidence, samples_of(evidence))[0].name == "f (a.py:2)"


def test_library_code_that_nobody_called_has_no_place() -> None:
    evidence = evidence_of(
        recording("main: 0-100 request | main: 0-100 stack 50 lib/logging.py:1:emit")
    )
    assert places(evidence, samples_of(evidence)) == ()


def test_without_samples_there_is_no_time_and_no_place() -> None:
    evidence = evidence_of(recording("main: 0-100 request"))
    assert sampled_ns(evidence, samples_of(evidence)) == 0
    assert places(evidence, samples_of(evidence)) == ()
    with pytest.raises(Unknown, match="only 0 samples"):
        require_samples(evidence)


@pytest.mark.parametrize("count", [ENOUGH_SAMPLES - 1, ENOUGH_SAMPLES])
def test_few_samples_are_too_few(count: int) -> None:
    evidence = evidence_of(recording(f"main: 0-1000 request | main: 0-1000 stack {count} a.py:1:f"))
    if count < ENOUGH_SAMPLES:
        with pytest.raises(Unknown, match="too few"):
            require_samples(evidence)
    else:
        require_samples(evidence)


def test_a_place_is_written_without_its_folder() -> None:
    assert place_text(Place("/srv/serve.py", "Model.load", 7)) == "Model.load (serve.py:7)"
