"""What `agency.toml` may say, table by table. All expressions are XPath 1.0 with the prefixes of `[namespaces]`."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from singlewindow.adapters.port import Idempotency
from singlewindow.adapters.security.configuration import Security
from singlewindow.xsd.wsdl_replies import PayloadForm

Meaning = Literal["accepted", "rejected", "retry", "stop", "unknown"]
"""What an answer means. `accepted`: the agency has it. `rejected`: the document is at fault. `retry`: not now. `stop`:
no document is at fault, nothing is sent until an operator has looked. `unknown`: it may have acted.
"""
BodyForm = Literal["base64", "gzip+base64", "xml", "mtom"]
"""How a document stands in a request; `mtom`: it travels beside the envelope, as it is."""


class Table(BaseModel):
    """A table in which an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class Service(Table):
    """One WSDL, beside agency.toml or below it, or (`singlewindow:NAME.wsdl`) one that the single window brings.
    `url` replaces the address that the WSDL gives.

    In a `url`, `{agencies_url}` stands for the setting of that name.
    """

    wsdl: str
    service: str | None = None
    port: str | None = None
    url: str | None = None


class Items(Table):
    """A repeated element of a request: one for each task, or for each original with items of its tasks within.

    `path` leads to it from the element above; `fields` start from it. A task's item may hold one for each reference,
    what other authorities gave (`$name`, `$value`).
    """

    path: str
    each: Literal["task", "original", "reference"] = "task"
    fields: dict[str, str] = Field(default_factory=dict)
    items: Items | None = None


class Errors(Table):
    """What a reply finds wrong: `path` is the repeated element, the others start from it."""

    path: str
    code: str | None = None
    text: str | None = None
    pointer: str | None = None
    value: str | None = None


class Reply(Table):
    """How an answer is read. `item` is the repeated element, one for each task; without it the reply is about one.

    Where the answer stands packed in an element, `payload` is that element and `payload_form` how it is packed; the
    other expressions then start from the document in it. `task_id` is where the task we named is repeated (`sent`
    says what we named it by, where not by `$task_id`); without it answers are taken in the order of the request.
    `call_id` is where the call is repeated; a reply that names another answers nothing.

    `verdict` is what `codes` and `[outcomes]` are asked about, by default the `code`, which is shown to the trader.

    `numbers` are references by name, `time` the authority's own time, `document` a response document of an installed
    message set in `document_form`, `notice_id` the authority's own id of what it says. `codes` go before those of
    `[outcomes]`.
    """

    item: str | None = None
    payload: str | None = None
    payload_form: PayloadForm = "text"
    task_id: str | None = None
    sent: str | None = None
    call_id: str | None = None
    verdict: str | None = None
    code: str | None = None
    text: str | None = None
    time: str | None = None
    numbers: dict[str, str] = Field(default_factory=dict)
    errors: Errors | None = None
    document: str | None = None
    document_form: PayloadForm = "base64"
    notice_id: str | None = None
    codes: dict[str, Meaning] = Field(default_factory=dict)


class Operation(Table):
    """One operation of the WSDL: what goes where in its request, and how its reply is read (None: it has none).

    `fields` and `headers` map a path of element names to an expression on the declaration. `.` is the body's element
    itself, `*` the element that a schema leaves open, `@name` an attribute; what a declaration does not have is left
    out. A header path with prefixes is a block that the WSDL does not mention.
    """

    operation: str
    service: str | None = None
    fields: dict[str, str] = Field(default_factory=dict)
    headers: dict[str, str] = Field(default_factory=dict)
    items: Items | None = None
    reply: Reply | None = None


class Action(Operation):
    """What one action of the routes sends. `$body` stands for the original in the form `body`, or for what the
    stylesheet made of it.
    """

    body: BodyForm = "base64"
    stylesheet: str | None = None


class Credential(Table):
    """What the agency presents (HTTP Basic) when it pushes: `password` by reference, `env:NAME` or `file:PATH` (from
    the agency's folder); `username` likewise or as it is, without it the agency's name.

    Without this table the password is the one that the operator keeps for the agency beside the installation's keys.
    """

    username: str | None = None
    password: str


class Push(Table):
    """The operation of ours that the agency calls when it pushes, as its WSDL describes it. `answer` maps paths of the
    reply to expressions, which may speak of `$accepted`, the number of notices taken.
    """

    operation: str
    service: str | None = None
    answer: dict[str, str] = Field(default_factory=dict)


class Notifications(Table):
    """How the agency's later decisions reach us: pushed to our endpoint, pulled by cursor, or not at all.

    `operation` with `fields` (`$cursor`, `$limit`) pulls a page, also from an agency that pushes; `notice` says how
    each is read, `next` where the next cursor stands (without it: the last notice's id).

    An agency that pushes without `notice` pushes as notification.wsdl says. Where its own WSDL describes what it calls,
    `push` names that operation; without it the answer to a push is an empty envelope.
    """

    mode: Literal["none", "pushed", "pulled"] = "none"
    operation: str | None = None
    service: str | None = None
    fields: dict[str, str] = Field(default_factory=dict)
    headers: dict[str, str] = Field(default_factory=dict)
    notice: Reply | None = None
    next: str | None = None
    push: Push | None = None
    credential: Credential | None = None


class Outcomes(Table):
    """What the agency's answers mean. Keys may hold `*` and `?`; an exact key goes first, then the order written.

    `codes` are those of replies, `faults` of SOAP Faults (their code, the name of an element of their detail, or their
    text), `http` statuses without an envelope. `states` gives the state of ours that an accepted code brings. A code
    found nowhere means `otherwise`, a Fault or a status what SOAP and HTTP say of it.
    """

    codes: dict[str, Meaning] = Field(default_factory=dict)
    states: dict[str, str] = Field(default_factory=dict)
    faults: dict[str, Meaning] = Field(default_factory=dict)
    http: dict[str, Meaning] = Field(default_factory=dict)
    otherwise: Meaning = "unknown"


class Retry(Table):
    """The retry budget; what is left out comes from the settings. `budget_seconds` is a task's age at most."""

    max_attempts: int | None = Field(None, ge=1)
    base_seconds: float | None = Field(None, gt=0)
    cap_seconds: float | None = Field(None, gt=0)
    budget_seconds: float = Field(86_400.0, gt=0)


class Limits(Table):
    """What the agency bears. `rate_per_second` bounds the calls of one process; a call's wait for its turn comes on top
    of `deadline_seconds`, which bounds one exchange.
    """

    batch_size: int = Field(1, ge=1, le=1000)
    concurrency: int = Field(4, ge=1, le=64)
    rate_per_second: float | None = Field(None, gt=0)
    deadline_seconds: float = Field(15.0, gt=0, le=300)
    retry: Retry = Retry()


class Agency(Table):
    """One agency. `actions` are those of the routes; `*` takes every action without a table of its own. A table
    `every_action` in the file holds what they have in common; `extends` names a description that the file adds to.

    `units` says, by root element, where the declarations of a message stand; a message of another root is one.
    `security` is made ready by `adapters/security/loading.py`.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,31}$")
    title: str = ""
    environment: str | None = None
    idempotency: Idempotency = "none"
    namespaces: dict[str, str] = Field(default_factory=dict)
    services: dict[str, Service] = Field(min_length=1)
    units: dict[str, str] = Field(default_factory=dict)
    actions: dict[str, Action] = Field(min_length=1)
    status: Operation | None = None
    notifications: Notifications = Notifications()
    outcomes: Outcomes = Outcomes()
    limits: Limits = Limits()
    security: Security = Security()
