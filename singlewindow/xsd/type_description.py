"""What a simple type allows, in a few words for an error answer."""

from __future__ import annotations

from typing import Any

from xmlschema.validators import XsdComplexType

from singlewindow.xsd.facets import DATES, NUMBERS
from singlewindow.xsd.findings import local

SHOWN_CHOICES = 20
_PLAIN = frozenset({"string", "boolean", "base64Binary", "token", "normalizedString", "anyURI"})


def describe_type(xsd_type: Any) -> str | None:
    """As `string, 1..60 characters`, `decimal, at most 19 digits, 5 of them after the point` or `A | B`."""
    simple = _simple(xsd_type)
    if simple is None:
        return None
    choices = getattr(simple, "enumeration", None)
    if choices:
        return " | ".join(str(value) for value in choices[:SHOWN_CHOICES])
    base = base_name(simple) or "string"
    parts = [DATES.get(base, base), *_limits(simple)]
    patterns = getattr(getattr(simple, "patterns", None), "regexps", None)
    return ", ".join(parts) + (f", of the form {patterns[0]}" if patterns else "")


def base_name(xsd_type: Any) -> str:
    """The local name of the nearest built-in type that we have words for; empty where there is none."""
    current = _simple(xsd_type)
    while current is not None:
        name = local(getattr(current, "name", ""))
        if name in NUMBERS or name in DATES or name in _PLAIN:
            return name
        current = getattr(current, "base_type", None)
    return ""


def _simple(xsd_type: Any) -> Any:
    """A complex type with text content is described by its content's type."""
    if isinstance(xsd_type, XsdComplexType):
        return xsd_type.content if xsd_type.has_simple_content() else None
    return xsd_type


def _limits(simple: Any) -> list[str]:
    limits = []
    least, most = getattr(simple, "min_length", None) or 0, getattr(simple, "max_length", None)
    if most is not None:
        characters = "character" if most == 1 else "characters"
        limits.append(f"exactly {most} {characters}" if least == most else f"{least}..{most} {characters}")
    elif least:
        limits.append(f"at least {least} characters")
    digits, fraction = _facet(simple, "totalDigits"), _facet(simple, "fractionDigits")
    if digits is not None:
        limits.append(f"at most {digits} digits" + (f", {fraction} of them after the point" if fraction else ""))
    limits += [f"{words} {_facet(simple, name)}" for name, words in _BOUNDS.items() if _facet(simple, name) is not None]
    return limits


_BOUNDS = {"minInclusive": "from", "minExclusive": "more than", "maxInclusive": "up to", "maxExclusive": "less than"}


def _facet(simple: Any, name: str) -> Any:
    facet = simple.get_facet(f"{{http://www.w3.org/2001/XMLSchema}}{name}")
    return None if facet is None else facet.value
