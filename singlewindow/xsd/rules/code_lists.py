"""Code lists: what is lawful, from when to when, and whether the list is whole.

A list without a source and a date is partial, whatever it says of itself: a code it does not know may be new.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pycountry

from singlewindow.errors import ConfigurationError

_DAY = re.compile(r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})")


@dataclass(frozen=True, slots=True)
class Code:
    """One code with its meaning; `since` and `until` are days (YYYY-MM-DD) between which it holds, inclusive."""

    en: str
    zh: str = ""
    since: str | None = None
    until: str | None = None


@dataclass(frozen=True, slots=True)
class CodeList:
    """One list. `source` and `date` say where and when it was taken from."""

    name: str
    title: str
    title_zh: str
    source: str | None
    date: str | None
    whole: bool
    codes: Mapping[str, Code]

    @property
    def complete(self) -> bool:
        """True when an unknown code is certainly wrong."""
        return self.whole and self.source is not None and self.date is not None

    def holds(self, code: str, day: str | None = None) -> bool:
        """True for a code of the list that is valid on a day, given as YYYY-MM-DD… or YYYYMMDD…."""
        found = self.codes.get(code)
        if found is None:
            return False
        if day is None or (found.since is None and found.until is None):
            return True
        on = _as_day(day)
        if not on:
            return True
        return (found.since or on) <= on <= (found.until or on)


def load_lists(folders: Sequence[Path]) -> dict[str, CodeList]:
    """The lists of these folders by name; a later folder's replaces an earlier one's. Raises ConfigurationError."""
    paths = (path for folder in folders for path in sorted((folder / "lists").glob("*.toml")))
    return {one.name: one for one in map(_load_list, paths)}


def _load_list(path: Path) -> CodeList:
    try:
        data = tomllib.loads(path.read_text("utf-8"))
        provider = data.get("provider")
        codes = _PROVIDERS[provider]() if provider else {code: _code(said) for code, said in data["codes"].items()}
        return CodeList(
            data["name"],
            data["title"],
            data["title_zh"],
            data.get("source"),
            str(data["date"]) if "date" in data else None,
            bool(data.get("complete", False)),
            codes,
        )
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{path}: {error}") from error
    except KeyError as error:
        raise ConfigurationError(f"{path}: {error.args[0]} is missing or unknown") from error
    except (AttributeError, TypeError, ValueError) as error:
        raise ConfigurationError(f"{path}: a code is a text or a table with en, zh, from and to: {error}") from error


def _code(said: Any) -> Code:
    if isinstance(said, str):
        return Code(said)
    since, until = (None if said.get(end) is None else str(said[end]) for end in ("from", "to"))
    return Code(said["en"], said.get("zh", ""), since, until)


def _as_day(moment: str) -> str:
    """Empty where a moment does not begin with a day: that it is none is another rule's business."""
    found = _DAY.match(moment)
    return "-".join(found.groups()) if found else ""


def _countries() -> dict[str, Code]:
    return {one.alpha_2: Code(one.name) for one in pycountry.countries}


def _currencies() -> dict[str, Code]:
    return {one.alpha_3: Code(one.name) for one in pycountry.currencies}


_PROVIDERS: dict[str, Callable[[], dict[str, Code]]] = {
    "iso-3166-1-alpha-2": _countries,
    "iso-4217": _currencies,
}
"""Lists that a library keeps up to date."""
