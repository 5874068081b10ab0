"""Envelopes that must be signed: taken apart strictly, and only what is proven of them handed on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from lxml import etree

from singlewindow.errors import SingleWindowError
from singlewindow.xsd import wss_vocabulary as names
from singlewindow.xsd.parser import Element, parse
from singlewindow.xsd.soap_envelope import VERSIONS
from singlewindow.xsd.wss_references import (
    DS,
    SignedPart,
    Unproven,
    canonical_form,
    decode,
    read_references,
    the_child,
)

_ENCODINGS = frozenset({"gbk", "gb18030"})
_IN_SIGNATURE = [[f"{DS}SignedInfo", f"{DS}SignatureValue"], [f"{DS}SignedInfo", f"{DS}SignatureValue", f"{DS}KeyInfo"]]
_CREATED, _EXPIRES = f"{{{names.WSU}}}Created", f"{{{names.WSU}}}Expires"
_RELATES_TO = f"{{{names.WSA}}}RelatesTo"


class Verifier(Protocol):
    """Knows whose signatures count."""

    def check(self, algorithm: str, signed: bytes, value: bytes, certificate: bytes | None) -> None:
        """Check a signature `value` over bytes; `certificate` (DER) is what came along. Raises Unproven."""
        ...


@dataclass(frozen=True, slots=True)
class Freshness:
    """How old a signed Timestamp may be, and how far clocks may differ."""

    lifetime_seconds: int
    clock_skew_seconds: int


@dataclass(frozen=True, slots=True)
class Proven:
    """`envelope` holds the Body's bytes that the signature was checked over and nothing else; `relates_to` are the
    MessageIDs that its RelatesTo headers name, `related_by_signature` those of signed ones.
    """

    envelope: bytes
    relates_to: tuple[str, ...]
    related_by_signature: tuple[str, ...]


def prove(reply: bytes, verifier: Verifier, *, freshness: Freshness, now: datetime) -> Proven:
    """Check a signed envelope: the Body it has and a Timestamp of now, by a known certificate. Raises Unproven."""
    root = _open(reply)
    header, body = _split(root)
    security = _the_only(header, names.SECURITY)
    signature = _the_only(security, names.SIGNATURE)
    _check_signature(signature, verifier, _certificate(security))
    parts = read_references(the_child(signature, "SignedInfo"), root)
    content = _signed_body(parts, body, (*header, *security))
    _check_time(parts, security, freshness, now)
    signed = tuple(part.element for part in parts)
    related = [one for one in header if one.tag == _RELATES_TO]
    return Proven(
        _wrap(root, content), _texts(related), _texts([one for one in related if any(one is part for part in signed)])
    )


def read_relates_to(reply: bytes) -> tuple[str, ...]:
    """What the RelatesTo headers of a reply name, signed or not; nothing where it is no SOAP."""
    try:
        root = _open(reply)
    except Unproven:
        return ()
    soap = f"{{{etree.QName(root).namespace}}}"
    return _texts(root.findall(f"{soap}Header/{_RELATES_TO}"))


def _open(reply: bytes) -> Element:
    try:
        root = parse(reply, encodings=_ENCODINGS)
    except SingleWindowError as error:
        raise Unproven(f"it is not readable as XML: {error.detail}") from error
    name = etree.QName(root)
    if name.localname != "Envelope" or name.namespace not in VERSIONS:
        raise Unproven("it is no SOAP envelope")
    return root


def _split(root: Element) -> tuple[Element, Element]:
    """Header and Body: exactly these, so that no other part can be taken for the Body."""
    soap = f"{{{etree.QName(root).namespace}}}"
    if [child.tag for child in root] == [f"{soap}Body"]:
        raise Unproven("it is not signed")
    if [child.tag for child in root] != [f"{soap}Header", f"{soap}Body"]:
        raise Unproven("it holds other parts than one Header and then one Body")
    return root[0], root[1]


def _the_only(parent: Element, tag: str) -> Element:
    """The only child of this name; one that stands elsewhere is the payload's own business. Raises Unproven."""
    found = parent.findall(tag)
    name, where = etree.QName(tag).localname, etree.QName(parent).localname
    if not found:
        raise Unproven(f"it is not signed: its {where} has no {name}")
    if len(found) > 1:
        raise Unproven(f"its {where} has {len(found)} {name}; one alone is taken")
    return found[0]


def _check_signature(signature: Element, verifier: Verifier, certificate: bytes | None) -> None:
    """Check whose it is, before anything it refers to is looked at."""
    if [child.tag for child in signature] not in _IN_SIGNATURE:
        raise Unproven("its signature holds more than SignedInfo, SignatureValue and KeyInfo")
    info = the_child(signature, "SignedInfo")
    method = the_child(info, "SignatureMethod")
    if len(method):
        raise Unproven("its SignatureMethod has parameters")
    value = decode(the_child(signature, "SignatureValue").text, "SignatureValue")
    canonical = canonical_form(the_child(info, "CanonicalizationMethod"))
    verifier.check(method.get("Algorithm", ""), canonical, value, certificate)


def _certificate(security: Element) -> bytes | None:
    tokens = security.findall(names.TOKEN)
    return decode(tokens[0].text, "BinarySecurityToken") if len(tokens) == 1 else None


def _signed_body(parts: list[SignedPart], body: Element, others: tuple[Element, ...]) -> bytes:
    """The bytes that were signed as this reply's own Body; what else is signed must be a header of it."""
    for part in parts:
        if part.element is not body and not any(part.element is other for other in others):
            name = etree.QName(part.element).localname
            raise Unproven(f"its signature is for another {name}, which was moved to where it means nothing")
    found = next((part for part in parts if part.element is body), None)
    if found is None:
        raise Unproven("its Body is not signed")
    return found.content


def _check_time(parts: list[SignedPart], security: Element, freshness: Freshness, now: datetime) -> None:
    stamps = security.findall(names.TIMESTAMP)
    if len(stamps) > 1:
        raise Unproven(f"its Security has {len(stamps)} Timestamp; one alone is taken")
    if not stamps or not any(part.element is stamps[0] for part in parts):
        raise Unproven("it has no signed Timestamp")
    created, expires = _moment(stamps[0], _CREATED), _moment(stamps[0], _EXPIRES)
    skew, lifetime = timedelta(seconds=freshness.clock_skew_seconds), timedelta(seconds=freshness.lifetime_seconds)
    if created is None:
        raise Unproven("its Timestamp does not say when it was made")
    if created > now + skew:
        raise Unproven(f"its Timestamp is of the future: {created.isoformat()}")
    if now > min(created + lifetime, expires or created + lifetime) + skew:
        raise Unproven(f"its Timestamp has expired: made at {created.isoformat()}")


def _moment(stamp: Element, tag: str) -> datetime | None:
    found = stamp.findall(tag)
    if len(found) != 1:
        return None
    try:
        moment = datetime.fromisoformat((found[0].text or "").strip())
    except ValueError as error:
        raise Unproven(f"its Timestamp cannot be read: {(found[0].text or '')[:40]!r}") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _texts(elements: list[Element]) -> tuple[str, ...]:
    return tuple((one.text or "").strip() for one in elements)


def _wrap(root: Element, body: bytes) -> bytes:
    """The signed bytes as an envelope; its own start tag is written anew, for it was not signed."""
    namespace = str(etree.QName(root).namespace).encode()
    return b'<soap:Envelope xmlns:soap="%b">%b</soap:Envelope>' % (namespace, body)
