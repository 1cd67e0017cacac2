"""What findings predicted, beside what their fix brought.

``python benchmarks/predictions.py traces FOLDER`` reads traces of one program before and after it
was changed: the steps of Segment Anything's optimisation, as its authors published them, and the
training loop of the TensorBoard plug-in's samples, whose loader was given workers.

``python benchmarks/predictions.py zoo FOLDER`` reads what ``benchmarks/zoo.py --keep FOLDER`` left:
each script slow and cured.

For each pair it prints the savings that the report on the slow one predicted for the rules whose
advice was followed, and the difference of the walls. Misses are printed like everything else.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
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
    (
        "v100_resnet50_train_workers0_oldformat",
        "v100_resnet50_train_workers4_oldformat",
        ("serial-dataloader",),
    ),
)

NOISE = 0.05
"""A measured saving this share of the slow wall outside the interval is still within: zoo scripts
differ by that from run to run."""


@dataclass(frozen=True)
class Pair:
    """One program before and after; times in ms of the mean request."""

    name: str
    before_ms: float
    after_ms: float
    low_ms: float
    high_ms: float
    confidence: str
    rules: str

    @property
    def real_ms(self) -> float:
        """What the fix brought."""
        return self.before_ms - self.after_ms

    @property
    def is_within(self) -> bool:
        """Whether that lies in the predicted interval, up to noise."""
        slack = NOISE * self.before_ms
        return self.low_ms - slack <= self.real_ms <= self.high_ms + slack


def pair(name: str, before: Report, after: Report, rules: tuple[str, ...]) -> Pair | None:
    """What the findings of these rules promise together; ``None`` where none was found."""
    walls = [one.latency.mean_ms or one.breakdown.wall_ms for one in (before, after)]
    found = [one for one in before.findings if one.rule in rules]
    if not found:
        return None
    low, high = (sum(getattr(one.saving, end) for one in found) for end in ("low_ms", "high_ms"))
    worst = max(one.saving.confidence for one in found)
    return Pair(name, *walls, low, high, worst, " + ".join(one.rule for one in found))


def of_traces(folder: Path) -> Iterator[Pair | None]:
    """Published steps, by traces."""
    for before, after, rules in STEPS:
        reports = (diagnose(load(folder / f"{name}.json.gz")) for name in (before, after))
        yield pair(after, *reports, rules)


def of_zoo(folder: Path) -> Iterator[Pair | None]:
    """Scripts whose first finding is the planted one; where a request of the cured script is
    another thing (a batch), the walls do not compare."""
    for slow in sorted(folder.glob("*-slow-1/report.json")):
        cured = folder / slow.parent.name.replace("-slow-", "-cured-") / "report.json"
        if not cured.exists():
            continue
        before, after = (Report.model_validate_json(one.read_text()) for one in (slow, cured))
        seen = before.latency.requests_seen, after.latency.requests_seen
        if before.findings and 0.5 < seen[0] / max(seen[1], 1) < 2:
            name = slow.parent.name.removesuffix("-slow-1")
            yield pair(name, before, after, (before.findings[0].rule,))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("kind", choices=["traces", "zoo"])
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    args = parser.parse_args()
    found = list(filter(None, (of_traces if args.kind == "traces" else of_zoo)(args.folder)))
    print(f"{'after':46}{'before':>9}{'after':>9}{'predicted saving':>20}{'real':>9}  ms")
    for one in found:
        interval = f"{one.low_ms:.1f} to {one.high_ms:.1f}"
        verdict = "within" if one.is_within else "MISSED"
        print(
            f"{one.name:46}{one.before_ms:9.1f}{one.after_ms:9.1f}{interval:>20}{one.real_ms:9.1f}"
            f"  {verdict}  {one.confidence} {one.rules}"
        )
    print(f"{sum(one.is_within for one in found)} of {len(found)} within")


if __name__ == "__main__":
    main()
