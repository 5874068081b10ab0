"""Nothing that proves us is in what is kept of an exchange, in errors, or in what any object says of itself."""

from __future__ import annotations

import traceback
from base64 import b64encode
from html import escape
from pathlib import Path

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from singlewindow.adapters.outcomes import ReplyRefused
from singlewindow.adapters.security.redaction import LEAST_CHARACTERS, Redaction
from singlewindow.adapters.wire import REPLY_LIMIT_BYTES
from tests.contract.declared_stage import make_call, submit
from tests.contract.secured_agency import DigestCheck, secured, write_identity, write_secret
from tests.contract.signed_replies import NAMES, Identity, Seal
from tests.contract.test_agency_security import login
from tests.contract.wsdl_stub import Asked

PASSWORD = "correct <horse> & battery"
BASIC = b64encode(f"window:{PASSWORD}".encode()).decode()
EVERYTHING = login("basic") + login("username_token") + (
    '[security.signature]\ncertificate = "ours.pem"\nkey = "file:ours.key"\n[security.addressing]\n'
)  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_secret(tmp_path / "password", PASSWORD.encode())
    write_identity(tmp_path, "ours", Identity.make())
    return tmp_path


def fault_with(text: str) -> bytes:
    root = etree.fromstring(
        f'<s:Envelope xmlns:s="{NAMES["s"]}"><s:Body><s:Fault><faultcode>s:Server</faultcode><faultstring/>'
        "</s:Fault></s:Body></s:Envelope>"
    )
    for element in root.iter("faultstring"):
        element.text = text
    return etree.tostring(root)


async def test_the_record_of_a_request_is_that_of_the_bare_envelope(folder: Path) -> None:
    async with secured(folder, EVERYTHING) as (adapter, stub):
        call = make_call("harbour", "R1")
        envelope = adapter.prepare(call)
        before = bytes(envelope.record)
        await adapter.send(envelope, call)
        sent = etree.tostring(stub.asked[0].envelope)
    assert b"Security>" in sent
    assert b"MessageID" in sent
    assert envelope.record == before
    for word in (b"Security", b"Password", b"Nonce", b"Signature", PASSWORD.encode()):
        assert word not in envelope.record
    assert "Authorization" not in envelope.headers


async def test_an_agency_that_repeats_our_credentials_gets_them_into_no_record_and_no_error(folder: Path) -> None:
    def echo(asked: Asked) -> bytes:
        return fault_with(f"you said {asked.headers['Authorization']} that is {PASSWORD}")

    async with secured(folder, EVERYTHING) as (adapter, stub):
        stub.answer = echo
        with pytest.raises(ReplyRefused) as raised:
            await submit(adapter, make_call("harbour", "R1"))
    refused = raised.value
    for kept in (refused.detail, refused.body.decode(), "".join(traceback.format_exception(refused))):
        assert "[redacted]" in kept
        for secret in (PASSWORD, PASSWORD.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"), BASIC):
            assert secret not in kept


async def test_a_token_sent_back_is_kept_without_digest_and_nonce(folder: Path) -> None:
    check = DigestCheck("window", PASSWORD)
    async with secured(folder, login("username_token"), check=check) as (adapter, stub):
        stub.answer = lambda asked: etree.tostring(asked.envelope)
        call = make_call("harbour", "R1")
        try:
            kept = (await adapter.send(adapter.prepare(call), call)).body
        except ReplyRefused as refused:
            kept = refused.body
        (asked,) = stub.asked
    digest = str(asked.envelope.xpath("string(//wsse:Password)", namespaces=NAMES))
    assert b"UsernameToken" in kept
    assert digest.encode() not in kept
    assert check.nonces[0].encode() not in kept


async def test_a_reply_that_is_not_proven_is_kept_without_our_credentials(folder: Path) -> None:
    write_identity(folder, "agency", Identity.make())
    security = login("basic") + '[security.signature]\nreply_certificate = "agency.pem"\n'

    async def echo(request: web.Request) -> web.Response:
        return web.Response(status=500, text=request.headers["Authorization"])

    async with secured(folder, security) as (adapter, stub):
        stub.reply_next(echo)
        with pytest.raises(ReplyRefused) as raised:
            await submit(adapter, make_call("harbour", "R1"))
    assert raised.value.body == b"Basic [redacted]"


async def test_the_start_of_a_reply_that_is_too_large_is_kept_without_our_credentials(folder: Path) -> None:
    async def echo(request: web.Request) -> web.Response:
        return web.Response(body=request.headers["Authorization"].encode() + b" " * (REPLY_LIMIT_BYTES + 1))

    async with secured(folder, login("basic")) as (adapter, stub):
        stub.reply_next(echo)
        with pytest.raises(ReplyRefused) as raised:
            await submit(adapter, make_call("harbour", "R1"))
    assert raised.value.body.startswith(b"Basic [redacted] ")


async def test_no_object_shows_a_secret_of_itself(folder: Path) -> None:
    async with secured(folder, EVERYTHING) as (adapter, _):
        shown = repr(adapter._security) + repr(adapter._wire) + repr(vars(adapter)) + repr(vars(adapter._wire))
    key = (folder / "ours.key").read_text().splitlines()[1]
    for secret in (PASSWORD, BASIC, key):
        assert secret not in shown


async def test_what_is_proven_is_read_although_a_word_of_it_is_redacted(folder: Path) -> None:
    agency = Identity.make()
    write_identity(folder, "agency", agency)
    security = login("basic") + '[security.signature]\nreply_certificate = "agency.pem"\n'
    seal = Seal(agency)
    async with secured(folder, security, seal=lambda reply, _: seal(reply)) as (adapter, stub):
        stub.answer = lambda _: fault_with(f"NO RESEND: {PASSWORD}")
        (answer,) = await submit(adapter, make_call("harbour", "R1"))
    assert (answer.verdict, answer.text) == ("rejected", "NO RESEND: [redacted]")


VISIBLE = st.characters(min_codepoint=33, max_codepoint=0x4FFF)


@given(secret=st.text(VISIBLE, min_size=LEAST_CHARACTERS), before=st.text(VISIBLE), after=st.text(VISIBLE))
def test_a_secret_is_found_however_xml_writes_it(secret: str, before: str, after: str) -> None:
    redaction = Redaction((secret,))
    for written in (secret, escape(secret), escape(secret, quote=False), secret.replace("<", "&#60;")):
        cleaned = redaction.clean(f"{before} {written} {after}".encode()).decode()
        assert cleaned.endswith(f" [redacted] {after}") or secret in f"{before}{after}"


def test_what_holds_no_secret_stays_as_it_is() -> None:
    content = b"<a><Password>x</Password><Nonce>y</Nonce></a>"
    assert Redaction(("short", "longer than that")).clean(content + b"short") == content + b"short"
