"""From an agency's folder to its configuration: every key checked, every mistake named with file, table and key."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from singlewindow.adapters.declared.configuration import Agency
from singlewindow.adapters.declared.credentials import check_reference
from singlewindow.errors import ConfigurationError
from singlewindow.messages.lifecycle import AUTHORITY_STATES

DESCRIPTION = "agency.toml"
SHIPPED_DESCRIPTIONS = {"singlewindow:exchange": Path(__file__).parent / "exchange.toml"}
"""Descriptions that an agency.toml may extend, by the name it gives them."""
RESERVED = frozenset({"match"})
"""Lanes that are no agency's."""


@dataclass(frozen=True, slots=True)
class AgencyFolder:
    """An agency's configuration and the folder that all its files lie in."""

    folder: Path
    agency: Agency

    def place(self, *keys: str) -> str:
        """Where a mistake stands, for its message."""
        return f"{self.folder / DESCRIPTION}: {'.'.join(keys)}"

    @contextmanager
    def blame(self, *keys: str) -> Iterator[None]:
        """Say of a mistake found within where in agency.toml it stands."""
        try:
            yield
        except ConfigurationError as error:
            raise ConfigurationError(f"{self.place(*keys)}: {error.detail}") from error

    def file(self, name: str, *keys: str) -> Path:
        """A file of the folder. Raises ConfigurationError when it is missing or lies elsewhere."""
        path = (self.folder / name).resolve()
        if not path.is_relative_to(self.folder.resolve()):
            raise ConfigurationError(f"{self.place(*keys)}: {name} leads out of {self.folder}")
        if not path.is_file():
            raise ConfigurationError(f"{self.place(*keys)}: there is no file {path}")
        return path


def agency_folders(parent: Path) -> Iterator[Path]:
    """The folders with an agency.toml: the given one itself, or those in it. Raises ConfigurationError."""
    if (parent / DESCRIPTION).is_file():
        yield parent
    elif parent.is_dir():
        yield from sorted(entry.parent for entry in parent.glob(f"*/{DESCRIPTION}"))
    else:
        raise ConfigurationError(f"{parent} is not a folder with agencies")


def read_agency(folder: Path) -> AgencyFolder:
    """Read one folder's agency.toml. Raises ConfigurationError; WSDLs and expressions are not looked at yet."""
    path = folder / DESCRIPTION
    data = _spread(_extend(_load(path), path))
    try:
        agency = Agency.model_validate(data)
    except ValidationError as error:
        raise ConfigurationError("; ".join(_describe(path, one) for one in error.errors())) from error
    read = AgencyFolder(folder, agency)
    _check(read)
    return read


def _load(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path}: {error}") from error


def _extend(data: dict[str, Any], path: Path) -> dict[str, Any]:
    """What agency.toml says laid over what the description it `extends` says."""
    name = data.pop("extends", None)
    if name is None:
        return data
    if name not in SHIPPED_DESCRIPTIONS:
        known = ", ".join(sorted(SHIPPED_DESCRIPTIONS))
        raise ConfigurationError(f"{path}: extends: there is no description {name!r}; known: {known}")
    return _lay_over(_load(SHIPPED_DESCRIPTIONS[name]), data)


def _spread(data: dict[str, Any]) -> dict[str, Any]:
    """What is said of every action said of each; an action's own words go before it."""
    every, actions = data.pop("every_action", None), data.get("actions")
    if isinstance(every, dict) and isinstance(actions, dict):
        data["actions"] = {
            name: _lay_over(every, one) if isinstance(one, dict) else one for name, one in actions.items()
        }
    return data


def _lay_over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Tables are merged key by key; any other value above replaces the one below."""
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        merged[key] = _lay_over(under, value) if isinstance(under, dict) and isinstance(value, dict) else value
    return merged


def _check(read: AgencyFolder) -> None:
    agency = read.agency
    if agency.name in RESERVED:
        raise ConfigurationError(f"{read.place('name')}: {agency.name} is the name of a lane of our own")
    for code, state in agency.outcomes.states.items():
        if state not in AUTHORITY_STATES:
            known = ", ".join(sorted(AUTHORITY_STATES))
            raise ConfigurationError(f"{read.place('outcomes', 'states', code)}: no state {state}; known: {known}")
    for place, service in _services_named(agency):
        if service not in agency.services:
            raise ConfigurationError(f"{read.place(place, 'service')}: there is no table services.{service}")
    _check_notifications(read)
    _check_batches(read)


def _check_notifications(read: AgencyFolder) -> None:
    given = read.agency.notifications
    if given.mode == "pulled" and (given.operation is None or given.notice is None):
        raise ConfigurationError(f"{read.place('notifications')}: pulled notices need `operation` and `notice`")
    if given.mode != "none" and given.notice is not None and given.notice.task_id is None:
        raise ConfigurationError(f"{read.place('notifications', 'notice')}: `task_id` is missing: whose notice is it?")
    if given.mode != "pushed" and (given.push or given.credential):
        raise ConfigurationError(f'{read.place("notifications")}: `push` and `credential` need mode = "pushed"')
    if given.push is not None and given.notice is None:
        raise ConfigurationError(f"{read.place('notifications', 'push')}: `notice` is missing: what does a push say?")
    if given.credential is not None:
        check_reference(given.credential.password, read.place("notifications", "credential", "password"))


def _check_batches(read: AgencyFolder) -> None:
    """Several tasks in a call need a place for each, and an answer for each."""
    if read.agency.limits.batch_size == 1:
        return
    for name, action in read.agency.actions.items():
        if action.items is None:
            place = read.place("actions", name)
            raise ConfigurationError(f"{place}: `items` is missing, and limits.batch_size is more than 1")
        if action.reply is not None and action.reply.item is None:
            place = read.place("actions", name, "reply")
            raise ConfigurationError(f"{place}: `item` is missing, and limits.batch_size is more than 1")


def _services_named(agency: Agency) -> Iterator[tuple[str, str]]:
    tables = {f"actions.{name}": action.service for name, action in agency.actions.items()}
    tables["status"] = agency.status.service if agency.status else None
    tables["notifications"] = agency.notifications.service
    tables["notifications.push"] = agency.notifications.push.service if agency.notifications.push else None
    return ((place, service) for place, service in tables.items() if service is not None)


def _describe(path: Path, error: Any) -> str:
    *table, key = [str(step) for step in error["loc"]]
    place = f"{path}: {'.'.join(table) or 'top level'}"
    match error["type"]:
        case "extra_forbidden":
            return f"{place}: unknown key {key}; known: {', '.join(_keys_at(error['loc'][:-1]))}"
        case "missing":
            return f"{place}: {key} is missing"
        case _:
            # what stands there may be a secret that should not
            is_secret = not {"security", "credential"}.isdisjoint(error["loc"])
            shown = "" if is_secret else f" (it is {error['input']!r})"
            return f"{place}: {key}: {error['msg'].removeprefix('Input ')}{shown}"


def _keys_at(steps: tuple[str | int, ...]) -> list[str]:
    """The keys that the table at this place may have."""
    kind: Any = Agency
    for step in steps:
        # within a table a step is a key of it, within a table of tables a name somebody chose
        found = kind.model_fields[step].annotation if _is_table(kind) else get_args(kind)[-1]
        kind = next((one for one in get_args(found) if _is_table(one) and get_origin(found) is not dict), found)
    return list(kind.model_fields) if _is_table(kind) else []


def _is_table(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
