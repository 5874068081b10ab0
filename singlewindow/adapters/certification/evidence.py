"""What is shown of an exchange: readable, short, and without secrets."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass

from singlewindow.adapters.fault_proxy import Observed

LONGEST_TEXT = 4000
REDACTED = "[redacted]"

_AUTHORIZATION = re.compile(r"(?im)^((?:proxy-)?authorization|cookie|set-cookie): .*$")
_PASSWORD = re.compile(r"(<(?:\w+:)?Password\b[^>]*>)[^<]*")
_PACKED = re.compile(r"[A-Za-z0-9+/=\r\n]{160,}")
# what XML 1.0 cannot carry, compressed replies for one
_UNWRITABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Evidence:
    """One exchange: the fault it met ("Pass": none), how often the service got it, and both messages as texts."""

    fault: str
    reached: int
    request: str
    reply: str


class Redactor:
    """Makes evidence of what was observed. `secrets` are blotted out plain and in Base64, as are all credentials."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._secrets = [form for secret in secrets for form in (secret, base64.b64encode(secret.encode()).decode())]

    def show(self, observed: Observed) -> Evidence:
        """The exchange as it may be kept and printed."""
        request = observed.request.to_bytes()
        return Evidence(observed.fault, observed.forwarded, self.clean(request), self.clean(observed.answered))

    def clean(self, content: bytes | str) -> str:
        """A text without secrets, Base64 and what XML cannot carry, cut to LONGEST_TEXT characters."""
        text = content if isinstance(content, str) else content.decode("utf-8", "replace")
        for secret in self._secrets:
            text = text.replace(secret, REDACTED)
        text = _PASSWORD.sub(rf"\g<1>{REDACTED}", _AUTHORIZATION.sub(rf"\g<1>: {REDACTED}", text))
        text = _PACKED.sub(lambda packed: f"[{len(packed[0]):,} characters of Base64]", text).replace("\r\n", "\n")
        text = _UNWRITABLE.sub("\ufffd", text)
        more = len(text) - LONGEST_TEXT
        return text if more <= 0 else f"{text[:LONGEST_TEXT]}\n[{more:,} characters more]"
