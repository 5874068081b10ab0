"""The adapter of customs, as it is shipped, for an agency at any address."""

from __future__ import annotations

from typing import Any

from singlewindow.adapters.declared.adapter import DeclaredAdapter
from singlewindow.adapters.profiles import FOLDERS


def make_customs(url: str, **changes: Any) -> DeclaredAdapter:
    return DeclaredAdapter(FOLDERS / "customs", agencies_url=url, **changes)
