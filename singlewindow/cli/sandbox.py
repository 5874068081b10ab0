"""`singlewindow sandbox`: customs, inspection and carriers to test with."""

from __future__ import annotations

from pathlib import Path

import uvloop

from singlewindow.adapters.sandbox.serving import run_sandbox
from singlewindow.engines.precedence import give_way
from singlewindow.logs import configure_logging
from singlewindow.settings import load_settings


def sandbox(*, scenario: Path | None = None) -> None:
    """Play every authority and carrier as real SOAP services on SINGLEWINDOW_AGENCIES_URL.

    The trader's own reference chooses the outcome (REJECT, INSPECT, SILENT …); docs/sandbox.md lists the words.

    Parameters
    ----------
    scenario
        TOML file with outcomes, delays and weather from one seed; docs/examples/scenarios has some.
    """
    settings = load_settings()
    if scenario is not None:
        settings = settings.model_copy(update={"sandbox_scenario": scenario})
    give_way()
    configure_logging(settings.log_level)
    uvloop.run(run_sandbox(settings, notify_url=settings.url))
