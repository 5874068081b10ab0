"""`singlewindow verify`: check a receipt offline."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from singlewindow.keys import PUBLIC, keys_folder, load_public_key
from singlewindow.messages.proofs import read_checkpoint, verify_proof
from singlewindow.messages.receipts import ReceiptInvalid, verify_receipt
from singlewindow.settings import load_settings


def verify(
    receipt: Path,
    *,
    document: Path | None = None,
    proof: Path | None = None,
    checkpoint: Path | None = None,
    public_key: Path | None = None,
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
    checkpoint
        A head kept earlier, the JSON of /v1/checkpoints/latest: the proof must lead to this one, and not to another
        that was signed for the occasion. Ask for that proof with ?tree_size=.
    public_key
        PEM of the gateway's receipt key; by default the one in the data folder.
    """
    key = load_public_key(public_key or keys_folder(load_settings()) / PUBLIC)
    console = Console(highlight=False)
    try:
        stored = receipt.read_bytes()
        payload = verify_receipt(stored, key)
        _compare(payload["sha256"], document)
        proven = verify_proof(proof.read_bytes(), stored, key) if proof else None
        if checkpoint is not None:
            _lead_to(proven, read_checkpoint(checkpoint.read_bytes(), key))
    except ReceiptInvalid as error:
        console.print(f"[red]not valid:[/red] {error.detail}", soft_wrap=True)
        sys.exit(1)
    console.print(f"[green]valid:[/green] message {payload['message_id']}, received {payload['received_at']}")
    if proven:
        events = f"{proven['size']} event{'s'[: proven['size'] > 1]}"
        console.print(f"[green]proven:[/green] under the checkpoint of {proven['sealed_at']}, over {events}")


def _compare(sha256: str, document: Path | None) -> None:
    if document is not None and hashlib.sha256(document.read_bytes()).hexdigest() != sha256:
        raise ReceiptInvalid(f"{document} is not the document of this receipt: its SHA-256 differs")


def _lead_to(proven: dict[str, Any] | None, kept: dict[str, Any]) -> None:
    """Raises ReceiptInvalid unless the proof leads to the head that was kept."""
    if proven is None:
        raise ReceiptInvalid("--checkpoint says what --proof must lead to: give the proof as well")
    if proven["trader"] != kept["trader"]:
        raise ReceiptInvalid("the checkpoint is of another trader")
    if proven["size"] != kept["size"]:
        raise ReceiptInvalid(
            f"the proof leads to the head over {proven['size']} events, the checkpoint is over {kept['size']}: "
            f"ask for the proof with ?tree_size={kept['size']}"
        )
    if proven["root"] != kept["root"]:
        raise ReceiptInvalid("two different heads over as many events were signed: the history was rewritten")
