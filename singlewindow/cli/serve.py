"""`singlewindow serve`: one gateway process."""

from __future__ import annotations

import uvloop

from singlewindow.gateway_wiring import run_gateway
from singlewindow.settings import load_settings


def serve() -> None:
    """Serve the HTTP interface on SINGLEWINDOW_LISTEN. Several processes may share the port.

    Needs SINGLEWINDOW_DATABASE_URL; SIGTERM finishes what is in flight and stops.
    """
    uvloop.run(run_gateway(load_settings()))
