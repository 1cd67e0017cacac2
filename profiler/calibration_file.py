"""Where the calibration of this machine is kept: one small file in the user's own cache.

``$XDG_CACHE_HOME/infprof/calibration.json``, or below ``~/.cache``: readable by the user alone,
written whole or not at all. A file that is damaged, or another machine's, is none.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from infprof.profiler.calibration import Calibration
from infprof.profiler.gpu_table import VENDOR

SCHEMA = "infprof.calibration/1"
MOST_BYTES = 100_000
"""A calibration has some 2 kB: what is longer is none."""


class _File(BaseModel):
    model_config = ConfigDict(extra="ignore", populate_by_name=True)
    schema_: str = Field(default=SCHEMA, alias="schema")
    calibration: Calibration


def where() -> Path | None:
    """The file's place, whether or not it exists; ``None`` for a user without a home."""
    cache = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(cache):  # the XDG specification: such a value is to be ignored
        try:
            cache = str(Path.home() / ".cache")
        except RuntimeError:
            return None
    return Path(cache) / "infprof" / "calibration.json"


def keep(calibration: Calibration, file: Path | None = None) -> Path:
    """Write it, in place of an earlier one. Raises ``OSError``."""
    file = file or where()
    if file is None:
        raise FileNotFoundError("this user has no home folder")
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    text = _File(calibration=calibration).model_dump_json(by_alias=True, indent=1)
    descriptor, partial = tempfile.mkstemp(dir=file.parent, prefix=".calibration-")  # 0600
    try:
        with open(descriptor, "w", encoding="utf-8") as out:
            out.write(text + "\n")
        os.replace(partial, file)
    except BaseException:
        with suppress(OSError):
            os.unlink(partial)
        raise
    return file


def kept(device: str | None = None, file: Path | None = None) -> Calibration | str:
    """What was kept, or why there is none. Of ``device`` only, where one is given."""
    file = file or where()
    if file is None:
        return "this user has no home folder"
    try:
        if not file.is_file():
            return "none was made yet"
        with file.open("rb") as data:
            text = data.read(MOST_BYTES)
        found = _File.model_validate_json(text)
    except OSError as error:
        return f"{file} cannot be read ({error.strerror or error})"
    except ValueError:
        return f"{file} is damaged"
    if found.schema_ != SCHEMA:
        return f"{file} was written by another version of infprof"
    if device is not None and not same_device(found.calibration.device, device):
        return f"{file} is of another device: {found.calibration.device}"
    return found.calibration


def same_device(one: str, other: str) -> bool:
    """Whether two names are of one kind of device; prefixes come and go with the driver."""
    return VENDOR.sub("", one.strip()).lower() == VENDOR.sub("", other.strip()).lower()
