"""The plan: which agencies act on a declaration, in which order, and what may be sent now. Repeatable: planning again
adds only what is missing, so a changed declaration gets the steps of its new legs.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from singlewindow.messages.dossier import Dossier, Part
from singlewindow.messages.lifecycle import STATES
from singlewindow.messages.manifest import MessageSet, Route


def plan(dossier: Dossier, message_set: MessageSet, now: datetime, new_id: Callable[[], UUID]) -> None:
    """Add the parts that the routes ask for and make those ready whose earlier steps are far enough."""
    for route in _routes(dossier, message_set):
        _add_parts(dossier, route, now, new_id)
    advance(dossier, message_set, now)


def advance(dossier: Dossier, message_set: MessageSet, now: datetime) -> None:
    """Make ready every planned part whose conditions now hold; nothing starts after a negative end."""
    if any(STATES[part.state].negative for part in dossier.parts if part.required):
        return
    for route in _routes(dossier, message_set):
        for part in dossier.parts:
            if part.state == "planned" and part.action == route.action and _may_start(dossier, route):
                dossier.decide(part, "pending", now)
                dossier.ready.append(part)
    dossier.recombine()


def _routes(dossier: Dossier, message_set: MessageSet) -> list[Route]:
    return [route for route in message_set.routes if dossier.kind in route.kinds and _applies(route, dossier.facts)]


def _applies(route: Route, facts: dict[str, Any]) -> bool:
    return route.when is None or bool(facts.get(route.when))


def _add_parts(dossier: Dossier, route: Route, now: datetime, new_id: Callable[[], UUID]) -> None:
    for entry in dossier.facts.get(route.each, []) if route.each else [None]:
        agency, leg = _agency(route, entry), _leg_number(entry)
        if not agency or any(_same(part, route.action, agency, leg) for part in dossier.parts):
            continue
        crosses = str((entry or {}).get("crosses_border", "")) in {"true", "1", "True"}
        dossier.parts.append(
            Part(
                new_id(),
                agency,
                route.action,
                leg,
                route.required,
                route.principal,
                route.ends,
                crosses,
                since=now,
            )
        )


def _same(part: Part, action: str, agency: str, leg: int | None) -> bool:
    return (part.action, part.agency, part.leg) == (action, agency, leg)


def _agency(route: Route, entry: dict[str, Any] | None) -> str:
    if entry is None or route.agency_by is None:
        return route.agency
    return route.agencies.get(str(entry.get(route.agency_by, "")), "")


def _leg_number(entry: dict[str, Any] | None) -> int | None:
    return int(entry["number"]) if entry and entry.get("number") else None


def _may_start(dossier: Dossier, route: Route) -> bool:
    """Every earlier step that was planned is in one of the states that the route names for it."""
    return all(
        part.state in states
        for action, states in route.after.items()
        for part in dossier.parts
        if part.action == action
    )
