"""Moments as texts that compare as the moments do."""

from __future__ import annotations

from datetime import UTC, datetime


def write_instant(moment: datetime) -> str:
    """ISO 8601 in UTC with microseconds; a moment without a zone is UTC's.

    Raises OverflowError for one that UTC has no year for, as 0001-01-01T00:00:00+08:00.
    """
    zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return zoned.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
