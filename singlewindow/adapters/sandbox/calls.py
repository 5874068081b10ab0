"""One call, whatever its service: opened without effect, met by an incident, acted upon once, answered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from aiohttp import web

from singlewindow.adapters.sandbox.incidents import Incident, refuse, reply
from singlewindow.adapters.sandbox.journal import Line
from singlewindow.adapters.sandbox.office import Office
from singlewindow.adapters.sandbox.records import Decision, Notice, Request, story_key
from singlewindow.adapters.sandbox.sky import Sky
from singlewindow.xsd.soap_envelope import SoapMessage


@dataclass(frozen=True, slots=True)
class Opened:
    """A call that was read and has had no effect yet.

    The weather is chosen by `key` and meets so many `documents`; what magic words want comes before it.
    """

    key: str
    documents: int
    perform: Callable[[], Awaitable[bytes]]
    magic: Incident | None = None


async def carry_out(
    request: web.Request, message: SoapMessage, opened: Opened, incident: Incident, office: Office
) -> web.StreamResponse:
    """Refuse the call or act and answer, as the incident has it; either way the journal knows that it came."""
    refusal = refuse(incident, message)
    if refusal is not None:
        await office.perform((), [])
        return refusal
    return await reply(request, incident, message, await opened.perform())


async def act(requests: Sequence[Request], office: Office, sky: Sky) -> list[Decision]:
    """Decide on what is new and put it on disk; what came before gets its first answer."""
    decisions: list[Decision] = []
    notices: list[Notice] = []
    lines: list[Line] = []
    for request in requests:
        decision = office.register.find(request.agency, request.task_id)
        if decision is None:
            decision, line = office.decide(request)
            notices += sky.pass_over(decision.notices, story_key(request))
            lines.append(line)
        decisions.append(decision)
    await office.perform(notices, lines)
    return decisions
