"""What each problem code is called, and how its sender mends it; the texts stand in `problem_codes.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ProblemCode:
    """A code of the HTTP contract in English and Chinese."""

    title: str
    title_zh: str
    mend: str | None = None
    mend_zh: str | None = None


PROBLEM_CODES: dict[str, ProblemCode] = {
    code: ProblemCode(**texts)
    for code, texts in tomllib.loads(Path(__file__).with_name("problem_codes.toml").read_text("utf-8")).items()
}
"""By code; codes of the XML door are explained at more length in `singlewindow.xsd.error_codes`."""


def title_of(code: str, *, chinese: bool = False) -> str:
    """The title of a code; one that has none is a request that cannot be understood."""
    named = PROBLEM_CODES.get(code, PROBLEM_CODES["bad-request"])
    return named.title_zh if chinese else named.title
