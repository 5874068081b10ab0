"""Customs for documents of any other message set: registers what it can read a reference in, and releases it."""

from __future__ import annotations

from collections import Counter

from singlewindow.adapters.sandbox.consignments import (
    REGISTERED,
    RELEASED,
    SUBMITTED,
    Consignment,
    Conversation,
    begin,
)
from singlewindow.adapters.sandbox.delays import spread_ms
from singlewindow.adapters.sandbox.numbers import Numbers
from singlewindow.adapters.sandbox.records import Decision, Notice, Request

DECLARE = "declare"


class Others:
    """One document, one effect: by sender, root and reference."""

    def __init__(self, numbers: Numbers) -> None:
        self._numbers = numbers
        self._alive: dict[str, Request] = {}
        self._attempts: Counter[str] = Counter()

    def take(self, request: Request) -> Decision:
        """Decide on a document; answers come as Response, whatever the set."""
        reference = request.reference
        key = f"{request.root}|{request.sender}|{reference}"
        consignment = Consignment(request.sender, reference)
        conversation = begin(request, consignment, DECLARE)
        earlier = self._alive.get(key)
        if earlier is not None:
            answer = conversation.refuse("26", f"/{request.root}", "the reference is used already", request.at_ms)
            attempt, task_id = self._attempts[key], earlier.task_id
            return Decision(key, DECLARE, answer, kind="duplicate", attempt=attempt, duplicate_of=task_id)
        self._attempts[key] += 1
        if "REJECT" not in conversation.words:
            self._alive[key] = request
        answer = conversation.say(SUBMITTED, request.at_ms)
        return Decision(key, DECLARE, answer, tuple(self._decide(conversation)), attempt=self._attempts[key])

    def _decide(self, conversation: Conversation) -> list[Notice]:
        request, words = conversation.request, conversation.words
        if "SILENT" in words:
            return []
        first, second = spread_ms(request, 2)
        if "REJECT" in words:
            text = "the sandbox was told to REJECT this"
            return [conversation.refuse("14", f"/{request.root}", text, request.at_ms + first)]
        conversation.about["MRN"] = self._numbers.movement_reference_number(request.at_ms)
        return [conversation.say(REGISTERED, request.at_ms + first), conversation.say(RELEASED, request.at_ms + second)]
