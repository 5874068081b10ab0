"""From xmlschema's errors to findings: its wording changes between releases, our codes do not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from inspect import isfunction
from typing import Any, cast

from xmlschema import XMLSchemaChildrenValidationError, XMLSchemaDecodeError, XMLSchemaValidationError
from xmlschema.validators import XsdComplexType, XsdElement, XsdGroup, XsdSimpleType
from xmlschema.validators.facets import XsdFacet, XsdTotalDigitsFacet

from singlewindow.xsd.content_model import content_faults
from singlewindow.xsd.facets import DATES, NUMBERS
from singlewindow.xsd.findings import (
    Finding,
    local,
    missing_attribute,
    unexpected_element,
    unexpected_text,
    unknown_attribute,
    wrong_value,
)
from singlewindow.xsd.parser import Element
from singlewindow.xsd.type_description import base_name, describe_type

_ATTRIBUTE = re.compile(r"attribute (?:([\w.-]+)=|'([^']+)' has a fixed value)")
_TOTAL_DIGITS = "{http://www.w3.org/2001/XMLSchema}totalDigits"
_QUOTED = re.compile(r"'([^']+)'")


def translate(error: XMLSchemaValidationError, schema: Any) -> Iterator[Finding]:
    """The findings of one error; an error in an element's content gives every fault of that content."""
    # xmlschema walks the tree it was given, so its elements are lxml's
    element, reason = cast("Element | None", error.elem), error.reason or ""
    if element is None:
        return
    if isinstance(error, XMLSchemaChildrenValidationError) and isinstance(error.validator, XsdGroup):
        yield from content_faults(element, error.validator)
    elif error.validator.__class__.__name__ == "XsdAttributeGroup":
        yield _translate_attribute(element, reason, error.validator)
    elif "character data between child elements" in reason:
        yield unexpected_text(element)
    elif "can't have child elements" in reason and len(element):
        yield unexpected_element(element[0], [], ())
    elif not _is_told_by_digits(error, element, schema):
        yield _translate_value(error, element, schema)


def _is_told_by_digits(error: XMLSchemaValidationError, element: Element, schema: Any) -> bool:
    """True where a number is past its machine type and past its digits too, which has an error of its own."""
    xsd_type = _declared_type(schema, element, None)
    digits = xsd_type.get_facet(_TOTAL_DIGITS) if isinstance(xsd_type, XsdSimpleType) else None
    if not isinstance(digits, XsdTotalDigitsFacet) or not isfunction(error.validator):
        return False
    return len((element.text or "").strip().lstrip("+-0")) > int(digits.value)


def _translate_attribute(element: Element, reason: str, group: Any) -> Finding:
    quoted = _QUOTED.search(reason)
    name = local(quoted[1]) if quoted else "?"
    if reason.startswith("missing"):
        return missing_attribute(element, name)
    return unknown_attribute(element, name, [local(known) for known in group if known])


def _translate_value(error: XMLSchemaValidationError, element: Element, schema: Any) -> Finding:
    reason = error.reason or ""
    named = _ATTRIBUTE.match(reason)
    attribute = (named[1] or named[2]) if named else None
    value = (element.get(attribute) if attribute else element.text) or ""
    xsd_type = _declared_type(schema, element, attribute)
    rule, limit = _rule(error, xsd_type)
    finding = wrong_value(element, rule, limit, attribute=attribute, value=value)
    return finding.described(allowed=describe_type(xsd_type), choices=_choices(xsd_type))


def _rule(error: XMLSchemaValidationError, xsd_type: Any) -> tuple[str, str]:
    """The facet that refuses a value, by its XSD name, and the facet's value."""
    validator, reason = error.validator, error.reason or ""
    if isinstance(validator, XsdFacet):
        rule = local(getattr(validator.elem, "tag", ""))
        return rule, str(getattr(validator, "value", "") or "")
    if "fixed value" in reason:
        return "fixed", reason.partition(" value ")[2].removeprefix("'").removesuffix("'")
    if reason.startswith("duplicated value"):
        return "unique", ""
    base = base_name(xsd_type) or local(getattr(validator, "name", ""))
    if isinstance(error, XMLSchemaDecodeError) and base in NUMBERS:
        return "number", ""
    return ("date", DATES[base]) if base in DATES else ("other", "")


def _choices(xsd_type: Any) -> list[str]:
    return [str(value) for value in getattr(xsd_type, "enumeration", None) or ()]


def _declared_type(schema: Any, element: Element, attribute: str | None) -> Any:
    """The type that the schema gives to an element or attribute, found by its path from the root."""
    path = [str(element.tag), *(str(ancestor.tag) for ancestor in element.iterancestors())]
    declared: Any = schema.maps.elements.get(path.pop())
    while path and declared is not None:
        declared = _child(declared, path.pop())
    if declared is None or attribute is None:
        return getattr(declared, "type", None)
    return getattr(declared.attributes.get(attribute), "type", None)


def _child(declared: Any, tag: str) -> Any:
    xsd_type = declared.type
    if not isinstance(xsd_type, XsdComplexType) or not isinstance(xsd_type.content, XsdGroup):
        return None
    elements = (one for one in xsd_type.content.iter_elements() if isinstance(one, XsdElement))
    return next((one for one in elements if one.name == tag), None)
