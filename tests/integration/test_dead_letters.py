"""What was given up, on a real ledger: listed with its cause, tried again under its id, discarded with a reason."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from singlewindow.ledger.dead_letters import DeadLetters, Selection
from singlewindow.ledger.tasks import Claim, Decision, Tasks, Word
from singlewindow.messages.identifiers import Clock
from singlewindow.messages.judgement import ResponseUnit
from singlewindow.queue.breaker import Breaker
from singlewindow.queue.dispatching import AgencyDispatcher
from singlewindow.queue.matching import Matcher
from singlewindow.queue.retry import RetryPolicy
from tests.integration.ledger_stage import PARCELS, LedgerStage, ledger_stage, unit
from tests.unit.queue_stage import Agency, read_response

AT_ONCE = RetryPolicy(base_seconds=0.0, cap_seconds=0.0, max_attempts=3)
ODD = replace(PARCELS, name="odd")
"""A set that the matching lane of some of these tests does not know, so that every look at it fails."""


def resend_at_once(attempts: int) -> float | None:
    return 0.0 if attempts < AT_ONCE.max_attempts else None


@dataclass
class Desk:
    """A ledger, customs, the lane that carries to it, and the operator's hand."""

    stage: LedgerStage
    trader: UUID
    agency: Agency = field(default_factory=Agency)
    operator: UUID = field(init=False)
    tasks: Tasks = field(init=False)
    dead_letters: DeadLetters = field(init=False)

    def __post_init__(self) -> None:
        self.operator = self.stage.ids.next()
        self.tasks = self.tasks_for(PARCELS.name, ODD.name)
        self.dead_letters = DeadLetters(self.stage.database, self.tasks)

    def tasks_for(self, *sets: str) -> Tasks:
        known = {"parcels": PARCELS, "odd": ODD}
        return Tasks(
            self.stage.database,
            {name: known[name] for name in sets},
            clock=Clock(),
            ids=self.stage.ids,
            on_ready=lambda _: None,
            task_delay_seconds=lambda: 0.0,
            resend_pause=resend_at_once,
        )

    async def file(self, message_set: str = "parcels") -> UUID:
        """An order with a key never used before; its declaration."""
        number = str(self.stage.ids.next())
        filed = await self.stage.file(self.trader, unit("order", number), message_set=message_set)
        return filed.declaration_ids[0]

    async def match(self, tasks: Tasks | None = None, rounds: int = 10) -> None:
        tasks = tasks or self.tasks
        for _ in range(rounds):
            claims = await tasks.claim_due("match", limit=100, visibility_seconds=30)
            if not claims:
                return
            await Matcher(tasks, AT_ONCE).perform(claims)

    async def dispatch(self, rounds: int = 10) -> None:
        """Carry until nothing is due."""
        dispatcher = AgencyDispatcher(
            self.tasks,
            self.agency,
            read_response=read_response,
            policy=AT_ONCE,
            ids=self.stage.ids,
            breaker=Breaker(threshold=10**6),
        )
        for _ in range(rounds):
            claims = await self.claim()
            if not claims:
                return
            await dispatcher.perform(claims)

    async def claim(self, *, visibility_seconds: float = 30) -> list[Claim]:
        return await self.tasks.claim_due("customs", limit=100, visibility_seconds=visibility_seconds)

    async def file_dead(self) -> tuple[UUID, UUID]:
        """A declaration that customs failed to take in every attempt, and its task."""
        declaration = await self.file()
        await self.match()
        self.agency.fail_next("refused", "refused", "refused")
        await self.dispatch()
        return declaration, await self.part_of(declaration)

    async def file_in_doubt(self) -> tuple[UUID, UUID]:
        """A declaration that an agency which does not deduplicate may have or not, and its task."""
        self.agency.idempotency = "none"
        declaration = await self.file()
        await self.match()
        (claim,) = await self.claim()
        text = "nobody can say"
        await self.decide(Decision(claim, "needs_reconciliation", text, cause="outcome-unknown"))
        return declaration, claim.task_id

    async def decide(self, *decisions: Decision) -> None:
        await self.tasks.end_call(None, http_status=None, reply=None, error=None, words=(), decisions=decisions)

    async def say_again(self, declaration: UUID, moment: int) -> None:
        """Customs could not pass it on and wants it once more."""
        said = ResponseUnit("any", "4", "retry", f"2026-01-01T00:00:0{moment}Z")
        part = await self.part_of(declaration)
        await self.tasks.take_words([Word("customs", part, f"{part}/{moment}", (said,), b"<r/>", "push")])

    async def part_of(self, declaration: UUID) -> UUID:
        rows = await self.stage.database.fetch("read_parts", [declaration])
        part: UUID = rows[0]["id"]
        return part

    async def state(self, declaration: UUID) -> tuple[str, str | None]:
        """The part's state and what calls for a person."""
        view = await self.stage.reader.declaration(self.trader, declaration)
        assert view is not None
        return str(view["parts"][0]["state"]), view["attention"]

    async def events(self, declaration: UUID, kind: str) -> list[dict[str, object]]:
        events = await self.stage.reader.events(self.trader, declaration)
        return [event["data"] for event in events if event["type"] == kind]


@pytest.fixture
async def desk(database_url: str) -> AsyncIterator[Desk]:
    async with AsyncExitStack() as stack:
        stage = await stack.enter_async_context(ledger_stage(database_url, ODD))
        for lane in ("customs", "match"):
            left = await stage.tasks.claim_due(lane, limit=1000, visibility_seconds=0)
            await stage.database.execute("end_tasks", [claim.task_id for claim in left])
        yield Desk(stage, await stage.traders.create("Example Trading Co", ["9999000001"]))


async def test_what_was_given_up_is_listed_with_its_cause_and_what_was_sent(desk: Desk) -> None:
    declaration, task = await desk.file_dead()
    letter = await desk.dead_letters.show(task)
    assert letter is not None
    assert (letter["declaration_id"], letter["trader"]) == (str(declaration), str(desk.trader))
    assert (letter["agency"], letter["action"], letter["state"]) == ("customs", "declare", "dead_letter")
    assert (letter["reason"], letter["attempts"]) == ("attempts", 3)
    assert "no connection" in letter["last_error"]
    document = await desk.dead_letters.document(task)
    exchange = await desk.dead_letters.exchange(task)
    original = await desk.stage.reader.document(desk.trader, declaration)
    assert document == original
    assert exchange is not None
    assert "no connection" in exchange["error"]


async def test_replayed_it_keeps_its_task_id_and_takes_effect_once(desk: Desk) -> None:
    declaration, task = await desk.file_dead()
    assert await desk.dead_letters.replay(task, by=desk.operator) == "done"
    assert await desk.state(declaration) == ("pending", None)
    assert await desk.dead_letters.show(task) is None
    await desk.dispatch()
    assert await desk.stage.status(desk.trader, declaration) == "submitted"
    assert dict(desk.agency.effects) == {task: 1}
    (replayed,) = await desk.events(declaration, "replayed")
    assert (replayed["by"], replayed["task"]) == (str(desk.operator), str(task))


async def test_replaying_twice_is_harmless_and_what_is_settled_cannot_be_replayed(desk: Desk) -> None:
    declaration, task = await desk.file_dead()
    outcomes = await asyncio.gather(*(desk.dead_letters.replay(task, by=desk.operator) for _ in range(4)))
    assert sorted(outcomes) == ["done", "repeat", "repeat", "repeat"]
    assert len(await desk.claim(visibility_seconds=0)) == 1
    await desk.stage.say(declaration, "registered", "2026-01-01T00:00:00Z")
    assert await desk.dead_letters.replay(task, by=desk.operator) == "not-dead"
    assert await desk.dead_letters.replay(desk.stage.ids.next(), by=desk.operator) == "unknown"


async def test_a_replayed_task_has_all_its_attempts_again_under_numbers_never_used(desk: Desk) -> None:
    declaration, task = await desk.file_dead()
    await desk.dead_letters.replay(task, by=desk.operator)
    (claim,) = await desk.claim(visibility_seconds=0)
    assert (claim.attempt, claim.tries, claim.outcome_unknown) == (4, 1, False)
    stale = replace(claim, attempt=1, carried=0)
    await desk.decide(Decision(stale, "dead_letter", "decided by a worker that slept through the replay"))
    assert (await desk.state(declaration))[0] == "pending"
    await desk.decide(Decision(claim, "retry", "known to have failed"))
    desk.agency.fail_next("refused", "refused")
    await desk.dispatch()
    assert (await desk.state(declaration))[0] == "dead_letter"
    letter = await desk.dead_letters.show(task)
    assert letter is not None
    assert letter["attempts"] == 6


async def test_a_late_true_answer_counts_and_leaves_nothing_to_replay(desk: Desk) -> None:
    declaration, task = await desk.file_dead()
    await desk.stage.say(declaration, "registered", "2026-01-01T00:00:00Z")
    assert await desk.state(declaration) == ("registered", None)
    assert await desk.dead_letters.show(task) is None
    assert await desk.dead_letters.discard(task, by=desk.operator, reason="gone") == "not-dead"


async def test_of_what_waits_for_reconciliation_the_agency_is_asked_before_anything_is_sent(desk: Desk) -> None:
    declaration, task = await desk.file_in_doubt()
    listed = await desk.dead_letters.page(Selection(state="needs_reconciliation"))
    assert str(task) in [letter["id"] for letter in listed]
    await desk.dead_letters.replay(task, by=desk.operator)
    await desk.dispatch()
    assert desk.agency.asked == [task]
    assert await desk.stage.status(desk.trader, declaration) == "submitted"
    assert desk.agency.effects[task] == 1


async def test_what_the_agency_has_already_is_not_sent_when_reconciled(desk: Desk) -> None:
    declaration, task = await desk.file_in_doubt()
    await desk.dead_letters.replay(task, by=desk.operator)
    desk.agency.remember(task)
    await desk.dispatch()
    assert await desk.stage.status(desk.trader, declaration) == "submitted"
    assert desk.agency.calls == []


@pytest.mark.parametrize("prepare", ["file_dead", "file_in_doubt"])
async def test_discarded_it_is_withdrawn_and_who_did_it_and_why_stands_in_the_history(desk: Desk, prepare: str) -> None:
    declaration, task = await getattr(desk, prepare)()
    assert await desk.dead_letters.discard(task, by=desk.operator, reason="filed by mistake") == "done"
    assert await desk.state(declaration) == ("cancelled", None)
    assert await desk.stage.status(desk.trader, declaration) == "cancelled"
    (act,) = await desk.events(declaration, "discarded")
    assert (act["why"], act["by"]) == ("filed by mistake", str(desk.operator))
    assert await desk.dead_letters.discard(task, by=desk.operator, reason="again") == "repeat"
    assert await desk.dead_letters.replay(task, by=desk.operator) == "not-dead"
    assert await desk.claim() == []


async def test_after_a_discard_the_key_is_free(desk: Desk) -> None:
    declaration, task = await desk.file_dead()
    view = await desk.stage.reader.declaration(desk.trader, declaration)
    assert view is not None
    await desk.dead_letters.discard(task, by=desk.operator, reason="to be filed again")
    again = await desk.stage.file(desk.trader, unit("order", view["keys"]["number"], content="mended"))
    assert again.declaration_ids[0] != declaration


async def test_a_range_is_replayed_by_agency_reason_and_time(desk: Desk) -> None:
    tasks = {(await desk.file_dead())[1] for _ in range(3)}
    soon = datetime.now(UTC) + timedelta(hours=1)
    assert await desk.dead_letters.replay_range(Selection(agency="road"), by=desk.operator) == ([], False)
    assert await desk.dead_letters.replay_range(Selection(reason="refused"), by=desk.operator) == ([], False)
    assert await desk.dead_letters.replay_range(Selection(agency="customs", since=soon), by=desk.operator) == (
        [],
        False,
    )
    chosen = Selection(agency="customs", reason="attempts", until=soon)
    replayed, more = await desk.dead_letters.replay_range(chosen, by=desk.operator)
    assert tasks <= set(replayed)
    assert not more
    assert await desk.dead_letters.replay_range(chosen, by=desk.operator) == ([], False)
    await desk.dispatch()
    assert {desk.agency.effects[task] for task in tasks} == {1}


async def test_pages_follow_each_other(desk: Desk) -> None:
    tasks = [str((await desk.file_dead())[1]) for _ in range(3)]
    first = await desk.dead_letters.page(Selection(tuple(map(UUID, tasks))), limit=2)
    second = await desk.dead_letters.page(Selection(tuple(map(UUID, tasks))), after=UUID(first[-1]["id"]), limit=2)
    assert [letter["id"] for letter in (*first, *second)] == sorted(tasks)


async def test_what_an_authority_asks_for_again_and_again_ends_with_a_person(desk: Desk) -> None:
    declaration = await desk.file()
    await desk.match()
    for moment in range(1, 4):
        await desk.dispatch()
        assert await desk.stage.status(desk.trader, declaration) == "submitted"
        await desk.say_again(declaration, moment)
    task = await desk.part_of(declaration)
    assert await desk.state(declaration) == ("dead_letter", "dead_letter at customs")
    letter = await desk.dead_letters.show(task)
    assert letter is not None
    assert (letter["reason"], letter["attempts"]) == ("asked-again", 3)
    await desk.dead_letters.replay(task, by=desk.operator)
    await desk.dispatch()
    await desk.say_again(declaration, 4)
    (claim,) = await desk.claim()
    assert (claim.attempt, claim.tries, claim.outcome_unknown) == (5, 2, False)


async def test_a_poison_of_the_matching_lane_ends_with_a_person_and_its_neighbours_do_not_wait(desk: Desk) -> None:
    short_sighted = desk.tasks_for("parcels")
    neighbours = [await desk.file() for _ in range(3)]
    poison = await desk.file("odd")
    await desk.match(short_sighted)
    assert {(await desk.state(one))[0] for one in neighbours} == {"pending"}
    (letter,) = await desk.dead_letters.page(Selection(agency="match"))
    assert (letter["declaration_id"], letter["reason"], letter["attempts"]) == (str(poison), "matching-failed", 3)
    view = await desk.stage.reader.declaration(desk.trader, poison)
    assert view is not None
    assert (view["attention"], view["parts"]) == ("dead_letter at match", [])
    task = UUID(letter["id"])
    assert await desk.dead_letters.replay(task, by=desk.operator) == "done"
    assert await desk.dead_letters.replay(task, by=desk.operator) == "repeat"
    await desk.match()
    assert await desk.state(poison) == ("pending", None)
    assert await desk.dead_letters.page(Selection(agency="match")) == []


async def test_a_look_that_kills_its_workers_is_given_up_without_its_neighbours(desk: Desk) -> None:
    killer, neighbour = await desk.file(), await desk.file()
    for _ in range(AT_ONCE.max_attempts):
        claims = await desk.tasks.claim_due("match", limit=100, visibility_seconds=0)
        assert len(claims) == 2
    (first, second) = sorted(claims, key=lambda claim: claim.declaration_id != neighbour)
    await Matcher(desk.tasks, AT_ONCE).perform([first])
    (again,) = await desk.tasks.claim_due("match", limit=100, visibility_seconds=30)
    assert (again.task_id, again.outcome_unknown) == (second.task_id, True)
    await Matcher(desk.tasks, AT_ONCE).perform([again])
    assert (await desk.state(neighbour))[0] == "pending"
    (letter,) = await desk.dead_letters.page(Selection(agency="match"))
    assert (letter["declaration_id"], letter["reason"]) == (str(killer), "no-end")
    assert await desk.dead_letters.discard(UUID(letter["id"]), by=desk.operator, reason="poison") == "done"
    assert await desk.stage.status(desk.trader, killer) == "cancelled"
