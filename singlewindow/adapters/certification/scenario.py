"""One conformance scenario, the trial it runs in, and how a trial ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar
from uuid import UUID

from singlewindow.adapters.certification.subject import Subject
from singlewindow.adapters.fault_proxy import FaultProxy
from singlewindow.adapters.faults import Fault
from singlewindow.adapters.port import Adapter, Answer, Call, Envelope, Notice
from singlewindow.errors import AgencyError

GRACE_SECONDS = 1.0
"""How much longer than its own deadline an adapter may take to give up."""

Got = TypeVar("Got")


class RequirementBroken(Exception):
    """The adapter did not do what the scenario demands; the message says what it did."""


class NotApplicable(Exception):
    """The scenario has no meaning for this adapter or service; the message says why."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one exchange as the adapter tells it: answers, or an error."""

    seconds: float
    answers: tuple[Answer, ...] = ()
    error: AgencyError | None = None

    def __str__(self) -> str:
        if self.error is None:
            return ", ".join(sorted({answer.verdict for answer in self.answers})) or "nothing"
        told = ("temporary" if self.error.temporary else "definite") + (
            ", outcome unknown" if self.error.outcome_unknown else ", nothing has happened"
        )
        return f"{told}: {self.error.detail}"

    @property
    def is_doubt(self) -> bool:
        """True when the adapter admits that it does not know: an unknown outcome to be settled, or unknown answers."""
        if self.error is not None:
            return self.error.temporary and self.error.outcome_unknown
        return bool(self.answers) and all(answer.verdict == "unknown" for answer in self.answers)

    def all_are(self, verdict: str) -> bool:
        """True when every task was answered, and so."""
        return self.error is None and {answer.verdict for answer in self.answers} == {verdict}


@dataclass(slots=True)
class Trial:
    """One scenario's run: an adapter of its own, before a proxy of its own. `said` collects what the adapter made of
    each exchange.
    """

    subject: Subject
    adapter: Adapter
    proxy: FaultProxy
    said: list[str] = field(default_factory=list)

    def prepare(self, call: Call) -> Envelope:
        """Prepare a call that the adapter must be able to send."""
        try:
            return self.adapter.prepare(call)
        except Exception as error:
            raise RequirementBroken(f"the request was not prepared: {type(error).__name__}: {error}") from error

    async def submit(self, call: Call, fault: Fault | None = None) -> Outcome:
        """Send a call once while the network shows a fault."""
        envelope = self.prepare(call)

        async def send() -> tuple[Answer, ...]:
            return (await self.adapter.send(envelope, call)).answers

        return await self._exchange(send, fault)

    async def ask(self, call: Call, fault: Fault | None = None) -> Outcome:
        """Ask what became of a call's tasks."""
        return await self._exchange(lambda: self.adapter.ask(task_ids(call)), fault)

    async def pull(self, cursor: str, *, limit: int = 100) -> tuple[tuple[Notice, ...], str]:
        """Fetch one page of notices over a sound network."""
        return await self._bounded(lambda: self.adapter.pull(cursor, limit=limit))

    async def count_effects(self, call: Call) -> int | None:
        """How many effects the service counts for a call's documents, None where it does not tell."""
        if self.subject.count_effects is None:
            return None
        return await self.subject.count_effects(self.subject.specimen.references_of(call))

    async def require_effects(self, call: Call, expected: int) -> None:
        """Where the service counts, it must count so many."""
        counted = await self.count_effects(call)
        require(counted in {None, expected}, f"the service counts {counted} effects and should count {expected}")

    async def _exchange(self, act: Callable[[], Awaitable[tuple[Answer, ...]]], fault: Fault | None) -> Outcome:
        loop = asyncio.get_running_loop()
        started = loop.time()
        async with self._under(fault):
            try:
                answers = await self._bounded(act)
                outcome = Outcome(loop.time() - started, answers)
            except AgencyError as error:
                outcome = Outcome(loop.time() - started, error=error)
        self.said.append(str(outcome))
        return outcome

    @asynccontextmanager
    async def _under(self, fault: Fault | None) -> AsyncIterator[None]:
        self.proxy.fault = fault
        try:
            yield
        finally:
            self.proxy.fault = None

    async def _bounded(self, act: Callable[[], Awaitable[Got]]) -> Got:
        deadline_seconds = self.adapter.deadline_seconds
        try:
            async with asyncio.timeout(deadline_seconds + GRACE_SECONDS) as patience:
                return await act()
        except AgencyError:
            raise
        except Exception as error:
            if patience.expired():
                raise RequirementBroken(f"it still waited long after its deadline of {deadline_seconds:g} s") from error
            raise RequirementBroken(f"the adapter raised {type(error).__name__} in place of AgencyError") from error


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is tried. `must` is what an authority has to see, in one sentence.

    `needs_live` marks what off this machine is done only on demand: a duplicate or a lost reply there is a legal filing
    in doubt. `deadline_seconds` is asked of the adapter where waiting for the usual one would only cost time.
    """

    id: str
    title: str
    must: str
    run: Callable[[Trial], Awaitable[None]]
    needs_live: bool = True
    deadline_seconds: float = 10.0


def require(condition: bool, otherwise: str) -> None:  # noqa: FBT001 - it reads as an assertion
    """Raise RequirementBroken, saying what was found, unless the condition holds."""
    if not condition:
        raise RequirementBroken(otherwise)


def task_ids(call: Call) -> tuple[UUID, ...]:
    """A call's tasks in order."""
    return tuple(task.task_id for item in call.items for task in item.tasks)
