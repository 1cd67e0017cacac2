"""The code that a report gives to copy works as it stands: it is run here, rule by rule.

A new rule's code is found by itself. What it leaves to its reader stands in ``tests/snippets``.
"""

from __future__ import annotations

import ast
import inspect
import re
import shlex
import subprocess
import sys
from pathlib import Path
from shutil import which
from types import ModuleType

import pytest
import torch

from infprof.rules.choice import catalog
from tests.fix_snippets import (
    HERE,
    Snippet,
    around,
    checks_of,
    fixes,
    not_installed,
    run,
    snippets,
    stated,
    undone,
    unknown_names,
)
from tests.outdated_names import OUTDATED, outdated

ROOT = Path(__file__).parent.parent
RULES = sorted(catalog().items())
ALL = [one for rule, module in RULES for one in snippets(rule, module)]
each_snippet = pytest.mark.parametrize("snippet", ALL, ids=map(str, ALL))


@each_snippet
def test_it_runs_and_does_what_it_says(snippet: Snippet, tmp_path: Path) -> None:
    own = around(snippet.rule)
    if language := stated(snippet, "NOT_PYTHON"):
        pytest.skip(f"not Python: {language}")
    tree = ast.parse(snippet.code)
    assert unknown_names(tree) == []
    if missing := not_installed(tree):
        pytest.skip(f"not installed: {', '.join(missing)}")
    if "torch.compile(" in snippet.code and not (which("c++") or which("g++")):
        pytest.skip("torch.compile needs a C++ compiler on a CPU")
    if (why := stated(snippet, "NEEDS_GPU")) and not torch.cuda.is_available():
        pytest.skip(f"needs a GPU: {why}")
    for name, text in getattr(own, "FILES", {}).items():
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    if hasattr(own, "PROGRAM") and own.PROGRAM in snippet.code:
        (tmp_path / "program.py").write_text(snippet.code)
        subprocess.run([sys.executable, "program.py"], cwd=tmp_path, check=True, timeout=120)
        return
    with undone(tmp_path):
        run(snippet)


@each_snippet
def test_what_is_not_python_is_a_command_line_or_a_setting(snippet: Snippet) -> None:
    if stated(snippet, "NOT_PYTHON") is None:
        return
    with pytest.raises(SyntaxError):
        ast.parse(snippet.code)
    for line in snippet.code.replace("\\\n", " ").splitlines():
        shlex.split(line, comments=True)


@pytest.mark.parametrize("file", sorted(HERE.glob("[!_]*.py")), ids=lambda file: str(file.stem))
def test_what_surrounds_code_is_of_a_rule_and_each_of_its_tests_is_called(file: Path) -> None:
    if file.stem == "reader":
        return
    rule = file.stem.replace("_", "-")
    own, codes = around(rule), [one for one in ALL if one.rule == rule]
    assert codes, f"{file.name} is of no rule"
    codes = [one for one in codes if stated(one, "NOT_PYTHON") is None]
    called = {test.__name__ for code in codes for test, _ in checks_of(own, code)}
    assert called == {name for name in vars(own) if name.startswith("test_")}


@each_snippet
def test_it_names_nothing_outdated(snippet: Snippet) -> None:
    assert outdated(snippet.code) == []


@pytest.mark.parametrize(("rule", "module"), RULES, ids=[rule for rule, _ in RULES])
def test_what_a_rule_says_names_nothing_outdated(rule: str, module: ModuleType) -> None:
    said = [ast.get_docstring(ast.parse(inspect.getsource(module))) or ""]
    for fix in fixes(module):
        texts = (one for one in ast.walk(fix) if isinstance(one, ast.Constant))
        said += [one.value for one in texts if isinstance(one.value, str)]
    assert outdated("\n".join(said)) == []


@pytest.mark.parametrize("rule", [rule for rule, _ in RULES])
def test_each_rule_gives_code(rule: str) -> None:
    """As ``Fix(code=...)``, which is how it is found."""
    assert rule in {one.rule for one in ALL}


def test_only_rules_give_fixes() -> None:
    """So that all code is found."""
    for path in (ROOT / "rules").glob("*.py"):
        assert not re.search(r"\bFix\(", path.read_text("utf-8").replace("class Fix", "")), path


@pytest.mark.parametrize(
    "text",
    [
        "import torch.ao.quantization",
        "with torch.cuda.amp.autocast():",
        "PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True",
        "from torchvision.io import decode_jpeg",
        "vllm serve MODEL --kv-cache-dtype int8",
        "vllm:gpu_cache_usage_perc",
        "trtllm-build --checkpoint_dir x",
        "from auto_gptq import AutoGPTQForCausalLM",
        "AutoAWQ",
    ],
)
def test_what_is_outdated_is_known(text: str) -> None:
    assert len(outdated(text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "from torchao.quantization import quantize_",
        "vllm serve MODEL --kv-cache-dtype int8_per_token_head --kv-cache-dtype fp8",
        "PYTORCH_ALLOC_CONF=expandable_segments:True",
        "torch.autocast('cuda'), np.float32, np.bool_, dtype=torch.bfloat16",
        "from torchvision.transforms.v2 import Resize; from torchvision.ops import nms",
    ],
)
def test_what_took_its_place_is_not(text: str) -> None:
    assert outdated(text) == [] and OUTDATED
