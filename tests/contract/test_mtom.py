"""MTOM over a real socket, read on the other side by the standard library, and hostile messages of several parts."""

from __future__ import annotations

import email
import email.policy
import shutil
import tracemalloc
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from singlewindow.adapters.declared.adapter import DeclaredAdapter
from singlewindow.adapters.mtom import MOST_PARTS, open_mtom, pack_mtom
from singlewindow.adapters.outcomes import ReplyRefused
from singlewindow.errors import AgencyError, ConfigurationError
from singlewindow.xsd.soap_envelope import MalformedSoap
from singlewindow.xsd.xop import XOP
from tests.contract.declared_stage import AGENCIES, make_call, submit

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
TYPE = 'multipart/related; boundary=b; type="application/xop+xml"; start="<root>"'


@dataclass
class MtomHarbour:
    """Keeps the parts it was sent, by their name, and answers as a test wants."""

    answer: Callable[[list[str]], web.Response] | None = None
    kind: str = ""
    root: etree._Element | None = None
    parts: dict[str, bytes] = field(default_factory=dict)

    async def handle(self, request: web.Request) -> web.Response:
        self.kind = request.headers["Content-Type"]
        head = f"Content-Type: {self.kind}\r\n\r\n".encode()
        message = email.message_from_bytes(head + await request.read(), policy=email.policy.HTTP)
        assert isinstance(message, EmailMessage)
        root, *others = message.iter_parts()
        self.root = etree.fromstring(root.get_content())
        self.parts = {str(part["Content-ID"]).strip("<>"): bytes(part.get_content()) for part in others}
        references = [str(entry.text) for entry in self.root.iter("reference")]
        assert self.answer is not None
        return self.answer(references)


def receipts(references: list[str], document: str = "") -> str:
    said = "".join(
        f"<receipt><id>{reference}</id><status>TAKEN</status><berth>B7</berth>{document}</receipt>"
        for reference in references
    )
    return (
        f'<s:Envelope xmlns:s="{SOAP}"><s:Body><h:registerResponse xmlns:h="urn:example:harbour">'
        f"<receipts>{said}</receipts></h:registerResponse></s:Body></s:Envelope>"
    )


def related(envelope: str, *parts: tuple[str, bytes], encoding: str = "binary") -> bytes:
    root = f"--b\r\nContent-Type: application/xop+xml\r\nContent-ID: <root>\r\n\r\n{envelope}".encode()
    others = b"".join(
        f"\r\n--b\r\nContent-ID: <{name}>\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode() + content
        for name, content in parts
    )
    return root + others + b"\r\n--b--\r\n"


def include(href: str) -> str:
    return f'<x:Include xmlns:x="{XOP}" href="{href}"/>'


@pytest.fixture
async def harbour(tmp_path: Path) -> AsyncIterator[tuple[DeclaredAdapter, MtomHarbour]]:
    shutil.copytree(AGENCIES / "harbour", tmp_path / "harbour")
    text = (tmp_path / "harbour" / "agency.toml").read_text("utf-8").replace('body = "base64"', 'body = "mtom"')
    text = text.replace('text = "remark"\nnumbers', 'text = "remark"\ndocument = "paper"\nnumbers')
    (tmp_path / "harbour" / "agency.toml").write_text(text, "utf-8")
    office = MtomHarbour(lambda references: web.Response(text=receipts(references), content_type="text/xml"))
    application = web.Application(client_max_size=50_000_000)
    application.router.add_post("/harbour", office.handle)
    server = TestServer(application)
    await server.start_server()
    adapter = DeclaredAdapter(tmp_path / "harbour", agencies_url=str(server.make_url("/")).rstrip("/"))
    try:
        yield adapter, office
    finally:
        await adapter.close()
        await server.close()


async def test_originals_travel_as_they_are_beside_an_envelope_that_includes_them(
    harbour: tuple[DeclaredAdapter, MtomHarbour],
) -> None:
    adapter, office = harbour
    call = make_call("harbour", "R1", "R2")
    answers = await submit(adapter, call)
    assert [answer.verdict for answer in answers] == ["acknowledged", "acknowledged"]
    assert list(office.parts.values()) == [call.items[0].original] * 2
    assert office.root is not None
    hrefs = [one.get("href") for one in office.root.iter(f"{{{XOP}}}Include")]
    assert hrefs == [f"cid:{name}" for name in office.parts]
    assert office.root.xpath("count(//document/*)") == 2
    assert 'type="application/xop+xml"' in office.kind
    assert 'start-info="text/xml"' in office.kind


async def test_the_record_names_the_original_by_its_hash(harbour: tuple[DeclaredAdapter, MtomHarbour]) -> None:
    adapter, _ = harbour
    call = make_call("harbour", "R1")
    record = adapter.prepare(call).record
    assert f"sha256:{call.items[0].sha256}".encode() in record
    assert b64encode(call.items[0].original) not in record


@pytest.mark.parametrize("encoding", ["binary", "base64"])
async def test_an_attachment_of_a_reply_is_put_where_the_reply_includes_it(
    harbour: tuple[DeclaredAdapter, MtomHarbour], encoding: str
) -> None:
    adapter, office = harbour
    paper = b"\x00%PDF\r\n--b\r\r\n\xff" if encoding == "binary" else b"plain"
    paper = paper.replace(b"\r\n--b\r", b"\r\n--bb")
    content = b64encode(paper) if encoding == "base64" else paper

    def answer(references: list[str]) -> web.Response:
        body = related(
            receipts(references, f"<paper>{include('cid:p%401')}</paper>"), ("p@1", content), encoding=encoding
        )
        return web.Response(body=body, headers={"Content-Type": TYPE})

    office.answer = answer
    (told,) = await submit(adapter, make_call("harbour", "R1"))
    assert told.notice is not None
    assert told.notice.document == paper


HOSTILE = {
    "http": related(f"<a><b>{include('http://127.0.0.1:9/x')}</b></a>", ("p", b"x")),
    "file": related(f"<a><b>{include('file:///etc/passwd')}</b></a>", ("p", b"x")),
    "missing": related(f"<a><b>{include('cid:q')}</b></a>", ("p", b"x")),
    "twice": related(f"<a><b>{include('cid:p')}</b><c>{include('cid:p')}</c></a>", ("p", b"x")),
    "one name": related("<a/>", ("p", b"x"), ("p", b"y")),
    "not alone": related(f"<a><b>text{include('cid:p')}</b></a>", ("p", b"x")),
    "at the top": related(include("cid:p"), ("p", b"x")),
    "cut": related("<a/>", ("p", b"x"))[:-8],
    "no root": related("<a/>").replace(b"Content-ID: <root>", b"Content-ID: <r>"),
    "nested": related("<a/>", ("p", b"x")).replace(
        b"Content-ID: <p>", b"Content-Type: multipart/mixed; boundary=c\r\nContent-ID: <p>"
    ),
    "many": related("<a/>", *((f"p{number}", b"x") for number in range(MOST_PARTS))),
    "no headers": b"--b\r\nnothing\r\n--b--",
    "long headers": b"--b\r\nX: " + b"x" * 20_000 + b"\r\n\r\n<a/>\r\n--b--",
    "strange encoding": related("<a/>", ("p", b"x"), encoding="uuencode"),
    "not base64": related("<a/>", ("p", b"!"), encoding="base64"),
    "large": related(f"<a><b>{include('cid:p')}</b></a>", ("p", b"x" * 7_000_001)),
    "doctype": related('<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>'),
    "empty": b"",
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=list(HOSTILE))
async def test_a_hostile_message_of_several_parts_is_refused_and_kept(
    harbour: tuple[DeclaredAdapter, MtomHarbour], body: bytes
) -> None:
    adapter, office = harbour
    office.answer = lambda _: web.Response(body=body, headers={"Content-Type": TYPE})
    with pytest.raises(ReplyRefused) as refused:
        await submit(adapter, make_call("harbour", "R1"))
    assert refused.value.unreadable
    assert refused.value.outcome_unknown
    assert refused.value.body == body


@pytest.mark.parametrize(
    "kind",
    [
        "multipart/related",
        f"multipart/related; boundary={'b' * 71}",
        "multipart/related;=;",
        "multipart/related; boundary*0*=utf-8''b; boundary*=utf-8''b",
    ],
)
def test_several_parts_without_a_boundary_are_refused(kind: str) -> None:
    with pytest.raises(MalformedSoap):
        open_mtom(HOSTILE["twice"], kind)


def test_a_body_of_one_part_is_left_as_it_is() -> None:
    assert open_mtom(b"<a/>", "text/xml; charset=utf-8") == b"<a/>"


@given(st.lists(st.binary(min_size=1, max_size=300), min_size=1, max_size=4))
def test_what_is_packed_is_opened_again_as_it_was(contents: list[bytes]) -> None:
    texts = "".join(f"<d>{b64encode(content).decode()}</d>" for content in contents)
    headers, body = pack_mtom(f"<a>{texts}</a>".encode(), contents, {"Content-Type": "text/xml; charset=utf-8"})
    opened = etree.fromstring(open_mtom(body, headers["Content-Type"]))
    assert [one.text for one in opened] == [b64encode(content).decode() for content in contents]


@given(st.binary(max_size=400), st.text(max_size=60))
def test_any_bytes_are_opened_or_refused(body: bytes, kind: str) -> None:
    for content_type in (TYPE, f"multipart/related; {kind}"):
        try:
            open_mtom(body, content_type)
        except MalformedSoap:
            continue


def test_an_attachment_without_a_place_is_not_sent() -> None:
    with pytest.raises(AgencyError):
        pack_mtom(b"<a>else</a>", [b"content"], {})


def test_the_action_of_soap_12_stays_in_the_media_type() -> None:
    sent = {"Content-Type": 'application/soap+xml; charset=utf-8; action="urn:do"'}
    headers, _ = pack_mtom(b"<a>YQ==</a>", [b"a"], sent)
    assert headers["Content-Type"].endswith('start-info="application/soap+xml"; action="urn:do"')


def test_a_place_that_is_not_base64_takes_no_attachment(tmp_path: Path) -> None:
    shutil.copytree(AGENCIES / "fiscal", tmp_path / "fiscal")
    path = tmp_path / "fiscal" / "agency.toml"
    path.write_text(path.read_text("utf-8").replace('body = "gzip+base64"', 'body = "mtom"'), "utf-8")
    with pytest.raises(ConfigurationError, match="mtom"):
        DeclaredAdapter(tmp_path / "fiscal", agencies_url="http://127.0.0.1:9")


def test_a_part_of_white_space_costs_no_more_than_its_size() -> None:
    body = related("<a/>", ("p", b"AA " * 500_000), encoding="base64")
    tracemalloc.start()
    try:
        open_mtom(body, TYPE)
        assert tracemalloc.get_traced_memory()[1] < 6 * len(body)
    finally:
        tracemalloc.stop()
