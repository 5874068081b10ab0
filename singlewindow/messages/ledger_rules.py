"""What an amendment may not change: the keys by which others know a declaration and its legs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

KEY_FACTS = ("reference", "declarant")
"""Facts that stay as they were declared: the trader's own reference (LRN) and who declares."""


def changed_key(before: Mapping[str, Any], after: Mapping[str, Any]) -> str | None:
    """The name of a key that differs between two versions of a declaration, None where all stand.

    A leg keeps its carrier and the declaration its transport documents (type and number); more of both may be added.
    """
    for name in KEY_FACTS:
        if before.get(name) and after.get(name) and before[name] != after[name]:
            return name
    carriers = {leg.get("number"): leg.get("carrier") for leg in after.get("legs", [])}
    for leg in before.get("legs", []):
        number, carrier = leg.get("number"), leg.get("carrier")
        if carrier and carriers.get(number, carrier) != carrier:
            return f"carrier of leg {number}"
    present = {(document.get("type"), document.get("number")) for document in after.get("documents", [])}
    for document in before.get("documents", []):
        if (document.get("type"), document.get("number")) not in present:
            return f"transport document {document.get('type')}"
    return None
