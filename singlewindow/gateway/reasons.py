"""The reason an operator gives for an act; no act of one goes without."""

from __future__ import annotations

from typing import Any

from singlewindow.gateway.objects import read_text

MAX_REASON = 500


def read_reason(stated: dict[str, Any]) -> str:
    """The `reason` of a request's object. Raises HttpRefusal (400) where it is missing, empty, too long or no text."""
    return read_text(stated, "reason", most=MAX_REASON)
