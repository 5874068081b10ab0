"""Who goes first where processes share cores: the door, where somebody waits, before what carries declarations on."""

from __future__ import annotations

import os

NICENESS = 5
"""Measured with everything on two cores at 150 declarations/s: the acknowledgement's p99 falls to less than half."""


def give_way() -> None:
    """Leave the cores to the gateway when both want them. Call once in a process of lanes or of sandbox agencies."""
    os.nice(NICENESS)
