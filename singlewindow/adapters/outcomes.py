"""What each failure of an exchange means: may the call be sent again, and may it have taken effect?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import aiohttp

from singlewindow.errors import AgencyError
from singlewindow.xsd.soap_faults import SoapFault

LONGEST_RETRY_AFTER_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """`temporary`: sending again can help. `unknown`: the agency may have acted already. `stops_lane`: no document is
    to blame, and any other would fare alike.
    """

    temporary: bool
    unknown: bool
    text: str
    stops_lane: bool = False


@dataclass(frozen=True, slots=True)
class WireReply:
    """An HTTP reply as it came."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class ReplyRefused(AgencyError):
    """A reply came and is no answer; its HTTP status and bytes are kept with the exchange.

    `unreadable`: it could not be made out what it says, so that its bytes are quarantined too. `size` is its length
    where `body` is only its beginning.
    """

    unreadable = False
    size: int | None = None

    def __init__(self, detail: str, outcome: Outcome, reply: WireReply, *, retry_after_seconds: float | None) -> None:
        super().__init__(
            detail,
            temporary=outcome.temporary,
            outcome_unknown=outcome.unknown,
            retry_after_seconds=retry_after_seconds,
            stops_lane=outcome.stops_lane,
        )
        self.status = reply.status
        self.body = reply.body


def _stop(text: str) -> Outcome:
    """Wrong credentials or a wrong address."""
    return Outcome(temporary=False, unknown=False, text=text, stops_lane=True)


# The first row that fits counts: subclasses stand before their parents.
_TRANSPORT: tuple[tuple[type[Exception], Outcome], ...] = (
    (aiohttp.InvalidURL, _stop("its address is not a URL")),
    (aiohttp.NonHttpUrlClientError, _stop("its address is not an HTTP URL")),
    (aiohttp.ConnectionTimeoutError, Outcome(temporary=True, unknown=False, text="no connection in time")),
    (aiohttp.ClientConnectorCertificateError, _stop("its certificate is not trusted")),
    (aiohttp.ClientConnectorSSLError, Outcome(temporary=True, unknown=False, text="no connection by TLS")),
    (aiohttp.ClientConnectorError, Outcome(temporary=True, unknown=False, text="no connection")),
    (TimeoutError, Outcome(temporary=True, unknown=True, text="no answer in time")),
    (aiohttp.ClientPayloadError, Outcome(temporary=True, unknown=True, text="the reply was cut off")),
    (aiohttp.ClientError, Outcome(temporary=True, unknown=True, text="the connection broke before the whole reply")),
    (OSError, Outcome(temporary=True, unknown=True, text="the connection broke before the whole reply")),
)

_NOT_NOW = Outcome(temporary=True, unknown=False, text="cannot take it now")
_REFUSED = Outcome(temporary=False, unknown=False, text="refused the request")
_STATUSES: dict[int, Outcome] = {
    401: _stop("does not accept our credentials"),
    403: _stop("does not let us in"),
    404: _stop("has no service at this address"),
    405: _stop("takes no SOAP at this address"),
    407: _stop("is behind a proxy that does not let us through"),
    408: _NOT_NOW,
    410: _stop("has moved from this address"),
    413: Outcome(temporary=False, unknown=False, text="finds the request too large"),
    429: _NOT_NOW,
    503: _NOT_NOW,
}
_SERVER_ERROR = Outcome(temporary=True, unknown=True, text="failed")
_UNREADABLE = Outcome(temporary=True, unknown=True, text="sent a reply that cannot be read")
_UNPROVEN = Outcome(temporary=True, unknown=True, text="sent a reply that is not proven to be its own")
_REDIRECT = _stop("redirects, and no redirect is followed")

_CLIENT_FAULT = Outcome(temporary=False, unknown=False, text="refused with a SOAP Fault")
_SERVER_FAULT = Outcome(temporary=True, unknown=True, text="failed with a SOAP Fault")
_RETRY_FLAGS: dict[str, Outcome] = {
    "resend": Outcome(temporary=True, unknown=False, text="asks to send again later"),
    "stop": Outcome(temporary=False, unknown=False, text="refused for good"),
}


@contextmanager
def translate_transport(agency: str) -> Iterator[None]:
    """Turn what the wire raises into AgencyError. A cancellation passes untouched."""
    try:
        yield
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        outcome = next(outcome for kind, outcome in _TRANSPORT if isinstance(error, kind))
        raise AgencyError(
            f"{agency}: {outcome.text}{_why(error)}",
            temporary=outcome.temporary,
            outcome_unknown=outcome.unknown,
            stops_lane=outcome.stops_lane,
        ) from error


def _why(error: Exception) -> str:
    """What is wrong with a certificate; other errors of the wire say nothing that their outcome does not."""
    if not isinstance(error, aiohttp.ClientConnectorCertificateError):
        return ""
    return f" ({getattr(error.certificate_error, 'verify_message', '') or 'it does not fit'})"


def refuse_status(agency: str, reply: WireReply) -> ReplyRefused:
    """The error for an HTTP status that brought neither an answer nor a Fault."""
    outcome = _outcome_of_status(reply.status)
    return ReplyRefused(
        f"{agency} {outcome.text} (HTTP {reply.status})",
        outcome,
        reply,
        retry_after_seconds=read_retry_after(reply.headers) if outcome.temporary else None,
    )


def refuse_fault(agency: str, reply: WireReply, fault: SoapFault) -> ReplyRefused:
    """The error for a SOAP Fault: its Failure's flag decides, then a telling status (401, 429 …), then whose fault it
    says it is.
    """
    outcome = _outcome_of_fault(fault, reply.status)
    after = fault.retry_after_seconds if fault.retry_after_seconds is not None else read_retry_after(reply.headers)
    return ReplyRefused(
        f"{agency} {outcome.text}: {fault.code} {fault.text}".rstrip(),
        outcome,
        reply,
        retry_after_seconds=after if outcome.temporary else None,
    )


def refuse_unreadable(agency: str, reply: WireReply, why: str) -> ReplyRefused:
    """The error for a reply that is no SOAP of ours, such as HTML; a status other than 200 decides what it means."""
    if reply.status != HTTPStatus.OK:
        refused = refuse_status(agency, reply)
    else:
        refused = ReplyRefused(f"{agency} {_UNREADABLE.text}: {why}", _UNREADABLE, reply, retry_after_seconds=None)
    refused.unreadable = reply.status == HTTPStatus.OK or _says_xml(reply)
    return refused


def _says_xml(reply: WireReply) -> bool:
    """An error page is nothing to look into; what calls itself XML and is none may be."""
    return "xml" in reply.headers.get("Content-Type", "").lower()


def refuse_unproven(agency: str, reply: WireReply, why: str) -> ReplyRefused:
    """The error for a reply without the proof that the agency must give. Nothing it says counts, not even its status:
    whoever sent it, the agency may have acted.
    """
    refused = ReplyRefused(
        f"{agency} {_UNPROVEN.text} (HTTP {reply.status}): {why}", _UNPROVEN, reply, retry_after_seconds=None
    )
    refused.unreadable = True
    return refused


def _outcome_of_status(status: int) -> Outcome:
    families = {2: _UNREADABLE, 3: _REDIRECT, 5: _SERVER_ERROR}
    return _STATUSES.get(status) or families.get(status // 100, _REFUSED)


def _outcome_of_fault(fault: SoapFault, status: int) -> Outcome:
    if fault.retry is not None:
        return _RETRY_FLAGS[fault.retry]
    told = _STATUSES.get(status)
    if told is not None and (told is _NOT_NOW or told.stops_lane):
        return told
    return _SERVER_FAULT if fault.is_server else _CLIENT_FAULT


def read_retry_after(headers: Mapping[str, str]) -> float | None:
    """Retry-After in seconds or as an HTTP date, within reason; None when absent or unreadable."""
    value = headers.get("Retry-After", "").strip()
    if value.isdecimal():
        seconds = float(value)
    else:
        try:
            seconds = (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError, OverflowError):
            return None
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER_SECONDS)
