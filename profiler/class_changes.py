"""How often classes were changed in this process, where Python gives up on a class at some point.

From 3.13 on, a class that was changed a thousand times has its attributes looked up without a cache
for ever after: four times slower, measured on 3.13.0 (``MAX_VERSIONS_PER_CLASS`` in CPython's
``typeobject.c``). A change of a base class counts for each class below it. A process to which
somebody attaches again and again would get there.
"""

from __future__ import annotations

import sys
from weakref import WeakKeyDictionary, WeakSet

IS_LIMITED = sys.version_info >= (3, 13)

MOST_OF_BASE, MOST_OF_OTHERS = 400, 500
"""Together they leave the program a hundred of its own."""


class ClassChanges:
    """One for the process, however many sessions it sees."""

    def __init__(self) -> None:
        self._changes: WeakKeyDictionary[type, int] = WeakKeyDictionary()
        self._models: WeakSet[type] = WeakSet()

    def may_change(self, kind: type, *, is_base: bool) -> bool:
        """Whether a class may be wrapped, and put back, once more; if so, that is counted."""
        if not IS_LIMITED:
            return True
        count = self._changes.get(kind, 0)
        if count >= (MOST_OF_BASE if is_base else MOST_OF_OTHERS):
            return False
        self._changes[kind] = count + 2
        return True

    def learn(self, kind: type) -> None:
        """This class was found to be a model's."""
        self._models.add(kind)

    def known(self) -> set[type]:
        """All that were found, for when none can be looked for any more."""
        return set(self._models)


CHANGES = ClassChanges()
