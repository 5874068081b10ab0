"""Breaks a promise of every process that starts with this folder on its path: a positive control of the proof.

Every idempotency key and every business key counts as new, whoever has it: deduplication is off.
"""

from __future__ import annotations

import sys

TARGETS = {"take_idempotency_keys": "(trader, key_hash)", "take_filing_keys": "(key_hash)"}


def break_deduplication() -> None:
    """A key that somebody holds is taken over instead of being missed."""
    from singlewindow.ledger.database import _queries

    for name, target in TARGETS.items():
        taken_over = f"ON CONFLICT {target} DO UPDATE SET message_id = excluded.message_id"
        _queries()[name] = _queries()[name].replace("ON CONFLICT DO NOTHING", taken_over)


if "singlewindow" in sys.orig_argv:
    break_deduplication()
