"""What an agency repeats of our credentials taken out of what is kept and shown of its replies."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

REDACTED = "[redacted]"
LEAST_CHARACTERS = 8
"""Shorter secrets would be found by chance in what is none; they are not looked for."""

# how XML may write a character: the character itself last, for others begin with it
_WRITTEN = {
    "&": "&amp;|&#38;|&#x26;|&",
    "<": "&lt;|&#60;|&#x3[cC];|<",
    ">": "&gt;|&#62;|&#x3[eE];|>",
    '"': '&quot;|&#34;|&#x22;|"',
    "'": "&apos;|&#39;|&#x27;|'",
}
# of a UsernameToken sent back: by these two a weak password could be guessed at leisure
_TOKEN_PARTS = re.compile(
    rb"(<(?:[\w.-]+:)?(?:Password\b[^<>]*#PasswordDigest|Nonce\b[^<>]*EncodingType)[^<>]*>)[^<>]+(</)"
)


class Redaction:
    """Knows the secrets of one agency, plain or as XML writes them, and never says them."""

    __slots__ = ("_in_bytes", "_in_text")

    def __init__(self, secrets: Iterable[str]) -> None:
        sought = [secret for secret in secrets if len(secret) >= LEAST_CHARACTERS]
        # the longest first, for one may hold another; without any, a pattern that fits nowhere
        pattern = "|".join(_pattern(secret) for secret in sorted(sought, key=len, reverse=True)) or r"(?!)"
        self._in_text, self._in_bytes = re.compile(pattern), re.compile(pattern.encode())

    def clean(self, content: bytes) -> bytes:
        """A reply's bytes without what proves us."""
        plain = self._in_bytes.sub(REDACTED.encode(), content)
        return _TOKEN_PARTS.sub(rb"\1" + REDACTED.encode() + rb"\2", plain)

    def clean_headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """HTTP headers of a reply likewise."""
        return {name: self._in_text.sub(REDACTED, value) for name, value in headers.items()}


def _pattern(secret: str) -> str:
    return "".join(f"(?:{_WRITTEN[one]})" if one in _WRITTEN else re.escape(one) for one in secret)
