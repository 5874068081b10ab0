"""Child paths of a manifest as lxml takes them."""

from __future__ import annotations


def clark(path: str, namespace: str) -> str:
    """A child path with every name in the namespace; `.`, `..` and attributes stay as they are."""
    return "/".join(qualify(step, namespace) for step in path.split("/"))


def qualify(step: str, namespace: str) -> str:
    """One name in the namespace; as it is where there is none."""
    return f"{{{namespace}}}{step}" if namespace and step[:1] not in {"", ".", "@"} else step
