"""Magic words: a word in the trader's own reference chooses what the sandbox's agencies do with the document.

The table is the only source: the agencies act by it and the documentation is generated from it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from singlewindow.adapters.profiles import AGENCIES
from singlewindow.adapters.sandbox.records import Request

FAILED_ATTEMPTS = 2
"""How often FAULT and HTTP500 strike before the same task is taken."""
SLOW_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class MagicWord:
    """One word, what it changes (`decision`, `transport` or `notices`) and what happens, in one sentence."""

    word: str
    changes: str
    meaning: str


MAGIC: tuple[MagicWord, ...] = (
    MagicWord("REJECT", "decision", "The document is rejected with an error that names an element."),
    MagicWord("MEND", "decision", "The first document under a key is rejected by customs, the corrected one accepted."),
    MagicWord(
        "INSPECT", "decision", "Goods are put under control (300, then 500 for an inventory) and released afterwards."
    ),
    MagicWord("HOLD", "decision", "The agency starts a control or detains the goods and never releases them."),
    MagicWord("SILENT", "decision", "The document is acknowledged and no decision ever follows."),
    MagicWord("SLOW", "transport", f"The reply comes after {SLOW_SECONDS:g} seconds."),
    MagicWord(
        "FAULT",
        "transport",
        f"The first {FAILED_ATTEMPTS} attempts meet a SOAP Fault of the server, before any effect.",
    ),
    MagicWord(
        "FAULTC", "transport", "Every attempt meets a SOAP Fault of the client, so the call is refused for good."
    ),
    MagicWord("HTTP500", "transport", f"The first {FAILED_ATTEMPTS} attempts meet HTTP 500 without SOAP."),
    MagicWord(
        "LOST", "transport", "The agency acts on the first attempt and the connection closes before its reply is sent."
    ),
    MagicWord("DUPLICATE", "notices", "Every pushed notice is sent twice, under the same notice id."),
    MagicWord(
        "DISORDER", "notices", "Notices are sent in reverse order; each still carries the authority's own, right time."
    ),
    MagicWord(
        "MOVES",
        "notices",
        "After the release notice the carriers report departure and arrival of their legs by themselves.",
    ),
)

WORDS = frozenset(magic.word for magic in MAGIC)

# INSPECTION names an agency and is not the word INSPECT; FAULTC is not FAULT, nor AMENDMENT the word MEND. An agency's
# name before a word, as in ROAD-REJECT, keeps the word to that agency.
_WORD = re.compile(
    r"(?:(?P<agency>" + "|".join(AGENCIES).upper() + r")[-_./]?)?(?P<word>"
    r"INSPECT(?!ION)|FAULTC|(?<!A)MEND|" + "|".join(sorted(WORDS - {"INSPECT", "FAULTC", "MEND"})) + ")"
)


DECISION_WORDS = frozenset(magic.word for magic in MAGIC if magic.changes == "decision") | {"MOVES"}
"""What a scenario may choose for a document whose reference bears none of them."""


def words_of(request: Request) -> frozenset[str]:
    """The words that an agency acts by in a request: those of its reference, else what the scenario drew."""
    words = read_magic(request.reference, request.agency)
    return words if not request.outcome or words & DECISION_WORDS else words | {request.outcome}


@lru_cache(maxsize=4096)
def read_magic(reference: str, agency: str) -> frozenset[str]:
    """The words in a reference that this agency acts by; upper case only. No word at all means: accepted."""
    found = _WORD.finditer(reference)
    return frozenset(match["word"] for match in found if match["agency"] in (None, agency.upper()))
