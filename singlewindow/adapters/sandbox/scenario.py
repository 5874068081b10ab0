"""Scenario files: what becomes of documents, how long it takes, and the weather, all from one seed."""

from __future__ import annotations

import tomllib
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

import orjson
from pydantic import Field, ValidationError, field_validator

from singlewindow.adapters.profiles import AGENCIES
from singlewindow.adapters.sandbox.delays import Delays
from singlewindow.adapters.sandbox.records import Request
from singlewindow.adapters.sandbox.weather import (
    EVERYWHERE,
    Forecast,
    Share,
    Table,
    Weather,
    check_agencies,
    name_mistakes,
)
from singlewindow.errors import ConfigurationError

Outcome = Literal["accept", "reject", "mend", "inspect", "hold", "silent", "moves"]


class Rule(Table):
    """An outcome and the documents it may come to. Rules are tried in their order; the first that strikes decides."""

    outcome: Outcome = Field(description="`accept`, or a magic word of decision or movement in small letters")
    share: Share = Field(1, description="share of the matching documents; the others go on to the next rule")
    key: str = Field("*", description="pattern of the trader's own reference: `*`, `?` and `[…]` as in file names")
    agency: str | None = Field(None, description="the agency that decides; default every one")
    action: str | None = Field(None, description="what is asked, such as declare, inspect, book, release, amend, exit")
    leg: int | None = Field(None, ge=1, description="number of the leg")

    @field_validator("agency")
    @classmethod
    def _check_agency(cls, agency: str | None) -> str | None:
        if agency is not None and agency not in AGENCIES:
            raise ValueError(f"no agency is called {agency!r}; there are {', '.join(AGENCIES)}")
        return agency

    def matches(self, request: Request) -> bool:
        """True for a document that the rule is about."""
        wanted = ((self.agency, request.agency), (self.action, request.action), (self.leg, request.leg))
        return fnmatchcase(request.reference, self.key) and all(one in (None, other) for one, other in wanted)


class Scenario(Table):
    """A story: the same seed tells it again, document by document, whatever the process and the order of arrival."""

    seed: str | int = Field("", description="chooses among the stories of the same shares")
    delays: dict[str, Delays] = Field(default_factory=dict, description="delays by agency, `all` for the others")
    outcomes: tuple[Rule, ...] = Field((), description="what becomes of documents; what no rule strikes is accepted")
    weather: dict[str, Weather] = Field(default_factory=dict, description="weather by agency, `all` for the others")

    @field_validator("delays", "weather")
    @classmethod
    def _check_names(cls, tables: dict[str, Delays | Weather]) -> dict[str, Delays | Weather]:
        check_agencies(tables)
        return tables

    def forecast(self) -> Forecast:
        """The weather alone."""
        return Forecast(seed=str(self.seed), agencies=self.weather)

    def delays_at(self, agency: str) -> Delays | None:
        """The delays of one agency, None when the scenario says nothing of them."""
        return self.delays.get(agency) or self.delays.get(EVERYWHERE)


def load_scenario(path: Path | None) -> Scenario:
    """Read a scenario file; without one nothing is scripted.

    Raises ConfigurationError that names the file and each mistake's table and key.
    """
    if path is None:
        return Scenario()
    try:
        return Scenario.model_validate_json(orjson.dumps(tomllib.loads(path.read_text("utf-8"))))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"scenario {path}: {error}") from error
    except ValidationError as error:
        raise ConfigurationError(f"scenario {path}: {'; '.join(name_mistakes(error))}") from error
