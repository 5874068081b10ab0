"""Inventories of `ceb-2018` made from the shipped sample: many declarations in one message, some with mistakes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

SETS = Path(__file__).parents[2] / "singlewindow" / "xsd" / "sets"
SAMPLES = SETS / "ceb-2018" / "samples"
INVENTORY = (SAMPLES / "valid" / "inventory.xml").read_bytes()
SIGNATURE = (
    b'<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:SignedInfo>'
    b'<ds:CanonicalizationMethod Algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315"/>'
    b'<ds:SignatureMethod Algorithm="http://www.w3.org/2000/09/xmldsig#rsa-sha1"/><ds:Reference URI=""><ds:Transforms>'
    b'<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/></ds:Transforms>'
    b'<ds:DigestMethod Algorithm="http://www.w3.org/2000/09/xmldsig#sha1"/><ds:DigestValue>3q2+7w==</ds:DigestValue>'
    b"</ds:Reference></ds:SignedInfo><ds:SignatureValue>3q2+7w==</ds:SignatureValue>"
    b"<ds:KeyInfo><ds:KeyName>0001</ds:KeyName></ds:KeyInfo></ds:Signature>"
)

Change = tuple[bytes, bytes]

_found = re.search(rb"<Inventory>.*</Inventory>", INVENTORY, re.DOTALL)
if _found is None:
    raise LookupError("the sample inventory has no Inventory")
_HEAD, _UNIT, _TAIL = INVENTORY[: _found.start()], _found[0], INVENTORY[_found.end() :]
_LINE = re.compile(rb"<InventoryList>.*</InventoryList>", re.DOTALL)


def inventories(number: int, changes: Mapping[int, tuple[Change, ...]] | None = None, *, lines: int = 0) -> bytes:
    """A message of so many inventories with keys of their own; `changes` replaces bytes in some, by ordinal."""
    units = [_unit(ordinal, (changes or {}).get(ordinal, ()), lines) for ordinal in range(1, number + 1)]
    return _HEAD + b"\n".join(units) + _TAIL


def signed(message: bytes) -> bytes:
    """The message with a signature (of nothing) where the schema wants it."""
    return message.replace(b"</BaseTransfer>", b"</BaseTransfer>" + SIGNATURE)


def renamed(name: bytes, to: bytes) -> tuple[Change, Change]:
    """Misspell an element that occurs once."""
    return (b"<" + name + b">", b"<" + to + b">"), (b"</" + name + b">", b"</" + to + b">")


def _unit(ordinal: int, changes: tuple[Change, ...], lines: int) -> bytes:
    unit = _UNIT.replace(b"EXINV20260302001", b"EXINV%08d" % ordinal)
    if lines:
        one = re.search(rb"<InventoryList>.*?</InventoryList>", unit, re.DOTALL)
        unit = _LINE.sub(lambda _: (one[0] if one else b"") * lines, unit)
    for old, new in changes:
        if old not in unit:
            raise LookupError(old)
        unit = unit.replace(old, new, 1)
    return unit
