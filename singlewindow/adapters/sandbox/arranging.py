"""When and how often notices are sent: twice, in reverse order or late; the authority's times in them stay right."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from singlewindow.adapters.sandbox.records import Notice


def arrange(notices: Iterable[Notice]) -> tuple[Notice, ...]:
    """Twice or in reverse order where the magic word of a document says so."""
    by_task: dict[str, list[Notice]] = defaultdict(list)
    for notice in notices:
        by_task[notice.task_id].append(notice)
    arranged = (one for told in by_task.values() for one in (reverse(told) if "DISORDER" in told[0].words else told))
    return tuple(notice for notice in arranged for _ in range(2 if "DUPLICATE" in notice.words else 1))


def reverse(notices: list[Notice]) -> list[Notice]:
    """The last first, all after the time at which the last was due."""
    turned = sorted(notices, key=lambda notice: notice.due_ms, reverse=True)
    return [replace(notice, due_ms=turned[0].due_ms + place) for place, notice in enumerate(turned)]


def delay(notices: Iterable[Notice], late_ms: int) -> list[Notice]:
    """Each as much later."""
    return [replace(notice, due_ms=notice.due_ms + late_ms) for notice in notices]
