"""Start a Session or an agent before the user's program, then vanish.

Python imports this when the process starts, because ``infprof run`` put the folder on
``PYTHONPATH``. It restores the environment and the path, imports the ``sitecustomize`` that it
stood in front of, and starts the session. The program sees neither this file nor its variable.
Under ``infprof run --serve`` it starts an agent, and the environment stays for the children.
"""

import os
import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec


def _restore_environment() -> "str | None":
    """Undo what the launcher set; returns the session's order, ``None`` if there is none."""
    order = os.environ.pop("INFPROF_SESSION", None)
    if order is not None:
        path = os.environ.pop("INFPROF_PYTHONPATH", None)
        os.environ.pop("PYTHONPATH", None)
        if path is not None:
            os.environ["PYTHONPATH"] = path
    here = os.path.dirname(__file__)
    sys.path[:] = [entry for entry in sys.path if entry != here]
    sys.path_importer_cache.pop(here, None)
    return order


def _import_the_real_one() -> None:
    """Run the ``sitecustomize`` that ours stood in front of, if any, and leave its module behind.

    What it raises, ``site`` reports as it would without us.
    """
    spec = PathFinder.find_spec("sitecustomize", sys.path)
    if spec is not None and spec.loader is not None:
        module = module_from_spec(spec)
        sys.modules["sitecustomize"] = module
        spec.loader.exec_module(module)


def _start(order: "str | None") -> None:
    try:
        if order is not None:
            from infprof.profiler.child import start

            start(order)
        elif os.environ.get("INFPROF_AGENT") == "1":
            from infprof.profiler.agent.serving import start as start_agent

            start_agent()
    except Exception as error:  # ours may never keep the user's program from running
        sys.stderr.write(f"infprof: could not start recording: {error}\n")


_order = _restore_environment()
try:
    _import_the_real_one()
finally:
    _start(_order)
