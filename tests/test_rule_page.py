"""The documentation's pages of rules are what the rules say, and what ``infprof rules`` shows."""

from __future__ import annotations

import re
from types import ModuleType

import pytest
from click.testing import CliRunner

from infprof.cli import main
from infprof.reports.rule_groups import GROUPS, OTHERS
from infprof.reports.rule_page import PARTS, files, grouped, index, markdown, page
from infprof.rules.choice import catalog
from tests.test_house import ROOT

FOLDER = ROOT / "docs" / "rules"
RULES = sorted(catalog())


def test_the_pages_are_what_the_rules_say() -> None:
    committed = {one.name: one.read_text("utf-8") for one in FOLDER.iterdir()}
    assert committed == files(catalog()), "run scripts/rule-pages"


@pytest.mark.parametrize("rule", RULES)
def test_a_page_has_its_four_parts_in_order(rule: str) -> None:
    heads = re.findall(r"^## (.*)$", (FOLDER / f"{rule}.md").read_text("utf-8"), re.MULTILINE)
    assert tuple(heads[:4]) == PARTS and heads[4:] in ([], ["Thresholds"])


@pytest.mark.parametrize("rule", RULES)
def test_the_command_shows_the_same_words(rule: str) -> None:
    shown = " ".join(CliRunner().invoke(main, ["rules", rule]).output.split())
    told = page(rule, catalog()[rule])
    for _, text in told.parts:
        assert " ".join(text.split()) in shown
    for name, one in told.thresholds.items():
        assert f"{name} = {one.value:_} {one.reason}" in shown


def test_the_index_names_every_page() -> None:
    listed = re.findall(r"^\| \[(.*)\]\((.*)\.md\)", (FOLDER / "index.md").read_text(), re.M)
    assert sorted(listed) == [(rule, rule) for rule in RULES]


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_of_the_catalog_has_a_group(rule: str) -> None:
    assert page(rule, catalog()[rule]).group in GROUPS


def test_groups_come_in_the_order_of_a_request_and_strangers_last() -> None:
    codes = {"b": "IP-ENV-001", "c": "IP-H2D-002, IP-ENV-002", "a": "IP-H2D-001", "d": "", "e": "X"}
    docs = {rule: f"Sentence.\n\nCatalogue: {code}" for rule, code in codes.items()}
    pages = [page(rule, ModuleType(rule, text)) for rule, text in docs.items()]
    ids = {name: [one.rule for one in members] for name, members in grouped(pages).items()}
    inputs, machine = "Copies to the GPU", "The machine and its settings"
    assert ids == {inputs: ["a", "c"], machine: ["b"], OTHERS: ["d", "e"]}
    assert list(ids) == [inputs, machine, OTHERS]


def test_a_stranger_s_rule_may_say_less() -> None:
    module = ModuleType("theirs", "One sentence.\n\nWhat it looks for:\nA thing.\n\nMore of it.")
    shown = page("theirs", module)
    assert shown.summary == "One sentence."
    assert shown.parts == [("What it looks for", "A thing.\n\nMore of it.")]
    assert "Needs" not in markdown(shown) and "Catalogue" not in markdown(shown)
    assert "| [theirs](theirs.md) | One sentence. |" in index([shown])


def test_rules_of_strangers_have_no_page_of_ours() -> None:
    assert "theirs.md" not in files({"theirs": ModuleType("theirs", "One sentence.")})
