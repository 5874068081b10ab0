"""The gateway's own refusals, each with the HTTP status it becomes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from singlewindow.errors import TraderMistake

Found = TypeVar("Found")


class HttpRefusal(TraderMistake):
    """A request that HTTP, authentication or a parameter refuses. `close` ends the connection after the answer.

    `received` is the beginning of its body, as far as that was read before the refusal.
    """

    received: bytes = b""

    def __init__(
        self, status: int, code: str, detail: str, *, headers: Mapping[str, str] | None = None, close: bool = False
    ) -> None:
        super().__init__(detail)
        self.status, self.code = status, code
        self.headers = dict(headers or {})
        self.close = close


class MessageRefused(TraderMistake):
    """A message of which nothing can be taken. `errors` are entries of the HTTP contract, at most 200."""

    def __init__(self, status: int, code: str, detail: str, errors: list[dict[str, Any]], *, truncated: bool) -> None:
        super().__init__(detail)
        self.status, self.code, self.errors, self.truncated = status, code, errors, truncated


def not_found() -> HttpRefusal:
    """What is not there, or is another trader's: nobody can tell which."""
    return HttpRefusal(404, "not-found", "there is no such thing, or it is not yours")


def or_not_found(value: Found | None) -> Found:
    """What was looked for. Raises HttpRefusal (404) where it is not there."""
    if value is None:
        raise not_found()
    return value
