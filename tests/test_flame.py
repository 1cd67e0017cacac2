"""The flame graph: a reader finds lines of their own, and it stays small."""

from __future__ import annotations

from collections.abc import Iterator

from infprof.diagnosis import diagnose
from infprof.reports import phrases
from infprof.reports.facts import LONGEST
from infprof.reports.flame import MODEL, MOST_DEPTH, MOST_NODES, TORCH, flame
from infprof.reports.report import FlameNode, FlameStage, Report
from tests.build import recording
from tests.rules.judge import evidence_of

START = "lib/runpy.py:1:run > serve.py:90:script > serve.py:80:main"
CALL = "lib/torch/nn/modules/module.py:1:_call_impl"
MODEL_CALL = f"{START} > serve.py:60.9:handle > {CALL}"


def trees(*stacks: str, wall: int = 10_000) -> dict[str, FlameStage]:
    """The flame graph of one request with these stacks, by stage."""
    text = "\n".join([f"main: 0-{wall} request", *(f"main: 0-{wall} stack {s}" for s in stacks)])
    return {one.stage: one for one in flame(evidence_of(recording(text)))}


def before(path: str, count: int = 10) -> str:
    """Samples of what ``handle`` does before it calls the model."""
    return f"{count} {START} > serve.py:58.1:handle > {path}"


def all_nodes(nodes: list[FlameNode], depth: int = 1) -> Iterator[tuple[FlameNode, int]]:
    for node in nodes:
        yield node, depth
        yield from all_nodes(node.children, depth + 1)


def outline(nodes: list[FlameNode]) -> list[tuple[str, int, bool]]:
    return [("  " * (depth - 1) + n.name, n.samples, n.user) for n, depth in all_nodes(nodes)]


def test_calls_of_one_function_are_one_box_with_its_hottest_line() -> None:
    found = trees(
        before("image.py:12:resize", 3),
        before("image.py:14:resize > lib/site-packages/PIL/Image.py:9:resize", 5),
        before("image.py:30:crop", 2),
        f"10 {MODEL_CALL}",
    )
    assert outline(found["preprocess"].children) == [
        ("handle (serve.py:58)", 10, True),
        ("  resize (image.py:14)", 8, True),
        ("    resize (PIL/Image.py:9)", 5, False),
        ("  crop (image.py:30)", 2, True),
    ]
    assert found["preprocess"].samples == 10 and found["preprocess"].share == 0.5
    assert found["preprocess"].children[0].children[0].share == 0.4


def test_what_all_samples_share_is_cut_down_to_the_innermost_function_of_the_users() -> None:
    found = trees(before("image.py:12:resize"), f"10 {MODEL_CALL}")
    assert [node.name for node in found["preprocess"].children] == ["handle (serve.py:58)"]
    alone = trees(before("image.py:12:resize > lib/site-packages/PIL/Image.py:9:resize"))
    (only,) = alone.values()
    assert outline(only.children) == [
        ("resize (image.py:12)", 10, True),
        ("  resize (PIL/Image.py:9)", 10, False),
    ]


def test_how_a_thread_came_to_call_the_program_is_left_out() -> None:
    text = """main: 0-1000 request | t2: 0-1000 request
        main: 0-1000 stack 25 lib/runpy.py:1:run > serve.py:9:main > image.py:1:resize
        t2: 0-1000 stack 20 lib/threading.py:1:run > lib/pool.py:4:_worker > image.py:1:resize"""
    (only,) = flame(evidence_of(recording(text)))
    assert outline(only.children) == [
        ("main (serve.py:9)", 25, True),
        ("  resize (image.py:1)", 25, True),
        ("resize (image.py:1)", 20, True),
    ]


def test_samples_that_never_were_in_the_users_code_keep_a_box() -> None:
    (only,) = trees("30 lib/threading.py:1:run > lib/site-packages/server/loop.py:4:poll").values()
    assert [name for name, _, _ in outline(only.children)] == ["poll (server/loop.py:4)"]


def test_the_inside_of_a_model_is_one_box_and_the_users_own_forward_is_seen() -> None:
    library = "lib/site-packages/timm/resnet.py:3:forward"
    convolution = f"{CALL} > lib/torch/nn/modules/conv.py:5:forward"
    found = trees(
        f"20 {MODEL_CALL} > {library} > {convolution}",
        f"10 {MODEL_CALL} > net.py:12:forward > {convolution}",
        f"10 {START} > serve.py:70.20:handle > lib/torch/functional.py:1:topk > "
        "lib/torch/_ops.py:2:__call__",
    )
    assert outline(found["compute"].children) == [
        ("handle (serve.py:60)", 30, True),
        (f"  {MODEL}", 30, False),
        ("    forward (net.py:12)", 10, True),
        (f"      {MODEL}", 10, False),
    ]
    after = [name.strip() for name, _, _ in outline(found["postprocess"].children)]
    assert after == ["handle (serve.py:70)", TORCH]


def test_small_boxes_and_small_stages_are_left_out() -> None:
    found = trees(
        before("image.py:1:resize", 997),
        before("image.py:5:crop", 2),
        f"1 {MODEL_CALL}",
        wall=1_000_000,
    )
    assert list(found) == ["preprocess"]
    assert "crop" not in str(found)


def test_it_never_has_more_boxes_than_a_page_can_show() -> None:
    stacks = [before(f"f{i}.py:1:a > g{i}.py:1:b > h{i}.py:1:c", 1) for i in range(180)]
    (only,) = trees(*stacks).values()
    shown = [node for node, _ in all_nodes(only.children)]
    assert len(shown) == MOST_NODES
    assert only.samples == 180


def test_long_names_are_cut_for_there_are_many() -> None:
    (only,) = trees(before(f"image.py:1:{'x' * 10_000}", 30)).values()
    assert all(len(node.name) <= LONGEST for node, _ in all_nodes(only.children))
    assert all(len(one.name) <= LONGEST for one in only.functions)


def test_endless_recursion_ends() -> None:
    deep = " > ".join(["walk.py:3:walk", "walk.py:5:step"] * 200)
    found = trees(before(deep), before("image.py:1:resize"))
    assert max(depth for node, depth in all_nodes(found["python"].children)) == MOST_DEPTH


def test_the_users_functions_are_named_with_file_and_line() -> None:
    found = trees(
        before("image.py:14:resize > lib/site-packages/PIL/Image.py:9:resize", 30),
        before("image.py:30:crop", 10),
        f"60 {MODEL_CALL}",
    )
    functions = found["preprocess"].functions
    assert [(one.name, round(one.share, 2)) for one in functions] == [
        ("resize (image.py:14)", 0.3),
        ("crop (image.py:30)", 0.1),
    ]
    assert functions[0].ms == 3.0


def test_the_main_stage_comes_first() -> None:
    text = f"""main: 0-1000 request | main: 0-700 range io:read
        main: 0-700 stack 10 {START} > serve.py:50.1:handle > lib/socket.py:1:recv !io
        main: 700-1000 stack 30 {START} > serve.py:58.2:handle > image.py:1:resize
        main: 990-1000 stack 1 {MODEL_CALL}"""
    assert [one.stage for one in flame(evidence_of(recording(text)))][:2] == ["io", "preprocess"]


def test_only_samples_of_requests_count() -> None:
    text = f"""main: 1000-2000 request
        main: 0-1000 stack 30 {START} > serve.py:1:load_weights
        main: 1000-2000 stack 30 {START} > serve.py:58:handle > image.py:1:resize"""
    assert "load_weights" not in str(flame(evidence_of(recording(text))))


def test_without_stacks_there_is_a_reason_and_no_graph() -> None:
    text = "main: 0-100 request | main: 0-100 op aten::mm"
    report = diagnose(recording(text, missing={"stacks": "py-spy is not installed"}))
    assert report.flame == []
    assert phrases.flame(report).endswith("is not known: py-spy is not installed.")
    silent = diagnose(recording(text))
    assert "no stacks were sampled while requests ran" in phrases.flame(silent)


def test_it_survives_json() -> None:
    text = f"main: 0-100 request | main: 0-100 stack 30 {START} > image.py:1:resize"
    report = diagnose(recording(text))
    assert report.flame
    assert Report.model_validate_json(report.to_json()) == report
