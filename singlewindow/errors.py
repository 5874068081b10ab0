"""One small error tree: whose fault it is, whether it may be retried, and what the trader may read.

Foreign errors (asyncpg, redis, lxml, zeep, aiohttp) are translated into these at the boundary they come through.
"""

from __future__ import annotations


class SingleWindowError(Exception):
    """Base of all our errors. `code` is stable, `detail` may be shown to the trader, `temporary` allows a retry."""

    code = "internal"
    temporary = False

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class ConfigurationError(SingleWindowError):
    """A setting, manifest, schema or WSDL on this machine is wrong; names the file and the field."""

    code = "configuration"


class TraderMistake(SingleWindowError):
    """The sender can mend it; becomes a 4xx."""

    code = "bad-request"


class AgencyError(SingleWindowError):
    """An authority or carrier did not take the call. `temporary` says whether sending again can help.

    `stops_lane`: no document is to blame (wrong credentials, wrong address): nothing is sent to this agency until an
    operator has mended it, or a later probe gets through.
    """

    code = "agency"

    def __init__(
        self,
        detail: str,
        *,
        temporary: bool,
        outcome_unknown: bool = False,
        retry_after_seconds: float | None = None,
        stops_lane: bool = False,
    ) -> None:
        super().__init__(detail)
        self.temporary = temporary
        self.outcome_unknown = outcome_unknown
        self.retry_after_seconds = retry_after_seconds
        self.stops_lane = stops_lane


class Unavailable(SingleWindowError):
    """A part of ours (PostgreSQL, a full queue) cannot serve now; becomes 503 with Retry-After."""

    code = "unavailable"
    temporary = True

    def __init__(self, detail: str, *, retry_after_seconds: int = 2) -> None:
        super().__init__(detail)
        self.retry_after_seconds = retry_after_seconds


class OutcomeUnknown(Unavailable):
    """COMMIT was sent and no answer came, and the row could not be looked up: retry with the same key."""

    code = "outcome-unknown"


class IllegalMove(SingleWindowError):
    """Our own code asked for a lifecycle move that the table does not allow; nothing was changed."""

    code = "illegal-move"
