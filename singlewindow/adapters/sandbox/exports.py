"""Customs for export-1: registers, examines and releases declarations, and takes what changes or ends them."""

from __future__ import annotations

from singlewindow.adapters.sandbox.consignments import (
    ACCEPTED,
    CANCELLED,
    CLOSED,
    DETAINED,
    REGISTERED,
    RELEASED,
    SUBMITTED,
    UNDER_CONTROL,
    Consignment,
    Consignments,
    Conversation,
    begin,
)
from singlewindow.adapters.sandbox.delays import spread_ms
from singlewindow.adapters.sandbox.numbers import Numbers
from singlewindow.adapters.sandbox.records import Decision, Notice, Request

DECLARE, EXIT = "declare", "exit"
FOLLOW_UPS = {
    "Amendment": "amend",
    "InvalidationRequest": "invalidate",
    "Presentation": "present",
    "ArrivalAtExit": "arrive",
    "ExitConfirmation": EXIT,
    "AdditionalDocuments": "documents",
}
"""The action by the root of a message that points to a declaration."""

PRE_LODGED = "D"

RULE_BROKEN, LRN_USED, UNKNOWN_MRN, OUT_OF_SEQUENCE = "14", "14", "90", "92"
"""Functional error codes of the EU's export system."""

_TARGET = "/{root}/Target"
_REJECTED_ELEMENT = "/ExportDeclaration/GoodsItem[1]/CommodityCode"


class Exports:
    """Customs' desk for export-1."""

    def __init__(self, numbers: Numbers, consignments: Consignments) -> None:
        self._numbers, self._consignments = numbers, consignments

    def take(self, request: Request) -> Decision:
        """Decide on a declaration, on its exit, or on a message that points to it."""
        if request.root in FOLLOW_UPS:
            return self._follow_up(request, FOLLOW_UPS[request.root])
        return self._confirm_exit(request) if request.action == EXIT else self._declare(request)

    def _declare(self, request: Request) -> Decision:
        consignment = self._consignments.of(request)
        earlier = consignment.declaration
        if earlier is not None and not (consignment.refused or consignment.cancelled):
            return _refuse_duplicate(request, consignment, earlier)
        consignment.reset()
        consignment.crossing = frozenset(
            int(leg["number"]) for leg in request.lists.get("legs", []) if leg.get("crosses") in {"true", "1"}
        )
        conversation = consignment.declaration = begin(request, consignment, DECLARE)
        conversation.attempt = consignment.count(DECLARE)
        answer = conversation.say(SUBMITTED, request.at_ms)
        later = self._examine(conversation, consignment)
        return Decision(consignment.key, DECLARE, answer, tuple(later), attempt=conversation.attempt)

    def _examine(self, conversation: Conversation, consignment: Consignment) -> list[Notice]:
        path = _choose_path(conversation)
        request = conversation.request
        notices = []
        for status, offset_ms in zip(path, spread_ms(request, len(path)), strict=True):
            due_ms = request.at_ms + offset_ms
            if status == REGISTERED:
                notices.append(self._register(conversation, consignment, due_ms))
            elif status == "rejected":
                consignment.refused = True
                text = "the sandbox was told to REJECT this"
                notices.append(conversation.refuse(RULE_BROKEN, _REJECTED_ELEMENT, text, due_ms))
            else:
                control = "physical" if status == UNDER_CONTROL else None
                notices.append(conversation.say(status, due_ms, control=control))
        return notices

    def _register(self, conversation: Conversation, consignment: Consignment, due_ms: int) -> Notice:
        mrn = self._numbers.movement_reference_number(due_ms)
        self._consignments.register(consignment, mrn)
        conversation.about["MRN"] = mrn
        return conversation.say(REGISTERED, due_ms, references={"MRN": mrn})

    def _follow_up(self, request: Request, action: str) -> Decision:
        consignment = self._consignments.find(request)
        target = consignment or Consignment(request.fields.get("declarant", ""), request.fields.get("lrn", "UNKNOWN"))
        conversation = begin(request, target, action)
        answer = conversation.say(SUBMITTED, request.at_ms)
        due_ms = request.at_ms + spread_ms(request, 1)[0]
        later = self._decide(conversation, consignment, action, due_ms)
        key = f"{action}|{target.declarant}|{target.lrn}|{request.reference}"
        return Decision(key, action, answer, tuple(later))

    def _decide(
        self, conversation: Conversation, consignment: Consignment | None, action: str, due_ms: int
    ) -> list[Notice]:
        pointer = _TARGET.format(root=conversation.request.root)
        if "SILENT" in conversation.words:
            return []
        if consignment is None:
            return [conversation.refuse(UNKNOWN_MRN, pointer, "no such declaration is known here", due_ms)]
        if _comes_too_late(consignment, action, conversation.request.at_ms):
            return [conversation.refuse(OUT_OF_SEQUENCE, pointer, "the declaration is past this step", due_ms)]
        if "REJECT" in conversation.words:
            text = "the sandbox was told to REJECT this"
            return [conversation.refuse(RULE_BROKEN, pointer, text, due_ms)]
        return [conversation.say(ACCEPTED, due_ms), *self._consequences(consignment, action, due_ms)]

    def _consequences(self, consignment: Consignment, action: str, due_ms: int) -> list[Notice]:
        """What an accepted message brings about for the declaration it points to."""
        declaration = consignment.declaration
        if declaration is None:
            return []
        if action == "invalidate":
            consignment.cancelled = True
            return [declaration.say(CANCELLED, due_ms + 1)]
        if action == EXIT:
            return self._close(consignment, due_ms + 1)
        if (
            action == "present"
            and declaration.request.fields.get("type") == PRE_LODGED
            and RELEASED not in declaration.said_ms
        ):
            return [declaration.say(status, due_ms + 1) for status in (ACCEPTED, RELEASED)]
        return []

    def _confirm_exit(self, request: Request) -> Decision:
        """The single window itself reports that every leg has done its part."""
        consignment = self._consignments.of(request)
        conversation = begin(request, consignment, EXIT)
        answer = conversation.say(SUBMITTED, request.at_ms)
        due_ms = request.at_ms + spread_ms(request, 1)[0]
        later = [conversation.say(ACCEPTED, due_ms), conversation.say(CLOSED, due_ms)]
        later += self._close(consignment, conversation.last_ms)
        return Decision(consignment.key, EXIT, answer, tuple(later), attempt=consignment.count(EXIT))

    def _close(self, consignment: Consignment, due_ms: int) -> list[Notice]:
        if consignment.declaration is None or consignment.closed or consignment.cancelled:
            return []
        consignment.closed = True
        return [consignment.declaration.say(CLOSED, due_ms)]


def _choose_path(conversation: Conversation) -> tuple[str, ...]:
    """The statuses after submitted; a pre-lodged declaration waits for its Presentation."""
    words = conversation.words
    if "SILENT" in words:
        return ()
    if "REJECT" in words or ("MEND" in words and conversation.attempt == 1):
        return ("rejected",)
    if "HOLD" in words:
        return (REGISTERED, ACCEPTED, DETAINED)
    if conversation.request.fields.get("type") == PRE_LODGED:
        return (REGISTERED,)
    return (REGISTERED, ACCEPTED, UNDER_CONTROL, RELEASED) if "INSPECT" in words else (REGISTERED, ACCEPTED, RELEASED)


def _comes_too_late(consignment: Consignment, action: str, at_ms: int) -> bool:
    """Nothing follows a cancelled, refused or closed declaration; after departure it can no longer be amended."""
    over = consignment.cancelled or consignment.refused or consignment.closed
    return over or (action == "amend" and consignment.has_departed(at_ms))


def _refuse_duplicate(request: Request, consignment: Consignment, earlier: Conversation) -> Decision:
    conversation = begin(request, consignment, DECLARE)
    text = "this LRN is in use by a declaration that is neither rejected nor cancelled"
    answer = conversation.refuse(LRN_USED, "/ExportDeclaration/LRN", text, request.at_ms)
    task_id = earlier.request.task_id
    return Decision(consignment.key, DECLARE, answer, kind="duplicate", attempt=earlier.attempt, duplicate_of=task_id)
