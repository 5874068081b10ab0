"""Declarations exchanged with agencies that ask who calls, and whose replies are proven to be theirs."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
import trustme
from aiohttp import web
from lxml import etree

from singlewindow.adapters.declared.adapter import DeclaredAdapter
from singlewindow.adapters.outcomes import ReplyRefused
from singlewindow.errors import AgencyError
from tests.contract.declared_stage import make_call, receipts, submit, task_ids
from tests.contract.secured_agency import (
    DigestCheck,
    SignatureCheck,
    basic,
    secured,
    serve_tls,
    write_identity,
    write_secret,
)
from tests.contract.signed_replies import BODY, NAMES, TIMESTAMP, Identity, Seal
from tests.contract.wrapping_attacks import ATTACKS
from tests.contract.wsdl_stub import Asked

OURS, AGENCY = Identity.make(trustme.KeyType.RSA), Identity.make()
PASSWORD = "correct horse & battery"
SIGNED_REPLIES = '[security.signature]\nreply_certificate = "agency.pem"\n'
SIGNED_BOTH_WAYS = f'{SIGNED_REPLIES}certificate = "ours.pem"\nkey = "file:ours.key"\n'


def login(table: str) -> str:
    return f'[security.{table}]\nusername = "window"\npassword = "file:password"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_secret(tmp_path / "password", f"{PASSWORD}\n".encode())
    write_identity(tmp_path, "ours", OURS)
    write_identity(tmp_path, "agency", AGENCY)
    return tmp_path


async def verdict(adapter: DeclaredAdapter) -> str:
    (answer,) = await submit(adapter, make_call("harbour", "R1"))
    return answer.verdict


async def failure(adapter: DeclaredAdapter) -> AgencyError:
    with pytest.raises(AgencyError) as raised:
        await submit(adapter, make_call("harbour", "R1"))
    return raised.value


async def unproven(adapter: DeclaredAdapter) -> str:
    """Why a reply is not taken for the agency's; it must leave the outcome open."""
    refused = await failure(adapter)
    assert isinstance(refused, ReplyRefused)
    assert (refused.temporary, refused.outcome_unknown, refused.stops_lane) == (True, True, False)
    return refused.detail


async def test_basic_is_sent_over_tls_to_an_agency_of_the_pinned_ca(folder: Path) -> None:
    ca = trustme.CA()
    ca.cert_pem.write_to_path(folder / "ca.pem")
    security = '[security.tls]\nca = "ca.pem"\n' + login("basic")
    async with secured(folder, security, check=basic("window", PASSWORD), tls=serve_tls(ca)) as (adapter, stub):
        assert await verdict(adapter) == "acknowledged"
        assert stub.url.startswith("https://")


async def test_an_intermediate_ca_may_be_pinned_alone(folder: Path) -> None:
    issuing = trustme.CA().create_child_ca()
    issuing.cert_pem.write_to_path(folder / "ca.pem")
    async with secured(folder, '[security.tls]\nca = "ca.pem"\n', tls=serve_tls(issuing)) as (adapter, _):
        assert await verdict(adapter) == "acknowledged"


@pytest.mark.parametrize(
    ("pinned", "host", "reason"),
    [("other", "127.0.0.1", "issuer certificate"), ("own", "agency.example", "not valid for '127.0.0.1'")],
)
async def test_nothing_is_sent_to_a_server_of_another_ca_or_name(
    folder: Path, pinned: str, host: str, reason: str
) -> None:
    ca = trustme.CA()
    (ca if pinned == "own" else trustme.CA()).cert_pem.write_to_path(folder / "ca.pem")
    async with secured(folder, '[security.tls]\nca = "ca.pem"\n', tls=serve_tls(ca, host)) as (adapter, stub):
        refused = await failure(adapter)
        assert (stub.asked, refused.stops_lane, refused.outcome_unknown) == ([], True, False)
    assert reason in refused.detail


async def test_a_pinned_ca_replaces_those_of_the_system(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system, pinned = trustme.CA(), trustme.CA()
    system.cert_pem.write_to_path(folder / "system.pem")
    pinned.cert_pem.write_to_path(folder / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(folder / "system.pem"))
    async with secured(folder / "bare", "[security.tls]\n", tls=serve_tls(system)) as (adapter, _):
        assert await verdict(adapter) == "acknowledged"
    async with secured(folder, '[security.tls]\nca = "ca.pem"\n', tls=serve_tls(system)) as (adapter, _):
        assert "its certificate is not trusted" in (await failure(adapter)).detail


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1:DeprecationWarning")
async def test_tls_older_than_1_2_is_not_spoken(folder: Path) -> None:
    ca = trustme.CA()
    ca.cert_pem.write_to_path(folder / "ca.pem")
    context = serve_tls(ca)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    async with secured(folder, '[security.tls]\nca = "ca.pem"\n', tls=context) as (adapter, stub):
        refused = await failure(adapter)
        assert (stub.asked, refused.outcome_unknown) == ([], False)


async def test_the_agency_sees_our_certificate(folder: Path) -> None:
    ca, clients = trustme.CA(), trustme.CA()
    ca.cert_pem.write_to_path(folder / "ca.pem")
    client = clients.issue_cert("window.example")
    write_identity(folder, "client", Identity(client.cert_chain_pems[0].bytes(), client.private_key_pem.bytes()))
    pair = 'client_certificate = "client.pem"\nclient_key = "file:client.key"\n'
    tls = serve_tls(ca, clients=clients)
    async with secured(folder, f'[security.tls]\nca = "ca.pem"\n{pair}', tls=tls) as (adapter, stub):
        assert await verdict(adapter) == "acknowledged"
        assert ("DNS", "window.example") in stub.peers[0]["subjectAltName"]
    async with secured(folder / "bare", "[security.tls]\n", tls=tls) as (adapter, stub):
        await failure(adapter)
        assert stub.asked == []


async def test_a_username_token_holds_for_one_attempt(folder: Path) -> None:
    check = DigestCheck("window", PASSWORD)
    async with secured(folder, login("username_token"), check=check) as (adapter, stub):
        call = make_call("harbour", "R1")
        envelope = adapter.prepare(call)
        for _ in range(3):
            assert [answer.verdict for answer in (await adapter.send(envelope, call)).answers] == ["acknowledged"]
        assert len(set(check.nonces)) == 3
    assert PASSWORD.encode() not in b"".join(etree.tostring(asked.envelope) for asked in stub.asked)


async def test_a_request_sent_again_by_somebody_else_is_not_let_in(folder: Path) -> None:
    check = DigestCheck("window", PASSWORD)
    async with secured(folder, login("username_token"), check=check) as (adapter, stub):
        assert await verdict(adapter) == "acknowledged"
        again = etree.tostring(stub.asked[0].envelope)
        async with aiohttp.ClientSession() as thief, thief.post(f"{stub.url}/harbour", data=again) as response:
            assert response.status == 401
        assert await verdict(adapter) == "acknowledged"


async def test_a_wrong_password_stops_the_lane(folder: Path) -> None:
    for table, check in (("basic", basic("window", "x")), ("username_token", DigestCheck("window", "x"))):
        async with secured(folder / table, "", check=check):
            pass
        write_secret(folder / table / "password", PASSWORD.encode())
        async with secured(folder / table, login(table), check=check) as (adapter, _):
            assert (await failure(adapter)).stops_lane


@pytest.mark.parametrize("identity", [OURS, AGENCY], ids=["rsa", "ecdsa"])
async def test_a_declaration_is_signed_and_its_signed_answer_taken(folder: Path, identity: Identity) -> None:
    write_identity(folder, "ours", identity)
    seal = Seal(AGENCY)
    async with secured(folder, SIGNED_BOTH_WAYS, check=SignatureCheck(identity), seal=lambda reply, _: seal(reply)) as (
        adapter,
        stub,
    ):
        call = make_call("harbour", "R1", "R2")
        reply = await adapter.send(adapter.prepare(call), call)
        asked = stub.asked[0]
    assert [answer.verdict for answer in reply.answers] == ["acknowledged"] * 2
    assert [entry.reference for entry in asked.values.cargo.entry] == [str(one) for one in task_ids(call)]
    assert b"Signature" in reply.body  # the evidence is kept whole


async def test_questions_and_pulls_are_signed_and_proven_too(folder: Path) -> None:
    page = receipts({"serial": "7", "id": "x", "status": "TAKEN"}, upTo="9")
    seals = [Seal(AGENCY), Seal(AGENCY), Seal(Identity.make()), Seal(Identity.make())]
    check, call = SignatureCheck(OURS), make_call("harbour", "R1")
    async with secured(folder, SIGNED_BOTH_WAYS, check=check, seal=lambda reply, _: seals.pop(0)(reply)) as (
        adapter,
        stub,
    ):
        stub.answer = lambda _: page
        assert (await adapter.pull("6"))[1] == "9"
        stub.answer = lambda asked: receipts({"id": asked.values.id, "status": "TAKEN"})
        assert [answer.verdict for answer in await adapter.ask(task_ids(call))] == ["acknowledged"]
        with pytest.raises(AgencyError, match="another certificate"):
            await adapter.ask(task_ids(call))
        stub.answer = lambda _: page
        with pytest.raises(AgencyError, match="another certificate"):
            await adapter.pull("6")


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
async def test_a_wrapped_answer_leaves_the_outcome_unknown(
    folder: Path, attack: Callable[[etree._Element], None]
) -> None:
    seal = Seal(AGENCY, change=attack)
    async with secured(folder, SIGNED_REPLIES, seal=lambda reply, _: seal(reply)) as (adapter, _):
        assert ATTACKS[attack] in await unproven(adapter)


@pytest.mark.parametrize(
    ("seal", "reason"),
    [
        (Seal(Identity.make()), "another certificate than the pinned one"),
        (Seal(AGENCY, sha1_signature=True), "ecdsa-sha1"),
        (Seal(AGENCY, parts=(TIMESTAMP,)), "its Body is not signed"),
        (Seal(AGENCY, parts=(BODY,)), "no signed Timestamp"),
        (None, "it is not signed"),
    ],
)
async def test_an_answer_without_full_proof_leaves_the_outcome_unknown(
    folder: Path, seal: Seal | None, reason: str
) -> None:
    async with secured(folder, SIGNED_REPLIES, seal=lambda reply, _: seal(reply) if seal else reply) as (adapter, _):
        assert reason in await unproven(adapter)


@pytest.mark.parametrize("status", [202, 401, 500, 503])
async def test_a_bare_status_proves_nothing_either(folder: Path, status: int) -> None:
    async def bare(_request: web.Request) -> web.Response:
        return web.Response(status=status)

    async with secured(folder, SIGNED_REPLIES) as (adapter, stub):
        stub.reply_next(bare)
        assert f"(HTTP {status})" in await unproven(adapter)


async def test_an_answer_that_cannot_be_read_proves_nothing_whatever_its_status(folder: Path) -> None:
    async def compressed(_request: web.Request) -> web.Response:
        return web.Response(status=503, headers={"Content-Encoding": "br"}, body=b"x")

    async with secured(folder, SIGNED_REPLIES) as (adapter, stub):
        stub.reply_next(compressed)
        assert "(HTTP 503)" in await unproven(adapter)


async def test_a_signed_fault_means_what_its_row_says(folder: Path) -> None:
    fault = (
        f'<s:Envelope xmlns:s="{NAMES["s"]}"><s:Body><s:Fault><faultcode>s:Server</faultcode>'
        "<faultstring>NO RESEND: bad weight</faultstring></s:Fault></s:Body></s:Envelope>"
    ).encode()
    seal = Seal(AGENCY)
    async with secured(folder, SIGNED_REPLIES, seal=lambda reply, _: seal(reply)) as (adapter, stub):
        stub.answer = lambda _: fault
        assert await verdict(adapter) == "rejected"
        with pytest.raises(ReplyRefused) as raised:
            await submit(adapter, make_call("harbour", "R1", "R2"))
    assert b"Signature" in raised.value.body


ADDRESSED = "[security.addressing]\n"


async def test_the_message_id_is_that_of_the_call_and_every_header_is_signed(folder: Path) -> None:
    check, seal = SignatureCheck(OURS), Seal(AGENCY)
    async with secured(folder, SIGNED_BOTH_WAYS + ADDRESSED, check=check, seal=lambda reply, _: seal(reply)) as (
        adapter,
        stub,
    ):
        call = make_call("harbour", "R1")
        envelope = adapter.prepare(call)
        for _ in range(2):
            await adapter.send(envelope, call)
    for asked in stub.asked:
        texts = {name: header_text(asked, f"wsa:{name}") for name in ("To", "Action", "MessageID")}
        assert texts == {
            "To": envelope.url, "Action": "urn:example:harbour#register", "MessageID": f"urn:uuid:{call.call_id}",
        }  # fmt: skip
        assert header_text(asked, "wsa:ReplyTo/wsa:Address") == "http://www.w3.org/2005/08/addressing/anonymous"


def header_text(asked: Asked, path: str) -> str:
    return str(asked.envelope.xpath(f"string(/s:Envelope/s:Header/{path})", namespaces=NAMES))


RELATED = (BODY, TIMESTAMP, "//wsa:RelatesTo")


@pytest.mark.parametrize("security", [ADDRESSED, SIGNED_REPLIES + ADDRESSED], ids=["bare", "signed"])
async def test_an_answer_to_another_message_leaves_the_outcome_unknown(folder: Path, security: str) -> None:
    stray, right = Seal(AGENCY, relates_to="urn:uuid:stray"), Seal(AGENCY)
    async with secured(folder, security, seal=lambda reply, _: stray(reply)) as (adapter, stub):
        assert "RelatesTo names another message" in await unproven(adapter)
        stub.seal = lambda reply, asked: replace(right, relates_to=header_text(asked, "wsa:MessageID"))(reply)
        assert await verdict(adapter) == "acknowledged"
        stub.seal = lambda reply, _: right(reply)  # where there is none, nothing is checked
        assert await verdict(adapter) == "acknowledged"


async def test_where_relates_to_is_required_it_must_be_signed(folder: Path) -> None:
    security = f"{SIGNED_REPLIES}{ADDRESSED}require_relates_to = true\n"

    def seal(parts: tuple[str, ...]) -> Callable[[bytes, Asked], bytes]:
        return lambda reply, asked: Seal(AGENCY, parts, relates_to=header_text(asked, "wsa:MessageID"))(reply)

    async with secured(folder, security, seal=seal(RELATED)) as (adapter, stub):
        assert await verdict(adapter) == "acknowledged"
        stub.seal = seal((BODY, TIMESTAMP))
        assert "it has no signed RelatesTo" in await unproven(adapter)
