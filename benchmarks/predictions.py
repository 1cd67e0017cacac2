"""What findings predicted, beside what their fix brought.

``python benchmarks/predictions.py FOLDER`` reads traces of the same program before and after it was
changed (the steps of Segment Anything's optimisation, as published by its authors), and prints for
each step the savings that the report on the trace before had predicted for the rules whose advice
was followed, and the difference of the walls. Misses are printed like everything else.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from infprof.diagnosis import diagnose
from infprof.loading import load
from infprof.reports.report import Report

STEPS = (
    # before, after, rules whose advice was followed
    (
        "a100_sam_step1_vanilla",
        "a100_sam_step2_vanilla_postprocess_rewritten",
        ("hot-path-syncs",),
    ),
    (
        "a100_sam_step2_vanilla_postprocess_rewritten",
        "a100_sam_step3_compiled_bf16",
        ("full-precision-compute", "uncompiled-model"),
    ),
)


def report_on(folder: Path, name: str) -> Report:
    """The report on a trace of the folder."""
    return diagnose(load(folder / f"{name}.json.gz"))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    folder = parser.parse_args().folder
    for before, after, rules in STEPS:
        first, second = report_on(folder, before), report_on(folder, after)
        walls = [one.breakdown.wall_ms for one in (first, second)]
        print(f"{before} -> {after}: {walls[0]:.0f} -> {walls[1]:.0f} ms")
        low = high = 0.0
        for row in first.findings:
            if row.rule in rules:
                low, high = low + row.saving.low_ms, high + row.saving.high_ms
                interval = f"{row.saving.low_ms:.0f} to {row.saving.high_ms:.0f} ms"
                print(f"  predicted  {interval:>20}  {row.rule} ({row.saving.confidence})")
        real = walls[0] - walls[1]
        verdict = "within" if low <= real <= high else "MISSED"
        print(f"  together   {f'{low:.0f} to {high:.0f} ms':>20}")
        print(f"  measured   {f'{real:.0f} ms':>20}  {verdict}", flush=True)


if __name__ == "__main__":
    main()
