"""Writes docs/rules from the rules' docstrings; pages of rules that are gone go too."""

from __future__ import annotations

from pathlib import Path

from infprof.reports.rule_page import files
from infprof.rules.choice import catalog

FOLDER = Path(__file__).parent.parent / "docs" / "rules"


def main() -> None:
    """Write all pages."""
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.md"):
        old.unlink()
    for name, text in files(catalog()).items():
        (FOLDER / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
