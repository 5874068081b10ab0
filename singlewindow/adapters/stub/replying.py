"""Says of each task in a reply what agency.toml will look for there."""

from __future__ import annotations

import gzip
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from singlewindow.adapters.declared.configuration import Reply
from singlewindow.adapters.stub.choosing import read_steps
from singlewindow.xsd.parser import Element
from singlewindow.xsd.wsdl_answers import put_document, put_text, reach, repeat
from singlewindow.xsd.wsdl_replies import write_element

_WORDS = "the stub says so"
_PAYLOAD = b"<answer/>"


@dataclass(frozen=True, slots=True)
class Said:
    """One answer: what the task is called, the agency's code and its time.

    `serial` is the notice's own id; `decided`: the code is a decision, which comes with the agency's numbers.
    """

    name: str
    code: str
    at: str
    serial: str = ""
    decided: bool = False


def write_said(content: Element, reply: Reply, namespaces: Mapping[str, str], said: Sequence[Said]) -> None:
    """Fill in one answer for each task. Raises ConfigurationError for expressions that are more than paths of names."""
    if reply.payload is None:
        _write_all(content, reply, namespaces, said)
        return
    holder = reach(content, read_steps(reply.payload, namespaces))
    payload = put_document(holder, _PAYLOAD)
    _write_all(payload, reply, namespaces, said)
    if reply.payload_form != "xml":
        document = write_element(payload)
        holder.remove(payload)
        holder.text = _pack(document, reply.payload_form)


def _write_all(start: Element, reply: Reply, namespaces: Mapping[str, str], said: Sequence[Said]) -> None:
    elements = [start] if reply.item is None else repeat(start, read_steps(reply.item, namespaces), len(said))
    for element, one in zip(elements, said, strict=False):
        for path, text in _texts(reply, one):
            put_text(element, read_steps(path, namespaces), text)


def _texts(reply: Reply, one: Said) -> list[tuple[str, str]]:
    """Path and text of everything that is read of an answer; the text of the whole element is written first."""
    told: dict[str | None, str] = {
        reply.text: _WORDS,
        reply.code: one.code,
        reply.verdict: one.code,
        reply.time: one.at,
        reply.task_id: one.name,
        reply.notice_id: one.serial or one.name,
        **dict.fromkeys(reply.numbers.values() if one.decided else (), f"STUB-{one.name[:8] or '1'}"),
    }
    return sorted((path, text) for path, text in told.items() if path is not None)


def _pack(document: bytes, form: str) -> str:
    if form == "text":
        return document.decode()
    return b64encode(gzip.compress(document, mtime=0) if form == "gzip+base64" else document).decode("ascii")
