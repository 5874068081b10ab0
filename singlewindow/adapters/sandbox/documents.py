"""Response documents as the authorities write them: one unit each, its elements in the order of the schemas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from singlewindow.adapters.sandbox.papers import NAMESPACE
from singlewindow.adapters.sandbox.records import Notice, Statement
from singlewindow.xsd.writing import build

EXPORT_NAMESPACE = "urn:singlewindow:export:1"
EXPORT_RESPONSE = "Response"
CERTIFICATE = "certificate"
CERTIFICATE_TYPE = "851"
"""Phytosanitary certificate, UN/EDIFACT 1001."""

_OUTCOME = ("returnStatus", "returnTime", "returnInfo")

CEB_RESPONSES: dict[str, tuple[str, tuple[str, ...]]] = {
    "CEB304Message": ("OrderReturn", ("ebpCode", "ebcCode", "orderNo", *_OUTCOME)),
    "CEB404Message": ("ReceiptsReturn", ("ebcCode", "orderNo", "payNo", *_OUTCOME)),
    "CEB506Message": ("LogisticsReturn", ("logisticsCode", "logisticsNo", *_OUTCOME)),
    "CEB508Message": (
        "ArrivalReturn",
        ("operatorCode", "logisticsCode", "preNo", "copNo", "billNo", "msgSeqNo", *_OUTCOME),
    ),
    "CEB510Message": ("DepartureReturn", ("logisticsCode", "copNo", "preNo", "msgSeqNo", *_OUTCOME)),
    "CEB604Message": (
        "InventoryReturn",
        ("agentCode", "copNo", "preNo", "invtNo", "ebcCode", "ebpCode", "orderNo", "statisticsFlag", *_OUTCOME),
    ),
    "CEB606Message": ("InvtCancelReturn", ("agentCode", "copNo", "preNo", "invtNo", *_OUTCOME)),
    "CEB608Message": (
        "WayBillReturn",
        ("agentCode", "logisticsCode", "copNo", "preNo", "billNo", "msgSeqNo", *_OUTCOME),
    ),
    "CEB702Message": ("SummaryReturn", ("agentCode", "ebcCode", "copNo", "preNo", "sumNo", "msgSeqNo", *_OUTCOME)),
    "CEB214Message": ("RefundReturn", ("ebpCode", "ebcCode", "agentCode", "coElNo", "preNo", "invtNo", *_OUTCOME)),
    "CEB216Message": (
        "InvtRefundDetailReturn",
        ("operatorCode", "logisticsCode", "logisticsNo", "coElNo", "preNo", *_OUTCOME),
    ),
}
"""Unit element and its children after guid, by root: the element tables; both editions have the same."""

REQUIRED_EMPTY = frozenset({"billNo"})
"""Mandatory in the response though the request may lack it."""

SUMMARY_RESULT = "CEB792Message"
SUMMARY_RESULT_HEAD = (
    "customsCode", "sumNo", "opDate", "declSeqNo", "entryId", "decState", "agentCode", "agentName", "ebcCode",
    "ebcName", "declAgentCode", "declAgentName", "grossWeight", "netWeight", "msgCount", "msgSeqNo",
)  # fmt: skip
SUMMARY_RESULT_LINE = ("invtNo", "logisticsNo", "gseqno", "gnum", "gcode")
"""The number among the summary's own goods, gseqno, is new in the edition of 2022."""


def write_document(notice: Notice) -> bytes:
    """The document of a notice; the same bytes whenever it is written."""
    statement, guid = notice.statement, _guid(notice.notice_id)
    if statement.root == EXPORT_RESPONSE:
        return build(EXPORT_NAMESPACE, EXPORT_RESPONSE, _export_response(statement, guid))
    values = {"guid": guid, **statement.about, **statement.values}
    unit, content = (
        _summary_result(statement, values) if statement.root == SUMMARY_RESULT else _ceb_unit(statement, values)
    )
    return build(NAMESPACE, statement.root, {unit: content}, {"guid": _guid(guid), "version": "1.0"})


def _ceb_unit(statement: Statement, values: Mapping[str, str]) -> tuple[str, dict[str, str | None]]:
    unit, names = CEB_RESPONSES[statement.root]
    content = {name: values.get(name) or None for name in ("guid", *names)}
    return unit, content | {name: content[name] or "" for name in REQUIRED_EMPTY & content.keys()}


def _summary_result(statement: Statement, values: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    head = {name: values[name] for name in ("guid", *SUMMARY_RESULT_HEAD)}
    lines = [{name: item[name] for name in SUMMARY_RESULT_LINE if name in item} for item in statement.items]
    return "SummaryResult", {"SummaryResultHead": head, "SummaryResultList": lines}


def _export_response(statement: Statement, guid: str) -> dict[str, Any]:
    said = {**statement.about, **statement.values}
    number = statement.references.get(CERTIFICATE)
    return {
        "Header": {
            "MessageIdentification": guid.replace("-", ""),
            "PreparationDateTime": said["StatusDateTime"],
        },
        "Agency": said["Agency"],
        "Target": {name: said.get(name) for name in ("LRN", "MRN", "DeclarantIdentification")},
        "Action": said["Action"],
        "LegNumber": said.get("LegNumber"),
        "Status": said["Status"],
        "StatusDateTime": said["StatusDateTime"],
        "References": _references(statement.references),
        "ControlDecision": {"Type": said["Control"]} if "Control" in said else None,
        "Certificate": {"Number": number, "Type": CERTIFICATE_TYPE} if number else None,
        "Error": dict(statement.error) or None,
    }


def _references(references: Mapping[str, str]) -> dict[str, Any] | None:
    if not references:
        return None
    return {"Reference": [{"Name": name, "Value": value} for name, value in references.items()]}


def _guid(name: str) -> str:
    """36 characters, upper case, derived so that a repeated notice is the same document."""
    return str(uuid5(NAMESPACE_URL, name)).upper()
