"""What an agency echoes of our credentials taken out of what is kept and shown of its replies."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from html import escape

REDACTED = "[redacted]"
LEAST_CHARACTERS = 8
"""Shorter secrets would be found by chance in what is none; they are not looked for."""

# of a UsernameToken sent back: by these two a weak password could be guessed at leisure
_TOKEN_PARTS = re.compile(
    rb"(<(?:[\w.-]+:)?(?:Password\b[^<>]*#PasswordDigest|Nonce\b[^<>]*EncodingType)[^<>]*>)[^<>]+(</)"
)


@dataclass(frozen=True, slots=True)
class Redaction:
    """Knows the secrets of one agency. What holds none comes back as the same object."""

    secrets: Iterable[str] = field(repr=False)

    def clean(self, content: bytes) -> bytes:
        """A reply's bytes without what proves us."""
        for secret in self._sought():
            content = content.replace(secret.encode(), REDACTED.encode())
        return _TOKEN_PARTS.sub(rb"\1" + REDACTED.encode() + rb"\2", content)

    def clean_text(self, text: str) -> str:
        """A text for an error or a log without what proves us."""
        for secret in self._sought():
            text = text.replace(secret, REDACTED)
        return text

    def clean_headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """HTTP headers of a reply likewise."""
        return {name: self.clean_text(value) for name, value in headers.items()}

    def _sought(self) -> list[str]:
        """Each as it is and as XML writes it, the longest first: one may hold another."""
        written = {form for one in self.secrets for form in (one, escape(one), escape(one, quote=False))}
        return sorted((one for one in written if len(one) >= LEAST_CHARACTERS), key=len, reverse=True)
