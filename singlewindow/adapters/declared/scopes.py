"""What expressions of a request may speak of: the declaration, its task, its message and the call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from uuid import UUID

from singlewindow.adapters.port import Call, OriginalItem, TaskItem
from singlewindow.xsd.parser import Element
from singlewindow.xsd.wsdl_documents import EMPTY, Original
from singlewindow.xsd.wsdl_expressions import Expression, reference_nodes

CALL_VARIABLES = ("call_id", "sender", "action", "environment", "count")
MESSAGE_VARIABLES = (*CALL_VARIABLES, "message_id", "message_set", "root", "sha256")
TASK_VARIABLES = (*MESSAGE_VARIABLES, "task_id", "ordinal", "leg", "references")
REFERENCE_VARIABLES = (*TASK_VARIABLES, "name", "value")
QUESTION_VARIABLES = ("call_id", "environment", "count")
ASKED_VARIABLES = (*QUESTION_VARIABLES, "task_id")
PULL_VARIABLES = (*QUESTION_VARIABLES, "cursor", "limit")


@dataclass(frozen=True, slots=True)
class Scope:
    """One level of a request: the variables, and the message and its declaration where there is one."""

    variables: dict[str, str]
    original: Original | None = None
    sha256: str = ""
    task_id: UUID | None = None
    unit: Expression | None = None
    ordinal: int | None = None
    given: Mapping[str, str] = field(default_factory=dict)

    @property
    def context(self) -> Element:
        """The element that expressions start from. Raises Refused and Underivable for an original without it."""
        if self.original is None or self.ordinal is None:
            return EMPTY
        return self.original.unit(self.unit, self.ordinal)

    def text(self, expression: Expression) -> str | None:
        """An expression's value here; see Expression."""
        found = self.texts(expression)
        return found[0] if found else None

    def texts(self, expression: Expression) -> list[str]:
        """All its values; an empty one is none. The message is parsed only for an expression that looks into it."""
        if expression.variable and expression.variable in self.variables:
            found = [self.variables[expression.variable].strip()]
        else:
            context = EMPTY if expression.variable else self.context
            found = expression.texts(context, self.variables | {"references": reference_nodes(self.given)})
        return [text for text in found if text]

    def references(self) -> list[Scope]:
        """A scope for each reference of the task, by name."""
        pairs = sorted(self.given.items())
        return [replace(self, variables=self.variables | {"name": name, "value": value}) for name, value in pairs]

    def parameters(self) -> dict[str, str]:
        """The variables as a stylesheet's parameters: texts only."""
        return self.variables


@dataclass(frozen=True, slots=True)
class MessageScopes:
    """One message of a call, with a scope for each of its tasks."""

    scope: Scope
    tasks: tuple[Scope, ...]


def scope_call(call: Call, environment: str | None) -> Scope:
    """The scope of a whole call."""
    count = sum(len(item.tasks) for item in call.items)
    return Scope(
        {
            "call_id": str(call.call_id),
            "sender": call.sender,
            "action": call.action,
            "environment": environment or "",
            "count": str(count),
        }
    )


def scope_messages(call: Call, outer: Scope, units: Mapping[str, Expression]) -> tuple[MessageScopes, ...]:
    """The scopes of a call's messages and tasks."""
    return tuple(_scope_message(item, outer, units.get(item.root)) for item in call.items)


def scope_questions(task_ids: tuple[UUID, ...], outer: Scope) -> MessageScopes:
    """The scopes of tasks that are asked about, of which nothing is known but the id."""
    return MessageScopes(outer, tuple(_scope_asked(task_id, outer) for task_id in task_ids))


def each_task(messages: tuple[MessageScopes, ...]) -> Iterator[Scope]:
    """The tasks of all messages, in order."""
    for message in messages:
        yield from message.tasks


def _scope_message(item: OriginalItem, outer: Scope, unit: Expression | None) -> MessageScopes:
    original = Original(item.original)
    variables = outer.variables | {
        "message_id": str(item.message_id),
        "message_set": item.message_set,
        "root": item.root,
        "sha256": item.sha256,
    }
    scope = Scope(variables, original=original, sha256=item.sha256)
    return MessageScopes(scope, tuple(_scope_task(task, scope, original, unit) for task in item.tasks))


def _scope_task(task: TaskItem, message: Scope, original: Original, unit: Expression | None) -> Scope:
    variables = message.variables | {
        "task_id": str(task.task_id),
        "ordinal": str(task.ordinal),
        "leg": "" if task.leg is None else str(task.leg),
    }
    return Scope(variables, original, message.sha256, task.task_id, unit, task.ordinal, task.references)


def _scope_asked(task_id: UUID, outer: Scope) -> Scope:
    return Scope(outer.variables | {"task_id": str(task_id)}, task_id=task_id)
