"""What traders read: JSON-ready views, always within one trader. Nothing of another trader's content is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from singlewindow.ledger.database import Connection, Database, Record, query
from singlewindow.ledger.match_report import match_report
from singlewindow.ledger.proving import read_proof
from singlewindow.ledger.views import declaration_view, instant, is_row_settled
from singlewindow.messages.identifiers import hash_search
from singlewindow.messages.manifest import MessageSet

MAX_LINKS = 200
"""Links shown of one declaration."""

View = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Document:
    """A message's bytes as received, and the XML it was judged and forwarded as where it came as JSON."""

    message_set: str
    content: bytes
    derived: bytes | None


@dataclass(frozen=True, slots=True)
class AuthorityResponse:
    """One response: what is shown of it, the message set of the declaration it is about, and its bytes as received."""

    view: View
    message_set: str
    document: bytes | None


class Reader:
    """Queries for the HTTP interface. Ids of another trader's things are as unknown as ids that never were."""

    def __init__(self, database: Database, sets: Mapping[str, MessageSet]) -> None:
        self._database, self._sets = database, sets

    async def declaration(self, trader: UUID, declaration_id: UUID) -> View | None:
        """The whole view of one declaration, or None."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(query("get_declaration"), trader, declaration_id)
            return None if row is None else (await self._views(connection, [row], with_links=True))[0]

    async def declarations(
        self,
        trader: UUID,
        *,
        key: str | None = None,
        status: str | None = None,
        kind: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: UUID | None = None,
        limit: int = 50,
    ) -> list[View]:
        """A page, newest first; `after` is the id of the last one seen, `key` any number the trader knows."""
        digest = hash_search(key) if key else None
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                query("list_declarations"), trader, after, digest, status, kind, since, until, limit
            )
            return await self._views(connection, rows)

    async def _views(self, connection: Connection, rows: Sequence[Record], *, with_links: bool = False) -> list[View]:
        parts: dict[UUID, list[Record]] = {row["id"]: [] for row in rows}
        for part in await connection.fetch(query("read_parts"), list(parts)) if rows else []:
            parts[part["declaration_id"]].append(part)
        views = []
        for row in rows:
            anchors = await connection.fetch(query("anchors_linked"), row["id"], MAX_LINKS) if with_links else []
            links = [anchor["anchor"] for anchor in anchors]
            views.append(declaration_view(row, parts[row["id"]], self._sets[row["message_set"]], links))
        return views

    async def settled_among(self, message_ids: Sequence[UUID]) -> dict[UUID, list[View]]:
        """The views of those of these messages of which nothing more is expected soon, whosever they are."""
        async with self._database.connection() as connection:
            states = await connection.fetch(query("message_states"), list(message_ids))
            unsettled = {row["message_id"] for row in states if not is_row_settled(row, self._sets[row["message_set"]])}
            settled = {row["message_id"] for row in states} - unsettled
            rows = await connection.fetch(query("declarations_of_messages"), list(settled)) if settled else []
            views = await self._views(connection, rows)
        found: dict[UUID, list[View]] = {message_id: [] for message_id in settled}
        for row, view in zip(rows, views, strict=True):
            found[row["message_id"]].append(view)
        return found

    async def events(self, trader: UUID, declaration_id: UUID, limit: int = 500) -> list[View]:
        """A declaration's history, oldest first."""
        rows = await self._database.fetch("declaration_events", trader, declaration_id, limit)
        return [{"id": str(r["id"]), "type": r["type"], "at": instant(r["at"]), "data": r["data"]} for r in rows]

    async def document(self, trader: UUID, declaration_id: UUID) -> Document | None:
        """The message a declaration came in."""
        row = await self._database.fetchrow("read_document", trader, declaration_id)
        if row is None or row["content"] is None:
            return None
        return Document(row["message_set"], row["content"], row["derived"])

    async def exchanges(self, trader: UUID, declaration_id: UUID) -> list[View] | None:
        """The SOAP requests and replies a declaration took part in; its sender's own, since a call never mixes them."""
        if await self._database.fetchrow("get_declaration", trader, declaration_id) is None:
            return None
        rows = await self._database.fetch("declaration_exchanges", declaration_id)
        return [exchange_view(row) for row in rows]

    async def responses(self, trader: UUID, declaration_id: UUID) -> list[AuthorityResponse] | None:
        """What the authorities said, with their documents as they came."""
        declaration = await self._database.fetchrow("get_declaration", trader, declaration_id)
        if declaration is None:
            return None
        rows = await self._database.fetch("declaration_responses", declaration_id)
        return [AuthorityResponse(_response(row), declaration["message_set"], row["content"]) for row in rows]

    async def message(self, trader: UUID, message_id: UUID) -> View | None:
        """A message and the current views of its declarations."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(query("get_message"), trader, message_id)
            if row is None:
                return None
            rows = await connection.fetch(query("message_declarations"), trader, message_id)
            declarations = await self._views(connection, rows)
        described = {"message_set": row["message_set"], "type": row["root"], "sha256": row["sha256"].hex()}
        received = {"bytes": row["size"], "received_at": instant(row["received_at"])}
        return {"message_id": str(row["id"]), **described, **received, "declarations": declarations}

    async def receipt(self, trader: UUID, message_id: UUID) -> bytes | None:
        """The stored receipt, byte for byte."""
        row = await self._database.fetchrow("get_message", trader, message_id)
        return None if row is None else row["receipt"]

    async def checkpoint(self, trader: UUID) -> View | None:
        """The newest signed head of a trader's tree, None while nothing is sealed."""
        row = await self._database.fetchrow("latest_checkpoint", trader)
        if row is None:
            return None
        described = {"tree_size": row["size"], "root": row["root"].hex(), "sealed_at": row["sealed_at"]}
        return {**described, "checkpoint": row["signature"]}

    async def proof(self, trader: UUID, message_id: UUID, *, tree_size: int | None = None) -> View | None:
        """The inclusion proof of a receipt, or None. Raises NotSealedYet, for a second at most, and NoSuchHead."""
        async with self._database.connection() as connection:
            return await read_proof(connection, trader, message_id, tree_size=tree_size)

    async def case(self, trader: UUID, case_id: UUID) -> View | None:
        """A case as far as this trader may see it: its own documents whole, the others' kind, key, state and time."""
        async with self._database.connection() as connection:
            anchor = await connection.fetchrow(query("case_anchor"), trader, case_id)
            if anchor is None:
                return None
            members = await connection.fetch(query("case_members"), case_id)
            own = [row for row in (anchor, *members) if row["trader"] == trader]
            views = {view["id"]: view for view in await self._views(connection, own)}
        shown = [_seen(row, trader, views) for row in (anchor, *members)]
        message_set = self._sets[anchor["message_set"]]
        return {
            "case_id": str(case_id),
            "anchor": shown[0],
            "documents": shown[1:],
            "waiting_for": _awaited(anchor, trader),
            "match": match_report(anchor, members, trader, message_set=message_set),
        }

    async def feed(self, trader: UUID, *, after: int, limit: int) -> list[View]:
        """A page of the trader's events in the order of their gap-free numbers."""
        rows = await self._database.fetch("read_feed", trader, after, limit)
        return [
            {
                "seq": row["seq"],
                "id": str(row["id"]),
                "declaration_id": str(row["declaration_id"]),
                "type": row["type"],
                "at": instant(row["at"]),
                "data": row["data"],
            }
            for row in rows
        ]


def exchange_view(row: Record) -> View:
    """One call with its envelope and reply."""
    return {
        "id": str(row["id"]),
        "agency": row["agency"],
        "action": row["action"],
        "sent_at": instant(row["sent_at"]),
        "answered_at": instant(row["answered_at"]),
        "http_status": row["http_status"],
        "request": _text(row["request"]),
        "reply": _text(row["reply"]),
        "error": row["error"],
    }


def _response(row: Record) -> View:
    return {
        "agency": row["agency"],
        "notice_id": row["notice_id"],
        "code": row["code"],
        "state": row["state"],
        "authority_time": row["authority_time"],
        "via": row["via"],
        "received_at": instant(row["received_at"]),
    }


def _text(content: bytes | None) -> str | None:
    return None if content is None else content.decode("utf-8", "replace")


def _seen(row: Record, trader: UUID, views: Mapping[str, View]) -> View:
    """One document of a case; of another trader's only kind, key, state and time."""
    if row["trader"] == trader:
        return views[str(row["id"])]
    return {
        "kind": row["kind"],
        "keys": row["keys"],
        "status": row["state"],
        "received_at": instant(row["received_at"]),
    }


def _awaited(anchor: Record, trader: UUID) -> list[View]:
    """What a case waits for; the keys are the anchor's content and shown to its owner alone."""
    own = anchor["trader"] == trader
    return [entry if own else {"kind": entry["kind"]} for entry in anchor["waiting_for"]]
