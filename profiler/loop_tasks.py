"""Counts the tasks of asyncio that are under way while the program serves."""

from __future__ import annotations

import sys
from typing import Any

TABLES = "_scheduled_tasks", "_all_tasks"
"""Where ``asyncio.tasks`` keeps all tasks, as a WeakSet: from 3.12 on, and before."""


class LoopTasks:
    """Looks at each ``look``; ``mean`` is what it saw."""

    def __init__(self) -> None:
        self._looks = self._tasks = 0

    def look(self) -> None:
        """Count once."""
        tasks: Any = sys.modules.get("asyncio.tasks")
        table = (
            next((vars(tasks)[name] for name in TABLES if name in vars(tasks)), None)
            if tasks
            else None
        )
        if table is not None:
            self._looks += 1
            self._tasks += len(table)

    @property
    def mean(self) -> float | None:
        """Tasks at a time, the main one included; ``None`` where asyncio was not imported."""
        return self._tasks / self._looks if self._looks else None
