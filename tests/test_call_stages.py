"""What is on the stack decides: known libraries, order around the model, names as a last resort."""

from __future__ import annotations

import pytest

from infprof.profiler import names
from infprof.profiler.call_stages import CallStages, Label
from tests.build import timeline

MODEL = "lib/torch/nn/modules/module.py:1:Module._call_impl"


def label(stack: str, *others: str) -> Label:
    """What is said of a stack, with others (such as the model's) in the recording."""
    rows = [f"main: {10 * i}-{10 * i + 1} stack 1 {one}" for i, one in enumerate([stack, *others])]
    made = timeline("\n".join(rows))
    stages = CallStages(made.recording.stacks.calls, made.recording.header.model_calls)
    return stages.label(int(made.recording.stacks.call[0]), int(made.recording.stacks.state[0]))


def stages(*stacks: str) -> CallStages:
    """The judge of a recording with these stacks."""
    rows = [f"main: {10 * i}-{10 * i + 1} stack 1 {one}" for i, one in enumerate(stacks)]
    made = timeline("\n".join(rows)).recording
    return CallStages(made.stacks.calls, made.header.model_calls)


CALL = f"serve.py:20:serve > {MODEL}"


@pytest.mark.parametrize(
    ("stack", "leaf"),
    [
        ("serve.py:19:serve", "preprocess.serve"),
        ("serve.py:21:serve", "postprocess.serve"),
        ("serve.py:20:serve", "python.serve"),
        ("serve.py:19:serve > serve.py:3:resize", "preprocess.resize"),
        ("serve.py:21:serve > serve.py:3:resize", "postprocess.resize"),
        (f"{CALL} > lib/torch/nn/functional.py:9:relu", "compute.model"),
        (f"{CALL} > serve.py:90:Net.forward", "compute.model"),
        (
            "serve.py:21:serve > lib/torch/autograd/graph.py:9:_engine_run_backward",
            "compute.model",
        ),
        ("serve.py:20:serve > lib/logging.py:1:info", "python.serve"),
        ("other.py:1:watch", "python.watch"),
        ("lib/threading.py:1:run", "python.library code"),
    ],
)
def test_the_user_s_code_is_cut_by_order(stack: str, leaf: str) -> None:
    assert label(stack, CALL).leaf == leaf


def test_a_pool_s_thread_with_a_model_to_call_does_not_wait_for_work() -> None:
    worker = "lib/concurrent/futures/thread.py:1:_worker"
    assert label(worker, CALL).leaf == "queue.waiting for work"
    assert label(f"{worker} > {MODEL} > lib/torch/f.py:9:linear", CALL).leaf == "compute.model"


def test_in_one_line_the_instruction_decides() -> None:
    call = f"serve.py:20.10:serve > {MODEL}"
    assert label("serve.py:20.4:serve > serve.py:1:load", call).stage == "preprocess"
    assert label("serve.py:20.16:serve > serve.py:1:load", call).stage == "postprocess"


def test_before_any_of_several_models_is_before() -> None:
    calls = (CALL, f"serve.py:30:serve > {MODEL}")
    assert label("serve.py:25:serve", *calls).stage == "preprocess"
    assert label("serve.py:31:serve", *calls).stage == "postprocess"


def test_the_innermost_shared_function_decides() -> None:
    calls = (f"serve.py:50:main > serve.py:20:serve > {MODEL}", f"serve.py:60:main > {MODEL}")
    assert label("serve.py:50:main > serve.py:21:serve", *calls).stage == "postprocess"
    assert label("serve.py:55:main > serve.py:1:note", *calls).stage == "preprocess"


@pytest.mark.parametrize(
    ("stack", "leaf"),
    [
        ("serve.py:21:serve > lib/tokenizers/a.py:1:encode", "preprocess.serve"),
        ("serve.py:19:serve > lib/requests/api.py:1:get", "io.serve"),
        ("serve.py:19:serve > lib/json/scanner.py:1:scan !io", "io.serve"),
        ("serve.py:19:serve > lib/queue.py:1:Queue.get !lock", "queue.waiting for work"),
        ("serve.py:19:serve > lib/threading.py:1:Lock.acquire !lock", "python.lock_wait"),
        ("serve.py:19:serve > lib/PIL/ImageFile.py:1:ImageFile.load !io", "preprocess.serve"),
        ("serve.py:19:serve !gil", "python.gil_wait"),
        ("serve.py:19:serve !sleep", "python.sleep"),
        ("serve.py:21:serve !io", "io.serve"),
    ],
)
def test_known_libraries_and_waits_decide_before_the_order(stack: str, leaf: str) -> None:
    assert label(stack, CALL).leaf == leaf


POSITION = [
    "lib/PIL/ImageDraw.py:1:ImageDraw.text",
    "lib/cv2/utils.py:1:draw",
    "lib/json/encoder.py:1:JSONEncoder.encode",
    "lib/base64.py:1:b64encode",
    "lib/numpy/core/shape.py:1:stack",
]


@pytest.mark.parametrize("frame", POSITION)
def test_a_library_of_both_sides_is_where_the_order_puts_it(frame: str) -> None:
    assert label(f"serve.py:19:serve > {frame}", CALL).stage == "preprocess"
    assert label(f"serve.py:21:serve > serve.py:4:draw > {frame}", CALL).stage == "postprocess"


def test_the_table_speaks_where_there_is_no_order() -> None:
    pillow = label("worker.py:1:work > lib/PIL/Image.py:1:Image.resize", CALL)
    assert (pillow.stage, pillow.library) == ("preprocess", "lib/PIL/Image.py: Image.resize")
    assert label("worker.py:1:work > lib/json/encoder.py:1:encode", CALL).stage == "postprocess"
    assert label(f"{CALL} > lib/PIL/Image.py:1:open", CALL).stage == "preprocess"


LOOP = "serve.py:5:run > serve.py:{line}:{step}"


@pytest.mark.parametrize(
    ("step", "stage"),
    [
        ("load_image", "preprocess"),
        ("Resize.__call__", "preprocess"),
        ("detokenize", "postprocess"),
        ("format_answer", "postprocess"),
        ("read_rows", "python"),
        ("predict", "python"),
    ],
)
def test_steps_called_from_one_place_are_known_by_their_names(step: str, stage: str) -> None:
    call = LOOP.format(line=30, step="infer") + f" > {MODEL}"
    assert label(LOOP.format(line=9, step=step), call).stage == stage
    nested = LOOP.format(line=9, step=step) + " > serve.py:70:<listcomp> > serve.py:80:clamp"
    assert label(nested, call).stage == stage
    assert label(LOOP.format(line=9, step="read") + " !io", call).stage == "io"


def test_order_outranks_a_name_and_a_caller_of_the_model_has_none() -> None:
    assert label("serve.py:19:serve > serve.py:1:format_answer", CALL).stage == "preprocess"
    assert label("a.py:1:postprocess", f"a.py:1:postprocess > {MODEL}").stage == "python"


@pytest.mark.parametrize(
    ("function", "stage"),
    [
        ("preprocess", "preprocess"),
        ("prepare_batch", "preprocess"),
        ("Service._tokenize", "preprocess"),
        ("read_and_resize", "preprocess"),
        ("decode_image", "preprocess"),
        ("format_prompt", "preprocess"),
        ("Postprocessor.__call__", "postprocess"),
        ("batched_nms", "postprocess"),
        ("decode_tokens", "postprocess"),
        ("render", "postprocess"),
        ("load_model", None),
        ("predict", None),
        ("present", None),
        ("download", None),
        ("fetch_rows", None),
        ("poster_of", None),
        ("information", None),
    ],
)
def test_what_a_function_s_name_says(function: str, stage: str | None) -> None:
    assert names.function_stage(function) == stage


def test_a_wrapped_range_is_placed_by_its_line() -> None:
    found = stages(CALL)
    assert found.range_stage("PIL.Image.convert in serve (serve.py:9)") == "preprocess"
    assert found.range_stage("PIL.Image.convert in serve (serve.py:29)") == "postprocess"
    assert found.range_stage("PIL.Image.convert in serve (serve.py:20)") is None
    assert (
        stages(CALL, f"serve.py:40:serve > {MODEL}").range_stage(
            "json.dumps in serve (serve.py:30)"
        )
        == "preprocess"
    )


def test_a_wrapped_range_in_a_helper_is_placed_by_its_samples() -> None:
    found = stages(
        CALL,
        "serve.py:21:serve > serve.py:3:draw",
        "serve.py:18:serve > serve.py:8:both",
        "serve.py:22:serve > serve.py:8:both",
    )
    assert found.range_stage("PIL.Image.resize in draw (serve.py:4)") == "postprocess"
    assert found.range_stage("PIL.Image.resize in both (serve.py:8)") is None


@pytest.mark.parametrize(
    "name",
    [
        "PIL.Image.resize in never_sampled (serve.py:9)",
        "PIL.Image.resize in library code",
        "tokenizers.encode in serve (serve.py:29)",
        "requests.request in serve (serve.py:29)",
        "decode image",
    ],
)
def test_other_ranges_stay_where_they_are(name: str) -> None:
    assert stages(CALL).range_stage(name) is None


def test_a_long_name_keeps_its_place() -> None:
    long = "transformers.tokenization_utils_base.__call__ in tokenize_all (serve_requests.py:123)"
    short = names.short_name(long)
    assert short.endswith(".__call__ in tokenize_all (serve_requests.py:123)")
    assert short.startswith("...") and len(short) == 60
    huge = f"PIL.Image.convert in {'very_' * 20}long (serve.py:3)"
    assert names.short_name(huge).endswith("long (serve.py:3)")
    assert names.short_name("x" * 61) == "x" * 57 + "..."
    assert names.short_name("x" * 60) == "x" * 60
