"""Which tasks go together, and the call made of them: one sender, one action, each original once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from uuid import UUID

from singlewindow.queue.port import Adapter, Call, Claim, OriginalItem, TaskItem, Work

CALL_BYTES = 16_000_000
"""Originals in one call, in bytes before Base64; a single larger one still goes, alone."""


def plan_calls(works: Sequence[Work], company: Callable[[Claim], int]) -> list[list[Work]]:
    """Group by sender, action and company allowed, in the order of filing; no group is larger than its company."""
    groups: dict[tuple[UUID, str, int], list[Work]] = {}
    for work in works:
        groups.setdefault((work.sender, work.action, company(work.claim)), []).append(work)
    return [
        group[start : start + size] for (_, _, size), group in groups.items() for start in range(0, len(group), size)
    ]


def split_by_bytes(works: Sequence[Work], sizes: Mapping[UUID, int]) -> Iterator[list[Work]]:
    """Cut a group where its originals would outgrow CALL_BYTES; tasks of one original stay together."""
    chunk: list[Work] = []
    total = 0
    for message_id, members in groupby(works, key=lambda work: work.message_id):
        if chunk and total + sizes[message_id] > CALL_BYTES:
            yield chunk
            chunk, total = [], 0
        chunk += members
        total += sizes[message_id]
    if chunk:
        yield chunk


def build_call(adapter: Adapter, works: Sequence[Work], bodies: Mapping[UUID, bytes], exchange_id: UUID) -> Call:
    """The call of these tasks, which share sender and action.

    Where the agency deduplicates by call, a call carries one task and its id is the task's: stable over all attempts
    and whichever process makes them, without a group to remember.
    """
    call_id = works[0].claim.task_id if adapter.idempotency == "call" else exchange_id
    items = tuple(
        _build_item(list(members), bodies[message_id])
        for message_id, members in groupby(works, key=lambda work: work.message_id)
    )
    return Call(call_id, adapter.agency, works[0].action, str(works[0].sender), items)


def _build_item(works: Sequence[Work], original: bytes) -> OriginalItem:
    first = works[0]
    tasks = tuple(TaskItem(work.claim.task_id, work.ordinal, work.references, work.leg) for work in works)
    return OriginalItem(first.message_id, first.message_set, first.root, first.sha256, original, tasks)
