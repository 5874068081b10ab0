"""An agency in memory that fails on demand: it deduplicates by task id and counts its effects. For tests and drills."""

from __future__ import annotations

import asyncio
import json
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar
from uuid import UUID

from singlewindow.adapters.port import Answer, Call, Envelope, Idempotency, Notice, Reply, TaskItem
from singlewindow.errors import AgencyError

Failure = Literal["refused", "fault-client", "fault-server", "reply-lost", "slow", "locked-out"]
Answered = TypeVar("Answered")
Decide = Callable[[Call, TaskItem], Answer]


@dataclass(frozen=True, slots=True)
class Mishap:
    """How one failure looks from outside; `acts` when the agency has done the work before it fails."""

    text: str
    acts: bool = False
    temporary: bool = True
    stops_lane: bool = False


MISHAPS: dict[Failure, Mishap] = {
    "refused": Mishap("no connection"),
    "fault-client": Mishap("refused with a SOAP Fault", temporary=False),
    "fault-server": Mishap("failed with a SOAP Fault and asks to send again"),
    "reply-lost": Mishap("the connection broke before the whole reply", acts=True),
    "slow": Mishap("no answer in time", acts=True),
    "locked-out": Mishap("does not accept our credentials", temporary=False, stops_lane=True),
}


def acknowledge(_call: Call, task: TaskItem) -> Answer:
    """The decision of an agency that takes everything."""
    return Answer(task.task_id, "acknowledged")


class UnreliableAdapter:
    """An Adapter (see port.py). `fail_next` queues failures, one for each coming exchange; then it works again."""

    idempotency: Idempotency = "item"
    batch_size = 100
    concurrency = 4

    def __init__(
        self, agency: str = "unreliable", *, deadline_seconds: float = 0.2, decide: Decide = acknowledge
    ) -> None:
        self.agency = agency
        self.deadline_seconds = deadline_seconds
        self.pulls = True
        self.effects: Counter[UUID] = Counter()
        self._decide = decide
        self._answers: dict[UUID, Answer] = {}
        self._notices: list[Notice] = []
        self._failures: deque[Failure] = deque()

    def fail_next(self, *failures: Failure) -> None:
        """Queue failures."""
        self._failures.extend(failures)

    def announce(self, notice: Notice) -> None:
        """Put a notice where `pull` finds it."""
        self._notices.append(notice)

    def prepare(self, call: Call) -> Envelope:
        """See the port; the envelope is JSON that names the call's tasks."""
        tasks = [str(task.task_id) for item in call.items for task in item.tasks]
        body = json.dumps({"call": str(call.call_id), "action": call.action, "tasks": tasks}).encode()
        return Envelope(f"memory://{self.agency}", {"Content-Type": "application/json"}, body, body)

    async def send(self, envelope: Envelope, call: Call) -> Reply:
        """See the port."""
        tasks = [task for item in call.items for task in item.tasks]
        answers = await self._exchange(lambda: tuple(self._take(call, task) for task in tasks))
        return Reply(200, envelope.body, answers)

    async def ask(self, task_ids: tuple[UUID, ...]) -> tuple[Answer, ...]:
        """See the port."""
        return await self._exchange(lambda: tuple(self._recall(task_id) for task_id in task_ids))

    async def pull(self, cursor: str, *, limit: int = 100) -> tuple[tuple[Notice, ...], str]:
        """See the port; the cursor is a position."""
        start = int(cursor or "0")
        notices = await self._exchange(lambda: tuple(self._notices[start : start + limit]))
        return notices, str(start + len(notices))

    async def close(self) -> None:
        """Nothing to release."""

    async def _exchange(self, act: Callable[[], Answered]) -> Answered:
        failure = self._failures.popleft() if self._failures else None
        if failure is None:
            return act()
        mishap = MISHAPS[failure]
        if mishap.acts:
            act()
        if failure == "slow":
            await asyncio.sleep(self.deadline_seconds)
        raise AgencyError(
            f"{self.agency}: {mishap.text}",
            temporary=mishap.temporary,
            outcome_unknown=mishap.acts,
            stops_lane=mishap.stops_lane,
        )

    def _take(self, call: Call, task: TaskItem) -> Answer:
        if task.task_id not in self._answers:
            self._answers[task.task_id] = self._decide(call, task)
            self.effects[task.task_id] += 1
        return self._answers[task.task_id]

    def _recall(self, task_id: UUID) -> Answer:
        return self._answers.get(task_id) or Answer(task_id, "retry", code="unknown-task")
