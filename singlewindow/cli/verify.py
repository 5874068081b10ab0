"""`singlewindow verify`: check a receipt offline."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

from rich.console import Console

from singlewindow.keys import PUBLIC, keys_folder, load_public_key
from singlewindow.messages.proofs import verify_proof
from singlewindow.messages.receipts import ReceiptInvalid, verify_receipt
from singlewindow.settings import load_settings


def verify(
    receipt: Path, *, document: Path | None = None, proof: Path | None = None, public_key: Path | None = None
) -> None:
    """Check a receipt's signature, and that it speaks of exactly this document. Works without any server.

    Parameters
    ----------
    receipt
        The JSON answered to a submission.
    document
        The file that was submitted; its SHA-256 must be the receipt's.
    proof
        The JSON of /v1/messages/{id}/receipt/proof; it must lead from this receipt to a signed checkpoint.
    public_key
        PEM of the gateway's receipt key; by default the one in the data folder.
    """
    key = load_public_key(public_key or keys_folder(load_settings()) / PUBLIC)
    console = Console(highlight=False)
    try:
        stored = receipt.read_bytes()
        payload = verify_receipt(stored, key)
        _compare(payload["sha256"], document)
        checkpoint = verify_proof(proof.read_bytes(), stored, key) if proof else None
    except ReceiptInvalid as error:
        console.print(f"[red]not valid:[/red] {error.detail}", soft_wrap=True)
        sys.exit(1)
    console.print(f"[green]valid:[/green] message {payload['message_id']}, received {payload['received_at']}")
    if checkpoint:
        events = f"{checkpoint['size']} event{'s'[: checkpoint['size'] > 1]}"
        console.print(f"[green]proven:[/green] under the checkpoint of {checkpoint['sealed_at']}, over {events}")


def _compare(sha256: str, document: Path | None) -> None:
    if document is not None and hashlib.sha256(document.read_bytes()).hexdigest() != sha256:
        raise ReceiptInvalid(f"{document} is not the document of this receipt: its SHA-256 differs")
