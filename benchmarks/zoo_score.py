"""All runs of the zoo as a table and a score, with the bars that it has to meet."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version

from zoo_judge import POINTS, UNATTRIBUTED, Result

RANK_1, PRECISION, RECALL, FALSE_PER_TEN = 0.95, 0.95, 0.90, 1.0
"""The bars: right first answers, findings that are right, plants that are found, and false findings
per ten healthy runs."""

HEADS = (
    "script",
    "variant",
    "stage",
    "found",
    "share",
    "found",
    "off",
    "rule",
    "first finding",
    "fn",
    "line",
    "unattr",
    "",
)


def row(one: Result) -> tuple[str, ...]:
    """A line of the table."""

    def percent(share: float | None) -> str:
        return "-" if share is None else f"{100 * share:.1f}"

    def yes(value: bool | None) -> str:
        return "-" if value is None else "yes" if value else "no"

    return (
        one.name,
        one.variant,
        "|".join(one.expected_stages) or "-",
        one.stage or "-",
        percent(one.true_share),
        percent(one.found_share),
        "-" if one.off is None else f"{one.off:.1f}",
        one.expected_rules[0] if one.expected_rules else "-",
        one.first or "-",
        yes(one.function),
        yes(one.line),
        percent(one.unattributed),
        ("; ".join(one.wrong) or "ok")
        + (f", beside {' and '.join(one.false)}" if one.planted and one.false else ""),
    )


WIDTHS = (26, 8, 30, 13, 6, 6, 5, 24, 24, 4, 5, 7, 0)


def show(cells: tuple[str, ...]) -> None:
    """Print a line at once: a whole zoo takes many minutes."""
    pairs = zip(cells, WIDTHS, strict=True)
    cut = (f"{cell[: width - 1] if width else cell:<{width}}" for cell, width in pairs)
    print("".join(cut).rstrip(), flush=True)


@dataclass(frozen=True, slots=True)
class Score:
    """All runs together."""

    runs: int
    rank_1: float
    precision: float | None
    recall: float | None
    false_per_ten: float | None
    worst_unattributed: float | None
    planted_within: int
    planted_timed: int
    """Of the shares of planted stages, and of what healthy scripts mostly do: these have a bar."""
    within: int
    timed: int
    """Of the worst stage of each run, planted or not."""
    named: int
    """Of the programs that were run: only they have functions and lines."""
    planted: int

    @property
    def unattributed_or_all(self) -> float:
        """All time is without a name where programs ran and none came to a report."""
        return float(self.timed > 0) if self.worst_unattributed is None else self.worst_unattributed

    @property
    def missed(self) -> list[str]:
        """The bars that were missed."""
        bars = {
            "rank-1": self.rank_1 < RANK_1,
            "precision": self.precision is not None and self.precision < PRECISION,
            "recall": self.recall is not None and self.recall < RECALL,
            "false findings": (self.false_per_ten or 0) > FALSE_PER_TEN,
            "unattributed": self.unattributed_or_all > UNATTRIBUTED,
            "shares": self.planted_within < self.planted_timed,
        }
        return [name for name, missed in bars.items() if missed]


def score(results: list[Result]) -> Score:
    """Precision and recall are over findings above info, and those that are asked for."""
    planted = [one for one in results if one.planted]
    quiet = [one for one in results if one.healthy or one.variant == "cured"]
    hits = sum(any(rule in one.expected_rules for rule in one.found) for one in planted)
    false = sum(len(one.false) for one in results)
    # A run that came to nothing was timed in vain, so it is not within the bar.
    ran = [one for one in results if one.how == "run"]
    timed = [one.off for one in ran if one.off is not None or one.stage is None]
    shares = [
        100 * abs(one.true_share - one.found_share)
        for one in results
        if one.true_share is not None and one.found_share is not None
    ]
    lost = sum(one.stage is None and one.variant != "cured" for one in ran)
    dark = [one.unattributed for one in results if one.unattributed is not None]
    return Score(
        runs=len(results),
        rank_1=sum(one.right for one in results) / max(len(results), 1),
        precision=hits / (hits + false) if hits + false else None,
        recall=hits / len(planted) if planted else None,
        false_per_ten=10 * sum(len(one.false) for one in quiet) / len(quiet) if quiet else None,
        worst_unattributed=max(dark, default=None),
        planted_within=sum(one <= POINTS for one in shares),
        planted_timed=len(shares) + lost,
        within=sum(one is not None and one <= POINTS for one in timed),
        timed=len(timed),
        named=sum(bool(one.function and one.line) for one in planted),
        planted=sum(one.how == "run" for one in planted),
    )


def setting() -> str:
    """What the numbers were measured with."""

    def of(package: str) -> str:
        try:
            return f"{package} {version(package)}"
        except PackageNotFoundError:
            return f"no {package}"

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    packages = ", ".join(of(name) for name in ("infprof", "torch", "numpy", "pillow"))
    when = datetime.now(timezone.utc).strftime("%Y-%m-%d")
    where = f"{platform.system()} {platform.machine()}, {cores} cores"
    return f"{when}, {where}, python {platform.python_version()}, {packages}"


def summary(total: Score) -> str:
    """The lines under the table."""

    def percent(share: float | None) -> str:
        return "-" if share is None else f"{100 * share:.1f} %"

    false = "-" if total.false_per_ten is None else f"{total.false_per_ten:.1f}"
    return (
        f"\nrank-1 right                    {percent(total.rank_1)} of {total.runs} runs\n"
        f"precision, recall               {percent(total.precision)}, {percent(total.recall)}\n"
        f"false per 10 healthy            {false}\n"
        f"worst unattributed              {percent(total.worst_unattributed)}\n"
        f"planted shares within 5 points  {total.planted_within}/{total.planted_timed}\n"
        f"worst share of each run within  {total.within}/{total.timed}\n"
        f"function and line               {total.named}/{total.planted}\n"
        f"{setting()}\n"
        + (f"missed: {', '.join(total.missed)}" if total.missed else "all bars met")
    )
