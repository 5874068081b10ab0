"""What is certified: an adapter, the service it speaks to, and documents it may send there."""

from __future__ import annotations

import asyncio
import hashlib
import re
import ssl
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID, uuid4

from singlewindow.adapters.port import Adapter, Call, Notice, OriginalItem, TaskItem

REFERENCE = "{reference}"
"""Where a specimen's original takes the trader's own reference."""


class Connect(Protocol):
    """Makes an adapter whose service is reached at another base URL (scheme, host and port)."""

    def __call__(self, base_url: str, *, deadline_seconds: float) -> Adapter:
        """Opens no connection. An adapter with a deadline of its own may keep it."""
        ...


@dataclass(frozen=True, slots=True)
class Story:
    """Words in a reference by which the sandbox tells so many notices of a document."""

    words: tuple[str, ...]
    notices: int


@dataclass(frozen=True, slots=True)
class Specimen:
    """A document to send, made new under a fresh reference each time, and what is to be done with it.

    `rejected` is an original the agency must refuse, `rejected_ordinal` the declaration it then is asked for. `story`
    brings notices, None where none can be ordered.
    """

    message_set: str
    root: str
    action: str
    original: str
    rejected: str | None = None
    rejected_ordinal: int = 1
    leg: int | None = None
    references: Mapping[str, str] = field(default_factory=dict)
    story: Story | None = None

    def make_call(
        self, agency: str, *, documents: int = 1, rejected: Collection[int] = (), words: Sequence[str] = ()
    ) -> Call:
        """A call of so many documents; those numbered in `rejected` (from 0) are to be refused."""
        items = tuple(self._make_item(words, refused=number in rejected) for number in range(documents))
        return Call(uuid4(), agency, self.action, "certification", items)

    def references_of(self, call: Call) -> tuple[str, ...]:
        """The references of a call's documents."""
        before, _, after = self.original.partition(REFERENCE)
        pattern = re.compile(re.escape(before[-20:]) + "([A-Z0-9-]+)" + re.escape(after[:20]))
        found = (pattern.search(item.original.decode()) for item in call.items)
        return tuple(match[1] for match in found if match is not None)

    def _make_item(self, words: Sequence[str], *, refused: bool) -> OriginalItem:
        reference = "-".join([*words, uuid4().hex[:12].upper()])
        template = self.rejected if refused and self.rejected is not None else self.original
        original = template.replace(REFERENCE, reference).encode()
        ordinal = self.rejected_ordinal if refused else 1
        task = TaskItem(uuid4(), ordinal, dict(self.references), self.leg)
        return OriginalItem(
            uuid4(), self.message_set, self.root, hashlib.sha256(original).hexdigest(), original, (task,)
        )


@dataclass(slots=True)
class PushedNotices:
    """What a service pushed, in the order of arrival. While `away`, everything is refused with 503, and that shows in
    `refused`.
    """

    heard: list[Notice] = field(default_factory=list)
    refused: asyncio.Event = field(default_factory=asyncio.Event)
    away: bool = False

    def about(self, tasks: Collection[UUID]) -> list[Notice]:
        """The notices that name one of these tasks."""
        return [notice for notice in self.heard if notice.task_id in tasks]


@dataclass(frozen=True, slots=True)
class Subject:
    """One adapter and its service at `service_url`. `secrets` must appear in nothing that is kept or shown.

    `count_effects` counts what the service has done for documents with these references, `pushed` has its notices;
    either is None where the service does not tell. `tls` is how an https service is reached, None: as any other.
    `stub`: the service is played after the adapter's own description, so that the verdict says nothing of the agency.
    """

    name: str
    service_url: str
    connect: Connect
    specimen: Specimen
    secrets: tuple[str, ...] = ()
    count_effects: Callable[[Sequence[str]], Awaitable[int]] | None = field(default=None, repr=False)
    pushed: PushedNotices | None = field(default=None, repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    stub: bool = False
