"""The stub of an agency behind a URL of this machine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from singlewindow.adapters.stub.agency import StubAgency
from singlewindow.errors import ConfigurationError
from singlewindow.xsd.soap_envelope import MalformedSoap, http_headers
from singlewindow.xsd.soap_faults import SoapFault, fault_status, write_fault

MOST_BYTES = 50_000_000


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
        try:
            answered = self._agency.answer(await request.read(), request.headers.get("SOAPAction", ""))
        except MalformedSoap as mistake:
            return _refuse(SoapFault("not-understood", mistake.detail, "client"))
        except ConfigurationError as mistake:
            return _refuse(SoapFault("stub", mistake.detail, "server"))
        status = 200 if answered.body else 202
        return web.Response(status=status, body=answered.body, headers=dict(answered.headers))


def _refuse(fault: SoapFault) -> web.Response:
    status = fault_status(fault, "1.1")
    return web.Response(status=status, body=write_fault(fault, version="1.1"), headers=http_headers("1.1"))
