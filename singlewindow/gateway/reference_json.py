"""Message sets and what they hold, as JSON: the same as the pages say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from singlewindow.gateway.set_files import list_files
from singlewindow.messages.manifest import MessageSet
from singlewindow.xsd.reference import (
    Case,
    ElementReference,
    ListReference,
    Meaning,
    RootReference,
    RuleReference,
    SetReference,
)

HOME = "/v1/message-sets"

Counts = Mapping[str, int]
"""How many roots, rules, lists and samples a set holds."""


def describe_manifest(message_set: MessageSet, counts: Counts | None = None) -> dict[str, Any]:
    """What a manifest says of a set, with the addresses of its pages and files, and how much it holds."""
    base = f"{HOME}/{message_set.name}"
    roots = [
        {"name": root.name, "direction": root.direction, "kind": root.kind, "title": root.title}
        | {"page": f"{base}/roots/{root.name}"}
        for root in message_set.roots.values()
    ]
    return {
        "name": message_set.name,
        "title": message_set.title,
        "namespace": message_set.namespace,
        "family": message_set.family or None,
        "roots": roots,
        "schema": f"{base}/files/{message_set.schema}",
        "files": [f"{base}/files/{path}" for path in list_files(message_set.folder)],
        "counts": counts,
        "page": base,
        "zip": f"{base}.zip",
    }


def count_parts(reference: SetReference) -> dict[str, int]:
    """How much a set holds."""
    return {
        "roots": len(reference.message_set.roots),
        "rules": len(reference.rules),
        "lists": len(reference.lists),
        "samples": len(reference.samples),
    }


def describe_set(reference: SetReference) -> dict[str, Any]:
    """A set with its rules, code lists and samples; codes and elements have addresses of their own."""
    base = f"{HOME}/{reference.message_set.name}"
    lists = [describe_list(one, codes=False) | {"page": f"{base}/lists/{one.codes.name}"} for one in reference.lists]
    samples = [
        {"file": f"{base}/files/{one.path}", "root": one.root or None, "verdict": one.verdict}
        for one in reference.samples
    ]
    described = describe_manifest(reference.message_set, count_parts(reference))
    return described | {"rules": describe_rules(reference), "lists": lists, "samples": samples}


def describe_rules(reference: SetReference) -> list[dict[str, Any]]:
    """Every rule with its cases."""
    return [_describe_rule(one) for one in reference.rules]


def _describe_rule(one: RuleReference) -> dict[str, Any]:
    rule = one.rule
    return {
        "id": rule.id,
        "code": f"rule.{rule.id}",
        "severity": rule.severity,
        "text": rule.text,
        "text_zh": rule.text_zh,
        "hint": rule.hint,
        "hint_zh": rule.hint_zh,
        "source": rule.source,
        "ledger": rule.ledger,
        "file": f"{HOME}/{one.origin}/files/{one.file}",
        "elements": list(one.places),
        "lists": list(one.lists),
        "cases": [_describe_case(origin, case) for origin, case in one.cases],
    }


def _describe_case(origin: str, case: Case) -> dict[str, Any]:
    sample = f"{HOME}/{origin}/files/{case.sample}"
    return {"fires": case.fires, "sample": sample, "set": case.set, "remove": list(case.remove), "repeat": case.repeat}


def describe_root(message_set: MessageSet, read: RootReference) -> dict[str, Any]:
    """A root with every element in the document's order."""
    root = read.root
    return {
        "message_set": message_set.name,
        "name": root.name,
        "direction": root.direction,
        "kind": root.kind,
        "schema": f"{HOME}/{message_set.name}/files/{root.schema or message_set.schema}",
        "key": root.key,
        "complete": read.complete,
        "elements": [_describe_element(one) for one in read.elements],
    }


def _describe_element(one: ElementReference) -> dict[str, Any]:
    told = {
        "path": one.path,
        "depth": one.depth,
        "occurs": one.occurs,
        "alternative": one.alternative,
        "type": one.type,
        "type_name": one.type_name,
        "values": {value: _describe_meaning(meaning) for value, meaning in one.values.items()},
        "default": one.default,
        "fixed": one.fixed,
        "meaning": _describe_meaning(one.meaning),
        "recursive": one.recursive,
        "rules": list(one.rules),
    }
    return {name: value for name, value in told.items() if value not in (None, False, {}, [])}


def _describe_meaning(meaning: Meaning) -> dict[str, str]:
    return {language: text for language, text in (("en", meaning.en), ("zh", meaning.zh)) if text}


def describe_list(one: ListReference, *, codes: bool = True) -> dict[str, Any]:
    """A code list, with or without its codes."""
    listed = one.codes
    described: dict[str, Any] = {
        "name": listed.name,
        "title": listed.title,
        "title_zh": listed.title_zh,
        "source": listed.source,
        "date": listed.date,
        "complete": listed.complete,
        "rules": list(one.rules),
        "size": len(listed.codes),
    }
    if codes:
        described["codes"] = {
            name: {"en": code.en, "zh": code.zh, "from": code.since, "to": code.until}
            for name, code in listed.codes.items()
        }
    return described


def describe_refused(refused: Mapping[str, str]) -> dict[str, str]:
    """Why folders were not taken, by folder; paths begin at the folder: where it lies is nobody's business."""
    return {folder: re.sub(rf"\S*/(?={re.escape(folder)}(?:/|\s|$))", "", reason) for folder, reason in refused.items()}
