"""JSON-ready values written as XML, for clients that read XML."""

from __future__ import annotations

import re
from typing import Any
from xml.sax.saxutils import escape, quoteattr

PROBLEM_NAMESPACE = "urn:ietf:rfc:7807"
"""Namespace of problem details in XML (RFC 9457, appendix B)."""

RECEIPT_NAMESPACE = "urn:singlewindow:receipt:1"
VALIDATION_NAMESPACE = "urn:singlewindow:validation:1"

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*\Z")
_UNWRITABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_problem(problem: dict[str, Any]) -> bytes:
    """A problem as RFC 9457 writes it: every entry of a list is an `i`."""
    return _document("problem", PROBLEM_NAMESPACE, problem)


def write_receipt(receipt: dict[str, Any]) -> bytes:
    """A view of a receipt. The signature is over the JSON, which is what is stored."""
    return _document("receipt", RECEIPT_NAMESPACE, receipt)


def write_validation(report: dict[str, Any]) -> bytes:
    """The report of a validation."""
    return _document("validation", VALIDATION_NAMESPACE, report)


def _document(name: str, namespace: str, value: dict[str, Any]) -> bytes:
    content = _content(value)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{name} xmlns="{namespace}">{content}</{name}>\n'.encode()


def _content(value: Any) -> str:
    if isinstance(value, dict):
        return "".join(_element(key, entry) for key, entry in value.items() if entry is not None)
    if isinstance(value, list):
        return "".join(f"<i>{_content(entry)}</i>" for entry in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return escape(_UNWRITABLE.sub("\ufffd", str(value)))


def _element(key: str, value: Any) -> str:
    """A key that is no XML name becomes an `entry` that carries it as an attribute."""
    if _NAME.match(key):
        return f"<{key}>{_content(value)}</{key}>"
    return f"<entry name={quoteattr(_UNWRITABLE.sub(chr(0xFFFD), key))}>{_content(value)}</entry>"
