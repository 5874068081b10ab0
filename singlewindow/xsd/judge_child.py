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
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from singlewindow.messages.judgement import Judgement
from singlewindow.xsd.catalogue import Catalogue, load_catalogue
from singlewindow.xsd.examining import accept, recognise
from singlewindow.xsd.explaining import Explainer, Schema, Unexplained, build_schema
from singlewindow.xsd.parser import Refused
from singlewindow.xsd.places import Places
from singlewindow.xsd.transcript import write_judgement, write_refusal
from singlewindow.xsd.unit_by_unit import UnitJudge

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


def judge(catalogue: Catalogue, body: bytes, preferred: str | None, *, explained: bool = True) -> Judgement:
    """The verdict on a message, every error with its place. Raises Refused.

    Without `explained`, libxml2's errors stand for an explanation: fewer at once, and cheaper.
    """
    message = recognise(catalogue, body, preferred)
    accepted = accept(message)
    if accepted is not None:
        return accepted
    places = Places(
        message.element,
        body,
        repeatable=message.installed.repeatable,
        personal=frozenset(message.message_set.personal),
    )
    schema = message.message_set.folder / message.message_set.schema
    return UnitJudge(message, places, Explainer(_schema(schema)) if explained else Unexplained()).judge()


@cache
def _schema(path: Path) -> Schema:
    return build_schema(path)


def _answer(catalogue: Catalogue, request: dict[str, Any]) -> bytes:
    if request["ask"] == "warm":
        _warm(catalogue)
        return b"{}"
    body = read_frame(sys.stdin.buffer) or b""
    try:
        return write_judgement(judge(catalogue, body, request["message_set"], explained=request["explained"]))
    except Refused as refused:
        return write_refusal(refused)


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
