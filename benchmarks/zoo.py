"""The public zoo: scripts with one planted bottleneck each, or none, and what infprof says of them.

``python benchmarks/zoo.py [NAME...] [--runs 2] [--json FILE] [--keep DIR]`` asks infprof about each
script of ``benchmarks/zoo`` as a user would, slow and cured, and compares the report with what is
planted and with the script's own clock. Most are run; some are servers whose metrics page is
watched (``"how": "attach"``), some write a file that is reported (``"report"``). Exit code 1 when a
bar is missed. A crash, or a report that is not there, counts as wrong.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

from zoo_judge import Result
from zoo_runs import run
from zoo_score import HEADS, row, score, setting, show, summary
from zoo_scripts import Script, scripts

PAGES_AT_ONCE = 6
"""Watching a page is waiting: servers and watchers share two cores and disturb nobody."""

Task = tuple[Script, bool, int, Path]


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", help="scripts to run; without any, all")
    parser.add_argument("--runs", type=int, default=2, help="how often to run each")
    parser.add_argument("--json", type=Path, help="write the results here")
    parser.add_argument("--keep", type=Path, help="keep reports, recordings and output here")
    return parser.parse_args()


def tasks(chosen: list[Script], runs: int, folder: Path) -> Iterator[Task]:
    """Each script as often as wanted, slow and cured."""
    for script in chosen:
        for cured in (False,) if script.zoo["healthy"] else (False, True):
            for number in range(1, runs + 1):
                kind = "cured" if cured else "slow"
                yield script, cured, number, folder / f"{script.path.stem}-{kind}-{number}"


def results(chosen: list[Script], runs: int, folder: Path) -> Iterator[Result]:
    """Programs one after the other, as they compute; then pages side by side."""
    pages = [one for one in chosen if one.how == "attach"]
    programs = [one for one in chosen if one.how != "attach"]
    for task in tasks(programs, runs, folder):
        yield run(*task)
    with ThreadPoolExecutor(PAGES_AT_ONCE) as beside:
        yield from beside.map(lambda task: run(*task), tasks(pages, runs, folder))


def main() -> int:
    """Run, print, and say whether the bars are met."""
    chosen, found = parse(), list[Result]()
    show(HEADS)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(chosen.keep or scratch).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        for one in results(scripts(chosen.names), chosen.runs, folder):
            found.append(one)
            show(row(one))
    total = score(found)
    print(summary(total))
    if chosen.json:
        data = {
            "setting": setting(),
            "score": asdict(total),
            "runs": [asdict(one) for one in found],
        }
        chosen.json.write_text(json.dumps(data, indent=1))
    return bool(total.missed)


if __name__ == "__main__":
    sys.exit(main())
