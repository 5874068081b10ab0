"""What an authority's codes mean: the status, and the second codes that its text carries as `[Code:2600;Desc:放行]`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from singlewindow.errors import ConfigurationError
from singlewindow.messages.judgement import Detail

FILE = "lists/return_code.toml"
_SECOND_CODE = re.compile(r"\[\s*Code\s*[:：]\s*(-?\w+)\s*[;；]\s*Desc\s*[:：]([^\]]*)\]")
_NUMBER = re.compile(r"-?[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class AuthorityCodes:
    """Meanings by code, and by band (first and last code, English, Chinese) where only the limits are published."""

    single: Mapping[str, tuple[str, str]]
    bands: tuple[tuple[int, int, str, str], ...]

    def explain(self, code: str) -> tuple[str, str] | None:
        """The English and Chinese meaning of a code, or None."""
        if code in self.single:
            return self.single[code]
        if not _NUMBER.fullmatch(code):
            return None
        number = abs(int(code))
        return next(((en, zh) for first, last, en, zh in self.bands if first <= number <= last), None)

    def read(self, code: str, text: str) -> tuple[Detail, ...]:
        """The status and every second code of its text, each with what it means as far as that is known."""
        found = [(code, "")] if code else []
        found += [(match[1], match[2].strip()) for match in _SECOND_CODE.finditer(text)]
        return tuple(self._detail(*one) for one in found)

    def _detail(self, code: str, said: str) -> Detail:
        meaning = self.explain(code) or (None, None)
        return Detail(code, said, *meaning)


def load_authority_codes(folders: Sequence[Path]) -> AuthorityCodes:
    """The codes of these folders, none where no folder has a list. Raises ConfigurationError."""
    data = [dict(one) for one in _read(folders)]
    single = {code: (said["en"], said["zh"]) for one in data for code, said in one["codes"].items()}
    bands = [
        (abs(band["first"]), abs(band["last"]), band["en"], band["zh"]) for one in data for band in one.get("band", [])
    ]
    return AuthorityCodes(single, tuple(bands))


def _read(folders: Sequence[Path]) -> Iterator[Mapping[str, Any]]:
    for path in (folder / FILE for folder in folders):
        if path.is_file():
            try:
                yield tomllib.loads(path.read_text("utf-8"))
            except tomllib.TOMLDecodeError as error:
                raise ConfigurationError(f"{path}: {error}") from error
