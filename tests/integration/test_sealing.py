"""Sealing: receipts are proven to be in the signed tree, and no change of the history goes unseen."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from structlog.testing import capture_logs

from singlewindow.cli.verify import verify
from singlewindow.engines.embedded import EngineUrls
from singlewindow.ledger.auditing import audit_feed
from singlewindow.ledger.database import Database
from singlewindow.ledger.findings import Finding
from singlewindow.ledger.migrating import migrate, migrations
from singlewindow.ledger.proving import NotSealedYet
from singlewindow.ledger.sealing import LOCK, Sealer
from singlewindow.messages.identifiers import Clock
from singlewindow.messages.merkle import grow, root_of
from singlewindow.messages.proofs import verify_checkpoint, verify_proof
from singlewindow.messages.receipts import ReceiptInvalid, ReceiptSigner
from tests.integration.gateway_stage import gateway_stage, order, until
from tests.integration.ledger_stage import LedgerStage, ledger_stage, unit


@pytest.fixture
async def stage(database_url: str) -> AsyncIterator[LedgerStage]:
    async with ledger_stage(database_url) as opened:
        await execute(opened, "TRUNCATE feed, feed_counter, checkpoint, event")
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


async def file_orders(stage: LedgerStage, trader: UUID, count: int) -> list[tuple[UUID, bytes]]:
    filings = (stage.file(trader, unit("order", uuid4().hex)) for _ in range(count))
    return [(filed.message_id, filed.receipt) for filed in await asyncio.gather(*filings)]


async def proof_of(stage: LedgerStage, trader: UUID, message_id: UUID) -> bytes:
    return orjson.dumps(await stage.reader.proof(trader, message_id))


async def test_each_receipt_is_proven_to_be_under_the_first_checkpoint_over_it(
    stage: LedgerStage, trader: UUID, sealer: Sealer
) -> None:
    filed = []
    for count in (1, 6, 5):
        filed += await file_orders(stage, trader, count)
        assert await sealer.seal() == 1
    sizes = []
    for message_id, receipt in filed:
        checkpoint = verify_proof(await proof_of(stage, trader, message_id), receipt, stage.signer.public_key)
        sizes.append(checkpoint["size"])
    assert sizes == [1] + [7] * 6 + [12] * 5


async def test_a_proof_stays_the_same_while_the_tree_grows(stage: LedgerStage, trader: UUID, sealer: Sealer) -> None:
    (message_id, _receipt), *_ = await file_orders(stage, trader, 3)
    await sealer.seal()
    first = await proof_of(stage, trader, message_id)
    await file_orders(stage, trader, 3)
    await sealer.seal()
    assert await proof_of(stage, trader, message_id) == first


async def test_a_receipt_that_is_not_sealed_yet_has_no_proof_and_a_stranger_never_has(
    stage: LedgerStage, trader: UUID, sealer: Sealer
) -> None:
    [(message_id, _receipt)] = await file_orders(stage, trader, 1)
    with pytest.raises(NotSealedYet):
        await stage.reader.proof(trader, message_id)
    await sealer.seal()
    stranger = await stage.traders.create("Example Stranger Co", [])
    assert await stage.reader.proof(stranger, message_id) is None
    assert await stage.reader.proof(trader, uuid4()) is None


async def test_a_receipt_that_brought_nothing_new_is_proven_too(
    stage: LedgerStage, trader: UUID, sealer: Sealer
) -> None:
    number = uuid4().hex
    first = await stage.file(trader, unit("order", number))
    again = await stage.file(trader, unit("order", number), body=b"other bytes")
    await sealer.seal()
    proof = await stage.reader.proof(trader, again.message_id)
    assert proof is not None
    assert (proof["leaf"]["type"], proof["leaf"]["declaration_id"]) == ("duplicate", str(first.declaration_ids[0]))
    verify_proof(orjson.dumps(proof), again.receipt, stage.signer.public_key)


async def test_a_message_of_several_declarations_is_proven_by_its_first_event(
    stage: LedgerStage, trader: UUID, sealer: Sealer
) -> None:
    units = [unit("order", uuid4().hex, ordinal=ordinal) for ordinal in (1, 2, 3)]
    filed = await stage.file(trader, *units)
    await stage.match_all()
    await sealer.seal()
    verify_proof(await proof_of(stage, trader, filed.message_id), filed.receipt, stage.signer.public_key)


@pytest.mark.parametrize(
    "change",
    [
        lambda proof: proof["leaf"].update(type="reference"),
        lambda proof: proof["leaf"].update(at="2026-01-01T00:00:00.000000Z"),
        lambda proof: proof["leaf"]["data"].update(state="saved"),
        lambda proof: proof["leaf"].update(salt="00" * 16),
        lambda proof: proof["leaf"].update(trader=str(uuid4())),
        lambda proof: proof.update(index=proof["index"] + 1),
        lambda proof: proof.update(tree_size=proof["tree_size"] + 1),
        lambda proof: proof.update(path=proof["path"][1:]),
        lambda proof: proof.update(path=None),
        lambda proof: proof.update(checkpoint=proof["checkpoint"][:-8] + "AAAAAAAA"),
        lambda proof: proof.pop("leaf"),
    ],
)
async def test_a_changed_proof_does_not_verify(stage: LedgerStage, trader: UUID, sealer: Sealer, change: Any) -> None:
    (message_id, receipt), *_ = await file_orders(stage, trader, 5)
    await sealer.seal()
    proof = json.loads(await proof_of(stage, trader, message_id))
    change(proof)
    with pytest.raises(ReceiptInvalid):
        verify_proof(orjson.dumps(proof), receipt, stage.signer.public_key)


async def test_neither_another_receipt_nor_a_receipts_signature_passes(
    stage: LedgerStage, trader: UUID, sealer: Sealer
) -> None:
    (message_id, receipt), (_, other), *_ = await file_orders(stage, trader, 2)
    await sealer.seal()
    proof = json.loads(await proof_of(stage, trader, message_id))
    with pytest.raises(ReceiptInvalid, match="another receipt"):
        verify_proof(orjson.dumps(proof), other, stage.signer.public_key)
    with pytest.raises(ReceiptInvalid, match="signed as"):
        verify_checkpoint(json.loads(receipt)["signature"], stage.signer.public_key)


async def test_the_command_line_verifies_a_proof_offline(
    stage: LedgerStage, trader: UUID, sealer: Sealer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (message_id, receipt), (_, other), *_ = await file_orders(stage, trader, 2)
    await sealer.seal()
    receipt_file, proof_file, key_file = tmp_path / "receipt.json", tmp_path / "proof.json", tmp_path / "key.pem"
    key_file.write_bytes(stage.signer.public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    receipt_file.write_bytes(receipt)
    proof_file.write_bytes(await proof_of(stage, trader, message_id))
    verify(receipt_file, proof=proof_file, public_key=key_file)
    assert "over 2 events" in capsys.readouterr().out
    receipt_file.write_bytes(other)
    with pytest.raises(SystemExit):
        verify(receipt_file, proof=proof_file, public_key=key_file)


async def test_checkpoints_signed_while_hundreds_file_hold_for_the_finished_feed(
    stage: LedgerStage, trader: UUID
) -> None:
    sealers = [Sealer(stage.database, stage.signer, Clock(), interval_seconds=0.005) for _ in range(2)]
    for sealer in sealers:
        sealer.start()
    filed = await file_orders(stage, trader, 200)
    await until(lambda: is_sealed(stage, trader, 200))
    await asyncio.gather(*(sealer.stop() for sealer in sealers))
    leaves = [row["leaf"] for row in await stage.database.fetch("read_leaves", trader, 0, 200)]
    for row in await stage.database.fetch("audit_heads", trader, 0, 1000):
        assert row["root"] == root_of(grow([], 0, leaves[: row["size"]]))
    assert await audit(stage, trader) == []
    for message_id, receipt in filed[::20]:
        verify_proof(await proof_of(stage, trader, message_id), receipt, stage.signer.public_key)


async def is_sealed(stage: LedgerStage, trader: UUID, size: int) -> bool:
    return bool(await stage.database.fetch("covering_checkpoint", trader, size))


async def test_only_one_sealer_works_and_an_idle_feed_is_not_sealed_again(
    stage: LedgerStage, trader: UUID, sealer: Sealer
) -> None:
    await file_orders(stage, trader, 1)
    async with stage.database.transaction() as connection:
        await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
        assert await sealer.seal() == 0
    assert await sealer.seal() == 1
    assert await sealer.seal() == 0


async def test_a_pass_that_failed_is_made_up_for(stage: LedgerStage, trader: UUID, sealer: Sealer) -> None:
    [(message_id, receipt)] = await file_orders(stage, trader, 1)
    await execute(stage, "ALTER TABLE checkpoint RENAME TO elsewhere")
    with capture_logs() as logs:

        async def failed() -> bool:
            return any(entry["event"] == "sealing_failed" for entry in logs)

        sealer.start()
        await until(failed)
    await execute(stage, "ALTER TABLE elsewhere RENAME TO checkpoint")
    await until(lambda: is_sealed(stage, trader, 1))
    await sealer.stop()
    verify_proof(await proof_of(stage, trader, message_id), receipt, stage.signer.public_key)


async def test_every_trader_has_a_tree_of_its_own(stage: LedgerStage, trader: UUID, sealer: Sealer) -> None:
    other = await stage.traders.create("Example Forwarding Co", [])
    await asyncio.gather(file_orders(stage, trader, 3), file_orders(stage, other, 4))
    assert await sealer.seal() == 2
    for owner, size in ((trader, 3), (other, 4)):
        [checkpoint] = await stage.database.fetch("audit_heads", owner, 0, 1000)
        signed = verify_checkpoint(checkpoint["signature"], stage.signer.public_key)
        assert (signed["trader"], signed["size"]) == (str(owner), size)


async def audit(stage: LedgerStage, trader: UUID) -> list[Finding]:
    return [one async for one in audit_feed(stage.database, trader, stage.signer.public_key)]


EVENT = "(SELECT event_id FROM feed WHERE trader = $1 AND seq = 4)"


@pytest.mark.parametrize(
    ("tampering", "table", "named"),
    [
        (f'UPDATE event SET data = data || \'{{"state": "saved"}}\' WHERE id = {EVENT}', "event", "number 4"),
        (f"UPDATE event SET at = at - interval '1 day' WHERE id = {EVENT}", "event", "number 4"),
        (f"UPDATE event SET salt = '' WHERE id = {EVENT}", "event", "number 4"),
        (f"DELETE FROM event WHERE id = {EVENT}", "event", "number 4"),
        ("UPDATE feed SET leaf = sha256('x') WHERE trader = $1 AND seq = 4", "feed", "4"),
        (
            f"UPDATE feed SET leaf = sha256('\\x00' || event_id::text::bytea) WHERE event_id = {EVENT}",
            "checkpoint",
            "6",
        ),
        ("DELETE FROM feed WHERE trader = $1 AND seq = 4", "feed", "4"),
        ("DELETE FROM feed WHERE trader = $1 AND seq = 6", "feed", "6"),
        ("UPDATE checkpoint SET root = sha256('x') WHERE trader = $1 AND size = 3", "checkpoint", "3"),
        ("UPDATE checkpoint SET signature = 'x' WHERE trader = $1 AND size = 3", "checkpoint", "3"),
    ],
)
async def test_tampering_is_found_and_named(
    stage: LedgerStage, trader: UUID, sealer: Sealer, tampering: str, table: str, named: str
) -> None:
    for _ in range(2):
        await file_orders(stage, trader, 3)
        await sealer.seal()
    assert await audit(stage, trader) == []
    await execute(stage, tampering, trader)
    found = await audit(stage, trader)
    assert [one.table for one in found] == [table], found
    assert named == found[0].row or named in found[0].what


async def test_a_feed_with_a_gap_is_not_signed(stage: LedgerStage, trader: UUID, sealer: Sealer) -> None:
    await file_orders(stage, trader, 3)
    await execute(stage, "DELETE FROM feed WHERE trader = $1 AND seq = 2", trader)
    await sealer.seal()
    assert await stage.database.fetch("audit_heads", trader, 0, 1000) == []


async def test_over_http_the_proof_comes_with_the_first_checkpoint(database_url: str) -> None:
    signer = ReceiptSigner(Ed25519PrivateKey.generate())
    async with gateway_stage(database_url) as stage:
        receipt = await (await stage.submit(order())).read()
        path = f"/v1/messages/{json.loads(receipt)['message_id']}/receipt/proof"
        early = await stage.client.get(path)
        assert (early.status, early.headers["Retry-After"]) == (409, "1")
        assert json.loads(await early.read())["code"] == "not-sealed-yet"
        await Sealer(stage.database, signer, Clock()).seal()
        sealed = await stage.client.get(path)
        assert sealed.status == 200
        verify_proof(await sealed.read(), receipt, signer.public_key)


async def test_events_older_than_the_tree_are_sealed_by_their_ids(engines: EngineUrls) -> None:
    connection = await asyncpg.connect(engines.database_url)
    await connection.execute("CREATE DATABASE older TEMPLATE template0")
    dsn = engines.database_url.replace("/singlewindow?", "/older?")
    trader, event = uuid4(), uuid4()
    try:
        await fill_first_schema(dsn, trader, event)
        await migrate(dsn)
        database, signer = Database(dsn, connections=2, timeout_seconds=10), ReceiptSigner(Ed25519PrivateKey.generate())
        await database.open()
        await Sealer(database, signer, Clock()).seal()
        found = [one async for one in audit_feed(database, trader, signer.public_key)]
        [checkpoint] = await database.fetch("audit_heads", trader, 0, 1000)
        await database.close()
    finally:
        await connection.execute("DROP DATABASE older WITH (FORCE)")
        await connection.close()
    assert found == []
    assert checkpoint["root"] == hashlib.sha256(b"\x00" + str(event).encode()).digest()


async def fill_first_schema(dsn: str, trader: UUID, event: UUID) -> None:
    """The schema as it was before feeds were sealed, with one event in one feed."""
    name, sql = migrations()[0]
    connection = await asyncpg.connect(dsn)
    await connection.execute(sql)
    await connection.execute(
        "CREATE TABLE migration (name text PRIMARY KEY, sha256 text NOT NULL, applied_at timestamptz)"
    )
    digest = hashlib.sha256(sql.encode()).hexdigest()
    await connection.execute("INSERT INTO migration (name, sha256) VALUES ($1, $2)", name, digest)
    await connection.execute("INSERT INTO event VALUES ($1, $1, $2, 'state', now(), '{}')", event, trader)
    await connection.execute("INSERT INTO feed VALUES ($1, 1, $2)", trader, event)
    await connection.execute("INSERT INTO feed_counter VALUES ($1, 1)", trader)
    await connection.close()
