"""Which agencies a message set sends to, and whether all of them are connected."""

from __future__ import annotations

from collections.abc import Collection

from singlewindow.errors import ConfigurationError
from singlewindow.messages.manifest import MessageSet, Route


def agencies_of(route: Route) -> frozenset[str]:
    """Every agency that a route may send to."""
    named = route.agencies.values() if route.agency_by else (route.agency,)
    return frozenset(name for name in named if name)


def check_destinations(message_set: MessageSet, connected: Collection[str], place: str) -> None:
    """Raises ConfigurationError for a route to an agency that has no adapter: what took it would wait for ever."""
    for number, route in enumerate(message_set.routes):
        if missing := sorted(agencies_of(route) - set(connected)):
            raise ConfigurationError(
                f"{place}: route[{number}] ({route.action}): no adapter is connected for the agency"
                f" {', '.join(missing)}; connected: {', '.join(sorted(connected))}"
            )
