"""A ledger on a real PostgreSQL with a small message set of its own, for tests that need no XML."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from singlewindow.ledger.database import Database
from singlewindow.ledger.intake import Intake
from singlewindow.ledger.migrating import migrate
from singlewindow.ledger.reading import Reader
from singlewindow.ledger.submissions import Filed, Submission
from singlewindow.ledger.tasks import Tasks, Word
from singlewindow.ledger.traders import Traders
from singlewindow.messages.identifiers import Clock, IdentifierSource
from singlewindow.messages.judgement import JoinValue, Judgement, ResponseUnit, Unit
from singlewindow.messages.manifest import Holding, Kind, MessageSet, Partner, Route
from singlewindow.messages.receipts import ReceiptSigner
from singlewindow.xsd.catalogue import BUILT_IN
from singlewindow.xsd.rules.ledger_rules import read_ledger_rules

RULES = {rule.id: rule for rule in read_ledger_rules(BUILT_IN / "ceb-2018" / "rules" / "ledger.toml")}

PARCELS = MessageSet(
    name="parcels",
    title="Parcels for tests",
    namespace="urn:test",
    prefix="t",
    schema="none.xsd",
    folder=Path(),
    roots={},
    kinds={
        "order": Kind("order", ends=("registered",)),
        "waybill": Kind("waybill", ends=("registered",)),
        "inventory": Kind(
            "inventory",
            ends=("closed",),
            anchor=True,
            partners=(Partner("order", "order", required=True), Partner("waybill", "waybill", required=True)),
            learned={"invtNo": "invtNo"},
        ),
        "consolidation": Kind("consolidation", ends=("accepted",), waits_until="accepted"),
        "cancellation": Kind("cancellation", ends=("accepted",), target=True),
        "return": Kind("return", ends=("accepted",)),
    },
    routes=(
        Route(
            ("order", "waybill", "inventory", "consolidation", "cancellation", "return"),
            "declare",
            "customs",
            ends=("registered", "accepted", "closed"),
            principal=True,
        ),
    ),
    statuses={},
    holding=Holding("until-complete"),
    ledger_rules={"older": "CEB-R91", "gaps": "CEB-R93", "unknown_change": "CEB-R94"},
    rules=RULES,
)


def unit(kind: str, number: str, *joins: tuple[str, str], ordinal: int = 1, content: str = "", **more: Any) -> Unit:
    """A declaration of the test set under the key `number`, joined by name and value."""
    return Unit(
        ordinal,
        kind,
        {"number": number},
        joins=tuple(JoinValue(name, (value,)) for name, value in joins),
        content_sha256=hashlib.sha256(f"{kind}{number}{content}".encode()).digest(),
        **more,
    )


@dataclass
class LedgerStage:
    """The ledger's parts and what was announced to lanes."""

    database: Database
    traders: Traders
    intake: Intake
    tasks: Tasks
    reader: Reader
    ids: IdentifierSource
    signer: ReceiptSigner
    announced: list[tuple[str, UUID]] = field(default_factory=list)

    async def file(
        self,
        trader: UUID,
        *units: Unit,
        body: bytes | None = None,
        key: str | None = None,
        message_set: str = "parcels",
    ) -> Filed:
        """File one message of these declarations."""
        content = body if body is not None else b"".join(u.content_sha256 for u in units)
        judgement = Judgement(message_set, "Message", "request", units)
        return await self.intake.file(Submission(trader, message_set, "Message", content, judgement, {}, key))

    async def match_all(self) -> None:
        """Run the matching lane until nothing is left."""
        while claims := await self.tasks.claim_due("match", limit=100, visibility_seconds=30):
            await self.tasks.match(claims)

    async def say(
        self, declaration_id: UUID, state: str, time: str, *, agency: str = "customs", **numbers: str
    ) -> None:
        """Let customs, or another agency, say something of a declaration's first part."""
        rows = await self.database.fetch("read_parts", [declaration_id])
        said = ResponseUnit("any", state, state, time, numbers=numbers)
        word = Word(agency, rows[0]["id"], f"{declaration_id}/{state}/{time}", (said,), b"<r/>", "push")
        await self.tasks.take_words([word])

    async def status(self, trader: UUID, declaration_id: UUID) -> str:
        """A declaration's state as its trader reads it."""
        view = await self.reader.declaration(trader, declaration_id)
        return "unknown" if view is None else str(view["status"])


@asynccontextmanager
async def ledger_stage(dsn: str, *more_sets: MessageSet) -> AsyncIterator[LedgerStage]:
    """Migrate and open a ledger; matching tasks are due at once, so that no streams are needed."""
    await migrate(dsn)
    database = Database(dsn, connections=6, timeout_seconds=10)
    await database.open()
    clock = Clock()
    ids = IdentifierSource(clock)
    sets = {message_set.name: message_set for message_set in (PARCELS, *more_sets)}
    traders = Traders(database, b"pepper", ids)
    announced: list[tuple[str, UUID]] = []
    tasks = Tasks(database, sets, clock=clock, ids=ids, on_ready=announced.extend, task_delay_seconds=lambda: 0.0)
    signer = ReceiptSigner(Ed25519PrivateKey.generate())
    try:
        async with Intake(
            database, traders, sets, signer, clock=clock, ids=ids, on_stored=announced.extend,
            task_delay_seconds=lambda: 0.0,
        ) as intake:  # fmt: skip
            yield LedgerStage(database, traders, intake, tasks, Reader(database, sets), ids, signer, announced)
    finally:
        await database.close()
