"""Child paths of a manifest as lxml takes them."""

from __future__ import annotations


def clark(path: str, namespace: str) -> str:
    """A child path with every name in the namespace; `.`, `..` and attributes stay as they are."""
    return "/".join(f"{{{namespace}}}{step}" if step[:1] not in {"", ".", "@"} else step for step in path.split("/"))
