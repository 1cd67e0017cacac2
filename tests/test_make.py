"""From facts and verdicts to the Report: sums, sentences, quality, severities."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from infprof.diagnosis import diagnose
from infprof.profiler.recording import Phase, Recording, Requests
from infprof.profiler.stints import NO_STINTS, Stints
from infprof.reports.charts import thin
from infprof.reports.report import Report
from tests.build import recording

GPU_REQUEST = """{lane}: {a}-{b} request {phase}
    {lane}: {a}-{d} range preprocess:decode
    {lane}: {d}-{e} op aten::mm
    {lane}: {d}-{e} call cudaLaunchKernel #1
    s7: {e}-{b} kernel ampere_sgemm_128x64_nn #1"""


def served(plain: int, traced: int, decode: int = 600, wall: int = 1000) -> Recording:
    """A run of equal requests, ``wall`` microseconds each, the first one cold."""
    phases = ["cold", *["plain"] * plain, *["traced"] * traced]
    parts = [
        GPU_REQUEST.format(
            lane="main", a=2 * i * wall, b=(2 * i + 1) * wall, phase=phase,
            d=2 * i * wall + decode, e=2 * i * wall + decode + 10,
        )
        for i, phase in enumerate(phases)
    ]  # fmt: skip
    return recording("\n".join(parts))


def shares(report: Report) -> dict[str, float]:
    return {row.stage: row.share for row in report.breakdown.stages}


def test_stages_sum_to_the_wall_and_only_traced_requests_are_explained() -> None:
    report = diagnose(served(plain=30, traced=4))
    assert report.breakdown.requests == 4
    assert report.breakdown.wall_ms == 1.0
    assert sum(row.exposed_ns for row in report.breakdown.stages) == report.breakdown.wall_ns
    assert sum(shares(report).values()) == pytest.approx(1.0)
    assert shares(report)["preprocess"] == pytest.approx(0.6)


def test_latency_comes_from_untraced_requests() -> None:
    latency = diagnose(served(plain=30, traced=4)).latency
    assert (latency.requests, latency.requests_seen) == (30, 35)
    assert latency.p50_ms == latency.p99_ms == latency.cold_ms == 1.0
    assert latency.throughput_per_s == pytest.approx(30 / 0.059)
    assert latency.distortion == 1.0
    assert sum(count for _, _, count in latency.histogram) == 30


def test_the_sentence_names_stage_share_and_limit() -> None:
    verdict = diagnose(served(plain=30, traced=4)).verdict
    assert (verdict.stage, verdict.limit) == ("preprocess", "input-bound")
    assert verdict.sentence.startswith(
        "A request spends 60 % of its time (0.600 ms of 1.00 ms) preparing the input, "
        "mostly in \u201cdecode\u201d: it is input-bound. First: "
    )


def test_good_quality_needs_enough_untraced_requests() -> None:
    assert diagnose(served(plain=30, traced=4)).quality.level == "good"
    few = diagnose(served(plain=3, traced=4)).quality
    assert few.level == "limited"
    assert [note.code for note in few.notes] == ["few-requests"]


def test_without_requests_nothing_is_said_and_nothing_is_healthy() -> None:
    report = diagnose(recording("", missing={"requests": "the program marked no request"}))
    assert report.quality.level == "invalid"
    assert report.verdict.sentence == "Nothing can be said: the program marked no request."
    assert report.verdict.stage is None
    assert {row.outcome for row in report.verdicts} <= {"UNKNOWN", "CLEAR"}
    assert "UNKNOWN" in {row.outcome for row in report.verdicts}


def test_unattributed_time_limits_the_quality() -> None:
    report = diagnose(recording("main: 0-100 request | main: 0-10 op aten::mm"))
    assert "unattributed" in [note.code for note in report.quality.notes]
    assert report.verdict.limit == "unknown"


def test_launches_without_device_activity_are_not_called_overhead() -> None:
    report = diagnose(
        recording(
            "main: 0-100 op aten::mm | main: 0-90 call cudaLaunchKernel #1",
            missing={"kernels": "only CPU activity was asked for"},
            kind="trace",
        )
    )
    assert report.verdict.stage is None
    assert "not in the recording" in report.verdict.sentence
    assert report.quality.level == "limited"


def test_a_cpu_only_program_has_no_copies_and_that_is_not_zero() -> None:
    report = diagnose(recording("main: 0-100 request | main: 0-100 op aten::mm", gpus=()))
    assert report.breakdown.absent == ["h2d", "d2h"]
    assert not {"h2d", "d2h"} & set(shares(report))
    assert "computing on the CPU" in report.verdict.sentence


def test_savings_are_shares_of_the_wall_and_severity_follows() -> None:
    for finding in diagnose(served(plain=30, traced=4)).findings:
        saving = finding.saving
        assert 0 <= saving.share_low <= saving.share_high <= 1
        floor = {"high": 0.25, "medium": 0.10, "low": 0.05, "info": 0.0}[finding.severity]
        assert saving.share_high >= floor
        assert 1.0 <= saving.speedup_low <= saving.speedup_high


def test_a_report_is_the_same_after_its_recording_was_on_disk(tmp_path: object) -> None:
    from pathlib import Path

    made = served(plain=30, traced=4)
    made.save(Path(str(tmp_path)) / "recording")
    again = Recording.load(Path(str(tmp_path)) / "recording")
    assert diagnose(again) == diagnose(made)


def test_thinning_keeps_the_peaks() -> None:
    value = np.zeros(10_000)
    value[[17, 4321]] = 9.0, -3.0
    kept = thin(value, 400)
    assert len(kept) <= 400
    assert {17, 4321} <= set(kept.tolist())
    assert np.all(np.diff(kept) > 0)


def test_doubt_about_the_measurement_lowers_every_confidence() -> None:
    sound = diagnose(served(plain=30, traced=4))
    pressed = served(plain=30, traced=4)
    busy = recording("", series={"host.pressure_cpu": [(0, 60.0), (1, 40.0)]})
    pressed.header.series = busy.header.series
    from dataclasses import replace

    doubted = diagnose(replace(pressed, samples=busy.samples))
    assert "cpu-pressure" in [note.code for note in doubted.quality.notes]
    steps = {"A": "B", "B": "C", "C": "C"}
    assert sound.findings
    assert [steps[one.saving.confidence] for one in sound.findings] == [
        one.saving.confidence for one in doubted.findings
    ]


def test_noise_and_distortion_are_said_and_limit_the_quality() -> None:
    walls = [100, 100, 180, 180] * 8
    parts, at = [], 0
    for wall in walls:
        parts.append(f"main: {at}-{at + wall} request plain")
        at += wall + 1
    parts.append(f"main: {at}-{at + 400} request traced | main: {at}-{at + 400} op aten::mm")
    report = diagnose(recording("\n".join(parts)))
    codes = [note.code for note in report.quality.notes]
    assert {"noise", "distortion"} <= set(codes)
    assert report.quality.level == "limited"


def test_only_warm_up_is_said_to_be_only_warm_up() -> None:
    report = diagnose(recording("main: 0-10 request cold | main: 20-30 request warmup"))
    assert report.verdict.sentence == (
        "Nothing can be said: only 2 requests ran, which is all warm-up; serve more, or lower "
        "--warmup and --plain."
    )


def test_an_interval_ranks_by_its_middle() -> None:
    from infprof.rules.finding import Finding, Fix, Outcome, Saving, Verdict
    from infprof.rules.ranking import ranked

    def found(rule: str, low: int, high: int) -> Verdict:
        finding = Finding(rule, "", "compute", Saving(low, high), Fix("", "", ""))
        return Verdict(rule, Outcome.FOUND, findings=(finding,))

    order = ranked([found("ceiling", 0, 100), found("sure", 60, 80)])
    assert [rule for rule, _ in order] == ["sure", "ceiling"]


def on_a_busy_machine(stints: Stints = NO_STINTS, throttled: float = 0.0) -> Report:
    """Requests of very different walls, numbered from 1, while CPUs were waited for."""
    rows, at = [], 0
    for number, wall in enumerate([1000, 1000, 1000, 4000, 4000] * 8, 1):
        rows.append((at, at + wall * 1000, 0, int(Phase.PLAIN), 0, -1, number))
        at += (wall + 1) * 1000
    rows.append((at, at + 1_000_000, 0, int(Phase.TRACED), 0, -1, len(rows) + 1))
    text = f"main: {at / 1000}-{at / 1000 + 900} range preprocess:resize"
    loads = {"host.pressure_cpu": [(0, 60.0)], "host.throttled_share": [(0, throttled)]}
    busy = recording(text, series=loads)
    return diagnose(replace(busy, requests=Requests.of(rows), stints=stints))


def test_a_machine_that_others_keep_busy_gives_no_finding() -> None:
    report = on_a_busy_machine()
    assert report.quality.level == "invalid"
    assert not report.findings
    assert report.verdict.sentence.startswith("Nothing can be said: other work kept")


def test_but_why_it_is_not_valid() -> None:
    report = on_a_busy_machine(throttled=60.0)
    assert report.quality.level == "invalid"
    assert [one.rule for one in report.findings] == ["starved-cpu"]


@pytest.mark.parametrize(("work_us", "level"), [((900, 1000), "limited"), ((900, 3500), "invalid")])
def test_requests_that_wait_for_each_other_are_no_noise(
    work_us: tuple[int, int], level: str
) -> None:
    """Where as much was done for each of them."""
    rows = [(number, 0, work_us[number % 5 in (4, 0)] * 1000, 0, "") for number in range(1, 41)]
    assert on_a_busy_machine(Stints.from_rows(rows)).quality.level == level


def test_a_tracer_that_holds_up_some_requests_distorts_the_mean() -> None:
    walls = [("plain", 100)] * 30 + [("traced", 100)] * 3 + [("traced", 1000)] * 2
    parts, at = [], 0
    for phase, wall in walls:
        parts.append(f"main: {at}-{at + wall} request {phase}")
        parts.append(f"main: {at}-{at + wall} op aten::mm")
        at += wall + 1
    report = diagnose(recording("\n".join(parts)))
    assert report.latency.distortion == 1.0
    (note,) = (one for one in report.quality.notes if one.code == "distortion")
    assert note.text.startswith("Requests took 4.60 times as long under the tracer")


def test_unattributed_time_that_could_turn_the_verdict_leaves_it_open() -> None:
    text = "main: 0-100 request | main: 0-35 range io:read | main: 35-60 range preprocess:resize"
    verdict = diagnose(recording(text)).verdict
    assert (verdict.stage, verdict.limit) == ("unattributed", "unknown")
    text = "main: 0-100 request | main: 0-40 range io:read | main: 40-65 range preprocess:resize"
    verdict = diagnose(recording(text)).verdict
    assert (verdict.stage, verdict.limit) == ("io", "unknown")
    assert "but where 35 % goes is not known, so what limits it is open." in verdict.sentence


def test_a_verdict_stands_whoever_owns_the_unattributed_time() -> None:
    verdict = diagnose(recording("main: 0-100 request | main: 0-65 range io:read")).verdict
    assert (verdict.stage, verdict.limit) == ("io", "io-bound")


def test_the_programs_time_is_all_that_was_seen() -> None:
    made = recording(
        "main: 1000-2000 request | main: 1500-5000 stack 1 serve.py:1:main",
        series={"host.cpu": [(500, 1.0)]},
    )
    assert diagnose(made).tool.program_ms == 2.75
    assert diagnose(recording("")).tool.program_ms is None
