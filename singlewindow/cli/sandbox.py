"""`singlewindow sandbox`: customs, inspection and carriers to test with."""

from __future__ import annotations

import uvloop

from singlewindow.settings import load_settings
from singlewindow.wiring import run_sandbox_agencies


def sandbox() -> None:
    """Play every authority and carrier as real SOAP services on SINGLEWINDOW_AGENCIES_URL.

    The trader's own reference chooses the outcome (REJECT, INSPECT, SILENT …); docs/sandbox.md lists the words.
    """
    uvloop.run(run_sandbox_agencies(load_settings()))
