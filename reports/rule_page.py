"""A rule's page: what its docstring says in parts, and its thresholds. All formats of it agree."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import NamedTuple

from infprof.reports.rule_groups import GROUPS, OTHERS, group_of
from infprof.rules.thresholds import Threshold, thresholds

PARTS = ("What it looks for", "Why it costs time", "How to fix it", "When to ignore it")
CATALOGUE = "Catalogue: "

GENERATED = "<!-- Written by scripts/rule-pages from the rules' docstrings. -->"


class Page(NamedTuple):
    """What there is to say of a rule."""

    rule: str
    summary: str
    parts: list[tuple[str, str]]
    """Heading and text, whose paragraphs are apart by an empty line."""
    needs: tuple[str, ...]
    thresholds: Mapping[str, Threshold]
    code: str
    """Of the catalogue of rules; empty for a stranger's."""

    @property
    def group(self) -> str:
        """Of which it is one in a list."""
        return group_of(self.code)


def page(rule: str, module: ModuleType) -> Page:
    """The page of a rule. Parts that a stranger's docstring lacks are left out."""
    lines = inspect.cleandoc(module.__doc__ or "").splitlines()
    codes = [line.removeprefix(CATALOGUE) for line in lines if line.startswith(CATALOGUE)]
    texts: list[tuple[str, list[str]]] = [("", [])]
    for line in lines:
        if line.removesuffix(":") in PARTS and line.endswith(":"):
            texts.append((line.removesuffix(":"), []))
        elif not line.startswith(CATALOGUE):
            texts[-1][1].append(line)
    (_, summary), *parts = [(head, "\n".join(text).strip()) for head, text in texts]
    needs = tuple(getattr(module, "NEEDS", ()))
    return Page(rule, summary, parts, needs, thresholds(module), "".join(codes[:1]))


def value(threshold: Threshold) -> str:
    """As one would write it in a settings file: ``1_000_000``."""
    return f"{threshold.value:_}"


def markdown(shown: Page) -> str:
    """The page as a file of the documentation."""
    blocks = [GENERATED, f"# {shown.rule}", shown.summary]
    for head, text in shown.parts:
        blocks += [f"## {head}", text]
    if shown.thresholds:
        rows = (
            f"| `{name}` | {value(one)} | {one.reason.replace('|', chr(92) + '|')} |"
            for name, one in shown.thresholds.items()
        )
        head = "| threshold | value | why |\n| --- | --- | --- |"
        blocks += ["## Thresholds", "\n".join((head, *rows))]
    blocks += [f"Needs: {', '.join(shown.needs)}."] if shown.needs else []
    blocks += [f"{CATALOGUE}{shown.code}"] if shown.code else []
    return "\n\n".join(blocks) + "\n"


def grouped(pages: Iterable[Page]) -> dict[str, list[Page]]:
    """The pages of each group that has some, by id."""
    groups: dict[str, list[Page]] = {name: [] for name in (*GROUPS, OTHERS)}
    for one in sorted(pages, key=lambda page: page.rule):
        groups[one.group].append(one)
    return {name: members for name, members in groups.items() if members}


def index(pages: Iterable[Page]) -> str:
    """The page that lists the others."""
    blocks = [
        f"{GENERATED}\n\n# Rules\n\n"
        "What `infprof rules` lists. Thresholds can be changed, and rules ignored: see\n"
        "[settings](../settings.md). [Your own](../own-rules.md) are asked too."
    ]
    for name, members in grouped(pages).items():
        rows = (f"| [{one.rule}]({one.rule}.md) | {_line(one.summary)} |" for one in members)
        head = f"## {name}\n\n| rule | what it looks for |\n| --- | --- |"
        blocks.append("\n".join((head, *rows)))
    return "\n\n".join(blocks) + "\n"


def _line(text: str) -> str:
    return " ".join(text.split())


def files(rules: Mapping[str, ModuleType]) -> dict[str, str]:
    """The documentation's files by name, of the rules that are our own."""
    own = [one for one in rules.items() if one[1].__name__.startswith("infprof.rules.catalog.")]
    pages = [page(rule, module) for rule, module in sorted(own)]
    return {"index.md": index(pages), **{f"{one.rule}.md": markdown(one) for one in pages}}
