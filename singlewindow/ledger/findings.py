"""What an audit of the ledger says: one row, and what of it is not as it was signed."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Finding:
    """A row that is not what was signed: its table, its id (or number) there, whose it is, and what disagrees."""

    trader: UUID
    table: str
    row: str
    what: str
