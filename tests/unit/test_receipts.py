"""Receipts prove what they say, and identifiers rise."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from singlewindow.messages.identifiers import Clock, IdentifierSource, hash_values
from singlewindow.messages.receipts import ReceiptInvalid, ReceiptSigner, verify_receipt

SIGNER = ReceiptSigner(Ed25519PrivateKey.generate())
PAYLOAD = {"message_id": "1", "sha256": "ab", "declarations": [{"ordinal": 1, "verdict": "received"}]}


def test_a_signed_receipt_verifies_to_its_payload() -> None:
    assert verify_receipt(SIGNER.sign(PAYLOAD), SIGNER.public_key) == PAYLOAD


def test_a_changed_receipt_is_not_valid() -> None:
    changed = SIGNER.sign(PAYLOAD).replace(b'"sha256":"ab"', b'"sha256":"cd"')
    with pytest.raises(ReceiptInvalid):
        verify_receipt(changed, SIGNER.public_key)


def test_another_keys_receipt_is_not_valid() -> None:
    with pytest.raises(ReceiptInvalid):
        verify_receipt(SIGNER.sign(PAYLOAD), Ed25519PrivateKey.generate().public_key())


@given(st.binary(max_size=200))
def test_any_bytes_that_are_no_receipt_are_refused_with_a_text(junk: bytes) -> None:
    with pytest.raises(ReceiptInvalid):
        verify_receipt(junk, SIGNER.public_key)


def test_the_signature_is_a_compact_jws_of_the_payload() -> None:
    header = json.loads(SIGNER.sign(PAYLOAD))["signature"].split(".")[0]
    assert len(header) > 0


@given(st.lists(st.text(max_size=5), max_size=4), st.lists(st.text(max_size=5), max_size=4))
def test_different_values_never_run_into_one_hash(left: list[str], right: list[str]) -> None:
    assert (hash_values(left) == hash_values(right)) == (left == right)


def test_identifiers_rise_even_when_the_clock_goes_back() -> None:
    clock = Clock()
    source = IdentifierSource(clock)
    first = [source.next() for _ in range(1000)]
    clock.offset_seconds = -3600
    later = [source.next() for _ in range(1000)]
    assert [*first, *later] == sorted([*first, *later])
    assert {identifier.version for identifier in first} == {7}
