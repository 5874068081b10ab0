"""From a reply on the wire to the port's answers: what ends the whole call, what is said of each task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from uuid import UUID

from singlewindow.adapters.declared.meanings import Meanings, worst
from singlewindow.adapters.declared.plans import Exchange
from singlewindow.adapters.declared.replies import ReplyReader, Said, match_answers
from singlewindow.adapters.outcomes import WireReply, refuse_unreadable
from singlewindow.adapters.port import Answer
from singlewindow.xsd.parser import Element
from singlewindow.xsd.soap_envelope import MalformedSoap
from singlewindow.xsd.wsdl_replies import ForeignReply, open_foreign


@dataclass(frozen=True, slots=True)
class Answers:
    """Reads one agency's replies. All raise AgencyError for a reply that ends the whole call."""

    agency: str
    meanings: Meanings

    def read(
        self, reply: WireReply, exchange: Exchange, named: Mapping[str, UUID], asked: Sequence[UUID], call_id: str
    ) -> tuple[Answer, ...]:
        """What a reply says of each task; one that it does not answer is `unknown`. `named` are the tasks by what the
        request called them.
        """
        if exchange.reply is None and _is_success(reply):
            return tuple(Answer(task_id, "acknowledged", str(reply.status)) for task_id in asked)
        opened = _try_to_open(reply.body)
        if whole := self._answer_whole(reply, opened, asked):
            return whole
        content = self._content(reply, opened)
        said = self.said(reply, exchange.reply, content)
        if exchange.reply is not None and exchange.reply.answers_another(content, call_id):
            said = ()
        if (meaning := worst(one.meaning for one in said)) is not None:
            raise self.meanings.refuse(meaning, reply, f"{said[0].code} {said[0].text}")
        return match_answers(asked, named, said)

    def content(self, reply: WireReply) -> Element:
        """The Body's element of a reply that is neither a Fault nor a refusal."""
        return self._content(reply, _try_to_open(reply.body))

    def said(self, reply: WireReply, reader: ReplyReader | None, content: Element) -> tuple[Said, ...]:
        """Everything said in a reply."""
        if reader is None:
            return ()
        try:
            return reader.read(content)
        except MalformedSoap as mistake:
            raise refuse_unreadable(self.agency, reply, mistake.detail) from mistake

    def _answer_whole(
        self, reply: WireReply, opened: ForeignReply | MalformedSoap, asked: Sequence[UUID]
    ) -> tuple[Answer, ...]:
        """One answer for all tasks, where agency.toml calls the Fault or the status accepted, or rejected for a single
        task; none where the reply must be read, or is an error.
        """
        if isinstance(opened, MalformedSoap):
            meaning, code, text = self.meanings.of_status(reply.status), str(reply.status), ""
        elif opened.fault is not None:
            fault = opened.fault.fault
            meaning, code, text = self.meanings.of_fault(opened.fault), fault.code, fault.text
        else:
            return ()
        if meaning == "accepted":
            return tuple(Answer(task_id, "acknowledged", code, text) for task_id in asked)
        if meaning == "rejected" and len(asked) == 1:
            return (Answer(asked[0], "rejected", code, text),)
        return ()

    def _content(self, reply: WireReply, opened: ForeignReply | MalformedSoap) -> Element:
        if isinstance(opened, MalformedSoap):
            if reply.status != HTTPStatus.OK:
                refused = self.meanings.refuse_status(reply)
                refused.unreadable = refuse_unreadable(self.agency, reply, opened.detail).unreadable
                raise refused from opened
            raise refuse_unreadable(self.agency, reply, opened.detail) from opened
        if opened.fault is not None:
            raise self.meanings.refuse_fault(reply, opened.fault)
        if not _is_success(reply):
            raise self.meanings.refuse_status(reply)
        return opened.content


def _is_success(reply: WireReply) -> bool:
    return reply.status // 100 == HTTPStatus.OK // 100


def _try_to_open(body: bytes) -> ForeignReply | MalformedSoap:
    try:
        return open_foreign(body)
    except MalformedSoap as mistake:
        return mistake
