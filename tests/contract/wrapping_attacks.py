"""XML signature wrapping: each moves what was signed to where a careless receiver still finds it by its Id."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

from lxml import etree

from tests.contract.signed_replies import DS, SOAP, WSU, find, forged_body, wrap


def into_the_header(root: etree._Element) -> None:
    wrap(root, find(root, "/s:Envelope/s:Header"))


def under_the_same_id(root: etree._Element) -> None:
    wrap(root, find(root, "/s:Envelope/s:Header"))
    find(root, "/s:Envelope/s:Body").set(f"{{{WSU}}}Id", "part-0")


def under_an_id_without_namespace(root: etree._Element) -> None:
    wrap(root, find(root, "/s:Envelope/s:Header"))
    body = find(root, "/s:Envelope/s:Body")
    del body.attrib[f"{{{WSU}}}Id"]
    body.set("Id", "part-0")


def into_the_security_header(root: etree._Element) -> None:
    wrap(root, find(root, "//wsse:Security"))


def into_an_object_of_the_signature(root: etree._Element) -> None:
    wrap(root, find(root, "//ds:Signature"), name=f"{{{DS}}}Object")


def into_the_key_info(root: etree._Element) -> None:
    wrap(root, find(root, "//ds:KeyInfo"))


def into_the_forged_body(root: etree._Element) -> None:
    signed, forged = find(root, "/s:Envelope/s:Body"), forged_body(root)
    root.replace(signed, forged)
    forged.append(signed)


def as_a_header_itself(root: etree._Element) -> None:
    signed, forged = find(root, "/s:Envelope/s:Body"), forged_body(root)
    root.replace(signed, forged)
    find(root, "/s:Envelope/s:Header").append(signed)


def behind_a_forged_body(root: etree._Element) -> None:
    root.insert(1, forged_body(root))


def before_a_forged_body(root: etree._Element) -> None:
    root.append(forged_body(root))


def beside_the_body(root: etree._Element) -> None:
    signed, forged = find(root, "/s:Envelope/s:Body"), forged_body(root)
    root.replace(signed, forged)
    etree.SubElement(root, "{urn:x}Wrapper").append(signed)


def in_a_whole_envelope(root: etree._Element) -> None:
    """The reply as it was, signature and all, within the header of another."""
    whole, forged = deepcopy(root), forged_body(root)
    for child in list(root):
        root.remove(child)
    etree.SubElement(root, f"{{{SOAP}}}Header").append(whole)
    root.append(forged)


def with_the_signature_of_another_part(root: etree._Element) -> None:
    """The signed Timestamp is put away, and one of now takes its place."""
    signed = find(root, "//wsu:Timestamp")
    security = signed.getparent()
    assert security is not None
    fresh = deepcopy(signed)
    fresh.set(f"{{{WSU}}}Id", "fresh")
    security.replace(signed, fresh)
    etree.SubElement(find(root, "/s:Envelope/s:Header"), "{urn:x}Wrapper").append(signed)


ATTACKS: dict[Callable[[etree._Element], None], str] = {
    into_the_header: "is for another Body, which was moved",
    under_the_same_id: "the Id part-0 of its signature stands at 2 elements",
    under_an_id_without_namespace: "the Id part-0 of its signature stands at 2 elements",
    into_the_security_header: "is for another Body, which was moved",
    into_an_object_of_the_signature: "holds more than SignedInfo, SignatureValue and KeyInfo",
    into_the_key_info: "is for another Body, which was moved",
    into_the_forged_body: "is for another Body, which was moved",
    as_a_header_itself: "its Body is not signed",
    behind_a_forged_body: "other parts than one Header and then one Body",
    before_a_forged_body: "other parts than one Header and then one Body",
    beside_the_body: "other parts than one Header and then one Body",
    in_a_whole_envelope: "its Header has no Security",
    with_the_signature_of_another_part: "is for another Timestamp, which was moved",
}
"""Each attack and why it is refused."""
