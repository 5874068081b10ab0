"""`singlewindow work`: the lanes that carry declarations to the agencies."""

from __future__ import annotations

import uvloop

from singlewindow.engines.precedence import give_way
from singlewindow.lane_wiring import run_lanes
from singlewindow.settings import load_settings


def work() -> None:
    """Match declarations and dispatch them to every agency, one lane each. Run as many processes as you like.

    Needs SINGLEWINDOW_DATABASE_URL; SIGTERM finishes the calls under way and stops.
    """
    give_way()
    uvloop.run(run_lanes(load_settings()))
