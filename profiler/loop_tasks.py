"""Counts the tasks of asyncio that are under way while the program serves."""

from __future__ import annotations

import sys
from typing import Any

TABLES = "_scheduled_tasks", "_all_tasks"
"""Where ``asyncio.tasks`` keeps all tasks, as a WeakSet: from 3.12 on, and before."""


def tasks_under_way() -> int | None:
    """All tasks of this process, the main one included; ``None`` where asyncio is not imported."""
    known = vars(sys.modules["asyncio.tasks"]) if "asyncio.tasks" in sys.modules else {}
    table: Any = next((known[name] for name in TABLES if name in known), None)
    return None if table is None else len(table)


class LoopTasks:
    """Looks at each ``look``; ``mean`` is what it saw."""

    def __init__(self) -> None:
        self._looks = self._tasks = 0

    def look(self) -> None:
        """Count once."""
        count = tasks_under_way()
        if count is not None:
            self._looks += 1
            self._tasks += count

    @property
    def mean(self) -> float | None:
        """Tasks at a time; ``None`` where asyncio was not imported."""
        return self._tasks / self._looks if self._looks else None
