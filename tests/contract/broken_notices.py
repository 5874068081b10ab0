"""Adapters that are each broken in how they hear an agency's notices."""

from __future__ import annotations

import re
from dataclasses import replace
from uuid import UUID, uuid4

from singlewindow.adapters.declared.adapter import DeclaredAdapter
from singlewindow.adapters.port import Notice
from singlewindow.errors import AgencyError
from tests.contract.broken_adapters import Wrapped


class NamesNoticesAnew(Wrapped):
    async def pull(self, cursor: str, *, limit: int = 100) -> tuple[tuple[Notice, ...], str]:
        notices, following = await self.good.pull(cursor, limit=limit)
        return tuple(replace(notice, notice_id=str(uuid4())) for notice in notices), following


class SkipsLostPages(Wrapped):
    """A page that could not be fetched is an empty one."""

    async def pull(self, cursor: str, *, limit: int = 100) -> tuple[tuple[Notice, ...], str]:
        try:
            return await self.good.pull(cursor, limit=limit)
        except AgencyError:
            return (), cursor


class DropsRepeatedNotices(Wrapped):
    """Remembers what it has told, and so tells it only once even when the first telling was lost."""

    def __init__(self, good: DeclaredAdapter) -> None:
        super().__init__(good)
        self.told: set[str] = set()

    async def pull(self, cursor: str, *, limit: int = 100) -> tuple[tuple[Notice, ...], str]:
        while True:
            notices, following = await self.good.pull(cursor, limit=limit)
            new = tuple(notice for notice in notices if notice.notice_id not in self.told)
            self.told.update(notice.notice_id for notice in new)
            if new or not notices:
                return new, following
            cursor = following


class DropsOlderNotices(Wrapped):
    """Leaves out a notice that is older than one it has just told of the same task."""

    def __init__(self, good: DeclaredAdapter) -> None:
        super().__init__(good)
        self.newest: dict[UUID | None, str] = {}

    async def pull(self, cursor: str, *, limit: int = 100) -> tuple[tuple[Notice, ...], str]:
        if not cursor:
            self.newest.clear()
        notices, following = await self.good.pull(cursor, limit=limit)
        return tuple(notice for notice in notices if self.is_news(notice)), following

    def is_news(self, notice: Notice) -> bool:
        found = re.search(rb"<(?:\w+:)?StatusDateTime>([^<]+)", notice.document or b"")
        time = found[1].decode() if found else ""
        before = self.newest.setdefault(notice.task_id, time)
        self.newest[notice.task_id] = max(before, time)
        return time >= before
