"""Inspection and the carriers: certificates, bookings, release notices, and the movements of the legs."""

from __future__ import annotations

from dataclasses import dataclass

from singlewindow.adapters.sandbox.consignments import (
    ACCEPTED,
    ARRIVED,
    CANCELLED,
    DEPARTED,
    DETAINED,
    REJECTED,
    SUBMITTED,
    SUSPENDED,
    UNDER_CONTROL,
    Consignment,
    Consignments,
    Conversation,
    begin,
)
from singlewindow.adapters.sandbox.delays import spread_ms
from singlewindow.adapters.sandbox.documents import CERTIFICATE
from singlewindow.adapters.sandbox.numbers import Numbers
from singlewindow.adapters.sandbox.records import Decision, Notice, Request
from singlewindow.adapters.sandbox.transport_modes import CLEARED, document_number

INSPECT, BOOK, RELEASE, CANCEL = "inspect", "book", "release", "cancel"
BOOKING = "booking"
ANSWERS_AT_ONCE = frozenset({"road", "air"})
"""Carriers whose booking number stands in the SOAP reply; the others push it."""

EVENTS = (DEPARTED, ARRIVED)

_REFUSAL = "the sandbox was told to REJECT this"
_ITEM = "/ExportDeclaration/GoodsItem[1]"
_LEG = "/ExportDeclaration/Transport/Leg[{leg}]"


class Inspection:
    """Inspection's desk: certificates for what it is asked to inspect."""

    def __init__(self, numbers: Numbers, consignments: Consignments) -> None:
        self._numbers, self._consignments = numbers, consignments

    def take(self, request: Request) -> Decision:
        """Decide on an application; the certificate's number comes with `accepted`."""
        consignment = self._consignments.of(request)
        conversation = begin(request, consignment, INSPECT)
        answer = conversation.say(SUBMITTED, request.at_ms)
        path = _inspection_path(conversation.words)
        offsets_ms = spread_ms(request, len(path))
        later = [
            self._tell(conversation, consignment, status, request.at_ms + offset_ms)
            for status, offset_ms in zip(path, offsets_ms, strict=True)
        ]
        return Decision(consignment.key, INSPECT, answer, tuple(later), attempt=consignment.count(INSPECT))

    def _tell(self, conversation: Conversation, consignment: Consignment, status: str, due_ms: int) -> Notice:
        if status == REJECTED:
            consignment.refused = True
            return conversation.refuse("14", _ITEM, _REFUSAL, due_ms)
        if status == ACCEPTED:
            number = self._numbers.certificate_number(due_ms)
            return conversation.say(ACCEPTED, due_ms, references={CERTIFICATE: number})
        return conversation.say(status, due_ms, control="physical" if status == UNDER_CONTROL else None)


@dataclass(slots=True)
class Booking:
    """One leg at its carrier; its movements are told to the release notice's task once there is one.

    `document` is the number of the transport document that confirms it: consignment note, booking or air waybill.
    """

    consignment: Consignment
    leg: int | None
    conversation: Conversation
    number: str | None = None
    document: str | None = None
    release: Conversation | None = None
    cancellation: Conversation | None = None

    def standing(self, at_ms: int) -> tuple[str, int]:
        """What had been said last by a time (milliseconds), and when; `accepted` of a release is `cleared`."""
        said = [(said_ms, status) for status, said_ms in self.conversation.said_ms.items()]
        if self.release is not None:
            released = self.release.said_ms.items()
            said += [(said_ms, CLEARED if status == ACCEPTED else status) for status, said_ms in released]
        if self.cancellation is not None:
            said += [(said_ms, status) for status, said_ms in self.cancellation.said_ms.items()]
        said_ms, status = max((one for one in said if one[0] <= at_ms), default=min(said))
        return status, said_ms


class Carriers:
    """The desk of all carriers; each works under its agency's name."""

    def __init__(self, numbers: Numbers, consignments: Consignments, *, longest_ms: int) -> None:
        self._numbers, self._consignments, self._longest_ms = numbers, consignments, longest_ms
        self._by_leg: dict[tuple[str, str, int | None], Booking] = {}
        self._by_number: dict[str, Booking] = {}
        self._by_task: dict[str, Booking] = {}

    def take(self, request: Request) -> Decision:
        """Book a leg, take the release notice for it, or take note of anything else."""
        consignment = self._consignments.of(request)
        action = request.action if request.action in {RELEASE, CANCEL} else BOOK
        conversation = begin(request, consignment, RELEASE if action == RELEASE else BOOK)
        place = (request.agency, consignment.key, request.leg)
        if action == BOOK:
            answer, later = self._book(conversation, consignment, place)
        elif action == RELEASE:
            answer, later = self._release(conversation, consignment, place)
        else:
            answer, later = self._cancel(conversation, place), []
        if place in self._by_leg:
            self._by_task[request.task_id] = self._by_leg[place]
        key = consignment.key if request.leg is None else f"{consignment.key}|leg {request.leg}"
        attempt = consignment.count(f"{request.agency} {action} {request.leg}")
        return Decision(key, action, answer, tuple(later), attempt=attempt)

    def of_task(self, task_id: str) -> Booking | None:
        """The booking that a task made, released or cancelled."""
        return self._by_task.get(task_id)

    def find(self, agency: str, *, number: str | None, lrn: str | None, leg: int | None) -> Booking | None:
        """A booking by its number or its document's, or by LRN and leg."""
        if number is not None:
            found = self._by_number.get(number)
            return found if found is not None and found.conversation.request.agency == agency else None
        places = ((agency, consignment.key, leg) for consignment in self._consignments.named(lrn or ""))
        return next((self._by_leg[place] for place in places if place in self._by_leg), None)

    def at(self, agency: str, declarant: str, lrn: str, leg: int | None) -> Booking | None:
        """The booking of one leg of one declarant's consignment."""
        return self._by_leg.get((agency, Consignment(declarant, lrn).key, leg))

    def move(self, booking: Booking, event: str, at_ms: int) -> Notice:
        """A leg has `departed` or `arrived`; a departure across the border ends amendments."""
        consignment = booking.consignment
        if event == DEPARTED and (booking.leg in consignment.crossing or not consignment.crossing):
            consignment.departed_ms = consignment.departed_ms or at_ms
        return (booking.release or booking.conversation).say(event, at_ms)

    def _book(
        self, conversation: Conversation, consignment: Consignment, place: tuple[str, str, int | None]
    ) -> tuple[Notice, list[Notice]]:
        request = conversation.request
        booking = self._by_leg[place] = Booking(consignment, request.leg, conversation)
        if "SILENT" in conversation.words:
            return conversation.say(SUBMITTED, request.at_ms), []
        if request.agency in ANSWERS_AT_ONCE:
            return self._confirm(booking, request.at_ms), []
        answer = conversation.say(SUBMITTED, request.at_ms)
        return answer, [self._confirm(booking, request.at_ms + spread_ms(request, 1)[0])]

    def _confirm(self, booking: Booking, due_ms: int) -> Notice:
        conversation = booking.conversation
        if "REJECT" in conversation.words:
            return conversation.refuse("14", _LEG.format(leg=booking.leg or 1), _REFUSAL, due_ms)
        if "HOLD" in conversation.words:
            return conversation.say(SUSPENDED, due_ms)
        booking.number = self._numbers.booking_number(conversation.request.agency, due_ms)
        booking.document = document_number(conversation.request.agency, booking.number)
        self._by_number[booking.number] = self._by_number[booking.document] = booking
        return conversation.say(ACCEPTED, due_ms, references={BOOKING: booking.number})

    def _release(
        self, conversation: Conversation, consignment: Consignment, place: tuple[str, str, int | None]
    ) -> tuple[Notice, list[Notice]]:
        request = conversation.request
        answer = conversation.say(ACCEPTED, request.at_ms)
        booking = self._by_leg.setdefault(place, Booking(consignment, request.leg, conversation))
        booking.release = conversation
        return answer, self._travel(booking, request.at_ms) if "MOVES" in conversation.words else []

    def _cancel(self, conversation: Conversation, place: tuple[str, str, int | None]) -> Notice:
        booking = self._by_leg.get(place)
        if booking is not None:
            booking.cancellation = conversation
        return conversation.say(CANCELLED, conversation.request.at_ms)

    def _travel(self, booking: Booking, at_ms: int) -> list[Notice]:
        """Depart and arrive by itself; a later leg sets out after the ones before it have arrived."""
        step_ms, before = self._longest_ms + 1, 2 * ((booking.leg or 1) - 1)
        return [self.move(booking, event, at_ms + step_ms * (before + place)) for place, event in enumerate(EVENTS, 1)]


def _inspection_path(words: frozenset[str]) -> tuple[str, ...]:
    if "SILENT" in words:
        return ()
    if "REJECT" in words:
        return (REJECTED,)
    if "HOLD" in words:
        return (DETAINED,)
    return (UNDER_CONTROL, ACCEPTED) if "INSPECT" in words else (ACCEPTED,)
