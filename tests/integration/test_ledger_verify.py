"""`singlewindow ledger verify`: a row changed, taken away or slipped in by a superuser is found and named."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from singlewindow.cli.verify import verify
from singlewindow.ledger.findings import Finding
from singlewindow.ledger.heads import Heads
from singlewindow.ledger.proving import NoSuchHead
from singlewindow.ledger.sealing import Sealer
from singlewindow.ledger.verifying import verify_ledger
from singlewindow.messages.identifiers import Clock
from singlewindow.messages.proofs import read_checkpoint
from singlewindow.messages.receipts import ReceiptSigner
from tests.end_to_end.documents import Parcel
from tests.integration.gateway_stage import gateway_stage
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
            "feed",
            (
                "UPDATE feed f SET event_id = g.event_id FROM feed g WHERE f.trader = $1 AND g.trader = $1"
                " AND (f.seq, g.seq) IN ((3, 4), (4, 3))"
            ),
            "which is number 4",
        ),
        ("checkpoint", "UPDATE checkpoint SET root = sha256('x') WHERE trader = $1", "root is not the one"),
        ("body", "UPDATE body SET content = 'other' WHERE id = $2", "bytes are not those"),
        ("body", "UPDATE body SET content = NULL WHERE id = $2", "were not erased by us"),
        ("message", "UPDATE message SET sha256 = sha256('x') WHERE id = $2", "its receipt says"),
        ("message", "UPDATE message SET root = 'Other' WHERE id = $2", "type is Other"),
        ("message", "DELETE FROM message WHERE id = $2", "the message is gone"),
        ("declaration", "DELETE FROM declaration WHERE message_id = $2", "and gone"),
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
    assert {(one.table, one.row) for one in found} == {("message", str(first))}


CUT = (
    "DELETE FROM declaration WHERE message_id IN (SELECT message_id FROM feed WHERE trader = $1 AND seq > 3)",
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


@dataclass(frozen=True)
class Kept:
    """Files that somebody keeps, and the key to read them by."""

    folder: Path
    key: Path

    def write(self, name: str, content: object) -> Path:
        path = self.folder / name
        path.write_bytes(orjson.dumps(content))
        return path


@pytest.fixture
def kept(stage: LedgerStage, tmp_path: Path) -> Kept:
    key = tmp_path / "key"
    key.write_bytes(stage.signer.public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return Kept(tmp_path, key)


async def test_a_later_head_is_shown_to_begin_with_an_earlier_one(
    stage: LedgerStage, trader: UUID, sealer: Sealer, kept: Kept, capsys: pytest.CaptureFixture[str]
) -> None:
    heads: list[Path] = []
    for count in (3, 4, 2):
        await file_and_seal(stage, trader, sealer, count)
        heads.append(kept.write(f"head-{len(heads)}", await stage.reader.checkpoint(trader)))
    published = Heads(stage.database)
    steps = [
        kept.write(f"step-{later}", await published.extension(trader, earlier=earlier, later=later))
        for earlier, later in ((7, 9), (3, 7))
    ]
    verify(checkpoint=heads[2], earlier_checkpoint=heads[0], consistency=steps, public_key=kept.key)
    assert "the head over 9 events begins with those of 3" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        verify(checkpoint=heads[2], earlier_checkpoint=heads[0], consistency=steps[:1], public_key=kept.key)
    assert "/v1/checkpoints/consistency?from=3&to=9" in capsys.readouterr().out


async def test_a_rewritten_history_does_not_begin_with_the_head_that_was_kept(
    stage: LedgerStage, trader: UUID, sealer: Sealer, kept: Kept, capsys: pytest.CaptureFixture[str]
) -> None:
    await file_and_seal(stage, trader, sealer, 3)
    earlier = kept.write("earlier", await stage.reader.checkpoint(trader))
    await execute(stage, "UPDATE feed SET leaf = sha256('x') WHERE trader = $1 AND seq = 2", trader)
    await execute(stage, "DELETE FROM checkpoint WHERE trader = $1", trader)
    await file_and_seal(stage, trader, sealer, 2)
    await execute(stage, "UPDATE feed_counter SET last_seq = 3 WHERE trader = $1", trader)
    await execute(stage, "DELETE FROM feed WHERE trader = $1 AND seq > 3", trader)
    await execute(stage, "DELETE FROM checkpoint WHERE trader = $1", trader)
    await sealer.seal()
    later = kept.write("later", await stage.reader.checkpoint(trader))
    with pytest.raises(SystemExit):
        verify(checkpoint=later, earlier_checkpoint=earlier, public_key=kept.key)
    assert "the history was rewritten" in capsys.readouterr().out


async def test_a_proof_of_consistency_that_was_tampered_with_shows_nothing(
    stage: LedgerStage, trader: UUID, sealer: Sealer, kept: Kept, capsys: pytest.CaptureFixture[str]
) -> None:
    heads: list[Path] = []
    for count in (3, 4):
        await file_and_seal(stage, trader, sealer, count)
        heads.append(kept.write(f"head-{len(heads)}", await stage.reader.checkpoint(trader)))
    proof = await Heads(stage.database).extension(trader, earlier=3, later=7)
    assert proof is not None
    proof["path"] = ["00" * 32, *proof["path"][1:]]
    with pytest.raises(SystemExit):
        verify(
            checkpoint=heads[1],
            earlier_checkpoint=heads[0],
            consistency=[kept.write("step", proof)],
            public_key=kept.key,
        )
    assert "does not begin with" in capsys.readouterr().out


async def test_heads_are_listed_page_by_page_and_joined_over_http(database_url: str) -> None:
    async with gateway_stage(database_url) as stage:
        sealer = Sealer(stage.database, ReceiptSigner(Ed25519PrivateKey.generate()), Clock())
        for _ in range(3):
            await stage.submit(Parcel().order().encode())
            await sealer.seal()
        first = await (await stage.client.get("/v1/checkpoints?limit=2")).json()
        rest = await (await stage.client.get(f"/v1/checkpoints?limit=2&after={first['next']}")).json()
        sizes = [head["tree_size"] for page in (first, rest) for head in page["checkpoints"]]
        assert (len(sizes), sizes, rest["next"]) == (3, sorted(sizes), None)
        joined = await stage.client.get(f"/v1/checkpoints/consistency?from={sizes[0]}&to={sizes[2]}")
        assert (joined.status, set(await joined.json())) == (200, {"from", "to", "earlier", "later", "path"})
        for wrong, status in ((f"from={sizes[2]}&to={sizes[0]}", 400), ("from=0&to=1", 400), ("from=1&to=999", 404)):
            assert (await stage.client.get(f"/v1/checkpoints/consistency?{wrong}")).status == status
