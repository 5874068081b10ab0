"""`singlewindow verify`: check a receipt offline."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

from rich.console import Console

from singlewindow.keys import PUBLIC, keys_folder, load_public_key
from singlewindow.messages.receipts import ReceiptInvalid, verify_receipt
from singlewindow.settings import load_settings


def verify(receipt: Path, *, document: Path | None = None, public_key: Path | None = None) -> None:
    """Check a receipt's signature, and that it speaks of exactly this document. Works without any server.

    Parameters
    ----------
    receipt
        The JSON answered to a submission.
    document
        The file that was submitted; its SHA-256 must be the receipt's.
    public_key
        PEM of the gateway's receipt key; by default the one in the data folder.
    """
    key = load_public_key(public_key or keys_folder(load_settings()) / PUBLIC)
    console = Console(highlight=False)
    try:
        payload = verify_receipt(receipt.read_bytes(), key)
        _compare(payload["sha256"], document)
    except ReceiptInvalid as error:
        console.print(f"[red]not valid:[/red] {error.detail}", soft_wrap=True)
        sys.exit(1)
    console.print(f"[green]valid:[/green] message {payload['message_id']}, received {payload['received_at']}")


def _compare(sha256: str, document: Path | None) -> None:
    if document is not None and hashlib.sha256(document.read_bytes()).hexdigest() != sha256:
        raise ReceiptInvalid(f"{document} is not the document of this receipt: its SHA-256 differs")
