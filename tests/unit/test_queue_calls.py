from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from singlewindow.ledger.tasks import Claim, Work
from singlewindow.queue.calls import CALL_BYTES, build_call, plan_calls, split_by_bytes
from singlewindow.queue.isolation import Isolation
from tests.unit.queue_stage import IDS, SENDER, Agency, MemoryLedger, tasks_of


def works(count: int, *, action: str = "declare", sender: UUID = SENDER) -> list[Work]:
    ledger = MemoryLedger()
    ledger.add(count, action=action, sender=sender)
    return [row.work for row in ledger.rows.values()]


def test_a_call_never_mixes_senders_or_actions() -> None:
    mixed = [
        work
        for trio in zip(works(3), works(3, sender=IDS.next()), works(3, action="cancel"), strict=True)
        for work in trio
    ]
    calls = plan_calls(mixed, lambda _: 100)
    assert [len(call) for call in calls] == [3, 3, 3]
    assert all(len({(work.sender, work.action) for work in call}) == 1 for call in calls)


def test_a_call_holds_no_more_than_its_company_in_the_order_of_filing() -> None:
    all_works = works(25)
    calls = plan_calls(all_works, lambda _: 10)
    assert [len(call) for call in calls] == [10, 10, 5]
    assert [work for call in calls for work in call] == all_works


def test_originals_too_large_for_one_call_are_split_and_a_single_one_still_goes() -> None:
    three = works(3)
    sizes = dict(
        zip((work.message_id for work in three), (CALL_BYTES // 2, CALL_BYTES // 2 + 1, CALL_BYTES * 2), strict=True)
    )
    assert [len(part) for part in split_by_bytes(three, sizes)] == [1, 1, 1]
    assert [len(part) for part in split_by_bytes(three, dict.fromkeys(sizes, 10))] == [3]


def test_each_original_goes_once_with_the_tasks_that_act_on_it() -> None:
    first, second = works(2)
    same = replace(second, message_id=first.message_id, ordinal=2, leg=1, references={"mrn": "M"})
    call = build_call(Agency(), [first, same], {first.message_id: b"<x/>"}, IDS.next())
    assert [
        (item.original, [(task.ordinal, task.leg, task.references) for task in item.tasks]) for item in call.items
    ] == [(b"<x/>", [(1, None, {}), (2, 1, {"mrn": "M"})])]


def test_where_the_agency_deduplicates_by_call_the_call_id_is_the_tasks() -> None:
    (work,) = works(1)
    bodies = {work.message_id: b"<x/>"}
    ids = {build_call(Agency(idempotency="call"), [work], bodies, IDS.next()).call_id for _ in range(3)}
    assert ids == {work.claim.task_id}
    assert tasks_of(build_call(Agency(), [work], bodies, IDS.next())) == [work.claim.task_id]


def claim(attempt: int = 1, *, unknown: bool = False) -> Claim:
    return Claim(IDS.next(), IDS.next(), None, attempt, unknown, 0.0)


def test_what_failed_in_company_goes_in_smaller_company_until_the_agency_reads_it() -> None:
    isolation, task = Isolation(100, max_attempts=12), claim()
    others = [IDS.next() for _ in range(99)]
    sizes = []
    for _ in range(4):
        sizes.append(isolation.company(task))
        isolation.blame([task.task_id, *others][: sizes[-1]], temporary=True)
    assert sizes == [100, 25, 6, 1]
    isolation.absolve([task.task_id])
    assert isolation.company(task) == 100


def test_what_failed_under_another_worker_goes_in_smaller_company_too() -> None:
    isolation = Isolation(100, max_attempts=12)
    assert [isolation.company(claim(attempt)) for attempt in (1, 2, 3, 4, 5)] == [100, 25, 6, 1, 1]


def test_a_task_that_left_no_end_and_a_last_attempt_go_in_small_company() -> None:
    isolation = Isolation(100, max_attempts=5)
    assert [isolation.company(claim(attempt, unknown=True)) for attempt in (2, 3, 4)] == [10, 1, 1]
    assert isolation.company(claim(5)) == 1
