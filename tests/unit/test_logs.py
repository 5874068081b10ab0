"""Logs: a disk that takes no more of them costs no request."""

from __future__ import annotations

import io

import pytest
import structlog

from singlewindow.logs import Unfailing, configure_logging


class Full(io.StringIO):
    """A stream on a full disk."""

    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")

    def flush(self) -> None:
        raise OSError(28, "No space left on device")


def test_what_cannot_be_written_is_lost_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", Full())
    configure_logging("info")
    try:
        structlog.get_logger().info("an_event", words="some")
    finally:
        structlog.reset_defaults()


def test_what_can_be_written_is() -> None:
    stream = io.StringIO()
    unfailing = Unfailing(stream)
    print("a line", file=unfailing, flush=True)
    assert stream.getvalue() == "a line\n"
