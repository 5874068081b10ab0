"""The references of a signature, each led back to the one element it speaks of. Anything unusual is refused.

An element counts as signed by where it stands, never by its Id alone: a signed copy that was moved elsewhere (signature
wrapping) proves nothing of what stands in its place.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lxml import etree

from singlewindow.errors import SingleWindowError
from singlewindow.xsd import wss_vocabulary as names
from singlewindow.xsd.base64_text import decode_base64
from singlewindow.xsd.canonical import Uncanonical, canonicalize
from singlewindow.xsd.parser import Element

DS = f"{{{names.DS}}}"
_PREFIXES = f"{{{names.EXCLUSIVE}}}InclusiveNamespaces"
_MOST_REFERENCES = 32
_MOST_PREFIXES = 64


class Unproven(SingleWindowError):
    """A reply that is not proven to be the agency's; the detail says what is wrong with it."""

    code = "unproven-reply"


@dataclass(frozen=True, slots=True)
class SignedPart:
    """An element that a reference holds for, and the canonical bytes of it that were compared."""

    element: Element
    content: bytes


def read_references(info: Element, root: Element) -> list[SignedPart]:
    """What a SignedInfo vouches for, every digest compared. Raises Unproven."""
    references = info.findall(f"{DS}Reference")
    if not 0 < len(references) <= _MOST_REFERENCES:
        raise Unproven(f"its signature has {len(references)} references")
    targets = _by_id(root)
    parts = [_follow(reference, targets) for reference in references]
    if len({id(part.element) for part in parts}) != len(parts):
        raise Unproven("its signature refers to one element twice")
    return parts


def canonical_form(method: Element) -> bytes:
    """The canonical bytes of the SignedInfo that this CanonicalizationMethod stands in."""
    info = method.getparent()
    if info is None:
        raise Unproven("its signature has no SignedInfo")
    return _canonicalize(info, method)


def the_child(parent: Element, name: str) -> Element:
    """The only element of XML Signature with this name in `parent`. Raises Unproven."""
    found = parent.findall(f"{DS}{name}")
    if len(found) != 1:
        raise Unproven(f"its signature has {len(found)} {name} in {etree.QName(parent).localname}")
    return found[0]


def decode(text: str | None, what: str) -> bytes:
    """Base64 with line breaks. Raises Unproven."""
    try:
        return decode_base64(text or "")
    except ValueError as error:
        raise Unproven(f"its {what} is not Base64") from error


def _by_id(root: Element) -> Mapping[str, list[Element]]:
    """All elements by anything that some receiver might take for their Id."""
    found: dict[str, list[Element]] = {}
    for element in root.iter(etree.Element):
        for value in set(_ids(element)):
            found.setdefault(value, []).append(element)
    return found


def _ids(element: Element) -> Iterator[str]:
    for name, value in element.items():
        if str(name).rpartition("}")[2].lower() == "id":
            yield str(value)


def _follow(reference: Element, targets: Mapping[str, list[Element]]) -> SignedPart:
    uri = reference.get("URI") or ""
    if not uri.startswith("#") or len(uri) == 1:
        raise Unproven(f"its signature refers to {uri[:80]!r} and not to an Id")
    found = targets.get(uri[1:], [])
    if len(found) != 1:
        raise Unproven(f"the Id {uri[1:81]} of its signature stands at {len(found)} elements")
    if found[0].get(names.ID) != uri[1:]:
        raise Unproven(f"the Id {uri[1:81]} of its signature is not a wsu:Id")
    content = _canonicalize(found[0], _only_transform(reference))
    _check_digest(reference, content, found[0])
    return SignedPart(found[0], content)


def _only_transform(reference: Element) -> Element:
    transforms = list(the_child(reference, "Transforms"))
    if [one.tag for one in transforms] != [f"{DS}Transform"]:
        raise Unproven(f"a reference of its signature has {len(transforms)} transforms and not one")
    return transforms[0]


def _canonicalize(element: Element, method: Element) -> bytes:
    algorithm = method.get("Algorithm")
    if algorithm != names.EXCLUSIVE:
        raise Unproven(f"its signature uses {str(algorithm)[:80]}; only {names.EXCLUSIVE} is taken")
    if any(child.tag != _PREFIXES for child in method) or len(method) > 1:
        raise Unproven("its canonicalisation has parameters that are not known")
    listed = method[0].get("PrefixList", "").split() if len(method) else []
    if len(listed) > _MOST_PREFIXES:  # each is looked for at every element
        raise Unproven(f"its canonicalisation lists {len(listed)} prefixes")
    try:
        return canonicalize(element, listed)
    except Uncanonical as error:
        raise Unproven(f"its signature cannot be checked: {error.detail}") from error


def _check_digest(reference: Element, content: bytes, element: Element) -> None:
    algorithm = the_child(reference, "DigestMethod").get("Algorithm")
    if algorithm != names.SHA256:
        raise Unproven(f"its signature digests by {str(algorithm)[:80]}; only {names.SHA256} is taken")
    given = decode(the_child(reference, "DigestValue").text, "DigestValue")
    if not hmac.compare_digest(given, hashlib.sha256(content).digest()):
        raise Unproven(f"its {etree.QName(element).localname} is not as it was signed")
