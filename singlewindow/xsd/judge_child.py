"""The judge child: explains refused declarations with xmlschema, in a process that may be killed.

Reads requests from stdin and writes answers to stdout, each a length (8 bytes, big-endian) and JSON. Ends when stdin
ends, when its parent dies, or by the limits it sets itself.
"""

from __future__ import annotations

import base64
import ctypes
import json
import resource
import signal
import sys
from pathlib import Path
from typing import Any, BinaryIO

import xmlschema
from lxml import etree
from xmlschema.validators import XMLSchemaBase

from singlewindow.xsd.parser import new_parser
from singlewindow.xsd.translating import translate

MEMORY_BYTES = 1_500_000_000
PR_SET_PDEATHSIG = 1
MAX_FINDINGS = 200


def main() -> None:
    """Answer requests until stdin ends."""
    _limit_itself()
    schemas: dict[str, XMLSchemaBase] = {}
    while (request := _read(sys.stdin.buffer)) is not None:
        _write(sys.stdout.buffer, _answer(request, schemas))


def _answer(request: dict[str, Any], schemas: dict[str, XMLSchemaBase]) -> dict[str, Any]:
    path = request["schema"]
    if path not in schemas:
        schemas[path] = _build(path)
    findings: list[list[dict[str, Any]]] = []
    left = MAX_FINDINGS
    for encoded in request["documents"]:
        found = _explain(schemas[path], base64.b64decode(encoded), left)
        left -= len(found)
        findings.append(found)
        if left <= 0:
            break
    return {"findings": findings}


def _build(path: str) -> XMLSchemaBase:
    """XSD 1.1 where a schema asks for it: by 1.0 rules such a schema would load nothing and refuse everything."""
    wants_1_1 = b'vc:minVersion="1.1"' in Path(path).read_bytes()
    cls: type[XMLSchemaBase] = xmlschema.XMLSchema11 if wants_1_1 else xmlschema.XMLSchema
    return cls(path, allow="local", defuse="always")


def _explain(schema: XMLSchemaBase, document: bytes, most: int) -> list[dict[str, Any]]:
    root = etree.fromstring(document, new_parser())
    order = {element: index for index, element in enumerate(root.iter())}
    found: list[dict[str, Any]] = []
    for error in schema.iter_errors(root):
        finding = translate(error)
        target = finding.pop("target")
        finding["index"] = order.get(target, 0)
        found.append(finding)
        if len(found) >= most:
            break
    return found


def _limit_itself() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _read(stream: BinaryIO) -> dict[str, Any] | None:
    header = stream.read(8)
    if len(header) < 8:
        return None
    request: dict[str, Any] = json.loads(stream.read(int.from_bytes(header, "big")))
    return request


def _write(stream: BinaryIO, answer: dict[str, Any]) -> None:
    encoded = json.dumps(answer).encode()
    stream.write(len(encoded).to_bytes(8, "big") + encoded)
    stream.flush()


if __name__ == "__main__":
    main()
