"""Result files of load generators (``k6 run --summary-export``, ``vllm bench serve`` ...): what the
clients of a server saw. Each generator is a file in ``profiler/loads/tools``.
"""

from __future__ import annotations

from pathlib import Path

from infprof.profiler.kineto import trace_file
from infprof.profiler.recording import BadInput, Header, Load, Note, Recording, Subject

REASON = "a load generator sees a server from outside only"


def recognises(head: bytes) -> bool:
    """Whether a file that begins so is of a load generator, of use or not."""
    from infprof.profiler.loads.refused import refusal  # the tools are seldom needed
    from infprof.profiler.loads.tools import tool_of

    return tool_of(head) is not None or refusal(head) is not None


def read(path: Path) -> Recording:
    """What the file tells. Raises ``BadInput``."""
    contents = trace_file.contents(path)
    load = load_of(path, contents.data)
    recording = recording_of(path.name, load)
    recording.header.cuts.extend([contents.cut] if contents.cut else [])
    return recording


def load_of(path: Path, data: bytes) -> Load:
    """The result that a file's bytes are. Raises ``BadInput``."""
    from infprof.profiler.loads.document import document_of
    from infprof.profiler.loads.refused import refusal
    from infprof.profiler.loads.tools import tool_of

    head = data[: trace_file.HEAD]
    tool, other = tool_of(head), refusal(head)
    if tool is None:
        raise BadInput(f"{path}: is {other or 'no result of a load generator known here'}")
    try:
        load: Load = tool.read(document_of(data))
    except BadInput as error:
        raise BadInput(f"{path}: is {error}") from error
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BadInput(
            f"{path}: looks like a load generator's result, but cannot be read ({reason}); "
            "copy it again, whole"
        ) from error
    if not load.requests and not load.times and not any(one.times for one in load.parts):
        raise BadInput(f"{path}: a result of {load.tool} that tells of no request; run it again")
    return load


def recording_of(name: str, load: Load) -> Recording:
    """A recording of nothing but this result."""
    note = Note(
        code="load-test",
        text=f"All of this is what {load.tool} measured from outside the server.",
    )
    missing = dict.fromkeys(("requests", "kernels", "ops", "stacks"), REASON)
    subject = Subject(kind="load", name=name)
    return Recording(Header(subject=subject, load=load, missing=missing, notes=[note]))
