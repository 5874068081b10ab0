"""The one word of the XML door for a body that it does not judge."""

from __future__ import annotations

from singlewindow.errors import TraderMistake


class Refused(TraderMistake):
    """A body that cannot be judged at all: not well formed, forbidden, too large, or of an unknown kind."""

    def __init__(
        self, status: int, code: str, detail: str, *, line: int | None = None, column: int | None = None
    ) -> None:
        super().__init__(detail)
        self.status, self.code, self.line, self.column = status, code, line, column
