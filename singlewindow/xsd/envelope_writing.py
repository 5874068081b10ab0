"""Writing an exchange envelope around a document, whose bytes go into it as they are."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

from lxml import etree

from singlewindow.xsd.parser import parse
from singlewindow.xsd.writing import build

NAMESPACE = "http://www.chinaport.gov.cn/dxp"


def write_envelope(document: bytes, *, message_id: str, sender: str, receiver: str, at: datetime) -> bytes:
    """A DxpMsg that carries these bytes; MsgType is their root without `Message`. Raises Refused for what is no XML."""
    root = etree.QName(parse(document)).localname
    addressing = {
        "CopMsgId": message_id,
        "SenderId": sender,
        "ReceiverIds": {"ReceiverId": receiver},
        "CreatTime": at.astimezone(UTC).isoformat(timespec="seconds"),
        "MsgType": root.removesuffix("Message")[:30],
    }
    content = {"TransInfo": addressing, "Data": base64.b64encode(document).decode()}
    return build(NAMESPACE, "DxpMsg", content, {"ver": "1.0"})
