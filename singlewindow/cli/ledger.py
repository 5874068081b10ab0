"""`singlewindow ledger`: check that the ledger is what was signed."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cyclopts import App
from rich.console import Console
from rich.markup import escape

from singlewindow.engines.postgres import EmbeddedPostgres
from singlewindow.keys import PUBLIC, keys_folder, load_public_key
from singlewindow.ledger.database import Database
from singlewindow.ledger.findings import Finding
from singlewindow.ledger.verifying import verify_ledger
from singlewindow.messages.proofs import read_checkpoint
from singlewindow.settings import Settings, load_settings

ledger = App(name="ledger", help="Check that the ledger is what was signed: nothing changed, taken away or slipped in.")


@ledger.command
def verify(
    *,
    trader: UUID | None = None,
    checkpoint: Sequence[Path] = (),
    public_key: Path | None = None,
    data: Path | None = None,
    as_json: bool = False,
) -> None:
    """Read every event, message, receipt and head, and name each row that is not what was signed.

    Works on a running ledger: SINGLEWINDOW_DATABASE_URL, or the server that `singlewindow up` runs in --data. Exit
    code 0: everything stands. 1: a row does not.

    Parameters
    ----------
    trader
        Only this trader's history; default: everybody's.
    checkpoint
        A head that somebody kept outside (the JSON of /v1/checkpoints/latest); may be given several times. Finds a
        history that was cut or rewritten together with the ledger's own heads.
    public_key
        PEM of the gateway's receipt key; by default the one in the data folder.
    data
        Folder of the embedded server; default ./data.
    as_json
        One JSON object a finding, a line each.
    """
    settings = load_settings()
    settings = settings.model_copy(update={"data_dir": data.absolute()}) if data else settings
    key = load_public_key(public_key or keys_folder(settings) / PUBLIC)
    heads = [read_checkpoint(path.read_bytes(), key) for path in checkpoint]
    findings = asyncio.run(_verify(settings, key, trader, heads))
    _tell(findings, as_json=as_json)
    sys.exit(1 if findings else 0)


async def _verify(
    settings: Settings, key: Ed25519PublicKey, trader: UUID | None, heads: Sequence[Mapping[str, Any]]
) -> list[Finding]:
    url = settings.database_url or EmbeddedPostgres(settings.data_dir).dsn
    database = Database(url, connections=2, timeout_seconds=60)
    await database.open()
    try:
        return [finding async for finding in verify_ledger(database, key, trader=trader, published=heads)]
    finally:
        await database.close()


def _tell(findings: Sequence[Finding], *, as_json: bool) -> None:
    if as_json:
        for finding in findings:
            print(json.dumps({name: str(value) for name, value in asdict(finding).items()}))
        return
    console = Console(highlight=False, soft_wrap=True)
    for finding in findings:
        console.print(
            f"[red]altered:[/red] {finding.table} {escape(finding.row)} of trader {finding.trader}: "
            f"{escape(finding.what)}"
        )
    if not findings:
        console.print("[green]intact:[/green] every event, message, receipt and head is what was signed")
