"""The stable codes of the XML and JSON door, with what each means; the texts stand in `error_codes.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Explanation:
    """A code explained in English and Chinese: what it means, how to mend it, and an example wrong and right."""

    en: str
    zh: str
    mend: str | None = None
    mend_zh: str | None = None
    wrong: str | None = None
    right: str | None = None


EXPLANATIONS: dict[str, Explanation] = {
    code: Explanation(**texts)
    for code, texts in tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8")).items()
}
"""Every code that judging may answer, except those of rules, which stand in message sets."""

CODES: dict[str, str] = {code: explanation.en for code, explanation in EXPLANATIONS.items()}
"""Every code with a sentence for whoever meets it."""
