"""What becomes of a push that is not taken: its bytes are quarantined, and a Fault says whether to send it again."""

from __future__ import annotations

import os
from collections.abc import Sequence

import structlog
from aiohttp import web

from singlewindow.errors import SingleWindowError, Unavailable
from singlewindow.gateway.parts import GatewayParts
from singlewindow.gateway.refusals import HttpRefusal
from singlewindow.ledger.quarantine import Unreadable
from singlewindow.xsd.soap_envelope import SoapMessage, SoapVersion, http_headers
from singlewindow.xsd.soap_faults import SoapFault, fault_status, write_fault

FOREIGN = "foreign-task"
"""Code of the Fault for a notice about a task that is not the agency's."""

_NAMED = 5

log = structlog.get_logger()


async def keep_unreadable_push(parts: GatewayParts, agency: str, body: bytes, reason: str) -> None:
    """Keep a push that cannot be read. Raises Unavailable: then the agency shall send it again."""
    log.warning("gateway.push_quarantined", agency=agency, bytes=len(body))
    await parts.quarantine.keep(Unreadable(agency, "push", reason, body))


async def keep_refused_request(
    parts: GatewayParts, agency: str, refusal: HttpRefusal, *, announced: int | None
) -> None:
    """Keep what was read of a push that HTTP's own checks refused. That it cannot be kept changes no answer."""
    log.warning("gateway.push_quarantined", agency=agency, bytes=len(refusal.received), code=refusal.code)
    size = max(announced or 0, len(refusal.received))
    try:
        await parts.quarantine.keep(
            Unreadable(agency, "push", f"{refusal.code}: {refusal.detail}", refusal.received, size=size)
        )
    except Unavailable:
        log.error("gateway.quarantine_unavailable", agency=agency)  # noqa: TRY400 - where it was raised says nothing


async def refuse_foreign(parts: GatewayParts, agency: str, body: bytes, notice_ids: Sequence[str]) -> SoapFault:
    """Quarantine a push that speaks of others' tasks; what it says of the agency's own has been taken.

    Raises Unavailable.
    """
    named = ", ".join(one[:100] for one in notice_ids[:_NAMED])
    more = f" and {len(notice_ids) - _NAMED} more" if len(notice_ids) > _NAMED else ""
    text = f"about no task of {agency}: notice {named}{more}; the others were taken"
    await keep_unreadable_push(parts, agency, body, text)
    return SoapFault(FOREIGN, text, role="client", retry="stop")


def excuse(error: SingleWindowError) -> SoapFault:
    """Our own trouble: the agency shall send again."""
    if isinstance(error, Unavailable):
        return SoapFault(error.code, error.detail, retry="resend", retry_after_seconds=error.retry_after_seconds)
    reference = os.urandom(6).hex()
    log.error("gateway.notices_refused", reference=reference, error=type(error).__name__)
    return SoapFault("internal", f"recorded under reference {reference}", retry="resend")


def answer_fault(fault: SoapFault, version: SoapVersion, call: SoapMessage | None = None) -> web.Response:
    """The Fault as an HTTP response."""
    body = write_fault(fault, version=version, call=call)
    return web.Response(status=fault_status(fault, version), body=body, headers=http_headers(version))
