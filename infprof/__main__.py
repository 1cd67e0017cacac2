"""``python -m infprof``, and what the command ``infprof`` runs."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from infprof.cli import main


def run() -> NoReturn:
    """The command, and out. To free one by one the arrays of a long trace and all that was imported
    takes a report 50 ms; the system frees them at once."""
    try:
        main()
    except SystemExit as end:
        if not isinstance(end.code, int):
            raise
        try:
            for stream in filter(None, (sys.stdout, sys.stderr)):
                stream.flush()
        except OSError:  # nobody reads it any more: Python has words and a status for that
            raise end from None
        os._exit(end.code)
    sys.exit()


if __name__ == "__main__":
    run()
