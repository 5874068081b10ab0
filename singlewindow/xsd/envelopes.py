"""Opening an exchange envelope: the message it carries, out of its Base64, and what it says of it."""

from __future__ import annotations

from singlewindow.messages import envelope
from singlewindow.messages.envelope import Envelope
from singlewindow.messages.judgement import Judgement
from singlewindow.messages.manifest import MessageSet, Root
from singlewindow.xsd.base64_text import decode_base64
from singlewindow.xsd.parser import Element, Refused
from singlewindow.xsd.paths import clark


def is_envelope(root: Root) -> bool:
    """True for a root that carries another message."""
    return root.direction == "envelope"


def open_envelope(element: Element, root: Root, message_set: MessageSet) -> Envelope:
    """What a schema-valid envelope says and carries. Raises Refused (400) where its Base64 is broken."""
    texts = {
        name: element.findtext(clark(path, message_set.element_namespace)) or "" for name, path in root.facts.items()
    }
    receivers = element.findall(clark(root.lists["receivers"]["path"], message_set.element_namespace))
    try:
        content = decode_base64(texts["content"])
    except ValueError as error:
        raise Refused(400, "bad-base64", f"the content of {root.name} is not Base64") from error
    return Envelope(
        texts["message_id"],
        texts["sender"].strip(),
        tuple((receiver.text or "").strip() for receiver in receivers),
        texts["message_type"],
        content,
    )


def address(carried: Judgement, around: Envelope) -> Judgement:
    """The verdict on what an envelope carries. Raises Refused (400) where that is an envelope again."""
    if carried.envelope:
        raise Refused(400, "nested-envelope", "an envelope must carry a business message, not another envelope")
    return envelope.address(carried, around)
