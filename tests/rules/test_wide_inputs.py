"""wide-inputs: bytes that are cast on the CPU before they are copied."""

from __future__ import annotations

import pytest

from infprof.profiler.recording import Recording
from infprof.rules.finding import Outcome
from tests.build import recording
from tests.rules.judge import verdict_of

RULE = "wide-inputs"


def uploaded(
    types: str = '"float","unsigned char"', size: int = 2_408_448, stage: str = "preprocess"
) -> Recording:
    """4 pictures of 224 x 224: cast for 300 us, copied for 400 us, computed on for 200 us."""
    cast = f'{{"dims":[[4,3,224,224],[4,3,224,224]],"types":[{types}]}}'
    return recording(f"""
        main: 0-1000 request
        main: 0-320 range {stage}:inputs
        main: 0-300 op aten::copy_ {cast}
        main: 310-320 call cudaMemcpyAsync #1
        s7: 330-730 copy Memcpy HtoD (Pinned -> Device) #1 @{size}
        main: 330-340 call cudaLaunchKernel #2
        s7: 730-930 kernel gemm #2
        main: 350-940 call cudaStreamSynchronize
    """)


@pytest.mark.parametrize("stage", ["preprocess", "h2d", "compute"])
def test_a_cast_and_three_quarters_of_its_copy_are_found(stage: str) -> None:
    (finding,) = verdict_of(RULE, uploaded(stage=stage)).findings
    assert (finding.saving.low_ns, finding.saving.high_ns) == (0, 600_000)
    assert "2.4 MB per request" in finding.why and "0.6 MB would do" in finding.why
    assert finding.saving.basis == "replay"
    compile(finding.fix.code, "fix", "exec")


@pytest.mark.parametrize(
    ("types", "size"),
    [
        ('"float","float"', 2_408_448),  # true floats
        ('"unsigned char","unsigned char"', 602_112),  # bytes, as they should
        ('"float","unsigned char"', 602_112),  # something else was copied
        ('"float","c10::Half"', 2_408_448),
    ],
)
def test_other_copies_are_fine(types: str, size: int) -> None:
    verdict = verdict_of(RULE, uploaded(types, size))
    assert (verdict.outcome, verdict.reason) == (Outcome.CLEAR, "")


def test_small_inputs_are_fine() -> None:
    small = recording("""
        main: 0-1000 request
        main: 0-300 op aten::copy_ {"dims":[[24999],[24999]],"types":["float","unsigned char"]}
        s7: 330-730 copy Memcpy HtoD (Pinned -> Device) #1 @99996
    """)
    assert verdict_of(RULE, small).outcome is Outcome.CLEAR


def test_the_cast_of_one_request_is_not_paired_with_the_copy_of_another() -> None:
    apart = recording("""
        main: 0-400 request | main: 500-1000 request
        main: 0-300 op aten::copy_ {"dims":[[99999],[99999]],"types":["float","unsigned char"]}
        s7: 530-930 copy Memcpy HtoD (Pinned -> Device) #1 @399996
    """)
    assert verdict_of(RULE, apart).outcome is Outcome.CLEAR


@pytest.mark.parametrize(
    "cast",
    [
        "main: 740-800 op aten::copy_",  # after the copy
        "main: 0-300 op aten::copy_",  # a kernel casts it: #3
    ],
)
def test_casts_on_the_gpu_are_the_cure(cast: str) -> None:
    recorded = recording(f"""
        main: 0-1000 request
        {cast} {{"dims":[[99999],[99999]],"types":["float","unsigned char"]}}
        main: 10-20 call cudaLaunchKernel #3
        s7: 20-40 kernel elementwise_kernel #3
        s7: 330-730 copy Memcpy HtoD (Pinned -> Device) #1 @399996
    """)
    assert verdict_of(RULE, recorded).outcome is Outcome.CLEAR


def test_without_shapes_there_is_no_verdict() -> None:
    bare = recording("main: 0-9 request | main: 0-9 op aten::copy_ | s7: 1-8 kernel gemm")
    verdict = verdict_of(RULE, bare)
    assert verdict.outcome is Outcome.UNKNOWN and "shapes" in verdict.reason
