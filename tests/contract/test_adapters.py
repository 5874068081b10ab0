"""What every adapter owes the worker, shown on the agency in memory and on SOAP 1.1 and 1.2 over a real socket."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID, uuid4

import pytest

from singlewindow.adapters.declared.adapter import DeclaredAdapter
from singlewindow.adapters.port import Adapter, Answer, Call, Notice, OriginalItem, TaskItem
from singlewindow.adapters.profiles import FOLDERS
from singlewindow.adapters.unreliable import Failure, UnreliableAdapter
from singlewindow.errors import AgencyError
from tests.contract.agency_server import AgencyServer


class Agency(Protocol):
    """The far side: what it did, and how it fails next."""

    @property
    def effects(self) -> Counter[UUID]: ...
    def fail_next(self, *failures: Failure) -> None: ...
    def announce(self, notice: Notice) -> None: ...


@dataclass(frozen=True)
class Pair:
    adapter: Adapter
    agency: Agency


@pytest.fixture(params=["memory", "customs", "inspection"])
async def pair(request: pytest.FixtureRequest) -> AsyncIterator[Pair]:
    if request.param == "memory":
        unreliable = UnreliableAdapter()
        yield Pair(unreliable, unreliable)
        return
    server = AgencyServer()
    url = await server.start()
    adapter = DeclaredAdapter(FOLDERS / request.param, agencies_url=url, deadline_seconds=1.0)
    yield Pair(adapter, server)
    await adapter.close()
    await server.stop()


def make_call(tasks: int = 1, *, originals: int = 1) -> Call:
    items = []
    for number in range(originals):
        original = f"<Declaration number='{number}'>é&amp;</Declaration>".encode()
        described = tuple(TaskItem(uuid4(), ordinal, {"certificate": "C<1>"}) for ordinal in range(1, tasks + 1))
        sha256 = hashlib.sha256(original).hexdigest()
        items.append(OriginalItem(uuid4(), "export-1", "ExportDeclaration", sha256, original, described))
    return Call(uuid4(), "agency", "declare", "trader-1", tuple(items))


def task_ids(call: Call) -> tuple[UUID, ...]:
    return tuple(task.task_id for item in call.items for task in item.tasks)


async def submit(adapter: Adapter, call: Call) -> tuple[Answer, ...]:
    return (await adapter.send(adapter.prepare(call), call)).answers


async def fail_to_submit(adapter: Adapter, call: Call) -> AgencyError:
    with pytest.raises(AgencyError) as raised:
        await submit(adapter, call)
    return raised.value


@pytest.mark.parametrize(("tasks", "originals"), [(1, 1), (100, 1), (1, 100)])
async def test_every_task_of_a_call_is_answered_in_order(pair: Pair, tasks: int, originals: int) -> None:
    call = make_call(tasks, originals=originals)
    answers = await submit(pair.adapter, call)
    assert [answer.task_id for answer in answers] == list(task_ids(call))
    assert {answer.verdict for answer in answers} == {"acknowledged"}


async def test_preparing_twice_gives_the_same_envelope(pair: Pair) -> None:
    call = make_call(3)
    assert pair.adapter.prepare(call) == pair.adapter.prepare(call)


async def test_sending_the_same_task_twice_acts_once_and_answers_the_same(pair: Pair) -> None:
    call = make_call(2)
    assert await submit(pair.adapter, call) == await submit(pair.adapter, call)
    assert pair.agency.effects == Counter(task_ids(call))


async def test_a_lost_reply_is_an_unknown_outcome_and_the_agency_can_be_asked(pair: Pair) -> None:
    call = make_call()
    pair.agency.fail_next("reply-lost")
    failure = await fail_to_submit(pair.adapter, call)
    assert (failure.temporary, failure.outcome_unknown) == (True, True)
    asked = await pair.adapter.ask(task_ids(call))
    assert asked == await submit(pair.adapter, call)
    assert pair.agency.effects == Counter(task_ids(call))


async def test_an_agency_that_misses_the_deadline_leaves_the_outcome_unknown(pair: Pair) -> None:
    pair.agency.fail_next("slow")
    failure = await fail_to_submit(pair.adapter, make_call())
    assert (failure.temporary, failure.outcome_unknown) == (True, True)


async def test_an_agency_that_did_not_take_the_call_may_be_tried_again(pair: Pair) -> None:
    call = make_call()
    pair.agency.fail_next("refused")
    failure = await fail_to_submit(pair.adapter, call)
    assert (failure.temporary, failure.outcome_unknown) == (True, False)
    assert pair.agency.effects == Counter()
    assert [answer.verdict for answer in await submit(pair.adapter, call)] == ["acknowledged"]


async def test_a_fault_of_ours_is_not_tried_again(pair: Pair) -> None:
    pair.agency.fail_next("fault-client")
    assert (await fail_to_submit(pair.adapter, make_call())).temporary is False


async def test_a_fault_of_theirs_may_be_tried_again(pair: Pair) -> None:
    pair.agency.fail_next("fault-server")
    failure = await fail_to_submit(pair.adapter, make_call())
    assert (failure.temporary, failure.outcome_unknown) == (True, False)


async def test_a_task_the_agency_does_not_know_is_answered_with_retry(pair: Pair) -> None:
    stranger, call = uuid4(), make_call()
    (answer,) = await submit(pair.adapter, call)
    first, second = await pair.adapter.ask((stranger, answer.task_id))
    assert (first.task_id, first.verdict, first.code) == (stranger, "retry", "unknown-task")
    assert second == answer


async def test_asking_about_more_than_a_batch_answers_all(pair: Pair) -> None:
    strangers = tuple(uuid4() for _ in range(150))
    assert tuple(answer.task_id for answer in await pair.adapter.ask(strangers)) == strangers


async def test_notices_are_pulled_once_each_in_order(pair: Pair) -> None:
    notices = tuple(Notice(f"n{number}", f"<R>{number}</R>".encode(), uuid4()) for number in range(3))
    for notice in notices:
        pair.agency.announce(notice)
    first, cursor = await pair.adapter.pull("", limit=2)
    rest, last = await pair.adapter.pull(cursor, limit=2)
    assert first + rest == notices
    assert await pair.adapter.pull(last, limit=2) == ((), last)
