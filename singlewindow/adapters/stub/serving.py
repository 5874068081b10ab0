"""The stub of an agency behind a URL of this machine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from singlewindow.adapters.mtom import open_mtom
from singlewindow.adapters.stub.agency import StubAgency
from singlewindow.errors import ConfigurationError
from singlewindow.xsd.soap_envelope import MalformedSoap, SoapVersion, http_headers
from singlewindow.xsd.soap_faults import SoapFault, fault_status, write_fault

MOST_BYTES = 50_000_000
SOAP_12_TYPE = "application/soap+xml"
"""Media type of SOAP 1.2, alone or as that of the envelope among several parts."""


@asynccontextmanager
async def open_stub(folder: Path, *, port: int = 0) -> AsyncIterator[tuple[str, StubAgency]]:
    """Serve the agency of a folder on loopback, at every path; yields its base URL. Raises ConfigurationError."""
    agency = StubAgency(folder)
    application = web.Application(client_max_size=MOST_BYTES)
    application.router.add_post("/{path:.*}", _Door(agency).handle)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=2.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", agency
    finally:
        await runner.cleanup()


class _Door:
    def __init__(self, agency: StubAgency) -> None:
        self._agency = agency

    async def handle(self, request: web.Request) -> web.Response:
        content_type = request.headers.get("Content-Type", "")
        version: SoapVersion = "1.2" if SOAP_12_TYPE in content_type.lower() else "1.1"
        try:
            body = open_mtom(await request.read(), content_type)
            answered = self._agency.answer(body, _action(request.headers.get("SOAPAction", ""), content_type))
        except MalformedSoap as mistake:
            return _refuse(SoapFault("not-understood", mistake.detail, "client"), version)
        except ConfigurationError as mistake:
            return _refuse(SoapFault("stub", mistake.detail, "server"), version)
        status = 200 if answered.body else 202
        return web.Response(status=status, body=answered.body, headers=dict(answered.headers))


def _action(header: str, content_type: str) -> str:
    """What the request says is asked for: SOAP 1.1 in a header of its own, 1.2 within the media type."""
    return header.strip('" ') or content_type.partition('action="')[2].partition('"')[0]


def _refuse(fault: SoapFault, version: SoapVersion) -> web.Response:
    body = write_fault(fault, version=version)
    return web.Response(status=fault_status(fault, version), body=body, headers=http_headers(version))
