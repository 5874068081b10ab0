"""The weather at an agency: how often its calls fail, its replies get lost, its notices come twice, late or astray."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Final, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, RootModel, ValidationError, field_validator, model_validator

from singlewindow.adapters.profiles import AGENCIES

EVERYWHERE: Final = "all"
"""The name under which weather holds for every agency that has none of its own."""

Fault = Literal["http_500", "http_503", "server_fault", "malformed_reply", "lost_reply", "half_closed"]
FAULTS: Final[tuple[Fault, ...]] = get_args(Fault)

Share = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0, le=86_400)]


class Table(BaseModel):
    """A table of a scenario file or of a request to the control API: every key known, nothing converted."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Outage(Table):
    """A window in which the agency refuses everything and says nothing."""

    from_seconds: Seconds = Field(0, description="when it starts, counted from when the weather was set")
    for_seconds: Seconds = Field(description="how long it lasts")


class Load(Table):
    """From a moment on, what the agency takes in a second; beyond it 503 with Retry-After, before any effect."""

    from_seconds: Seconds = Field(0, description="when it starts to hold, counted from when the weather was set")
    documents_per_second: float = Field(gt=0, description="documents taken in a second, those of a batch each")


class Weather(Table):
    """What one agency suffers. The shares of the six faults exclude each other, so their sum is at most 1."""

    http_500: Share = Field(0, description="calls answered by HTTP 500 without SOAP, before any effect")
    http_503: Share = Field(0, description="calls answered by HTTP 503 with Retry-After, before any effect")
    server_fault: Share = Field(0, description="calls answered by a SOAP Fault of the server, before any effect")
    malformed_reply: Share = Field(
        0, description="calls that take effect; the reply is cut, HTML, foreign or a DOCTYPE"
    )
    lost_reply: Share = Field(0, description="calls that take effect; the connection is reset instead of a reply")
    half_closed: Share = Field(0, description="calls that take effect; the reply ends midway, the line half open")
    slow: Share = Field(0, description="calls answered later by slow_seconds")
    duplicate_notices: Share = Field(0, description="documents whose notices are each sent twice under one id")
    disordered_notices: Share = Field(0, description="documents whose notices come in reverse order")
    late_notices: Share = Field(0, description="documents whose notices come later by late_seconds")
    retry_after_seconds: int = Field(1, ge=0, le=86_400, description="what http_503 and overload ask for")
    slow_seconds: Seconds = Field(3, description="what slow adds to a reply")
    late_seconds: Seconds = Field(5, description="what late_notices adds to the time a notice is due")
    outages: tuple[Outage, ...] = Field((), description="windows in which everything is refused")
    load: tuple[Load, ...] = Field((), description="what the agency can take, and from when")

    @model_validator(mode="after")
    def _exclude(self) -> Self:
        total = sum(self.share(fault) for fault in FAULTS)
        if total > 1 + 1e-9:
            raise ValueError(f"the shares of {', '.join(FAULTS)} exclude each other and come to {total:g}, more than 1")
        return self

    def share(self, fault: Fault) -> float:
        """The share of one of the six faults."""
        shares: dict[Fault, float] = {
            "http_500": self.http_500, "http_503": self.http_503, "server_fault": self.server_fault,
            "malformed_reply": self.malformed_reply, "lost_reply": self.lost_reply, "half_closed": self.half_closed,
        }  # fmt: skip
        return shares[fault]

    def choose_fault(self, chance: float) -> Fault | None:
        """The fault that a number between 0 and 1 falls on, None for what is left over."""
        for fault in FAULTS:
            chance -= self.share(fault)
            if chance < 0:
                return fault
        return None

    def documents_per_second(self, passed_seconds: float) -> float | None:
        """The load that has started last, None before the first."""
        started = [load for load in self.load if load.from_seconds <= passed_seconds]
        return max(started, key=lambda load: load.from_seconds).documents_per_second if started else None


class Forecast(Table):
    """The weather of every agency; the same seed brings the same faults to the same calls."""

    seed: str = Field("", description="chooses among the stories of the same shares")
    agencies: dict[str, Weather] = Field(default_factory=dict, description="weather by agency, `all` for the others")

    @field_validator("agencies")
    @classmethod
    def _check_names(cls, agencies: dict[str, Weather]) -> dict[str, Weather]:
        check_agencies(agencies)
        return agencies

    def at(self, agency: str) -> Weather:
        """The weather at one agency."""
        return self.agencies.get(agency) or self.agencies.get(EVERYWHERE) or CALM


CALM: Final = Weather()


class NewOutages(RootModel[dict[str, tuple[Outage, ...]]]):
    """Outages by agency, `all` for every one; none for an agency ends what it had."""

    @field_validator("root")
    @classmethod
    def _check_names(cls, outages: dict[str, tuple[Outage, ...]]) -> dict[str, tuple[Outage, ...]]:
        check_agencies(outages)
        return outages


def check_agencies(names: Iterable[str]) -> None:
    """Raises ValueError for a name that is neither an agency's nor `all`."""
    known = (*AGENCIES, EVERYWHERE)
    for name in names:
        if name not in known:
            raise ValueError(f"no agency is called {name!r}; there are {', '.join(known)}")


def name_mistakes(error: ValidationError) -> list[str]:
    """Each mistake with the table and key it is in, such as `agencies.sea.http_500: …`."""
    return [f"{_place(mistake['loc'])}{mistake['msg']}" for mistake in error.errors(include_url=False)]


def _place(location: tuple[int | str, ...]) -> str:
    return ".".join(map(str, location)) + ": " if location else ""
