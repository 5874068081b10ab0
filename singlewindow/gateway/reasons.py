"""The reason an operator gives for an act; no act of one goes without."""

from __future__ import annotations

from typing import Any

from singlewindow.gateway.refusals import HttpRefusal

MAX_REASON = 500


def read_reason(stated: dict[str, Any]) -> str:
    """The `reason` of a request's object. Raises HttpRefusal (400) where it is missing, empty, too long or no text."""
    reason = stated.get("reason")
    if not isinstance(reason, str) or not 0 < len(reason.strip()) <= MAX_REASON or "\0" in reason:
        raise HttpRefusal(400, "bad-parameter", f"reason must be a text of 1 to {MAX_REASON} characters without NUL")
    return reason.strip()
