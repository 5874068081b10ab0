"""Writes docs/sandbox.md from the table of magic words: `python -m singlewindow.adapters.sandbox.magic_page`."""

from __future__ import annotations

import sys

from singlewindow.adapters.sandbox.magic import MAGIC


def render() -> str:
    """The page, in Markdown."""
    rows = [f"| `{magic.word}` | {magic.changes} | {magic.meaning} |" for magic in MAGIC]
    return "\n".join(
        [
            "# The sandbox agencies",
            "",
            "Generated from `singlewindow/adapters/sandbox/magic.py`; a test compares the two.",
            "",
            "`scripts/up` starts customs, inspection, road, rail, sea and air as real SOAP services on loopback.",
            "Without a magic word everything is accepted within 50–300 ms (`SINGLEWINDOW_SANDBOX_DELAY_MS`, a range).",
            "",
            "Write a word, in capitals, anywhere into your own reference: the LRN of an export declaration, the",
            "`orderNo`, `logisticsNo` or `copNo` of a cross-border message. An agency's name before it (`ROAD-REJECT`)",
            "keeps it to that agency.",
            "",
            "| word | changes | what happens |",
            "|---|---|---|",
            *rows,
            "",
            "## Control",
            "",
            "For this machine only, at the agencies' address (the ready file names it):",
            "",
            "| call | what |",
            "|---|---|",
            "| `GET /sandbox/effects?key=` | what the agencies did, counted per business key and action |",
            "| `POST /sandbox/movements` | `{agency, event, lrn, leg}`: a carrier reports `departed` or `arrived` |",
            "| `GET /sandbox/magic` | these words |",
            "",
            "Effects are written to `DATA/sandbox/effects.jsonl` and synced before the agency answers.",
            "",
        ]
    )


if __name__ == "__main__":
    sys.stdout.write(render())
