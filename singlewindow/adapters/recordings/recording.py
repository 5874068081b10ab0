"""One recorded exchange: the call, the request an adapter made of it, the reply, and what was read of that.

A file has one JSON object a line. Originals are in it without what their message set calls personal; credentials never
reach what is recorded.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson

from singlewindow.adapters.port import Answer, Call, OriginalItem, TaskItem
from singlewindow.errors import ConfigurationError

FORMAT = "singlewindow-recording-1"


@dataclass(frozen=True, slots=True)
class Recording:
    """`request` is the record of the request, `reading` what the adapter of then reads of the reply (see read_said)."""

    call: Call
    request: bytes
    status: int
    reply: bytes
    reading: list[str]


def read_said(answers: tuple[Answer, ...]) -> list[str]:
    """Answers as lines that can be compared: everything a decision hangs on."""
    lines = []
    for number, answer in enumerate(answers, 1):
        told: dict[str, str | None] = {"verdict": answer.verdict, "code": answer.code, "text": answer.text}
        for unit in answer.notice.said if answer.notice else ():
            told |= {"state": unit.state, "time": unit.time, **{f"numbers.{k}": v for k, v in unit.numbers.items()}}
            told |= {f"errors[{place}]": f"{one.code} {one.message}" for place, one in enumerate(unit.errors, 1)}
        if answer.notice and answer.notice.document:
            told["document"] = f"{len(answer.notice.document)} bytes"
        lines += [f"answer[{number}].{name} = {value}" for name, value in told.items() if value]
    return lines


def write_line(recording: Recording) -> bytes:
    """The recording as a line of JSON."""
    told = {
        "format": FORMAT,
        "call": _encode(asdict(recording.call)),
        "request": recording.request.decode("utf-8", "replace"),
        "status": recording.status,
        "reply": b64encode(recording.reply).decode(),
        "reading": recording.reading,
    }
    return orjson.dumps(told) + b"\n"


def read_file(path: Path) -> Iterator[Recording]:
    """Every recording of a file. Raises ConfigurationError that names the line."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from error
    for number, line in enumerate(lines, 1):
        try:
            yield _read_line(orjson.loads(line))
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigurationError(f"{path}: line {number} is no recording: {error}") from error


def _read_line(told: dict[str, Any]) -> Recording:
    if told["format"] != FORMAT:
        raise ValueError(f"the format is {told['format']}, not {FORMAT}")
    call = told["call"]
    items = tuple(_read_item(item) for item in call["items"])
    made = Call(UUID(call["call_id"]), call["agency"], call["action"], call["sender"], items)
    return Recording(made, told["request"].encode(), told["status"], b64decode(told["reply"]), told["reading"])


def _read_item(told: dict[str, Any]) -> OriginalItem:
    tasks = tuple(TaskItem(UUID(t["task_id"]), t["ordinal"], t["references"], t["leg"]) for t in told["tasks"])
    original = b64decode(told["original"])
    return OriginalItem(
        UUID(told["message_id"]), told["message_set"], told["root"], told["sha256"], original, tasks
    )  # fmt: skip


def _encode(value: Any) -> Any:
    """Bytes in Base64, ids as texts; the rest is JSON's own."""
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, bytes):
        return b64encode(value).decode()
    if isinstance(value, dict):
        return {name: _encode(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_encode(one) for one in value]
    return value
