"""JSON-ready values written as XML, for clients that read XML: every entry of a list is an `i`, as RFC 9457 has it."""

from __future__ import annotations

import re
from typing import Any

from singlewindow.xsd.writing import build

PROBLEM_NAMESPACE = "urn:ietf:rfc:7807"
"""Namespace of problem details in XML (RFC 9457, appendix B)."""

RECEIPT_NAMESPACE = "urn:singlewindow:receipt:1"
RESPONSES_NAMESPACE = "urn:singlewindow:responses:1"
VALIDATION_NAMESPACE = "urn:singlewindow:validation:1"

_UNWRITABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_problem(problem: dict[str, Any]) -> bytes:
    """A problem in the form of RFC 9457, appendix B."""
    return build(PROBLEM_NAMESPACE, "problem", _content(problem))


def write_receipt(receipt: dict[str, Any]) -> bytes:
    """A view of a receipt. The signature is over the JSON, which is what is stored."""
    return build(RECEIPT_NAMESPACE, "receipt", _content(receipt))


def write_responses(responses: list[dict[str, Any]]) -> bytes:
    """What authorities said; each document in Base64, so that it is what was received."""
    return build(RESPONSES_NAMESPACE, "responses", {"response": [_content(response) for response in responses]})


def write_validation(report: dict[str, Any]) -> bytes:
    """The report of a validation."""
    return build(VALIDATION_NAMESPACE, "validation", _content(report))


def _content(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _content(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return {"i": [_content(entry) for entry in value]}
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else _UNWRITABLE.sub("\ufffd", str(value))
