"""Envelopes of ours on their way out: WS-Addressing headers, UsernameToken, Timestamp and an X.509 signature added."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from secrets import token_bytes, token_hex

from lxml import etree

from singlewindow.xsd import wss_vocabulary as names
from singlewindow.xsd.canonical import canonicalize
from singlewindow.xsd.parser import Element
from singlewindow.xsd.soap_envelope import write

_NONCE_BYTES = 20


@dataclass(frozen=True, slots=True)
class Signer:
    """`certificate` in DER, `algorithm` as XML Signature names it, `sign` gives the value it prescribes for bytes."""

    certificate: bytes
    algorithm: str
    sign: Callable[[bytes], bytes] = field(repr=False)


class OutgoingEnvelope:
    """One request, completed step by step; `write` ends it. Nothing is kept from one to the next."""

    def __init__(self, body: bytes) -> None:
        # what we wrote ourselves may hold larger texts than a stranger may send
        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True)
        self._root = etree.fromstring(body, parser)
        self._soap = etree.QName(self._root).namespace or ""
        self._addressing: list[Element] = []

    def address(self, *, to: str, action: str, message_id: str) -> None:
        """To, Action, MessageID, and that the answer comes back on the same connection."""
        for name, value in (("To", to), ("Action", action), ("MessageID", message_id)):
            self._add_addressing(name).text = value
        reply_to = self._add_addressing("ReplyTo")
        etree.SubElement(reply_to, f"{{{names.WSA}}}Address").text = names.ANONYMOUS

    def name_user(self, username: str, password: str, *, nonce: bytes, now: datetime) -> None:
        """A UsernameToken whose PasswordDigest (SHA-1, says the profile) holds for this nonce and time only."""
        token = etree.SubElement(self._security(), f"{{{names.WSSE}}}UsernameToken")
        etree.SubElement(token, f"{{{names.WSSE}}}Username").text = username
        created = write_time(now)
        digest = hashlib.sha1(nonce + created.encode() + password.encode()).digest()  # noqa: S324 - the profile's
        _add_text(token, f"{{{names.WSSE}}}Password", b64encode(digest), Type=names.DIGEST)
        _add_text(token, f"{{{names.WSSE}}}Nonce", b64encode(nonce), EncodingType=names.BASE64)
        etree.SubElement(token, f"{{{names.WSU}}}Created").text = created

    def sign(self, signer: Signer, *, now: datetime, expires: datetime) -> None:
        """Timestamp, BinarySecurityToken, and a signature over Body, Timestamp and the WS-Addressing headers.

        Raises Uncanonical for a body that cannot be signed.
        """
        security = self._security()
        timestamp = etree.SubElement(security, names.TIMESTAMP)
        etree.SubElement(timestamp, f"{{{names.WSU}}}Created").text = write_time(now)
        etree.SubElement(timestamp, f"{{{names.WSU}}}Expires").text = write_time(expires)
        token = etree.SubElement(security, names.TOKEN, {"EncodingType": names.BASE64, "ValueType": names.X509})
        token.text = b64encode(signer.certificate).decode()
        (body,) = self._root.iterfind(f"{{{self._soap}}}Body")
        signature = etree.SubElement(security, names.SIGNATURE, nsmap={"ds": names.DS})
        signed = _write_signed_info(signature, signer.algorithm, (body, timestamp, *self._addressing))
        _add_text(signature, f"{{{names.DS}}}SignatureValue", b64encode(signer.sign(canonicalize(signed))))
        _refer_to(signature, token)

    def write(self) -> bytes:
        """The bytes for the wire."""
        return write(self._root)

    def _add_addressing(self, name: str) -> Element:
        block = etree.SubElement(self._header(), f"{{{names.WSA}}}{name}", nsmap={"wsa": names.WSA})
        self._addressing.append(block)
        return block

    def _header(self) -> Element:
        header = self._root.find(f"{{{self._soap}}}Header")
        if header is None:
            header = etree.Element(f"{{{self._soap}}}Header")
            self._root.insert(0, header)
        return header

    def _security(self) -> Element:
        header = self._header()
        security = header.find(names.SECURITY)
        if security is None:
            security = etree.SubElement(header, names.SECURITY, nsmap={"wsse": names.WSSE, "wsu": names.WSU})
            security.set(f"{{{self._soap}}}mustUnderstand", "1")
        return security


def new_nonce() -> bytes:
    """What makes a UsernameToken hold once."""
    return token_bytes(_NONCE_BYTES)


def write_time(moment: datetime) -> str:
    """A moment in UTC as WS-Security writes it, to the millisecond."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def _write_signed_info(signature: Element, algorithm: str, elements: tuple[Element, ...]) -> Element:
    info = _add(signature, "SignedInfo")
    _add(info, "CanonicalizationMethod", Algorithm=names.EXCLUSIVE)
    _add(info, "SignatureMethod", Algorithm=algorithm)
    for element in elements:
        reference = _add(info, "Reference", URI=f"#{_identify(element)}")
        _add(_add(reference, "Transforms"), "Transform", Algorithm=names.EXCLUSIVE)
        _add(reference, "DigestMethod", Algorithm=names.SHA256)
        digest = hashlib.sha256(canonicalize(element)).digest()
        _add_text(reference, f"{{{names.DS}}}DigestValue", b64encode(digest))
    return info


def _refer_to(signature: Element, token: Element) -> None:
    reference = etree.SubElement(_add(signature, "KeyInfo"), f"{{{names.WSSE}}}SecurityTokenReference")
    etree.SubElement(reference, f"{{{names.WSSE}}}Reference", {"URI": f"#{_identify(token)}", "ValueType": names.X509})


def _identify(element: Element) -> str:
    """The element's Id, a fresh one where it has none: it must not be one that an embedded document uses too."""
    if element.get(names.ID) is None:
        element.set(names.ID, f"id-{token_hex(16)}")
    return str(element.get(names.ID))


def _add(parent: Element, name: str, **attributes: str) -> Element:
    return etree.SubElement(parent, f"{{{names.DS}}}{name}", attributes)


def _add_text(parent: Element, tag: str, value: bytes, **attributes: str) -> None:
    etree.SubElement(parent, tag, attributes).text = value.decode()
