from __future__ import annotations

import asyncio
from dataclasses import replace
from uuid import UUID

import pytest

from singlewindow.adapters.port import Answer, Call, Envelope, Idempotency, Notice, Reply, TaskItem
from singlewindow.adapters.unreliable import Failure
from singlewindow.errors import AgencyError, Unavailable
from singlewindow.queue import dispatching
from singlewindow.queue.breaker import Breaker
from singlewindow.queue.dispatching import AgencyDispatcher
from singlewindow.queue.retry import RetryPolicy
from tests.unit.queue_stage import (
    AT_ONCE,
    IDS,
    Agency,
    MemoryLedger,
    dispatcher,
    of_kind,
    read_response,
    tasks_of,
    work_through,
)


async def test_acknowledged_tasks_are_submitted_in_one_call_of_one_recorded_exchange() -> None:
    ledger, agency = MemoryLedger(), Agency()
    tasks = ledger.add(20)
    await work_through(ledger, dispatcher(ledger, agency))
    assert [tasks_of(call) for call in agency.calls] == [tasks]
    assert list(ledger.exchanges.values()) == [tasks]
    assert {tuple(ledger.said(task)) for task in tasks} == {(("answer", "submitted"),)}


@pytest.mark.parametrize(
    ("document", "states"),
    [(b"released 800", ["released"]), (b"note 5", ["submitted", None]), (b"broken", ["submitted", None])],
)
async def test_a_notice_in_the_answer_counts_and_submitted_is_added_when_it_brings_no_state(
    document: bytes, states: list[str | None]
) -> None:
    def decide(_call: Call, task: TaskItem) -> Answer:
        return Answer(task.task_id, "acknowledged", "2", notice=Notice("N1", document))

    ledger = MemoryLedger()
    (task,) = ledger.add()
    await work_through(ledger, dispatcher(ledger, Agency(decide=decide)))
    assert [state for _, state in ledger.said(task)] == states
    assert [(word.notice_id, word.document) for word in ledger.words] == [("N1", document)]


async def test_a_rejection_names_the_agencys_code_as_a_problem() -> None:
    ledger = MemoryLedger()
    (task,) = ledger.add()
    agency = Agency(decide=lambda _call, task: Answer(task.task_id, "rejected", "13025", "no such licence"))
    await work_through(ledger, dispatcher(ledger, agency))
    assert ledger.said(task) == [("answer", "rejected")]
    (problem,) = ledger.words[0].said[0].errors
    assert (problem.code, problem.message) == ("agency.customs.13025", "no such licence")


async def test_retry_keeps_the_task_id_and_takes_effect_once() -> None:
    ledger, agency = MemoryLedger(), Agency()
    (task,) = ledger.add()
    agency.fail_next("refused", "fault-server")
    await work_through(ledger, dispatcher(ledger, agency))
    assert [tasks_of(call) for call in agency.calls] == [[task]] * 3
    assert (agency.effects[task], ledger.said(task)) == (1, [("answer", "submitted")])


async def test_an_answer_of_not_now_is_tried_again_and_given_up_after_the_last_attempt() -> None:
    ledger = MemoryLedger()
    (task,) = ledger.add()
    agency = Agency(decide=lambda _call, task: Answer(task.task_id, "retry", text="closed at night"))
    await work_through(ledger, dispatcher(ledger, agency))
    assert len(agency.calls) == AT_ONCE.max_attempts
    assert (ledger.ended[task].kind, "closed at night" in ledger.ended[task].reason) == ("dead_letter", True)


class BusyAgency(Agency):
    """Asks to be left alone for a while."""

    async def send(self, envelope: Envelope, call: Call) -> Reply:
        raise AgencyError("busy", temporary=True, retry_after_seconds=77.0)


async def test_retry_after_is_the_least_wait() -> None:
    ledger = MemoryLedger()
    ledger.add()
    await work_through(ledger, dispatcher(ledger, BusyAgency()))
    assert [decision.delay_seconds for decision in ledger.decided] == [77.0]


@pytest.mark.parametrize("temporary", [False, True])
async def test_poison_is_isolated_and_its_neighbours_get_through(*, temporary: bool) -> None:
    ledger, agency = MemoryLedger(), Agency()
    tasks = ledger.add(30)
    agency.poison, agency.poison_is_temporary = {tasks[7]}, temporary
    policy = RetryPolicy(base_seconds=0.0, cap_seconds=0.0, max_attempts=6)
    await work_through(ledger, dispatcher(ledger, agency, policy))
    assert set(ledger.ended) == {tasks[7]}
    assert ledger.ended[tasks[7]].kind == "dead_letter"
    assert all(agency.effects[task] == 1 for task in tasks if task != tasks[7])


async def test_a_document_at_fault_is_found_by_the_second_attempt() -> None:
    ledger, agency = MemoryLedger(), Agency()
    tasks = ledger.add(30)
    agency.poison = {tasks[7]}
    await work_through(ledger, dispatcher(ledger, agency))
    assert ledger.ended[tasks[7]].claim.attempt == 2


class FullAgency(Agency):
    """Fails the first call and is then too busy for every task."""

    async def send(self, envelope: Envelope, call: Call) -> Reply:
        reply = await super().send(envelope, call)
        return replace(reply, answers=tuple(Answer(task, "retry") for task in tasks_of(call)))


async def test_tasks_go_together_again_once_the_agency_reads_their_calls() -> None:
    ledger, agency = MemoryLedger(), FullAgency()
    ledger.add(8)
    agency.fail_next("fault-server")
    await work_through(ledger, dispatcher(ledger, agency), rounds=3)
    assert [len(tasks_of(call)) for call in agency.calls] == [8, 2, 2, 2, 2, 8]


class VagueAgency(Agency):
    """Cannot say what became of anything."""

    async def ask(self, task_ids: tuple[UUID, ...]) -> tuple[Answer, ...]:
        return tuple(Answer(task_id, "unknown") for task_id in task_ids)


async def test_what_stays_unknown_is_not_resent_to_an_agency_that_does_not_deduplicate() -> None:
    ledger, agency = MemoryLedger(), VagueAgency(idempotency="none")
    (task,) = ledger.add()
    performer = dispatcher(ledger, agency)
    await ledger.claim_due("customs", limit=1, visibility_seconds=60)
    while ledger.rows:
        ledger.forget_attempts_end()
        await work_through(ledger, performer)
    assert (agency.calls, of_kind(ledger.decided, "needs_reconciliation")) == ([], [task])


async def test_a_neighbour_of_poison_is_never_given_up_even_with_few_attempts() -> None:
    ledger, agency = MemoryLedger(), Agency()
    tasks = ledger.add(10)
    agency.poison, agency.poison_is_temporary = {tasks[0]}, True
    await work_through(
        ledger, dispatcher(ledger, agency, RetryPolicy(base_seconds=0.0, cap_seconds=0.0, max_attempts=2))
    )
    assert set(ledger.ended) == {tasks[0]}


@pytest.mark.parametrize("failure", ["reply-lost", "slow"])
async def test_a_lost_reply_is_resent_to_an_agency_that_deduplicates(failure: Failure) -> None:
    ledger, agency = MemoryLedger(), Agency()
    (task,) = ledger.add()
    agency.fail_next(failure)
    await work_through(ledger, dispatcher(ledger, agency))
    assert (len(agency.calls), agency.effects[task]) == (2, 1)
    assert ledger.said(task) == [("answer", "submitted")]


async def test_a_killed_attempt_is_asked_about_before_anything_is_sent_again() -> None:
    ledger, agency = MemoryLedger(), Agency(idempotency="none")
    known, unknown = ledger.add(2)
    performer = dispatcher(ledger, agency)
    await ledger.claim_due("customs", limit=2, visibility_seconds=60)
    agency._take(Call(known, "customs", "declare", "", ()), TaskItem(known, 1))
    ledger.forget_attempts_end()
    await work_through(ledger, performer)
    assert agency.asked == [known, unknown]
    assert [tasks_of(call) for call in agency.calls] == [[unknown]]
    assert (ledger.said(known), ledger.said(unknown)) == ([("status", "submitted")], [("answer", "submitted")])


async def test_a_lost_reply_of_an_agency_that_does_not_deduplicate_is_asked_about_and_never_resent() -> None:
    ledger, agency = MemoryLedger(), Agency(idempotency="none")
    (task,) = ledger.add()
    performer = dispatcher(ledger, agency)
    agency.fail_next("reply-lost")
    await work_through(ledger, performer)
    assert ledger.decided == []
    ledger.forget_attempts_end()
    await work_through(ledger, performer)
    assert (len(agency.calls), agency.effects[task]) == (1, 1)
    assert ledger.said(task) == [("status", "submitted")]


async def test_what_cannot_be_asked_about_needs_reconciliation_and_is_never_resent() -> None:
    ledger, agency = MemoryLedger(), Agency(idempotency="none")
    (task,) = ledger.add()
    performer = dispatcher(ledger, agency)
    agency.fail_next("reply-lost", "fault-client")
    await work_through(ledger, performer)
    ledger.forget_attempts_end()
    await work_through(ledger, performer)
    assert (len(agency.calls), of_kind(ledger.decided, "needs_reconciliation")) == (1, [task])


async def test_an_agency_that_deduplicates_and_cannot_be_asked_is_sent_the_same_again() -> None:
    ledger, agency = MemoryLedger(), Agency()
    (task,) = ledger.add()
    await ledger.claim_due("customs", limit=1, visibility_seconds=60)
    ledger.forget_attempts_end()
    agency.fail_next("fault-client")
    await work_through(ledger, dispatcher(ledger, agency))
    assert (tasks_of(agency.calls[0]), ledger.said(task)) == ([task], [("answer", "submitted")])


async def test_an_answer_for_somebody_elses_task_counts_for_nothing() -> None:
    ledger = MemoryLedger()
    (task,) = ledger.add()
    stranger = IDS.next()
    agency = Agency(decide=lambda _call, _task: Answer(stranger, "acknowledged"))
    await work_through(ledger, dispatcher(ledger, agency))
    assert ledger.words == []
    assert ledger.ended[task].kind == "dead_letter"


async def test_a_task_that_kills_its_workers_is_given_up_before_any_work_on_it() -> None:
    ledger, agency = MemoryLedger(), Agency()
    (task,) = ledger.add()
    for _ in range(AT_ONCE.max_attempts):
        await ledger.claim_due("customs", limit=1, visibility_seconds=60)
        ledger.forget_attempts_end()
    await work_through(ledger, dispatcher(ledger, agency))
    assert (agency.calls, agency.asked, ledger.ended[task].kind) == ([], [], "dead_letter")


async def test_an_outage_opens_the_breaker_and_gives_no_task_up() -> None:
    ledger, agency = MemoryLedger(), Agency()
    tasks = ledger.add(3)
    breaker = Breaker(threshold=3, open_seconds=0.0, longest_seconds=0.0)
    performer = dispatcher(ledger, agency, AT_ONCE, breaker)
    for _ in range(40):
        agency.fail_next("refused")
    await work_through(ledger, performer, rounds=10)
    assert breaker.away
    assert (ledger.ended, set(ledger.rows)) == ({}, set(tasks))


async def test_a_stale_workers_decision_is_not_written_but_its_true_answer_is() -> None:
    ledger, agency = MemoryLedger(), Agency()
    refused, taken = ledger.add(2)
    performer = dispatcher(ledger, agency)
    stale = await ledger.claim_due("customs", limit=2, visibility_seconds=60)
    ledger.forget_attempts_end()
    await ledger.claim_due("customs", limit=2, visibility_seconds=60)
    agency.fail_next("refused")
    await performer.perform([claim for claim in stale if claim.task_id == refused])
    await performer.perform([claim for claim in stale if claim.task_id == taken])
    assert (ledger.decided, ledger.said(taken)) == ([], [("answer", "submitted")])


async def test_a_result_is_recorded_once_postgresql_is_back() -> None:
    ledger, agency = MemoryLedger(), Agency()
    (task,) = ledger.add()
    ledger.recording_away = 2
    await work_through(ledger, dispatcher(ledger, agency))
    assert (len(agency.calls), ledger.said(task)) == (1, [("answer", "submitted")])


async def test_nothing_is_sent_when_the_exchange_cannot_be_recorded() -> None:
    ledger, agency = MemoryLedger(), Agency()
    ledger.add()
    claims = await ledger.claim_due("customs", limit=1, visibility_seconds=60)
    ledger.away = 1
    with pytest.raises(Unavailable):
        await dispatcher(ledger, agency).perform(claims)
    assert agency.calls == []


async def test_claims_too_old_to_be_sent_are_given_back_and_due_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    ledger, agency = MemoryLedger(), Agency()
    tasks = ledger.add(3)
    monkeypatch.setattr(dispatching, "START_WITHIN_SECONDS", -1.0)
    claims = await ledger.claim_due("customs", limit=3, visibility_seconds=60)
    assert await dispatcher(ledger, agency).perform(claims) == 3
    assert (agency.calls, ledger.exchanges, of_kind(ledger.decided, "retry")) == ([], {}, tasks)


async def test_an_erased_original_is_given_up_and_its_neighbours_go() -> None:
    ledger, agency = MemoryLedger(), Agency()
    erased, whole = ledger.add(2)
    ledger.erased.add(ledger.rows[erased].work.message_id)
    await work_through(ledger, dispatcher(ledger, agency))
    assert (of_kind(ledger.decided, "dead_letter"), tasks_of(agency.calls[0])) == ([erased], [whole])


class SlowAgency(Agency):
    """Takes its time, and counts the calls it has at once."""

    at_once = most_at_once = 0

    async def send(self, envelope: Envelope, call: Call) -> Reply:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0.01)
        self.at_once -= 1
        return await super().send(envelope, call)


async def test_no_more_calls_run_at_once_than_the_agency_bears() -> None:
    ledger, agency = MemoryLedger(), SlowAgency()
    for _ in range(12):
        ledger.add(sender=IDS.next())
    await work_through(ledger, dispatcher(ledger, agency))
    assert (agency.most_at_once, len(agency.calls)) == (agency.concurrency, 12)


class HangingAgency(Agency):
    """Never answers."""

    async def send(self, envelope: Envelope, call: Call) -> Reply:
        await asyncio.Event().wait()
        return await super().send(envelope, call)


async def test_an_agency_that_never_answers_is_cut_off_at_the_deadline() -> None:
    ledger, agency = MemoryLedger(), HangingAgency()
    (task,) = ledger.add()
    agency.deadline_seconds = 0.02
    await work_through(ledger, dispatcher(ledger, agency))
    assert of_kind(ledger.decided, "retry") == [task] * (AT_ONCE.max_attempts - 1)
    assert ledger.errors[0] == "no answer within the deadline"


def _ids(calls: list[Call]) -> list[UUID]:
    return [call.call_id for call in calls]


async def test_a_call_is_resent_under_its_id_where_the_agency_deduplicates_by_call() -> None:
    ledger, agency = MemoryLedger(), Agency(idempotency="call")
    tasks = ledger.add(2)
    agency.fail_next("reply-lost", "reply-lost")
    await work_through(ledger, dispatcher(ledger, agency))
    assert sorted(_ids(agency.calls)) == sorted(tasks * 2)


def locked_out_breaker() -> Breaker:
    """Opens when it is refused and lets a probe go at once."""
    return Breaker(threshold=10**6, stop_seconds=0.0, longest_stop_seconds=0.0)


@pytest.mark.parametrize("idempotency", ["item", "none"])
async def test_however_long_an_agency_refuses_us_as_such_no_task_is_given_up(idempotency: Idempotency) -> None:
    ledger, agency, breaker = MemoryLedger(), Agency(idempotency=idempotency), locked_out_breaker()
    tasks = ledger.add(3)
    for _ in range(20):
        agency.fail_next("locked-out")
    await work_through(ledger, dispatcher(ledger, agency, AT_ONCE, breaker), rounds=20)
    assert (ledger.ended, breaker.stopped) == ({}, False)
    assert sorted(task for task in tasks if ledger.said(task)) == sorted(tasks)


async def test_a_refusal_of_us_all_blames_no_task_for_it() -> None:
    ledger, agency = MemoryLedger(), Agency()
    ledger.add(20)
    agency.fail_next("locked-out")
    await work_through(ledger, dispatcher(ledger, agency, AT_ONCE, locked_out_breaker()))
    assert [len(tasks_of(call)) for call in agency.calls] == [20, 20]


async def test_a_task_in_doubt_waits_while_its_agency_cannot_be_asked_because_it_refuses_us() -> None:
    ledger, agency, breaker = MemoryLedger(), Agency(idempotency="none"), locked_out_breaker()
    (task,) = ledger.add()
    performer = dispatcher(ledger, agency, AT_ONCE, breaker)
    await ledger.claim_due("customs", limit=1, visibility_seconds=60)
    for _ in range(AT_ONCE.max_attempts + 3):
        ledger.forget_attempts_end()
        agency.fail_next("locked-out")
        await performer.perform(await ledger.claim_due("customs", limit=1, visibility_seconds=60))
    assert (ledger.ended, agency.calls, breaker.stopped) == ({}, [], True)
    ledger.forget_attempts_end()
    await work_through(ledger, performer)
    assert (ledger.said(task), breaker.stopped) == ([("answer", "submitted")], False)


async def test_each_decision_to_try_again_is_told_with_its_delay_once_it_is_recorded() -> None:
    ledger, agency, told = MemoryLedger(), Agency(), []
    (task,) = ledger.add()
    agency.fail_next("refused")
    performer = AgencyDispatcher(
        ledger, agency, read_response=read_response, policy=AT_ONCE, ids=IDS,
        on_retry=lambda task_id, delay_seconds: told.append((task_id, delay_seconds, len(ledger.decided))),
    )  # fmt: skip
    await work_through(ledger, performer)
    assert told == [(task, 0.0, 1)]
