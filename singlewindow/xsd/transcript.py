"""A verdict as bytes and back, for the pipe between a judge child and its parent."""

from __future__ import annotations

from typing import Any

import orjson

from singlewindow.messages.judgement import JoinValue, Judgement, Problem, Unit
from singlewindow.xsd.json_mapping.refusals import JsonRefused
from singlewindow.xsd.parser import Refused

_REFUSAL = ("status", "code", "detail", "line", "column")


def write_judgement(judgement: Judgement, document: bytes | None = None) -> bytes:
    """The verdict as JSON, with the XML that was judged where the message came as JSON."""
    told: dict[str, Any] = {"judgement": judgement}
    if document is not None:
        told["document"] = document.decode()
    return orjson.dumps(told, default=bytes.hex)


def write_json_refusal(refused: JsonRefused) -> bytes:
    """A refusal of a message that has no XML form."""
    return orjson.dumps({"json_refused": refused.problems, "status": refused.status, "detail": refused.detail})


def write_refusal(refused: Refused) -> bytes:
    """A refusal as JSON."""
    return orjson.dumps({"refused": {name: getattr(refused, name) for name in _REFUSAL}})


def read_verdict(answer: dict[str, Any]) -> Judgement:
    """The verdict that a child wrote. Raises the refusal that it met, and KeyError or TypeError for anything else."""
    if said := answer.get("refused"):
        place = {"line": said["line"], "column": said["column"]}
        raise Refused(said["status"], said["code"], said["detail"], **place)
    if "json_refused" in answer:
        raise JsonRefused(_read_problems(answer["json_refused"]), status=answer["status"], detail=answer["detail"])
    fields = answer["judgement"]
    units = tuple(_read_unit(unit) for unit in fields["units"])
    return Judgement(**{**fields, "units": units, "problems": _read_problems(fields["problems"])})


def _read_unit(fields: dict[str, Any]) -> Unit:
    joins = (JoinValue(join["name"], tuple(join["values"]), tuple(join["company"])) for join in fields["joins"])
    read: dict[str, Any] = {
        "company_keys": tuple(fields["company_keys"]),
        "issuers": tuple(fields["issuers"]),
        "search": {name: tuple(values) for name, values in fields["search"].items()},
        "joins": tuple(joins),
        "content_sha256": bytes.fromhex(fields["content_sha256"]),
        "problems": _read_problems(fields["problems"]),
    }
    return Unit(**{**fields, **read})


def _read_problems(entries: list[dict[str, Any]]) -> tuple[Problem, ...]:
    return tuple(Problem(**entry) for entry in entries)
