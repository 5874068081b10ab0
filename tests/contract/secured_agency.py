"""A harbour office that asks who calls: a real server on loopback, with checks of its own and replies it signs."""

from __future__ import annotations

import hashlib
import shutil
import ssl
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trustme
from aiohttp import web
from lxml import etree
from signxml.verifier import SignatureConfiguration, XMLVerifier

from singlewindow.adapters.declared.adapter import DeclaredAdapter
from tests.contract.declared_stage import AGENCIES, take_all
from tests.contract.signed_replies import NAMES, WSA, Identity
from tests.contract.wsdl_stub import Asked, WsdlStub

Check = Callable[[Asked], None]
Sealing = Callable[[bytes, Asked], bytes]


@dataclass
class SecuredAgency(WsdlStub):
    """Refuses what a check raises HTTPUnauthorized over, and seals what it answers."""

    check: Check = lambda _: None
    seal: Sealing = lambda reply, _: reply
    tls: ssl.SSLContext | None = None
    peers: list[Mapping[str, Any]] = field(default_factory=list)

    async def start(self) -> str:
        await self._server.start_server(ssl=self.tls)
        return self.url

    @property
    def url(self) -> str:
        return str(self._server.make_url("/")).rstrip("/")

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.peers.append(request.get_extra_info("peercert") or {})
        self.check(self._read(await request.read(), dict(request.headers)))
        response = await super()._handle(request)
        if isinstance(response, web.Response) and isinstance(response.body, bytes):
            response.body = self.seal(response.body, self.asked[-1])
        return response


@asynccontextmanager
async def secured(
    folder: Path,
    security: str,
    *,
    check: Check = lambda _: None,
    seal: Sealing = lambda reply, _: reply,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[tuple[DeclaredAdapter, SecuredAgency]]:
    """The harbour with this `[security]`; `folder` may hold the files that it names."""
    describe(folder, security)
    stub = SecuredAgency(folder / "harbour.wsdl", take_all, "/harbour", check=check, seal=seal, tls=tls)
    adapter = DeclaredAdapter(folder, agencies_url=await stub.start())
    try:
        yield adapter, stub
    finally:
        await adapter.close()
        await stub.stop()


def describe(folder: Path, security: str) -> None:
    shutil.copytree(AGENCIES / "harbour", folder, dirs_exist_ok=True)
    with (folder / "agency.toml").open("a") as file:
        file.write(security)


def write_secret(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    path.chmod(0o600)


def write_identity(folder: Path, name: str, identity: Identity) -> None:
    """`NAME.pem` and `NAME.key`."""
    (folder / f"{name}.pem").write_bytes(identity.certificate)
    write_secret(folder / f"{name}.key", identity.key)


def serve_tls(ca: trustme.CA, host: str = "127.0.0.1", *, clients: trustme.CA | None = None) -> ssl.SSLContext:
    """A server's side, which wants a certificate of `clients` where given."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(host).configure_cert(context)
    if clients is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        clients.configure_trust(context)
    return context


def basic(user: str, password: str) -> Check:
    expected = "Basic " + b64encode(f"{user}:{password}".encode()).decode()

    def check(asked: Asked) -> None:
        if asked.headers.get("Authorization") != expected:
            raise web.HTTPUnauthorized

    return check


class DigestCheck:
    """A UsernameToken's digest, and that no nonce comes twice."""

    def __init__(self, user: str, password: str) -> None:
        self._user, self._password, self.nonces = user, password, list[str]()

    def __call__(self, asked: Asked) -> None:
        def text(name: str) -> str:
            path = f"string(/s:Envelope/s:Header/wsse:Security/wsse:UsernameToken/{name})"
            return str(asked.envelope.xpath(path, namespaces=NAMES))

        nonce = text("wsse:Nonce")
        made = b64decode(nonce) + text("wsu:Created").encode() + self._password.encode()
        expected = b64encode(hashlib.sha1(made).digest()).decode()
        if (text("wsse:Username"), text("wsse:Password")) != (self._user, expected) or nonce in self.nonces:
            raise web.HTTPUnauthorized
        self.nonces.append(nonce)


class SignatureCheck:
    """A signature over Body, Timestamp and WS-Addressing, verified by another implementation than ours."""

    def __init__(self, identity: Identity) -> None:
        self._certificate = identity.certificate.decode()

    def __call__(self, asked: Asked) -> None:
        blocks = [block.tag for block in asked.envelope.iterfind("{*}Header/*") if block.tag.startswith(f"{{{WSA}}}")]
        config = SignatureConfiguration(location=".//", expect_references=2 + len(blocks))
        sent = etree.fromstring(etree.tostring(asked.envelope))
        found = XMLVerifier().verify(sent, x509_cert=self._certificate, expect_config=config)
        results = found if isinstance(found, list) else [found]
        signed = [result.signed_xml.tag for result in results if result.signed_xml is not None]
        if signed != [f"{{{NAMES['s']}}}Body", f"{{{NAMES['wsu']}}}Timestamp", *blocks]:
            raise web.HTTPUnauthorized
