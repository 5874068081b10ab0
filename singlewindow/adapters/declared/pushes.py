"""What answers an agency's push: the reply of the operation that its WSDL has it call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from singlewindow.adapters.declared.configuration import Push
from singlewindow.adapters.declared.fields import WHOLE, Place, find_place
from singlewindow.adapters.declared.reading import AgencyFolder
from singlewindow.adapters.soap import ServiceDescription
from singlewindow.errors import ConfigurationError
from singlewindow.xsd.soap_envelope import SoapVersion, http_headers, write
from singlewindow.xsd.wsdl_documents import EMPTY, write_empty_envelope
from singlewindow.xsd.wsdl_expressions import Expression, compile_expression

VARIABLES = ("accepted",)


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What answers a push over HTTP."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class PushReply:
    """How pushes are answered: by the operation's reply, without a body where it has none, or (no operation) by an
    empty envelope.
    """

    version: SoapVersion
    service: ServiceDescription | None = None
    operation: str = ""
    fields: tuple[tuple[Place, Expression], ...] = field(default_factory=tuple)

    def make(self, accepted: int) -> HttpAnswer:
        """The answer after so many notices were taken. Raises ConfigurationError for values the WSDL does not take."""
        if self.service is None:
            return HttpAnswer(HTTPStatus.OK, http_headers(self.version), write_empty_envelope(self.version))
        if self.service.describe(self.operation).reply is None:
            return HttpAnswer(HTTPStatus.ACCEPTED, {}, b"")
        envelope = self.service.draft_reply(self.operation, self._values(str(accepted)))
        return HttpAnswer(HTTPStatus.OK, http_headers(self.version), write(envelope))

    def _values(self, accepted: str) -> dict[str, Any] | str:
        arguments: dict[str, Any] = {}
        for place, expression in self.fields:
            found = expression.texts(EMPTY, {"accepted": accepted})
            if place.path == WHOLE:
                return found[0] if found else ""
            if found:
                place.put(arguments, found[0])
        return arguments


def compile_push_reply(read: AgencyFolder, push: Push, service: ServiceDescription) -> PushReply:
    """Raises ConfigurationError naming file, table and key; also for an answer that the WSDL finds incomplete."""
    with read.blame("notifications", "push", "operation"):
        shape = service.describe(push.operation).reply
    if shape is None and push.answer:
        raise ConfigurationError(f"{read.place('notifications', 'push', 'answer')}: the operation has no reply")
    fields = []
    for path, source in push.answer.items():
        with read.blame("notifications", "push", "answer", path):
            expression = compile_expression(source, read.agency.namespaces, VARIABLES)
            if shape is not None:
                fields.append((find_place(shape, path), expression))
    reply = PushReply(service.version, service, push.operation, tuple(fields))
    with read.blame("notifications", "push", "answer"):
        reply.make(1)
    return reply


def pushed_element(push: Push, service: ServiceDescription) -> str:
    """The local name of the element that the agency pushes."""
    return service.describe(push.operation).request.name
