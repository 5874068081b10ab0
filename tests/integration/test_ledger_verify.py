"""`singlewindow ledger verify`: a row changed, taken away or slipped in by a superuser is found and named."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from singlewindow.cli.verify import verify
from singlewindow.ledger.findings import Finding
from singlewindow.ledger.proving import NoSuchHead
from singlewindow.ledger.sealing import Sealer
from singlewindow.ledger.verifying import verify_ledger
from singlewindow.messages.identifiers import Clock
from singlewindow.messages.proofs import read_checkpoint
from tests.integration.ledger_stage import LedgerStage, ledger_stage, unit

EMPTIED = "TRUNCATE feed, feed_counter, checkpoint, event, message, body, declaration, filing, idempotency"


@pytest.fixture
async def stage(database_url: str) -> AsyncIterator[LedgerStage]:
    async with ledger_stage(database_url) as opened:
        await execute(opened, EMPTIED)
        yield opened


@pytest.fixture
async def trader(stage: LedgerStage) -> UUID:
    return await stage.traders.create("Example Trading Co", [])


@pytest.fixture
def sealer(stage: LedgerStage) -> Sealer:
    return Sealer(stage.database, stage.signer, Clock(), interval_seconds=0.01)


async def execute(stage: LedgerStage, statement: str, *values: Any) -> None:
    """Run a statement as the superuser the tests connect as: what no part of the system does."""
    async with stage.database.connection() as connection:
        await connection.execute(statement, *values)


async def file_and_seal(stage: LedgerStage, trader: UUID, sealer: Sealer, count: int = 5) -> list[UUID]:
    filed = [(await stage.file(trader, unit("order", uuid4().hex))).message_id for _ in range(count)]
    await sealer.seal()
    return filed


async def findings(stage: LedgerStage, *heads: dict[str, Any]) -> list[Finding]:
    return [one async for one in verify_ledger(stage.database, stage.signer.public_key, published=heads)]


async def head_of(stage: LedgerStage, trader: UUID) -> bytes:
    return orjson.dumps(await stage.reader.checkpoint(trader))


async def test_an_untouched_ledger_stands(stage: LedgerStage, trader: UUID, sealer: Sealer) -> None:
    await file_and_seal(stage, trader, sealer)
    await stage.match_all()
    await sealer.seal()
    await file_and_seal(stage, await stage.traders.create("Another", []), sealer)
    assert await findings(stage) == []


ROW_OF_FOURTH = "SELECT event_id FROM feed WHERE trader = $1 AND seq = 4"


@pytest.mark.parametrize(
    ("table", "tampering", "words"),
    [
        (
            "event",
            f'UPDATE event SET data = data || \'{{"state": "released"}}\' WHERE id = ({ROW_OF_FOURTH})',
            "number 4",
        ),
        ("event", f"DELETE FROM event WHERE id = ({ROW_OF_FOURTH})", "number 4"),
        ("feed", "DELETE FROM feed WHERE trader = $1 AND seq = 4", "missing"),
        ("feed_counter", "DELETE FROM feed WHERE trader = $1 AND seq = 5", "5 events were numbered, 4 are there"),
        (
            "event",
            (
                "UPDATE feed f SET event_id = g.event_id FROM feed g WHERE f.trader = $1 AND g.trader = $1"
                " AND (f.seq, g.seq) IN ((3, 4), (4, 3))"
            ),
            "number 3",
        ),
        ("checkpoint", "UPDATE checkpoint SET root = sha256('x') WHERE trader = $1", "head"),
        ("body", "UPDATE body SET content = 'other' WHERE id = $2", "bytes are not those"),
        ("body", "UPDATE body SET content = NULL WHERE id = $2", "were not erased by us"),
        ("message", "UPDATE message SET sha256 = sha256('x') WHERE id = $2", "its receipt says"),
        ("message", "UPDATE message SET root = 'Other' WHERE id = $2", "type is Other"),
        ("message", "DELETE FROM message WHERE id = $2", "the message is gone"),
        ("declaration", "DELETE FROM declaration WHERE message_id = $2", "of the receipt is gone"),
        ("message", "UPDATE message SET receipt = receipt || ' '::bytea WHERE id = $2", "another than the one"),
    ],
)
async def test_a_row_tampered_with_is_named(
    stage: LedgerStage, trader: UUID, sealer: Sealer, table: str, tampering: str, words: str
) -> None:
    filed = await file_and_seal(stage, trader, sealer)
    statement = tampering.replace("$2", f"'{filed[3]}'").replace("$1", f"'{trader}'")
    await execute(stage, statement)
    found = await findings(stage)
    named = [one for one in found if one.table == table and words in one.what]
    assert named, found
    assert named[0].trader == trader
    if table in {"message", "body"}:
        assert named[0].row == str(filed[3])


async def test_a_receipt_signed_again_is_not_the_one_in_the_feed(
    stage: LedgerStage, trader: UUID, sealer: Sealer
) -> None:
    (first, *_) = await file_and_seal(stage, trader, sealer)
    stored = json.loads(await stage.reader.receipt(trader, first) or b"")
    payload = {name: value for name, value in stored.items() if name != "signature"}
    forged = stage.signer.sign({**payload, "received_at": "2020-01-01T00:00:00.000000Z"})
    await execute(stage, "UPDATE message SET receipt = $1 WHERE id = $2", forged, first)
    found = await findings(stage)
    assert [(one.table, one.row) for one in found] == [("message", str(first))]


CUT = (
    "DELETE FROM feed WHERE trader = $1 AND seq > 3",
    "DELETE FROM event WHERE trader = $1 AND NOT EXISTS (SELECT FROM feed WHERE event_id = event.id)",
    "DELETE FROM message WHERE trader = $1 AND NOT EXISTS (SELECT FROM feed WHERE message_id = message.id)",
    "DELETE FROM checkpoint WHERE trader = $1 AND size > 3",
    "UPDATE feed_counter SET last_seq = 3 WHERE trader = $1",
)


async def test_a_history_that_was_cut_cleanly_is_found_by_a_head_kept_outside(
    stage: LedgerStage, trader: UUID, sealer: Sealer
) -> None:
    await file_and_seal(stage, trader, sealer, 3)
    await file_and_seal(stage, trader, sealer, 3)
    kept = read_checkpoint(await head_of(stage, trader), stage.signer.public_key)
    for statement in CUT:
        await execute(stage, statement, trader)
    assert await findings(stage) == []
    (found,) = await findings(stage, kept)
    assert (found.table, found.row, found.trader) == ("checkpoint", "6", trader)


async def test_a_proof_may_be_asked_for_under_a_head_that_was_kept(
    stage: LedgerStage, trader: UUID, sealer: Sealer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (first, *_) = await file_and_seal(stage, trader, sealer, 3)
    await file_and_seal(stage, trader, sealer, 4)
    files = {name: tmp_path / name for name in ("receipt", "proof", "kept", "key")}
    key = stage.signer.public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    files["key"].write_bytes(key)
    files["receipt"].write_bytes(await stage.reader.receipt(trader, first) or b"")
    files["kept"].write_bytes(await head_of(stage, trader))

    files["proof"].write_bytes(orjson.dumps(await stage.reader.proof(trader, first)))
    with pytest.raises(SystemExit):
        verify(files["receipt"], proof=files["proof"], checkpoint=files["kept"], public_key=files["key"])
    assert "?tree_size=7" in capsys.readouterr().out

    files["proof"].write_bytes(orjson.dumps(await stage.reader.proof(trader, first, tree_size=7)))
    verify(files["receipt"], proof=files["proof"], checkpoint=files["kept"], public_key=files["key"])
    assert "over 7 events" in capsys.readouterr().out


@pytest.mark.parametrize("size", [1, 2, 5, 10**6])
async def test_a_head_that_was_never_signed_has_no_proof(
    stage: LedgerStage, trader: UUID, sealer: Sealer, size: int
) -> None:
    filed = await file_and_seal(stage, trader, sealer, 3)
    with pytest.raises(NoSuchHead):
        await stage.reader.proof(trader, filed[1], tree_size=size)
