"""Replies signed as an agency would sign them, written without any code of ours: sound ones, and forgeries of them."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import trustme
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509 import load_pem_x509_certificate
from lxml import etree

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
DS = "http://www.w3.org/2000/09/xmldsig#"
WSA = "http://www.w3.org/2005/08/addressing"
_OASIS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss"
WSSE, WSU = f"{_OASIS}-wssecurity-secext-1.0.xsd", f"{_OASIS}-wssecurity-utility-1.0.xsd"
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
INCLUSIVE = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
SHA1_DIGEST, SHA256_DIGEST = f"{DS}sha1", "http://www.w3.org/2001/04/xmlenc#sha256"
_MORE = "http://www.w3.org/2001/04/xmldsig-more#"
BODY, TIMESTAMP = "/s:Envelope/s:Body", "/s:Envelope/s:Header/wsse:Security/wsu:Timestamp"
NAMES = {"a": "urn:a", "s": SOAP, "ds": DS, "wsse": WSSE, "wsu": WSU, "wsa": WSA}


@dataclass(frozen=True)
class Identity:
    """A certificate and its key in PEM."""

    certificate: bytes
    key: bytes

    @staticmethod
    def make(key_type: trustme.KeyType = trustme.KeyType.ECDSA) -> Identity:
        issued = trustme.CA(key_type=key_type).issue_cert("agency.example", key_type=key_type)
        return Identity(issued.cert_chain_pems[0].bytes(), issued.private_key_pem.bytes())

    def der(self) -> bytes:
        return load_pem_x509_certificate(self.certificate).public_bytes(Encoding.DER)

    def sign(self, content: bytes, *, sha1: bool = False) -> tuple[str, bytes]:
        """The algorithm and the value of XML Signature."""
        key, digest = load_pem_private_key(self.key, None), SHA1() if sha1 else SHA256()
        if isinstance(key, rsa.RSAPrivateKey):
            return (f"{DS}rsa-sha1" if sha1 else f"{_MORE}rsa-sha256"), key.sign(content, padding.PKCS1v15(), digest)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        pair = decode_dss_signature(key.sign(content, ec.ECDSA(digest)))
        value = b"".join(number.to_bytes((key.key_size + 7) // 8, "big") for number in pair)
        return (f"{_MORE}ecdsa-sha1" if sha1 else f"{_MORE}ecdsa-sha256"), value


Change = Callable[[etree._Element], None]


@dataclass(frozen=True)
class Seal:
    """How a reply is signed. `parts` are XPaths of what is signed, `prefixes` a PrefixList.

    Three changes by hand: `prepare` of the whole before anything is signed, `misstate` of the SignedInfo before its
    value is made, `change` of the signed reply.
    """

    identity: Identity
    parts: tuple[str, ...] = (BODY, TIMESTAMP)
    created: timedelta = timedelta()
    lifetime: timedelta | None = timedelta(minutes=5)
    sha1_signature: bool = False
    digest: str = SHA256_DIGEST
    transforms: tuple[str, ...] = (EXCLUSIVE,)
    canonicalization: str = EXCLUSIVE
    prefixes: str = ""
    token: Identity | None = None
    relates_to: str | None = None
    prepare: Change = field(default=lambda _: None)
    misstate: Change = field(default=lambda _: None)
    change: Change = field(default=lambda _: None)

    def __call__(self, reply: bytes) -> bytes:
        """The reply signed."""
        # declared around everything, so that no move of an element changes its prefix and with that its bytes
        root = etree.fromstring(reply.replace(b"Envelope ", f'Envelope xmlns:wsu="{WSU}" '.encode(), 1))
        header = root.find(f"{{{SOAP}}}Header")
        if header is None:
            header = etree.Element(f"{{{SOAP}}}Header")
            root.insert(0, header)
        if self.relates_to is not None:
            etree.SubElement(header, f"{{{WSA}}}RelatesTo").text = self.relates_to
        security = etree.SubElement(header, f"{{{WSSE}}}Security", nsmap={"wsse": WSSE, "wsu": WSU})
        self._add_timestamp(security)
        token = etree.SubElement(security, f"{{{WSSE}}}BinarySecurityToken", {f"{{{WSU}}}Id": "token"})
        token.text = b64encode((self.token or self.identity).der()).decode()
        self.prepare(root)
        self._sign(root, security)
        # as a receiver would have it: from the wire
        sent = etree.fromstring(etree.tostring(root))
        self.change(sent)
        return etree.tostring(sent)

    def _add_timestamp(self, security: etree._Element) -> None:
        created = datetime.now(UTC) + self.created
        stamp = etree.SubElement(security, f"{{{WSU}}}Timestamp")
        etree.SubElement(stamp, f"{{{WSU}}}Created").text = created.isoformat(timespec="milliseconds")
        if self.lifetime is not None:
            expires = etree.SubElement(stamp, f"{{{WSU}}}Expires")
            expires.text = (created + self.lifetime).isoformat(timespec="milliseconds")

    def _sign(self, root: etree._Element, security: etree._Element) -> None:
        signature = etree.SubElement(security, f"{{{DS}}}Signature", nsmap={"ds": DS})
        info = etree.SubElement(signature, f"{{{DS}}}SignedInfo")
        add(info, "CanonicalizationMethod", Algorithm=self.canonicalization)
        method = add(info, "SignatureMethod", Algorithm="")
        method.set("Algorithm", self.identity.sign(b"", sha1=self.sha1_signature)[0])
        for number, path in enumerate(self.parts):
            part = find(root, path)
            part.set(f"{{{WSU}}}Id", f"part-{number}")
            self._add_reference(info, part, f"part-{number}")
        self.misstate(info)
        _, value = self.identity.sign(canonical(info, self.canonicalization), sha1=self.sha1_signature)
        add(signature, "SignatureValue").text = b64encode(value).decode()
        reference = etree.SubElement(add(signature, "KeyInfo"), f"{{{WSSE}}}SecurityTokenReference")
        etree.SubElement(reference, f"{{{WSSE}}}Reference", URI="#token")

    def _add_reference(self, info: etree._Element, part: etree._Element, name: str) -> None:
        reference = add(info, "Reference", URI=f"#{name}")
        transforms = add(reference, "Transforms")
        for algorithm in self.transforms:
            transform = add(transforms, "Transform", Algorithm=algorithm)
            if self.prefixes:
                etree.SubElement(transform, f"{{{EXCLUSIVE}}}InclusiveNamespaces", PrefixList=self.prefixes)
        add(reference, "DigestMethod", Algorithm=self.digest)
        make = hashlib.sha1 if self.digest == SHA1_DIGEST else hashlib.sha256
        algorithm = self.transforms[-1] if self.transforms else INCLUSIVE
        digest = make(canonical(part, algorithm, self.prefixes.split())).digest()
        add(reference, "DigestValue").text = b64encode(digest).decode()


def add(parent: etree._Element, name: str, **attributes: str) -> etree._Element:
    return etree.SubElement(parent, f"{{{DS}}}{name}", attributes)


def canonical(element: etree._Element, algorithm: str, prefixes: list[str] | None = None) -> bytes:
    # as the receiver sees it: with the namespaces that the whole document declares around it
    tree = etree.fromstring(etree.tostring(element.getroottree()))
    path = element.getroottree().getelementpath(element)
    found = tree if path == "." else tree.find(path)
    assert found is not None
    exclusive = algorithm != INCLUSIVE
    return etree.tostring(
        found, method="c14n", exclusive=exclusive, with_comments=False, with_tail=False,
        inclusive_ns_prefixes=prefixes if exclusive and prefixes else None,
    )  # fmt: skip


def find(root: etree._Element, path: str) -> etree._Element:
    return select(root, path)[0]


def select(root: etree._Element, path: str) -> list[etree._Element]:
    selected: Any = root.xpath(path, namespaces=NAMES)
    return list(selected)


def forged_body(root: etree._Element) -> etree._Element:
    """A Body that says something else, with another Id."""
    body = deepcopy(find(root, "/s:Envelope/s:Body"))
    body.set(f"{{{WSU}}}Id", "forged")
    for element in body.iter():
        if element.text and element.text.strip():
            element.text = "FORGED"
    return body


def wrap(root: etree._Element, place: etree._Element, *, name: str = "{urn:x}Wrapper") -> None:
    """Put the signed Body away into a wrapper at `place`, and a forged one where it stood."""
    signed, forged = find(root, "/s:Envelope/s:Body"), forged_body(root)
    root.replace(signed, forged)
    etree.SubElement(place, name).append(signed)
