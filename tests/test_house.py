"""The house rules: who may import whom, what ships, and that importing is nearly free."""

from __future__ import annotations

import ast
import configparser
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import infprof

ROOT = Path(__file__).parent.parent
ROOMS = ("profiler", "rules", "reports")
CAPTURE = ("collectors", "importers", "session", "launch", "attach", "assemble", "child")
HEAVY = {
    "torch": (
        "profiler/collectors",
        "profiler/calibrators",
        "profiler/calibrate.py",
        "profiler/doctor.py",
        "profiler/torch_install.py",
    ),
    "pynvml": ("profiler/collectors", "profiler/probes"),
    "nvtx": ("profiler/annotate.py",),
    "psutil": ("profiler/collectors", "profiler/probes"),
    "click": ("infprof/cli.py", "infprof/options.py"),
    "jinja2": ("reports/as_html.py",),
}


def sources(*folders: str) -> Iterator[tuple[str, ast.Module]]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if folder == "infprof" and path.parent != ROOT / "infprof":
                continue  # the links: their files are visited under their real names
            yield str(path.relative_to(ROOT)), ast.parse(path.read_text("utf-8"))


def imported(tree: ast.AST) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import at line {node.lineno}"
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def test_rooms_look_only_to_their_left() -> None:
    for position, room in enumerate(ROOMS):
        allowed = tuple(f"infprof.{left}" for left in ROOMS[: position + 1])
        for path, tree in sources(room):
            for name, line in imported(tree):
                if name.split(".")[0] == "infprof":
                    assert name.startswith(allowed), f"{path}:{line} imports {name}"


def test_opinions_and_words_know_nothing_of_capture() -> None:
    forbidden = tuple(f"infprof.profiler.{name}" for name in CAPTURE)
    for path, tree in sources("rules", "reports"):
        for name, line in imported(tree):
            assert not name.startswith(forbidden), f"{path}:{line} imports {name}"


def test_heavy_libraries_stay_in_their_places() -> None:
    for path, tree in sources("infprof", *ROOMS):
        for name, line in imported(tree):
            places = HEAVY.get(name.split(".")[0])
            assert places is None or path.startswith(places), f"{path}:{line} imports {name}"


def test_nothing_is_deserialised_by_pickle() -> None:
    for path, tree in sources("infprof", *ROOMS):
        names = {name.split(".")[0] for name, _ in imported(tree)}
        assert not names & {"pickle", "marshal", "shelve", "dill"}, path


def test_shipped_packages_are_the_tree() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    listed = set(config["options"]["packages"].split())
    found = {"infprof"}
    for room in ROOMS:
        for path in (ROOT / room).rglob("__init__.py"):
            found.add(".".join(("infprof", *path.parent.relative_to(ROOT).parts)))
    assert listed == found


@pytest.mark.parametrize("room", ROOMS)
def test_links_lead_to_their_rooms(room: str) -> None:
    link = ROOT / "infprof" / room
    if not link.is_symlink():
        pytest.skip("this checkout was made without symbolic links")
    assert link.resolve() == ROOT / room
    assert not link.readlink().is_absolute()


def test_public_names_are_what_all_says() -> None:
    assert infprof.__all__ == sorted(infprof.__all__)
    for name in infprof.__all__:
        assert getattr(infprof, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        infprof.nonsense  # noqa: B018


def test_importing_is_nearly_free() -> None:
    """The profiled program gets the standard library from us and nothing else."""
    code = (
        "import sys, json, infprof; infprof.annotate; infprof.request; infprof.profile;"
        "import infprof.profiler.child, infprof.profiler.collectors.kernels;"
        "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(json.loads(out.stdout))
    assert not loaded & {"torch", "numpy", "pydantic", "pyarrow", "click", "jinja2", "rich"}


def test_files_stay_one_idea() -> None:
    for folder in ("infprof", *ROOMS):
        for path, _ in sources(folder):
            lines = len((ROOT / path).read_text("utf-8").splitlines())
            assert lines <= 300, f"{path} has {lines} lines: is it one idea?"
