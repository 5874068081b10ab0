"""The judge child: judges large and refused messages in a process that may be killed.

Reads requests from stdin and writes answers to stdout, in frames of a length (8 bytes, big-endian) and as many bytes.
A request is a frame of JSON and, where that says `judge`, a frame with the message. Ends when stdin ends, when its
parent dies, or by the limits it sets itself.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from singlewindow.messages.judgement import Judgement
from singlewindow.xsd.catalogue import Catalogue, InstalledSet, load_catalogue
from singlewindow.xsd.envelopes import address, is_envelope, open_envelope
from singlewindow.xsd.examining import Recognised, accept, recognise
from singlewindow.xsd.explaining import Explainer, Schema, Unexplained, build_schema
from singlewindow.xsd.json_judging import judge_json
from singlewindow.xsd.json_mapping.refusals import JsonRefused
from singlewindow.xsd.json_mapping.shape import ElementShape, build_shape
from singlewindow.xsd.json_mapping.write_json import to_json
from singlewindow.xsd.parser import Refused
from singlewindow.xsd.transcript import write_json_refusal, write_judgement, write_refusal
from singlewindow.xsd.unit_by_unit import UnitJudge
from singlewindow.xsd.validity import is_valid

MEMORY_BYTES = 512_000_000
"""Address space that judging may take beyond what the idle child has."""

RETIRE_BYTES = 256_000_000
"""Resident growth past which a child asks to be replaced: names once read stay in libxml2's dictionary for ever."""

CPU_SECONDS = 10
"""CPU time of one message, explaining included, past which the kernel ends the child."""

PR_SET_PDEATHSIG = 1
LENGTH_BYTES = 8


def main() -> None:
    """Answer requests until stdin ends."""
    _die_with_parent()
    catalogue = load_catalogue(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
    _limit_memory()
    base = _resident_bytes()
    while (header := read_frame(sys.stdin.buffer)) is not None:
        _limit_cpu()
        answer = _answer(catalogue, orjson.loads(header))
        retire = b"1" if _resident_bytes() - base > RETIRE_BYTES else b"0"
        write_frame(sys.stdout.buffer, retire + answer)


def judge(catalogue: Catalogue, body: bytes, editions: Sequence[str] = (), *, explained: bool = True) -> Judgement:
    """The verdict on a message, every error with its place. Raises Refused.

    Of several editions the first that takes it, else the one that finds least to refuse. Without `explained`,
    libxml2's errors stand for an explanation: fewer at once, and cheaper.
    """
    verdicts = []
    for message in recognise(catalogue, body, editions):
        accepted = accept(catalogue, message, editions)
        if accepted is not None:
            return accepted
        verdicts.append(_explain(catalogue, message, editions, explained=explained))
    return min(verdicts, key=_faults)


def _explain(catalogue: Catalogue, message: Recognised, editions: Sequence[str], *, explained: bool) -> Judgement:
    if is_envelope(message.root) and is_valid(message.schema, message.element):
        envelope = open_envelope(message.element, message.root, message.message_set)
        return address(judge(catalogue, envelope.content, editions, explained=explained), envelope)
    explain = Explainer(_schema(message.installed.schema_path(message.root.name))) if explained else Unexplained()
    return UnitJudge(message, message.places(), explain).judge()


def _faults(verdict: Judgement) -> tuple[int, int]:
    """Refused declarations, then errors."""
    errors = [*verdict.problems, *(problem for unit in verdict.units for problem in unit.problems)]
    return sum(not unit.valid for unit in verdict.units), sum(problem.severity == "error" for problem in errors)


@cache
def _schema(path: Path) -> Schema:
    return build_schema(path)


@cache
def _shape(path: Path, root: str) -> ElementShape:
    return build_shape(_schema(path), root)


def _shape_of(installed: InstalledSet, root: str) -> ElementShape:
    return _shape(installed.schema_path(root), root)


def _answer(catalogue: Catalogue, request: dict[str, Any]) -> bytes:
    if request["ask"] == "warm":
        _warm(catalogue)
        return b"{}"
    body = read_frame(sys.stdin.buffer) or b""
    try:
        return _ASKED[request["ask"]](catalogue, body, request)
    except Refused as refused:
        return write_refusal(refused)
    except JsonRefused as refused:
        return write_json_refusal(refused)


def _judge_xml(catalogue: Catalogue, body: bytes, request: dict[str, Any]) -> bytes:
    return write_judgement(judge(catalogue, body, request["editions"], explained=request["explained"]))


def _judge_json(catalogue: Catalogue, body: bytes, request: dict[str, Any]) -> bytes:
    def judge_xml(document: bytes, name: str) -> Judgement:
        return judge(catalogue, document, (name,), explained=request["explained"])

    verdict, document = judge_json(catalogue, body, request["editions"], shape_of=_shape_of, judge_xml=judge_xml)
    return write_judgement(verdict, document)


def _write_json(catalogue: Catalogue, body: bytes, request: dict[str, Any]) -> bytes:
    message = recognise(catalogue, body, request["editions"])[0]
    return to_json(message.element, _shape_of(message.installed, message.root.name))


_ASKED = {"judge": _judge_xml, "judge-json": _judge_json, "write-json": _write_json}


def _warm(catalogue: Catalogue) -> None:
    for installed in catalogue.sets.values():
        installed.compile()
        _schema(installed.message_set.folder / installed.message_set.schema)


def _die_with_parent() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _limit_memory() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0]) if sys.platform == "linux" else 0
    most = pages * os.sysconf("SC_PAGE_SIZE") + MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _limit_cpu() -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    spent = int(used.ru_utime + used.ru_stime) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (spent + CPU_SECONDS, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def _resident_bytes() -> int:
    if sys.platform != "linux":
        return 0
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def read_frame(stream: BinaryIO) -> bytes | None:
    """The next frame, or None where the stream has ended."""
    length = stream.read(LENGTH_BYTES)
    return stream.read(int.from_bytes(length, "big")) if len(length) == LENGTH_BYTES else None


def write_frame(stream: BinaryIO, content: bytes) -> None:
    """One frame, flushed."""
    stream.write(len(content).to_bytes(LENGTH_BYTES, "big") + content)
    stream.flush()


if __name__ == "__main__":
    main()
