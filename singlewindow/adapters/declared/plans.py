"""An agency's configuration compiled whole: its services, and a plan for each action, question and pull."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from singlewindow.adapters.declared.bodies import BodyMaker
from singlewindow.adapters.declared.compiling import RequestCompiler, Variables
from singlewindow.adapters.declared.configuration import Action, Notifications, Operation, Reply, Service
from singlewindow.adapters.declared.meanings import Meanings
from singlewindow.adapters.declared.pushes import PushReply, compile_push_reply, pushed_element
from singlewindow.adapters.declared.reading import AgencyFolder
from singlewindow.adapters.declared.replies import ReplyReader, compile_reply
from singlewindow.adapters.declared.requests import RequestPlan
from singlewindow.adapters.declared.scopes import (
    ASKED_VARIABLES,
    CALL_VARIABLES,
    MESSAGE_VARIABLES,
    PULL_VARIABLES,
    QUESTION_VARIABLES,
    REFERENCE_VARIABLES,
    TASK_VARIABLES,
)
from singlewindow.adapters.soap import PortName, ServiceDescription
from singlewindow.errors import ConfigurationError
from singlewindow.xsd.soap_descriptions import DESCRIPTIONS
from singlewindow.xsd.wsdl_documents import Stylesheet
from singlewindow.xsd.wsdl_expressions import Expression, compile_expression

ANY_ACTION = "*"
SHIPPED = "singlewindow:"
"""Names a WSDL that the single window brings."""

_ACTING = Variables(CALL_VARIABLES, MESSAGE_VARIABLES, TASK_VARIABLES, REFERENCE_VARIABLES)
_ASKING = Variables(QUESTION_VARIABLES, QUESTION_VARIABLES, ASKED_VARIABLES)
_PULLING = Variables(PULL_VARIABLES, PULL_VARIABLES, PULL_VARIABLES)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One operation: where it goes, how it is asked, how its reply is read (None: it has none).

    `sent` is what the request calls a task by; None: its id.
    """

    url: str
    request: RequestPlan
    reply: ReplyReader | None
    sent: Expression | None = None


@dataclass(frozen=True, slots=True)
class AgencyPlans:
    """Everything an adapter does. `pushed` reads notices that the agency brings by itself."""

    actions: Mapping[str, Exchange]
    status: Exchange | None
    pull: Exchange | None
    next_cursor: Expression | None
    pushed: ReplyReader | None
    push_answer: PushReply
    units: Mapping[str, Expression]

    @property
    def urls(self) -> frozenset[str]:
        """Every address that something is sent to."""
        exchanges = (*self.actions.values(), self.status, self.pull)
        return frozenset(exchange.url for exchange in exchanges if exchange is not None)

    def for_action(self, action: str) -> Exchange | None:
        """The exchange of an action of the routes, None where agency.toml has none."""
        return self.actions.get(action) or self.actions.get(ANY_ACTION)


class Compiler:
    """Compiles one agency. Reads WSDLs and stylesheets afresh. Raises ConfigurationError naming file, table, key.

    With `base_url` every address keeps its path and is looked for there: behind a proxy or a stub.
    """

    def __init__(self, read: AgencyFolder, agencies_url: str, *, base_url: str | None = None) -> None:
        self._read, self._agencies_url, self._base_url = read, agencies_url.rstrip("/"), base_url
        self._meanings = Meanings(read.agency.name, read.agency.outcomes)
        self._services = {name: self._load(name, service) for name, service in read.agency.services.items()}

    @property
    def services(self) -> Mapping[str, tuple[ServiceDescription, str]]:
        """The services by the names that agency.toml gives them, each with its address."""
        return self._services

    def compile(self) -> AgencyPlans:
        """The plans of the whole agency."""
        agency, given = self._read.agency, self._read.agency.notifications
        return AgencyPlans(
            {name: self._action(name, action) for name, action in agency.actions.items()},
            None if agency.status is None else self._exchange(("status",), agency.status, _ASKING),
            self._pull(given) if given.operation and given.notice else None,
            self._expression(given.next, "notifications", "next"),
            *self._pushed(given),
            {name: self._unit(name, source) for name, source in agency.units.items()},
        )

    def _action(self, name: str, action: Action) -> Exchange:
        keys, stylesheet = ("actions", name), None
        if action.stylesheet is not None:
            stylesheet = Stylesheet(self._read.file(action.stylesheet, *keys, "stylesheet"))
        return self._exchange(keys, action, _ACTING, BodyMaker(action.body, stylesheet))

    def _pull(self, given: Notifications) -> Exchange:
        operation = Operation(
            operation=given.operation or "", service=given.service, fields=given.fields, headers=given.headers
        )
        asked = self._exchange(("notifications",), operation, _PULLING)
        notice = self._notice(given.notice, asked.request) if given.notice else None
        return Exchange(asked.url, asked.request, notice)

    def _pushed(self, given: Notifications) -> tuple[ReplyReader | None, PushReply]:
        """How a push is read, and how it is answered."""
        version = next(iter(self._services.values()))[0].version
        if given.notice is None or given.mode != "pushed":
            return None, PushReply(version)
        if given.push is None:
            return self._notice(given.notice), PushReply(version)
        service, _ = self._services[given.push.service or next(iter(self._services))]
        reply = compile_push_reply(self._read, given.push, service)
        return self._notice(given.notice, element=pushed_element(given.push, service)), reply

    def _notice(self, table: Reply, request: RequestPlan | None = None, *, element: str | None = None) -> ReplyReader:
        """A notice that cannot be read must not be skipped: its reader is strict."""
        element = element if request is None else _reply_element(request)
        keys = ("notifications", "notice")
        return compile_reply(self._read, keys, table, meanings=self._meanings, strict=True, element=element)

    def _exchange(
        self, keys: tuple[str, ...], operation: Operation, variables: Variables, maker: BodyMaker | None = None
    ) -> Exchange:
        name = operation.service or next(iter(self._services))
        service, url = self._services[name]
        with self._read.blame("services", name):
            _check_url(url)
        request = RequestCompiler(self._read, variables, maker).compile(keys, operation, service)
        if operation.reply is None:
            return Exchange(url, request, None)
        reply = compile_reply(
            self._read, (*keys, "reply"), operation.reply, meanings=self._meanings, element=_reply_element(request)
        )
        sent = self._expression(operation.reply.sent, *keys, "reply", "sent", variables=variables)
        return Exchange(url, request, reply, sent)

    def _unit(self, root: str, source: str) -> Expression:
        with self._read.blame("units", root):
            return compile_expression(source, self._read.agency.namespaces)

    def _expression(self, source: str | None, *keys: str, variables: Variables | None = None) -> Expression | None:
        if source is None:
            return None
        with self._read.blame(*keys):
            return compile_expression(source, self._read.agency.namespaces, variables.task if variables else ())

    def _wsdl(self, wsdl: str, name: str) -> Path:
        if not wsdl.startswith(SHIPPED):
            return self._read.file(wsdl, "services", name, "wsdl")
        path = DESCRIPTIONS / wsdl.removeprefix(SHIPPED)
        if path.parent != DESCRIPTIONS or not path.is_file():
            known = ", ".join(f"{SHIPPED}{one.name}" for one in sorted(DESCRIPTIONS.glob("*.wsdl")))
            raise ConfigurationError(f"{self._read.place('services', name, 'wsdl')}: no {wsdl}; known: {known}")
        return path

    def _load(self, name: str, service: Service) -> tuple[ServiceDescription, str]:
        path = self._wsdl(service.wsdl, name)
        within = self._read.folder if path.is_relative_to(self._read.folder.resolve()) else path.parent
        with self._read.blame("services", name):
            port = ServiceDescription.read(path, within, PortName(service.service, service.port))
            url = self._address(service.url or port.address)
            if "@" in url.partition("//")[2].partition("/")[0]:
                raise ConfigurationError("url: a user and a password stand in [security.basic], never in an address")
        return port, url

    def _address(self, told: str) -> str:
        if self._base_url is None or "{agencies_url}" in told:
            base_url = self._agencies_url if self._base_url is None else self._base_url.rstrip("/")
            return told.replace("{agencies_url}", base_url)
        path = urlsplit(told)
        return self._base_url.rstrip("/") + urlunsplit(("", "", path.path or "/", path.query, ""))


def _check_url(url: str) -> None:
    """A service that is only ours to offer needs no address; one that is called does."""
    if not url.startswith(("http://", "https://")):
        raise ConfigurationError(f"url: {url or 'nothing'} is no HTTP address, and the WSDL gives no other")


def _reply_element(request: RequestPlan) -> str | None:
    """The name of a reply's element, which only document style binds."""
    shape = request.service.describe(request.operation)
    return shape.reply.name if shape.reply is not None and shape.style == "document" else None
