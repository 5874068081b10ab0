"""The carriers' own services at `/{mode}/documents`: the same bookings as at `/{mode}`, in each mode's own words."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any
from uuid import UUID

from aiohttp import web

from singlewindow.adapters.sandbox.calls import Opened, act, carry_out
from singlewindow.adapters.sandbox.consignments import ACCEPTED, REJECTED, SUBMITTED
from singlewindow.adapters.sandbox.incidents import answer_fault
from singlewindow.adapters.sandbox.numbers import iso_time
from singlewindow.adapters.sandbox.office import STATUS, Office
from singlewindow.adapters.sandbox.partners import RELEASE, Booking
from singlewindow.adapters.sandbox.records import Notice, Request, story_key
from singlewindow.adapters.sandbox.sky import Sky
from singlewindow.adapters.sandbox.transport_modes import CLEARED, MODES, bill_of_lading_number
from singlewindow.xsd.soap_envelope import MalformedSoap
from singlewindow.xsd.soap_faults import describe_mistake
from singlewindow.xsd.transport_calls import TransportCall, open_transport_call, write_transport_reply

EVENTS = "ListEvents"
EVENTS_LIMIT = 1000

UNNUMBERED = frozenset({SUBMITTED, REJECTED})
"""What is said while a document has no number yet, or never gets one."""

BAD_NUMBER, UNKNOWN_DOCUMENT = "bad-check-digit", "unknown-document"


class TransportService:
    """One carrier's documents behind their URL."""

    def __init__(self, mode: str, office: Office, sky: Sky) -> None:
        self._mode, self._office, self._sky = mode, office, sky
        self._words = MODES[mode]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """POST: a call of the mode's WSDL, SOAP 1.1 or 1.2."""
        try:
            call = open_transport_call(self._mode, await request.read())
            opened = self._open(call)
        except MalformedSoap as mistake:
            return answer_fault(describe_mistake(mistake), mistake.version)
        incident = opened.magic or self._sky.meet(self._mode, opened.key, opened.documents)
        return await carry_out(request, call.message, opened, incident, self._office)

    def _open(self, call: TransportCall) -> Opened:
        operation = call.message.operation
        if operation == EVENTS:
            return Opened(EVENTS, 1, partial(self._list_events, call))
        if operation == self._words.status:
            return Opened(f"{STATUS}|{call.first(self._words.number)}", 1, partial(self._tell_standing, call))
        action = self._words.acts().get(operation)
        if action is None:
            raise MalformedSoap(f"{operation} is an answer and no question", version=call.message.version)
        return self._open_action(call, action)

    def _open_action(self, call: TransportCall, action: str) -> Opened:
        message_id = call.first("MessageId")
        self._office.note_requests(self._mode, action, [UUID(message_id)], None)
        refusal = self._find_bad_number(call)
        booking = self._find(call.first(self._words.number))
        if action != "book" and booking is None:
            refusal = (UNKNOWN_DOCUMENT, f"no document has the number {call.first(self._words.number)}")
        if refusal is not None:
            return Opened(message_id, 1, partial(self._refuse, call, *refusal))
        request = self._read_request(call, action, booking)
        return Opened(story_key(request), 1, partial(self._act, call, request), self._office.ask_magic([request]))

    def _read_request(self, call: TransportCall, action: str, booking: Booking | None) -> Request:
        """The request that the carriers' desk acts on: what the document names, or what its booking was about."""
        if booking is None:
            lrn, declarant, leg = call.first("LocalReference"), call.first("Declarant"), int(call.first("LegNumber"))
        else:
            consignment = booking.consignment
            lrn, declarant, leg = consignment.lrn, consignment.declarant, booking.leg or 1
        return Request(
            agency=self._mode,
            action=action,
            task_id=call.first("MessageId"),
            sender=declarant,
            at_ms=self._office.next_ms(),
            root="ExportDeclaration",
            reference=lrn,
            fields={"lrn": lrn, "declarant": declarant},
            leg=leg,
        )

    async def _act(self, call: TransportCall, request: Request) -> bytes:
        (decision,) = await act([request], self._office, self._sky)
        booking = self._office.find_task_booking(request.task_id)
        return write_transport_reply(call.message, self._show(decision.answer, booking))

    async def _refuse(self, call: TransportCall, code: str, text: str) -> bytes:
        """An answer that books nothing, so that it is decided anew whenever the message comes."""
        await self._office.perform((), [])
        standing = {
            "MessageId": call.first("MessageId"),
            "Status": self._words.states["rejected"],
            "StatusTime": iso_time(self._office.next_ms()),
            "Refusal": {"Code": code, "Text": text[:140]},
        }
        return write_transport_reply(call.message, standing)

    async def _tell_standing(self, call: TransportCall) -> bytes:
        """The last thing that was said of a document."""
        number = call.first(self._words.number)
        booking = self._find(number)
        if booking is None:
            return await self._refuse(call, UNKNOWN_DOCUMENT, f"no document has the number {number}")
        await self._office.perform((), [])
        state, said_ms = booking.standing(self._office.next_ms())
        standing = self._head(booking) | {"Status": self._words.states[state], "StatusTime": iso_time(said_ms)}
        return write_transport_reply(call.message, standing)

    async def _list_events(self, call: TransportCall) -> bytes:
        after, limit = int(call.first("After")), min(int(call.first("Limit")), EVENTS_LIMIT)
        found = self._office.feeds[self._mode].after(after, limit)
        # their numbers must not be given again after a crash
        await self._office.perform((), [])
        events = [
            {"Sequence": str(number)} | self._show(notice, self._office.find_task_booking(notice.task_id))
            for number, notice in found
        ]
        return write_transport_reply(call.message, {"Event": events, "Next": str(found[-1][0] if found else after)})

    def _show(self, notice: Notice, booking: Booking | None) -> dict[str, Any]:
        said = {**notice.statement.about, **notice.statement.values}
        state = CLEARED if said["Action"] == RELEASE and said["Status"] == ACCEPTED else said["Status"]
        error = notice.statement.error
        return (
            {"MessageId": notice.task_id}
            | (self._head(booking) if booking and said["Status"] not in UNNUMBERED else {})
            | {"Status": self._words.states.get(state, self._words.states[SUBMITTED])}
            | {"StatusTime": said["StatusDateTime"]}
            | ({"Refusal": {"Code": error["Code"], "Text": error["Text"][:140]}} if error else {})
        )

    def _head(self, booking: Booking) -> dict[str, str]:
        """The numbers of a document and its leg, as far as there are any."""
        numbers = {self._words.number: booking.document} if booking.document else {}
        if self._mode == "sea" and booking.document and booking.release is not None:
            numbers["TransportDocumentReference"] = bill_of_lading_number(booking.document)
        return numbers | ({"LegNumber": str(booking.leg)} if booking.leg else {})

    def _find(self, number: str) -> Booking | None:
        return self._office.find_booking(self._mode, number=number, lrn=None, leg=None) if number else None

    def _find_bad_number(self, call: TransportCall) -> tuple[str, str] | None:
        checked: Mapping[str, Any] = self._words.checked
        for name, is_right in checked.items():
            for number in call.values.get(name, ()):
                if not is_right(number):
                    return BAD_NUMBER, f"{name} {number} does not have the check digit that its other digits give"
        return None
