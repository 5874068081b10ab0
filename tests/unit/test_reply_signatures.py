"""What of a signed reply is taken, and why anything else is not."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from singlewindow.adapters.security.certificates import PinnedCertificates, read_certificates
from singlewindow.xsd.wss_incoming import Freshness, Proven, prove
from singlewindow.xsd.wss_references import Unproven
from tests.contract.signed_replies import (
    BODY,
    DS,
    INCLUSIVE,
    SHA1_DIGEST,
    SOAP,
    TIMESTAMP,
    WSSE,
    WSU,
    Change,
    Identity,
    Seal,
    find,
    select,
)
from tests.contract.wrapping_attacks import ATTACKS

REPLY = (
    f'<s:Envelope xmlns:s="{SOAP}" xmlns:a="urn:a" xmlns:v="urn:v" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
    '<s:Body><a:answer xsi:type="v:Verdict"><a:task>T-1</a:task><a:code>TAKEN</a:code></a:answer></s:Body></s:Envelope>'
).encode()
AGENCY, OTHER = Identity.make(), Identity.make()
SEAL = Seal(AGENCY)
DS_TAG = f"{{{DS}}}"
TRANSFORMS, TRANSFORM = "ds:Reference/ds:Transforms", "ds:Reference/ds:Transforms/ds:Transform"
FRESHNESS = Freshness(lifetime_seconds=300, clock_skew_seconds=60)


@pytest.fixture(scope="session")
def pinned(tmp_path_factory: pytest.TempPathFactory) -> PinnedCertificates:
    path = tmp_path_factory.mktemp("pinned") / "agency.pem"
    return pin(path, AGENCY)


def pin(path: Path, *identities: Identity) -> PinnedCertificates:
    path.write_bytes(b"".join(identity.certificate for identity in identities))
    return PinnedCertificates(read_certificates(path))


def open_(pinned: PinnedCertificates, reply: bytes) -> Proven:
    return prove(reply, pinned, freshness=FRESHNESS, now=datetime.now(UTC))


def refusal(pinned: PinnedCertificates, reply: bytes) -> str:
    with pytest.raises(Unproven) as raised:
        open_(pinned, reply)
    return raised.value.detail


def test_the_bytes_that_were_signed_are_all_that_is_handed_on(pinned: PinnedCertificates) -> None:
    envelope = etree.fromstring(open_(pinned, SEAL(REPLY)).envelope)
    assert [child.tag for child in envelope] == [f"{{{SOAP}}}Body"]
    assert find(envelope, "//s:Body/*/*[2]").text == "TAKEN"


@pytest.mark.parametrize("key_type", list(trustme.KeyType))
def test_rsa_and_elliptic_curves_count(tmp_path: Path, key_type: trustme.KeyType) -> None:
    identity = Identity.make(key_type)
    assert open_(pin(tmp_path / "one.pem", identity), Seal(identity)(REPLY)).envelope


def test_while_certificates_change_either_of_two_counts(tmp_path: Path) -> None:
    both = pin(tmp_path / "both.pem", AGENCY, OTHER)
    assert open_(both, Seal(AGENCY)(REPLY)).envelope
    assert open_(both, Seal(OTHER)(REPLY)).envelope


def test_a_prefix_that_only_values_name_survives_where_the_signature_lists_it(pinned: PinnedCertificates) -> None:
    listed = etree.fromstring(open_(pinned, replace(SEAL, prefixes="v")(REPLY)).envelope)
    assert find(listed, "//s:Body/*").nsmap["v"] == "urn:v"
    assert "v" not in find(etree.fromstring(open_(pinned, SEAL(REPLY)).envelope), "//s:Body/*").nsmap


def test_a_business_document_within_the_body_may_bear_a_signature_of_its_own(pinned: PinnedCertificates) -> None:
    inner = SEAL(REPLY)
    outer = REPLY.replace(b"<a:code>", b"<a:copy>" + inner + b"</a:copy><a:code>")
    renamed = outer.replace(b"part-", b"inner-").replace(b'"token"', b'"inner-token"')
    assert open_(pinned, SEAL(renamed)).envelope.count(b"</ds:Signature>") == 1


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_no_wrapping_makes_another_body_count(
    pinned: PinnedCertificates, attack: Callable[[etree._Element], None]
) -> None:
    assert ATTACKS[attack] in refusal(pinned, replace(SEAL, change=attack)(REPLY))


@pytest.mark.parametrize(
    ("seal", "reason"),
    [
        (replace(SEAL, parts=(TIMESTAMP,)), "its Body is not signed"),
        (replace(SEAL, parts=(BODY,)), "it has no signed Timestamp"),
        (replace(SEAL, parts=("//s:Body/*", TIMESTAMP)), "is for another answer"),
        (replace(SEAL, created=timedelta(minutes=-7)), "its Timestamp has expired"),
        (replace(SEAL, created=timedelta(minutes=-7), lifetime=timedelta(days=1)), "its Timestamp has expired"),
        (replace(SEAL, created=timedelta(minutes=-7), lifetime=None), "its Timestamp has expired"),
        (replace(SEAL, created=timedelta(minutes=-3), lifetime=timedelta(minutes=1)), "its Timestamp has expired"),
        (replace(SEAL, created=timedelta(minutes=2)), "its Timestamp is of the future"),
        (replace(SEAL, identity=OTHER), "with another certificate than the pinned one"),
        (replace(SEAL, identity=OTHER, token=AGENCY), "does not fit the pinned certificate"),
        (replace(SEAL, sha1_signature=True), "it is signed by '.*ecdsa-sha1'"),
        (replace(SEAL, digest=SHA1_DIGEST), "its signature digests by .*#sha1"),
        (replace(SEAL, canonicalization=INCLUSIVE), "its signature uses .*REC-xml-c14n"),
        (replace(SEAL, transforms=(INCLUSIVE,)), "its signature uses .*REC-xml-c14n"),
        (replace(SEAL, transforms=()), "has 0 transforms and not one"),
        (replace(SEAL, transforms=("http://www.w3.org/TR/1999/REC-xslt-19991116",)), "its signature uses .*xslt"),
        (replace(SEAL, prefixes=" ".join(f"p{n}" for n in range(65))), "lists 65 prefixes"),
        (replace(SEAL, prefixes="#default"), "a PrefixList with #default cannot be followed"),
    ],
)  # fmt: skip
def test_what_is_weak_old_or_incomplete_is_refused(pinned: PinnedCertificates, seal: Seal, reason: str) -> None:
    assert re.search(reason, refusal(pinned, seal(REPLY)))


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("//a:code", "REFUSED", "its Body is not as it was signed"),
        ("//wsu:Created", "2020-01-01T00:00:00Z", "its Timestamp is not as it was signed"),
        ("//ds:DigestValue[1]", "AAAA", "does not fit the pinned certificate"),
        ("//ds:SignatureValue", "AAAA", "does not fit the pinned certificate"),
        ("//ds:SignatureValue", "not base64", "its SignatureValue is not Base64"),
    ],
)
def test_a_changed_reply_is_refused(pinned: PinnedCertificates, path: str, value: str, reason: str) -> None:
    def change(root: etree._Element) -> None:
        find(root, path).text = value

    assert reason in refusal(pinned, replace(SEAL, change=change)(REPLY))


def remove(path: str) -> Change:
    def change(root: etree._Element) -> None:
        for found in select(root, path):
            parent = found.getparent()
            assert parent is not None
            parent.remove(found)

    return change


def refer_to(uri: str) -> Change:
    return lambda info: find(info, "ds:Reference").set("URI", uri)


def repeat_references(times: int) -> Change:
    def change(info: etree._Element) -> None:
        for _ in range(times):
            info.append(deepcopy(find(info, "ds:Reference")))

    return change


def add_within(path: str, tag: str) -> Change:
    def change(root: etree._Element) -> None:
        etree.SubElement(find(root, path), tag, PrefixList="")

    return change


def call_by_another_id(info: etree._Element) -> None:
    body = find(info, "//s:Body")
    body.set("Id", str(body.attrib.pop(f"{{{WSU}}}Id")))


@pytest.mark.parametrize(
    ("seal", "reason"),
    [
        (replace(SEAL, misstate=call_by_another_id), "the Id part-0 of its signature is not a wsu:Id"),
        (replace(SEAL, misstate=repeat_references(1)), "refers to one element twice"),
        (replace(SEAL, misstate=repeat_references(31)), "its signature has 33 references"),
        (replace(SEAL, misstate=remove("ds:Reference")), "its signature has 0 references"),
        (replace(SEAL, misstate=refer_to("")), "refers to '' and not to an Id"),
        (replace(SEAL, misstate=refer_to("#")), "refers to '#' and not to an Id"),
        (replace(SEAL, misstate=refer_to("http://x/#part-0")), "refers to 'http://x/#part-0' and not to an Id"),
        (replace(SEAL, misstate=refer_to("#nobody")), "the Id nobody of its signature stands at 0 elements"),
        (replace(SEAL, misstate=remove("ds:Reference/ds:DigestMethod")), "has 0 DigestMethod in Reference"),
        (replace(SEAL, misstate=add_within("ds:SignatureMethod", f"{DS_TAG}HMACOutputLength")), "has parameters"),
        (replace(SEAL, misstate=add_within(TRANSFORM, "{urn:x}more")), "has parameters that are not known"),
        (replace(SEAL, misstate=add_within(TRANSFORMS, f"{DS_TAG}Transform")), "has 2 transforms and not one"),
        (replace(SEAL, parts=(BODY,), prepare=remove(TIMESTAMP)), "it has no signed Timestamp"),
        (replace(SEAL, change=add_within("//wsse:Security", f"{{{WSU}}}Timestamp")), "its Security has 2 Timestamp"),
        (replace(SEAL, prepare=remove("//wsu:Created")), "does not say when it was made"),
        (replace(SEAL, prepare=lambda root: setattr(find(root, "//wsu:Created"), "text", "noon")), "cannot be read"),
    ],
)
def test_a_signature_that_says_anything_unusual_is_refused(pinned: PinnedCertificates, seal: Seal, reason: str) -> None:
    assert reason in refusal(pinned, seal(REPLY))


def test_an_empty_prefix_list_changes_nothing(pinned: PinnedCertificates) -> None:
    seal = replace(SEAL, misstate=add_within(TRANSFORM, "{http://www.w3.org/2001/10/xml-exc-c14n#}InclusiveNamespaces"))
    assert open_(pinned, seal(REPLY)).envelope


@pytest.mark.parametrize("tag", [f"{{{WSSE}}}Security", f"{{{DS}}}Signature"])
def test_two_of_what_there_must_be_one_of_are_refused(pinned: PinnedCertificates, tag: str) -> None:
    def double(root: etree._Element) -> None:
        found = next(root.iter(tag))
        parent = found.getparent()
        assert parent is not None
        etree.SubElement(parent, tag)

    assert "one alone is taken" in refusal(pinned, replace(SEAL, change=double)(REPLY))


@pytest.mark.parametrize(
    ("reply", "reason"),
    [(REPLY, "it is not signed"), (b"", "not readable"), (b"<html/>", "no SOAP envelope"), (b"503", "not readable")],
)
def test_what_bears_no_signature_is_refused(pinned: PinnedCertificates, reply: bytes, reason: str) -> None:
    assert reason in refusal(pinned, reply)


def test_a_pinned_certificate_out_of_its_time_counts_no_more(tmp_path: Path) -> None:
    past = datetime.now(UTC) - timedelta(days=1)
    issued = trustme.CA().issue_cert("agency.example", not_after=past)
    identity = Identity(issued.cert_chain_pems[0].bytes(), issued.private_key_pem.bytes())
    assert "is out of its time" in refusal(pin(tmp_path / "old.pem", identity), Seal(identity)(REPLY))


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_no_change_of_a_byte_makes_anything_else_count(pinned: PinnedCertificates, data: st.DataObject) -> None:
    sealed = SEAL(REPLY)
    sound = open_(pinned, sealed).envelope
    at = data.draw(st.integers(0, len(sealed) - 1))
    changed = sealed[:at] + bytes([data.draw(st.integers(1, 255))]) + sealed[at + data.draw(st.integers(0, 3)) :]
    with suppress(Unproven):
        assert open_(pinned, changed).envelope == sound


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_no_move_of_an_element_makes_anything_else_count(pinned: PinnedCertificates, data: st.DataObject) -> None:
    sealed = SEAL(REPLY)
    sound = open_(pinned, sealed).envelope
    root = etree.fromstring(sealed)
    elements = list(root.iter())
    for _ in range(data.draw(st.integers(1, 4))):
        moved, place = (data.draw(st.sampled_from(elements)) for _ in range(2))
        if data.draw(st.booleans()):
            moved = etree.fromstring(etree.tostring(moved, with_tail=False))
        if place not in moved.iter() and moved is not root:
            place.insert(data.draw(st.integers(0, len(place))), moved)
    with suppress(Unproven):
        assert open_(pinned, etree.tostring(root)).envelope == sound
