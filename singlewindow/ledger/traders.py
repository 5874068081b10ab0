"""Traders, their API keys (stored as keyed hashes) and the register of company codes."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from singlewindow.errors import TraderMistake
from singlewindow.ledger.database import Database, query
from singlewindow.messages.identifiers import IdentifierSource

CACHE_SECONDS = 2.0
"""How long a key or the register may be served from memory after it changed elsewhere."""

SCOPES = frozenset({"submit", "read", "operate"})
LIVE_KEYS = 2
"""Keys of one trader that may be live at a time, for rotation."""


@dataclass(frozen=True, slots=True)
class Trader:
    """Who presents a key, what it may do, and for which company codes it may file.

    `message_sets` are the editions its messages are judged by where these know the root, `raised` the rules whose
    warnings are errors to it.
    """

    id: UUID
    name: str
    all_codes: bool
    codes: frozenset[str]
    scopes: frozenset[str]
    key_id: UUID
    message_sets: tuple[str, ...] = ()
    raised: tuple[str, ...] = ()

    def may_file_for(self, code: str) -> bool:
        """True when the code is one of the trader's company."""
        return self.all_codes or code in self.codes


class TooManyKeys(TraderMistake):
    """A trader has its two live keys already; revoke one first."""

    code = "too-many-keys"
    status = 409


class Traders:
    """The register. Authentication costs one hash and, at most every two seconds per key, one query."""

    def __init__(self, database: Database, pepper: bytes, ids: IdentifierSource) -> None:
        self._database, self._pepper, self._ids = database, pepper, ids
        self._keys: dict[bytes, tuple[float, Trader | None]] = {}
        self._register: tuple[float, dict[str, str]] = (0.0, {})
        self._reading: asyncio.Task[dict[str, str]] | None = None

    async def create(self, name: str, codes: Sequence[str], *, all_codes: bool = False) -> UUID:
        """Register a trader and its company codes."""
        trader = self._ids.next()
        await self._database.execute("add_trader", trader, name, all_codes)
        await self.add_codes(trader, codes)
        return trader

    async def add_codes(self, trader: UUID, codes: Sequence[str]) -> None:
        """Add company codes; all of one trader's codes are compared as the first one registered."""
        if not codes:
            return
        row = await self._database.fetchrow("trader_canonical", trader)
        canonical = row["canonical"] if row else codes[0]
        schemes = [_scheme(code) for code in codes]
        await self._database.execute("add_company_codes", trader, schemes, list(codes), canonical)
        self._register, self._reading = (0.0, {}), None
        self._keys.clear()

    async def choose(self, trader: UUID, *, message_sets: Sequence[str], raised: Sequence[str]) -> bool:
        """Set the editions its messages are judged by and the rules it wants as errors; False for an unknown trader."""
        self._keys.clear()
        row = await self._database.fetchrow("choose_for_trader", trader, list(message_sets), list(raised))
        return row is not None

    async def create_key(self, trader: UUID, scopes: Sequence[str]) -> str:
        """A new API key, shown this once. Raises TooManyKeys when two are live."""
        key = f"sw_{secrets.token_urlsafe(32)}"
        async with self._database.transaction() as connection:
            await connection.execute(query("lock_trader"), trader)
            row = await connection.fetchrow(query("count_live_keys"), trader)
            if row is not None and row["count"] >= LIVE_KEYS:
                raise TooManyKeys("two keys are live; revoke one before making another")
            await connection.execute(query("add_api_key"), self._ids.next(), trader, self._hash(key), list(scopes))
        return key

    async def revoke_key(self, key_id: UUID) -> bool:
        """End a key; False when it was not live. Other processes notice within CACHE_SECONDS."""
        self._keys.clear()
        return await self._database.fetchrow("revoke_key", key_id) is not None

    async def find_by_name(self, name: str) -> UUID | None:
        """The id of the trader registered under this name."""
        row = await self._database.fetchrow("find_trader_by_name", name)
        return None if row is None else row["id"]

    async def authenticate(self, api_key: str) -> Trader | None:
        """The trader who holds this live key, or None."""
        digest, now = self._hash(api_key), time.monotonic()
        cached = self._keys.get(digest)
        if cached is not None and now - cached[0] < CACHE_SECONDS:
            return cached[1]
        row = await self._database.fetchrow("find_key", digest)
        trader = None
        if row is not None:
            codes, scopes = frozenset(row["codes"]), frozenset(row["scopes"])
            chosen = (tuple(row["message_sets"]), tuple(row["raised"]))
            trader = Trader(row["id"], row["name"], row["all_codes"], codes, scopes, row["key_id"], *chosen)
        self._remember(digest, now, trader)
        return trader

    async def canonical(self) -> Callable[[str], str]:
        """Maps a company code to the one its company is compared by; an unregistered code stands for itself."""
        read_at, register = self._register
        if time.monotonic() - read_at > CACHE_SECONDS:
            if self._reading is None or self._reading.done():
                self._reading = asyncio.create_task(self._read_register(), name="company register")
            # one reading for all who file now: the register may be long, and its connections are intake's too
            register = await asyncio.shield(self._reading)
        return lambda code: register.get(code, code)

    async def _read_register(self) -> dict[str, str]:
        rows = await self._database.fetch("company_register")
        register = {row["code"]: row["canonical"] for row in rows}
        self._register = (time.monotonic(), register)
        return register

    def _hash(self, api_key: str) -> bytes:
        return hmac.new(self._pepper, api_key.encode("utf-8", "surrogateescape"), hashlib.sha256).digest()

    def _remember(self, digest: bytes, now: float, trader: Trader | None) -> None:
        """Unknown keys are not kept: guessing must not fill the memory."""
        if trader is None:
            self._keys.pop(digest, None)
        else:
            self._keys[digest] = (now, trader)


def _scheme(code: str) -> str:
    """18 characters: unified social credit code (GB 32100); 10: customs registration; else an identifier as it is."""
    return {18: "uscc", 10: "customs"}.get(len(code), "other")
