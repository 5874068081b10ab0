"""Signatures of deliveries: the specification's own example, rotation, and everything a receiver must refuse."""

from __future__ import annotations

import base64
from uuid import uuid4

import pytest

from singlewindow.errors import ConfigurationError
from singlewindow.ledger.sealed_secrets import SecretBox
from singlewindow.messages.webhook_signatures import (
    SignatureInvalid,
    identify,
    read_secret,
    show_secret,
    sign_delivery,
    verify_delivery,
)

SECRET, OLDER = b"k" * 32, b"o" * 32
NOW = 1_700_000_000
BODY = b'{"seq":1}'


def test_the_specifications_own_example_is_signed_alike() -> None:
    secret = read_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signed = sign_delivery("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}', [secret])
    assert signed["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_secret_is_shown_so_that_it_can_be_read_again() -> None:
    shown = show_secret(SECRET)
    assert shown.startswith("whsec_")
    assert read_secret(shown) == SECRET
    with pytest.raises(SignatureInvalid):
        read_secret("whsec_***")


@pytest.mark.parametrize("secret", [SECRET, OLDER])
def test_either_of_two_live_secrets_verifies(secret: bytes) -> None:
    headers = sign_delivery("msg_1", NOW, BODY, [SECRET, OLDER])
    assert len(headers["webhook-signature"].split()) == 2
    verify_delivery(headers, BODY, secret, now=NOW + 299)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("webhook-id", "msg_2"),
        ("webhook-timestamp", str(NOW + 1)),
        ("webhook-timestamp", "soon"),
        ("webhook-timestamp", ""),
        ("webhook-signature", "v1,"),
        ("webhook-signature", "v1a," + base64.b64encode(b"x" * 64).decode()),
        ("webhook-signature", "ü"),
    ],
)
def test_an_altered_header_is_refused(name: str, value: str) -> None:
    headers = sign_delivery("msg_1", NOW, BODY, [SECRET]) | {name: value}
    with pytest.raises(SignatureInvalid):
        verify_delivery(headers, BODY, SECRET, now=NOW)


def test_an_altered_body_an_ended_secret_and_an_old_delivery_are_refused() -> None:
    headers = sign_delivery("msg_1", NOW, BODY, [SECRET])
    for body, secret, now in ((BODY + b" ", SECRET, NOW), (BODY, OLDER, NOW), (BODY, SECRET, NOW + 301)):
        with pytest.raises(SignatureInvalid):
            verify_delivery(headers, body, secret, now=now)


def test_an_event_has_one_id_at_an_endpoint_and_another_elsewhere() -> None:
    webhook, event = uuid4(), uuid4()
    assert identify(webhook, event) == identify(webhook, event)
    assert identify(webhook, event) != identify(uuid4(), event)
    assert "." not in identify(webhook, event)


def test_a_sealed_secret_opens_for_its_owner_under_the_same_pepper_only() -> None:
    sealed = SecretBox(b"pepper").seal(SECRET, b"owner")
    assert SECRET not in sealed
    assert sealed != SecretBox(b"pepper").seal(SECRET, b"owner")
    assert SecretBox(b"pepper").open(sealed, b"owner") == SECRET
    for box, context in ((SecretBox(b"other"), b"owner"), (SecretBox(b"pepper"), b"another")):
        with pytest.raises(ConfigurationError):
            box.open(sealed, context)
