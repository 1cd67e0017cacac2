"""Rules of a user's own: the documentation's worked example, and what is said of wrong ones."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from infprof.profiler.bad_input import BadInput
from infprof.rules.own import own_rules
from tests.build import recording
from tests.programs import INFPROF, start
from tests.test_house import ROOT

PAGE = (ROOT / "docs" / "own-rules.md").read_text("utf-8")

QUERIES = "\n".join(
    f"main: {at}-{at + 100} request\n"
    + "\n".join(f"main: {at + 10 * n}-{at + 10 * n + 8} range io:db_query" for n in range(10))
    for at in (0, 200, 400)
).replace("db_query", "db query")


def example() -> str:
    """The rule that the page shows."""
    found = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(found) == 1
    return str(found[0])


def reported(folder: Path, *options: str, path: str = "") -> list[dict[str, str]]:
    recording(QUERIES).save(folder / "out" / "recording")
    command = [*INFPROF, "report", "out", "--json", *options]
    ended = start(command, folder, env={"PYTHONPATH": f"{ROOT}:{path}"})
    assert ended.code == 0, ended.err
    findings = json.loads(ended.out)["findings"]
    return [one for one in findings if one["rule"] == "repeated-queries"]


def test_the_example_finds_what_it_is_for(tmp_path: Path) -> None:
    (tmp_path / "checks").mkdir()
    (tmp_path / "checks" / "repeated_queries.py").write_text(example())
    assert reported(tmp_path) == []
    (found,) = reported(tmp_path, "--rules", "checks/repeated_queries.py")
    assert found["title"] == "Ask the database once for all products of a request"
    assert found["why"] == "Each request sends 10 queries and waits 0.08 ms for them."


def test_its_threshold_and_its_name_are_like_the_catalog_s(tmp_path: Path) -> None:
    (tmp_path / "repeated_queries.py").write_text(example())
    (tmp_path / "infprof.toml").write_text("[thresholds.repeated-queries]\nmin_queries = 11")
    own = ("--rules", "repeated_queries.py")
    assert reported(tmp_path, *own) == []
    (tmp_path / "infprof.toml").write_text('ignore = ["repeated-queries"]')
    assert reported(tmp_path, *own) == []


def test_a_package_makes_it_one_of_the_catalog(tmp_path: Path) -> None:
    package, told = tmp_path / "lib" / "shop_checks", tmp_path / "lib" / "shop_checks-1.dist-info"
    package.mkdir(parents=True)
    told.mkdir()
    (package / "__init__.py").touch()
    (package / "repeated_queries.py").write_text(example())
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: shop-checks\nVersion: 1\n")
    entry = re.search(r"repeated-queries = \"(.*)\"", PAGE)
    assert entry is not None
    (told / "entry_points.txt").write_text(f"[infprof.rules]\nrepeated-queries = {entry[1]}\n")
    (found,) = reported(tmp_path, path=str(tmp_path / "lib"))
    assert found["rule"] == "repeated-queries"


WRONG = {
    "missing": ("gone.py", None, "gone.py: no such file"),
    "no Python": ("rule.txt", "", "name the rule's file like slow_database.py"),
    "no name": ("my rule.py", "", "name the rule's file like slow_database.py"),
    "taken": ("small_copies.py", "", "there is a rule small-copies already"),
    "broken": ("broken.py", "def check(", "does not load (SyntaxError: "),
    "raises": ("raises.py", "1 / 0", "does not load (ZeroDivisionError: "),
    "ends": ("ends.py", "raise SystemExit('two\\nlines')", "does not load (SystemExit: two lines)"),
    "no check": ("no_check.py", "'''Text.'''", "a rule has a function check(evidence)"),
    "no page": ("no_page.py", "def check(evidence): ...", "a rule has a docstring"),
    "needs": (
        "wanting.py",
        "'''Text.'''\nNEEDS = 'requests'\ndef check(evidence): ...",
        'NEEDS must be a tuple, as ("requests",) is',
    ),
    "need": (
        "needy.py",
        "'''Text.'''\nNEEDS = ('request',)\ndef check(evidence): ...",
        "NEEDS: request: no such need; did you mean requests?",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_no_rule_is_one_line_that_names_the_file(case: str, tmp_path: Path) -> None:
    name, text, line = WRONG[case]
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(BadInput, match=re.escape(line)) as error:
        own_rules([tmp_path / name], {"small-copies": pytest})
    assert str(error.value).startswith(str(tmp_path / name)) and "\n" not in str(error.value)


def test_a_rule_may_have_dataclasses(tmp_path: Path) -> None:
    file = tmp_path / "with_a_class.py"
    file.write_text(
        "'''Text.'''\nfrom __future__ import annotations\nfrom dataclasses import dataclass\n"
        "@dataclass\nclass Seen:\n    count: int\ndef check(evidence):\n    yield Seen(1)\n"
    )
    rules = own_rules([file], {})
    assert next(rules["with-a-class"].check(None)).count == 1


def test_an_error_in_a_rule_lets_the_others_be_heard(tmp_path: Path) -> None:
    (tmp_path / "faulty.py").write_text("'''Text.'''\ndef check(evidence):\n    yield 1 / 0\n")
    recording(QUERIES).save(tmp_path / "out" / "recording")
    ended = start([*INFPROF, "report", "out", "--json", "--rules", "faulty.py"], tmp_path)
    verdicts = {one["rule"]: one for one in json.loads(ended.out)["verdicts"]}
    assert verdicts["faulty"]["reason"] == "ZeroDivisionError: division by zero"
    assert {one["outcome"] for one in verdicts.values()} == {"FOUND", "CLEAR", "UNKNOWN", "FAILED"}
