"""Adapters that are each broken in one way, as integrators break them; made around a good one."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from uuid import UUID, uuid4

import aiohttp

from singlewindow.adapters.declared.adapter import DeclaredAdapter
from singlewindow.adapters.outcomes import ReplyRefused
from singlewindow.adapters.port import Answer, Call, Envelope, Idempotency, Notice, Reply
from singlewindow.errors import AgencyError
from singlewindow.xsd.soap_faults import open_reply
from singlewindow.xsd.soap_replies import read_results


class Wrapped:
    """A whole adapter; what is broken overrides one method."""

    def __init__(self, good: DeclaredAdapter) -> None:
        self.good = good

    @property
    def agency(self) -> str:
        return self.good.agency

    @property
    def batch_size(self) -> int:
        return self.good.batch_size

    @property
    def concurrency(self) -> int:
        return self.good.concurrency

    @property
    def deadline_seconds(self) -> float:
        return self.good.deadline_seconds

    @property
    def idempotency(self) -> Idempotency:
        return self.good.idempotency

    @property
    def pulls(self) -> bool:
        return self.good.pulls

    def prepare(self, call: Call) -> Envelope:
        return self.good.prepare(call)

    async def send(self, envelope: Envelope, call: Call) -> Reply:
        return await self.good.send(envelope, call)

    async def ask(self, task_ids: tuple[UUID, ...]) -> tuple[Answer, ...]:
        return await self.good.ask(task_ids)

    async def pull(self, cursor: str, *, limit: int = 100) -> tuple[tuple[Notice, ...], str]:
        return await self.good.pull(cursor, limit=limit)

    async def close(self) -> None:
        await self.good.close()


def acknowledge_all(call: Call) -> Reply:
    tasks = (task for item in call.items for task in item.tasks)
    return Reply(200, b"", tuple(Answer(task.task_id, "acknowledged") for task in tasks))


def change(error: AgencyError, *, temporary: bool, outcome_unknown: bool, stops_lane: bool = False) -> AgencyError:
    return AgencyError(error.detail, temporary=temporary, outcome_unknown=outcome_unknown, stops_lane=stops_lane)


class TakesFaultsUnder200(Wrapped):
    """Looks at the HTTP status and not at the Body."""

    async def send(self, envelope: Envelope, call: Call) -> Reply:
        try:
            return await self.good.send(envelope, call)
        except ReplyRefused as error:
            if error.status == 200 and b"Fault>" in error.body:
                return acknowledge_all(call)
            raise


class SwallowsFaults(Wrapped):
    """Takes every SOAP Fault for success."""

    async def send(self, envelope: Envelope, call: Call) -> Reply:
        try:
            return await self.good.send(envelope, call)
        except ReplyRefused as error:
            if b"Fault>" in error.body:
                return acknowledge_all(call)
            raise


class NewIdEachAttempt(Wrapped):
    """Gives a task another id whenever it is prepared, and remembers which."""

    def __init__(self, good: DeclaredAdapter) -> None:
        super().__init__(good)
        self.renamed: dict[UUID, Call] = {}
        self.ours: dict[UUID, UUID] = {}

    def prepare(self, call: Call) -> Envelope:
        items = tuple(
            replace(item, tasks=tuple(replace(task, task_id=self.rename(task.task_id)) for task in item.tasks))
            for item in call.items
        )
        self.renamed[call.call_id] = replace(call, items=items)
        return self.good.prepare(self.renamed[call.call_id])

    def rename(self, task_id: UUID) -> UUID:
        new = uuid4()
        self.ours[new] = task_id
        return new

    async def send(self, envelope: Envelope, call: Call) -> Reply:
        reply = await self.good.send(envelope, self.renamed[call.call_id])
        return replace(
            reply, answers=tuple(replace(answer, task_id=self.ours[answer.task_id]) for answer in reply.answers)
        )

    async def pull(self, cursor: str, *, limit: int = 100) -> tuple[tuple[Notice, ...], str]:
        notices, following = await self.good.pull(cursor, limit=limit)
        return tuple(replace(one, task_id=self.ours.get(one.task_id or uuid4())) for one in notices), following


class IgnoresRetryAfter(Wrapped):
    async def send(self, envelope: Envelope, call: Call) -> Reply:
        try:
            return await self.good.send(envelope, call)
        except AgencyError as error:
            error.retry_after_seconds = None
            raise


class TakesCutReplies(Wrapped):
    """Believes what came before the connection broke."""

    async def send(self, envelope: Envelope, call: Call) -> Reply:
        try:
            return await self.good.send(envelope, call)
        except AgencyError as error:
            if isinstance(error.__cause__, aiohttp.ClientPayloadError):
                return acknowledge_all(call)
            raise


class SearchesForWords(Wrapped):
    """Reads replies by looking for a word, whatever else they are."""

    async def send(self, envelope: Envelope, call: Call) -> Reply:
        try:
            return await self.good.send(envelope, call)
        except ReplyRefused as error:
            if b"acknowledged" in error.body:
                return acknowledge_all(call)
            raise


class Believes200(Wrapped):
    """Takes HTTP 200 for success, whatever the body is."""

    async def send(self, envelope: Envelope, call: Call) -> Reply:
        try:
            return await self.good.send(envelope, call)
        except ReplyRefused as error:
            if error.status == 200 and b"Fault>" not in error.body:
                return acknowledge_all(call)
            raise


class MisreadsRejection(Wrapped):
    async def send(self, envelope: Envelope, call: Call) -> Reply:
        reply = await self.good.send(envelope, call)
        answers = tuple(
            replace(answer, verdict="acknowledged") if answer.verdict == "rejected" else answer
            for answer in reply.answers
        )
        return replace(reply, answers=answers)


class LosesAnItem(Wrapped):
    """Of a long reply the last answer is lost."""

    async def send(self, envelope: Envelope, call: Call) -> Reply:
        reply = await self.good.send(envelope, call)
        return replace(reply, answers=reply.answers[:99])


class OneVerdictForAll(Wrapped):
    """Reads the first answer of a batch and takes it for all."""

    async def send(self, envelope: Envelope, call: Call) -> Reply:
        reply = await self.good.send(envelope, call)
        first = reply.answers[0]
        return replace(reply, answers=tuple(replace(answer, verdict=first.verdict) for answer in reply.answers))


class CallsDoubtFailure(Wrapped):
    """A connection that broke is a failure, so the document can be filed anew."""

    async def send(self, envelope: Envelope, call: Call) -> Reply:
        try:
            return await self.good.send(envelope, call)
        except ReplyRefused:
            raise
        except AgencyError as error:
            if error.outcome_unknown:
                raise change(error, temporary=False, outcome_unknown=False) from error
            raise


def password_of(adapter: DeclaredAdapter) -> str:
    credentials = adapter._wire._credentials
    return credentials.password if credentials else ""


class RecordsThePassword(Wrapped):
    def prepare(self, call: Call) -> Envelope:
        envelope = self.good.prepare(call)
        return replace(envelope, record=envelope.record + f"<!-- {password_of(self.good)} -->".encode())


class TellsThePassword(Wrapped):
    """The error for refused credentials says which."""

    async def send(self, envelope: Envelope, call: Call) -> Reply:
        try:
            return await self.good.send(envelope, call)
        except ReplyRefused as error:
            if error.status in {401, 403}:
                error.detail += f" with {password_of(self.good)}"
            raise


class TakesOtherTasks(Wrapped):
    """Takes answers by their position and not by the task they name."""

    async def send(self, envelope: Envelope, call: Call) -> Reply:
        reply = await self.good.send(envelope, call)
        message = open_reply(reply.body)
        if message.call_id != call.call_id:
            return reply
        answers = tuple(
            replace(answer, verdict=result.verdict)
            for answer, result in zip(reply.answers, read_results(message), strict=True)
        )
        return replace(reply, answers=answers)


class TakesOtherCalls(Wrapped):
    """Does not look at which call a reply answers."""

    async def send(self, envelope: Envelope, call: Call) -> Reply:
        reply = await self.good.send(envelope, call)
        message = open_reply(reply.body)
        if message.call_id == call.call_id:
            return reply
        verdicts = {result.task_id: result.verdict for result in read_results(message)}
        answers = tuple(
            replace(answer, verdict=verdicts.get(answer.task_id, answer.verdict)) for answer in reply.answers
        )
        return replace(reply, answers=answers)


class RetriesWrongCredentials(Wrapped):
    async def send(self, envelope: Envelope, call: Call) -> Reply:
        try:
            return await self.good.send(envelope, call)
        except ReplyRefused as error:
            if error.status in {401, 403}:
                raise change(error, temporary=True, outcome_unknown=False) from error
            raise


class RetriesClientFaults(Wrapped):
    async def send(self, envelope: Envelope, call: Call) -> Reply:
        try:
            return await self.good.send(envelope, call)
        except ReplyRefused as error:
            if b"Fault>" in error.body:
                raise change(error, temporary=True, outcome_unknown=True) from error
            raise


class StopsForOneDocument(Wrapped):
    async def send(self, envelope: Envelope, call: Call) -> Reply:
        try:
            return await self.good.send(envelope, call)
        except ReplyRefused as error:
            error.stops_lane = error.stops_lane or error.status == 413
            raise


class GivesUpWhenNobodyListens(Wrapped):
    async def send(self, envelope: Envelope, call: Call) -> Reply:
        try:
            return await self.good.send(envelope, call)
        except AgencyError as error:
            if isinstance(error.__cause__, aiohttp.ClientConnectorError):
                raise change(error, temporary=False, outcome_unknown=False) from error
            raise


class SendsAgainByItself(Wrapped):
    async def send(self, envelope: Envelope, call: Call) -> Reply:
        try:
            return await self.good.send(envelope, call)
        except ReplyRefused:
            raise
        except AgencyError as error:
            if isinstance(error.__cause__, TimeoutError) or not error.outcome_unknown:
                raise
            await asyncio.sleep(0)
            return await self.good.send(envelope, call)


class RaisesAnything(Wrapped):
    """Lets a parser's error through."""

    async def send(self, envelope: Envelope, call: Call) -> Reply:
        try:
            return await self.good.send(envelope, call)
        except ReplyRefused as error:
            if b"<html" in error.body:
                raise ValueError("mismatched tag") from error
            raise


class ForgetsStatus(Wrapped):
    """Answers a status question by guessing."""

    async def ask(self, task_ids: tuple[UUID, ...]) -> tuple[Answer, ...]:
        return tuple(Answer(task_id, "retry", code="unknown-task") for task_id in task_ids)


class NamesNoContentType(Wrapped):
    def prepare(self, call: Call) -> Envelope:
        envelope = self.good.prepare(call)
        return replace(envelope, headers=envelope.headers | {"Content-Type": "application/octet-stream"})


class Calls500Failure(Wrapped):
    async def send(self, envelope: Envelope, call: Call) -> Reply:
        try:
            return await self.good.send(envelope, call)
        except ReplyRefused as error:
            if error.status in {500, 502} and b"Fault>" not in error.body:
                raise change(error, temporary=False, outcome_unknown=False) from error
            raise


class DoubtsEverything(Wrapped):
    """Does not know the agency's word for yes."""

    async def send(self, envelope: Envelope, call: Call) -> Reply:
        reply = await self.good.send(envelope, call)
        answers = tuple(
            replace(answer, verdict="unknown") if answer.verdict == "acknowledged" else answer
            for answer in reply.answers
        )
        return replace(reply, answers=answers)
