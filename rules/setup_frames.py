"""Library functions that set up what could be kept, as a table: what, and how to keep it.

A pattern is tried on a frame written ``file(line): function``. Names decay with each release of a
library: a set-up that no pattern knows goes unseen, it is never blamed on another.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from infprof.profiler.call_stages import frame_text
from infprof.profiler.stacks import Calls


class Setup(NamedTuple):
    """One kind of thing that is set up."""

    what: str
    frame: re.Pattern[str]
    code: str
    """How to make it once and keep it."""
    is_model: bool = False
    """Whether it makes a model ready: then the rule on reloaded models may own its time."""
    is_traced: bool = False
    """Whether the tracer times it exactly: then the rule on recompiles owns its time."""


MADE_ELSEWHERE = re.compile(
    r"torch/serialization\.py|torch/utils/data/dataloader\.py.*: (\w+\.)?__init__$|safetensors"
    r"|transformers/modeling_utils|transformers/models/auto/auto_factory"
    r"|diffusers/.*: \S*from_pretrained|: \S*load_state_dict$"
)
"""Below these frames models are loaded or DataLoaders start workers: other rules' business."""

SETUPS = (
    Setup(
        "an ONNX Runtime session",
        re.compile(r"onnxruntime/.*: (InferenceSession\.)?(__init__|_create_inference_session)$"),
        "import onnxruntime\n\n"
        'session = onnxruntime.InferenceSession("model.onnx")  # its run() may be shared',
        is_model=True,
    ),
    Setup(
        "a tokenizer or processor",
        re.compile(
            r"transformers/(tokenization_|processing_|image_processing_|feature_extraction_"
            r"|models/auto/(tok|proc|image|feat)).*: (\w+\.)*(_?from_pretrained|__init__)$"
        ),
        "from transformers import AutoTokenizer\n\n"
        'tokenizer = AutoTokenizer.from_pretrained("name")',
    ),
    Setup(
        "a compiled model",
        re.compile(
            r"torch/__init__\.py\(\d+\): compile$|torch/_dynamo/convert_frame\.py"
            r"|torch/_inductor/compile_fx\.py"
        ),
        "model = torch.compile(model)",
        is_model=True,
        is_traced=True,
    ),
    Setup(
        "a model on another device or in another type",
        re.compile(
            r"torch/nn/modules/module\.py\(\d+\): (Module\.)?"
            r"(to|cuda|cpu|half|float|bfloat16)$"
        ),
        "model = model.to(device).eval()",
        is_model=True,
    ),
    Setup(
        "a pool or a process",
        re.compile(
            r"concurrent/futures/(process|thread)\.py.*: ((Thread|Process)PoolExecutor\.)?(__init__"
            r"|_start_executor_manager_thread|_launch_processes|_spawn_process"
            r"|_adjust_process_count|_adjust_thread_count)$"
            r"|multiprocessing/(popen_\w+\.py.*: (Popen\.)?(__init__|_launch)$|util\.py.*: spawnv"
            r"|pool\.py.*: (\w+\.)?(__init__|_repopulate)"
            r"|process\.py.*: (\w+\.)?start$|context\.py.*: (\w+\.)?(Pool|Manager)$)"
        ),
        "from concurrent.futures import ThreadPoolExecutor\n\n"
        "pool = ThreadPoolExecutor(max_workers=4)",
    ),
    Setup(
        "an HTTP, cloud or database client",
        re.compile(
            r"(^|/)requests/(sessions|adapters)\.py.*: (\w+\.)?__init__$"
            r"|(^|/)httpx/_client\.py.*: (\w+\.)?(__init__|_init_(proxy_)?transport)$"
            r"|aiohttp/(client|connector)\.py.*: (\w+\.)?__init__$"
            r"|boto3/(__init__|session)\.py.*: (\w+\.)?(client|resource|__init__)$"
            r"|botocore/session\.py.*: (\w+\.)?create_client$"
            r"|(^|/)redis/(asyncio/)?(client|connection)\.py.*: (\w+\.)?(__init__|from_url)$"
            r"|sqlalchemy/.*: create_engine$|(^|/)grpc/.*: (in)?secure_channel$"
            r"|(^|/)openai/_.*client\.py.*: (\w+\.)?__init__$"
        ),
        "import requests\n\nclient = requests.Session()  # keeps its connections open",
    ),
    Setup(
        "a TLS context",
        re.compile(
            r"(^|/)ssl\.py.*: (create_default_context|_create_unverified_context"
            r"|(SSLContext\.)?(__new__|load_default_certs|load_verify_locations))$"
            r"|urllib3/util/ssl_\.py.*: create_urllib3_context$"
            r"|httpx/_config\.py.*: \w*ssl_context\w*$"
        ),
        "import ssl\n\ncontext = ssl.create_default_context()  # hand it to every client",
    ),
    Setup(
        "a regular expression",
        re.compile(r"(^|/)(re/_(compiler|parser)|sre_(compile|parse))\.py"),
        "import re\n\n"
        'pattern = re.compile(r"\\d+")  # re keeps the last few hundred, built from equal text',
    ),
    Setup(
        "a deep copy",
        re.compile(r"(^|/)copy\.py.*: (deepcopy|_deepcopy_\w+|_reconstruct)$"),
        "from types import MappingProxyType\n\n"
        "settings = MappingProxyType(load_settings())  # read-only: no copy needed",
    ),
)
"""In this order: the first that a frame matches is what it is."""

NO_SETUP = -1
ELSEWHERE = -2
"""What ``setup_of_calls`` says of calls that set nothing up, or are another rule's."""


def setup_of_calls(calls: Calls) -> npt.NDArray[np.int64]:
    """For each call the set-up it is part of, as an index into ``SETUPS``: the outermost one's."""
    found = np.full(len(calls), NO_SETUP, np.int64)
    for call in range(len(calls)):
        parent = int(calls.parent[call])
        above = int(found[parent]) if parent >= 0 else NO_SETUP
        if not calls.is_user[call] and above != ELSEWHERE:
            found[call] = _judge(frame_text(calls.place(call)), above)
        else:
            found[call] = above
    return found


def _judge(text: str, above: int) -> int:
    if MADE_ELSEWHERE.search(text):
        return ELSEWHERE
    if above != NO_SETUP:
        return above
    matches = (kind for kind, one in enumerate(SETUPS) if one.frame.search(text))
    return next(matches, NO_SETUP)
