"""The difference report of a case, as each party may read it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from singlewindow.ledger.database import Record
from singlewindow.messages.comparing import differences
from singlewindow.messages.lifecycle import FREE_KEY
from singlewindow.messages.manifest import MessageSet

View = dict[str, Any]


def match_report(anchor: Record, members: Sequence[Record], trader: UUID, *, message_set: MessageSet) -> list[View]:
    """An entry for each living partner that differs from the anchor; `message_set` is the anchor's."""
    kinds = {partner.kind for partner in message_set.kinds[anchor["kind"]].partners}
    partners = [member for member in members if member["kind"] in kinds and member["state"] not in FREE_KEY]
    entries = [_entry(anchor, partner, trader, message_set) for partner in partners]
    return [entry for entry in entries if entry["differences"]]


def _entry(anchor: Record, partner: Record, trader: UUID, message_set: MessageSet) -> View:
    """The fields for both parties, each side's values only to its owner."""
    rows = []
    for difference in differences(anchor["facts"], partner["facts"], message_set.matching):
        row: View = dict(difference.as_json())
        if anchor["trader"] == trader:
            row[anchor["kind"]] = difference.anchor
        if partner["trader"] == trader:
            row[partner["kind"]] = difference.partner
        rows.append(row)
    return {"kind": partner["kind"], "keys": partner["keys"], "differences": rows}
