"""`singlewindow verify`: check offline what one holds: a receipt, its proof, and heads kept over time."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from rich.console import Console
from rich.markup import escape

from singlewindow.errors import ConfigurationError, TraderMistake
from singlewindow.keys import PUBLIC, keys_folder, load_public_key
from singlewindow.messages.proofs import read_checkpoint, verify_extension, verify_proof
from singlewindow.messages.receipts import ReceiptInvalid, verify_receipt
from singlewindow.settings import load_settings

Payload = dict[str, Any]
console = Console(highlight=False, soft_wrap=True)


def verify(
    receipt: Path | None = None,
    *,
    document: Path | None = None,
    proof: Path | None = None,
    checkpoint: Path | None = None,
    earlier_checkpoint: Path | None = None,
    consistency: Sequence[Path] = (),
    public_key: Path | None = None,
) -> None:
    """Check a receipt, or heads kept over time, without any server. Exit code 0: all of it holds.

    Parameters
    ----------
    receipt
        The JSON answered to a submission. Left out: only the checkpoints are compared.
    document
        The file that was submitted; its SHA-256 must be the receipt's.
    proof
        The JSON of /v1/messages/{id}/receipt/proof; it must lead from this receipt to a signed checkpoint.
    checkpoint
        A head kept earlier, the JSON of /v1/checkpoints/latest: the proof must lead to this one, and not to another
        that was signed for the occasion. Ask for that proof with ?tree_size=.
    earlier_checkpoint
        A head kept before that: the history under the later one must begin with all of it.
    consistency
        The JSON of /v1/checkpoints/consistency?from=&to= that shows it. For heads more than 200,000 events apart,
        one for each step between them; order does not matter.
    public_key
        PEM of the gateway's receipt key; by default the one in the data folder.
    """
    if receipt is None and (document or proof or not earlier_checkpoint or not checkpoint):
        raise TraderMistake("give a RECEIPT, or --checkpoint and --earlier-checkpoint to compare these alone")
    key = load_public_key(public_key or keys_folder(load_settings()) / PUBLIC)
    proven = _check_receipt(receipt, key, document=document, proof=proof) if receipt else None
    later = _check_checkpoint(checkpoint, key, proven if receipt else None, by_proof=receipt is not None)
    if earlier_checkpoint is not None:
        _check_growth(_read(earlier_checkpoint), later or proven, [_read(path) for path in consistency], key)


def _check_receipt(
    receipt: Path, key: Ed25519PublicKey, *, document: Path | None, proof: Path | None
) -> Payload | None:
    """The head that the proof leads to, if one was given."""
    stored, proven = _read(receipt), None
    with _checking("the receipt's signature", "Compare the file with what was answered, and --public-key with ours."):
        payload = verify_receipt(stored, key)
    with _checking("the document", "Give the file exactly as it was sent: no byte may differ, line ends included."):
        if document is not None and hashlib.sha256(_read(document)).hexdigest() != payload["sha256"]:
            raise ReceiptInvalid(f"{document} is not the document of this receipt: its SHA-256 differs")
    with _checking("the proof", "Fetch /v1/messages/{id}/receipt/proof again; if it fails as well, tell an auditor."):
        proven = verify_proof(_read(proof), stored, key) if proof else None
    console.print(f"[green]valid:[/green] message {payload['message_id']}, received {payload['received_at']}")
    if proven:
        console.print(f"[green]proven:[/green] under the checkpoint of {proven['sealed_at']}, over {_events(proven)}")
    return proven


def _check_checkpoint(
    checkpoint: Path | None, key: Ed25519PublicKey, proven: Payload | None, *, by_proof: bool
) -> Payload | None:
    """The head that was kept, when it is the one that the proof leads to."""
    if checkpoint is None:
        return None
    with _checking("the checkpoint", "Keep both files: if neither was changed, the history they speak of was."):
        kept = read_checkpoint(_read(checkpoint), key)
        if by_proof:
            _lead_to(proven, kept)
    return kept


def _lead_to(proven: Payload | None, kept: Mapping[str, Any]) -> None:
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


def _check_growth(kept: bytes, later: Payload | None, steps: Sequence[bytes], key: Ed25519PublicKey) -> None:
    advice = "Keep all of these files: a later head that does not hold the earlier history is a rewritten one."
    with _checking("the earlier checkpoint", advice):
        earlier = read_checkpoint(kept, key)
        if later is None:
            raise ReceiptInvalid("--earlier-checkpoint is compared with a later head: give --checkpoint or --proof")
        if earlier["trader"] != later["trader"]:
            raise ReceiptInvalid("the two checkpoints are of different traders")
        _climb(earlier, later, [verify_extension(step, key) for step in steps])
    console.print(f"[green]consistent:[/green] the head over {_events(later)} begins with those of {earlier['size']}")


def _climb(earlier: Payload, later: Payload, steps: Sequence[tuple[Payload, Payload]]) -> None:
    """Raises ReceiptInvalid unless the steps lead from the one head to the other."""
    reached = earlier
    for below, above in sorted(steps, key=lambda step: int(step[0]["size"])):
        if _same(below, reached):
            reached = above
    if _same(reached, later):
        return
    if reached["size"] == later["size"]:
        raise ReceiptInvalid("two different heads over as many events were signed: the history was rewritten")
    if reached["size"] > later["size"]:
        raise ReceiptInvalid(
            f"it is over {reached['size']} events, the later one over {later['size']}: it is not later"
        )
    raise ReceiptInvalid(
        f"nothing given leads from {reached['size']} events to {later['size']}: add --consistency with the answer of "
        f"/v1/checkpoints/consistency?from={reached['size']}&to={later['size']}"
    )


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return all(one[name] == other[name] for name in ("trader", "size", "root"))


@contextmanager
def _checking(what: str, advice: str) -> Iterator[None]:
    """Says which check failed and what to do, and ends the command."""
    try:
        yield
    except ReceiptInvalid as error:
        console.print(f"[red]not valid:[/red] {what}: {escape(error.detail)}")
        console.print(advice)
        sys.exit(1)


def _events(head: Mapping[str, Any]) -> str:
    return f"{head['size']} event{'s'[: head['size'] > 1]}"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}") from error
