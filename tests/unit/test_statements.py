"""The ledger's statements leave nothing in a session: connections go back to the pool as they are."""

from __future__ import annotations

import re

from singlewindow.ledger import database

LEAVES_STATE = re.compile(
    r"\bset_config\b|\bpg_(try_)?advisory_lock\b|^\s*(SET|LISTEN|DECLARE|PREPARE|CREATE)\b", re.MULTILINE
)


def test_no_statement_leaves_anything_in_its_session() -> None:
    queries = database._queries()
    assert len(queries) > 100
    assert [name for name, text in queries.items() if LEAVES_STATE.search(text)] == []
    assert LEAVES_STATE.search("SELECT pg_advisory_lock(1)")
