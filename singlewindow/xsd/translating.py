"""From xmlschema's findings to our stable codes: what is wrong, what is allowed, and how to mend it."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Any

from lxml import etree
from xmlschema import XMLSchemaChildrenValidationError, XMLSchemaDecodeError, XMLSchemaValidationError
from xmlschema.validators import facets as xsd_facets
from xmlschema.validators import simple_types

Finding = dict[str, Any]
"""One finding as the judge child sends it: `index` of the element in document order, and the fields of a Problem."""

SHOWN_VALUE = 80


def translate(error: XMLSchemaValidationError) -> Finding:
    """One xmlschema error as a finding; `element` is the element to point at."""
    if isinstance(error, XMLSchemaChildrenValidationError):
        return _children(error)
    if error.validator.__class__.__name__ == "XsdAttributeGroup":
        return _attribute(error)
    return _value(error)


def _children(error: XMLSchemaChildrenValidationError) -> Finding:
    expected = [
        _local(str(getattr(one, "name", "") or "")) for one in error.expected or () if getattr(one, "name", None)
    ]
    child = error.invalid_child
    if child is None:
        if expected:
            return _finding(
                error.elem, "xsd.missing-element", f"{expected[0]} is missing at the end of {_name(error.elem)}",
                f"{_name(error.elem)} 的末尾缺少元素 {expected[0]}", allowed=" | ".join(expected),
                hint=f"add {expected[0]}",
            )  # fmt: skip
        return _finding(error.elem, "xsd.too-few", error.reason or "content is incomplete", "内容不完整")
    name = _name(child)
    if _too_many(error, child):
        limit = _most(error)
        return _finding(
            child, "xsd.too-many", f"{name} occurs too often; at most {limit} are allowed", f"{name} 出现次数超过 {limit}",
            allowed=f"at most {limit}",
        )  # fmt: skip
    names = _known_children(error)
    if name in names and expected:
        return _finding(
            child, "xsd.missing-element", f"{expected[0]} is missing before {name}", f"{name} 之前缺少元素 {expected[0]}",
            allowed=" | ".join(expected), hint=f"add {expected[0]}, or put the elements in the schema's order",
        )  # fmt: skip
    return _unexpected(child, name, expected, names)


def _unexpected(child: Any, name: str, expected: list[str], names: list[str]) -> Finding:
    near = difflib.get_close_matches(name, expected, 1, 0.5) or difflib.get_close_matches(name, names, 1, 0.6)
    hint = f"did you mean {near[0]}?" if near else (f"{expected[0]} is expected here" if expected else "remove it")
    text_zh = f"此处不允许元素 {name}" + (f",应为 {expected[0]}" if expected else "")
    return _finding(
        child, "xsd.unexpected-element", f"{name} is not allowed here", text_zh,
        allowed=" | ".join(expected) or None, hint=hint,
    )  # fmt: skip


def _known_children(error: XMLSchemaChildrenValidationError) -> list[str]:
    group = error.validator
    try:
        return [_local(str(one.name)) for one in group.iter_elements() if getattr(one, "name", None)]  # type: ignore[union-attr]
    except AttributeError:
        return []


def _too_many(error: XMLSchemaChildrenValidationError, child: Any) -> bool:
    particle = error.particle
    return getattr(particle, "name", None) == child.tag and error.occurs >= (
        getattr(particle, "max_occurs", None) or 10**9
    )


def _most(error: XMLSchemaChildrenValidationError) -> int:
    return int(getattr(error.particle, "max_occurs", 0) or 0)


def _attribute(error: XMLSchemaValidationError) -> Finding:
    reason = error.reason or ""
    name = reason.split("'")[1] if reason.count("'") >= 2 else "attribute"
    if reason.startswith("missing"):
        return _finding(
            error.elem,
            "xsd.attribute-missing",
            f"the attribute {name} is missing",
            f"缺少属性 {name}",
            hint=f"add {name}",
        )
    if "not allowed" in reason:
        return _finding(
            error.elem,
            "xsd.attribute-unknown",
            f"the attribute {name} is not allowed",
            f"不允许属性 {name}",
            hint="remove it",
        )
    return _value(error)


def _value(error: XMLSchemaValidationError) -> Finding:
    value = error.obj if isinstance(error.obj, str) else (getattr(error.elem, "text", None) or "")
    name, facet = _name(error.elem), error.validator
    for kind, describe in _FACETS.items():
        if isinstance(facet, kind):
            code, text, text_zh = describe(name, facet, value)
            return _finding(error.elem, code, text, text_zh, value=value, allowed=_allowed(error))
    return _typed(error, name, value)


def _typed(error: XMLSchemaValidationError, name: str, value: str) -> Finding:
    base = _base_name(error)
    if isinstance(error, XMLSchemaDecodeError) and base in _NUMBERS:
        text = f"{name} is not a number" if value else f"{name} is empty; a number is wanted"
        return _finding(error.elem, "xsd.not-a-number", text, f"{name} 不是数字", value=value, allowed=base)
    if base in _DATES:
        return _finding(
            error.elem,
            "xsd.not-a-date",
            f"{name} is not a {base}",
            f"{name} 不是日期",
            value=value,
            allowed=_DATES[base],
        )
    if "fixed" in (error.reason or ""):
        return _finding(error.elem, "xsd.fixed", f"{name}: {error.reason}", f"{name} 必须为固定值", value=value)
    reason = (error.reason or "the value is not allowed").splitlines()[0][:200]
    return _finding(error.elem, "xsd.value", f"{name}: {reason}", f"{name} 的值不合规定", value=value)


_NUMBERS = {
    "decimal",
    "integer",
    "int",
    "long",
    "short",
    "nonNegativeInteger",
    "positiveInteger",
    "unsignedInt",
    "double",
}
_DATES = {
    "date": "YYYY-MM-DD",
    "dateTime": "YYYY-MM-DDThh:mm:ss with a zone",
    "time": "hh:mm:ss",
    "gYear": "YYYY",
}

Describe = Callable[[str, Any, str], tuple[str, str, str]]

_FACETS: dict[type, Describe] = {
    xsd_facets.XsdLengthFacet: lambda name, facet, value: (
        "xsd.length", f"{name} has {len(value)} characters, exactly {facet.value} are wanted",
        f"{name} 有 {len(value)} 个字符,应为 {facet.value} 个"),
    xsd_facets.XsdMinLengthFacet: lambda name, facet, value: (
        "xsd.min-length", f"{name} has {len(value)} characters, at least {facet.value} are wanted",
        f"{name} 有 {len(value)} 个字符,至少 {facet.value} 个"),
    xsd_facets.XsdMaxLengthFacet: lambda name, facet, value: (
        "xsd.max-length", f"{name} has {len(value)} characters, at most {facet.value} are allowed",
        f"{name} 有 {len(value)} 个字符,至多 {facet.value} 个"),
    xsd_facets.XsdTotalDigitsFacet: lambda name, facet, _: (
        "xsd.total-digits", f"{name} has more than {facet.value} digits", f"{name} 超过 {facet.value} 位数字"),
    xsd_facets.XsdFractionDigitsFacet: lambda name, facet, _: (
        "xsd.fraction-digits", f"{name} has more than {facet.value} digits after the point",
        f"{name} 小数超过 {facet.value} 位"),
    xsd_facets.XsdEnumerationFacets: lambda name, facet, value: (
        "xsd.enumeration", f"{name} is none of the allowed values{_nearest(value, facet.enumeration)}", f"{name} 不在允许值之列"),
    xsd_facets.XsdPatternFacets: lambda name, _facet, _value: (
        "xsd.pattern", f"{name} does not have the wanted form", f"{name} 格式不符"),
}  # fmt: skip
for _bound in ("XsdMinInclusiveFacet", "XsdMaxInclusiveFacet", "XsdMinExclusiveFacet", "XsdMaxExclusiveFacet"):
    _FACETS[getattr(xsd_facets, _bound)] = lambda name, facet, _: (
        "xsd.range",
        f"{name} is outside what is allowed ({facet.value})",
        f"{name} 超出范围 ({facet.value})",
    )


def _nearest(value: str, allowed: Any) -> str:
    near = difflib.get_close_matches(value, [str(one) for one in allowed], 1, 0.6)
    return f"; did you mean {near[0]}?" if near else ""


def _allowed(error: XMLSchemaValidationError) -> str | None:
    """What the element's type allows, in words."""
    xsd_type = _type_of(error)
    if not isinstance(xsd_type, simple_types.XsdSimpleType):
        return None
    if xsd_type.enumeration:
        return " | ".join(str(value) for value in xsd_type.enumeration[:20])
    base = _base_name(error) or "string"
    least, most = xsd_type.min_length or 0, xsd_type.max_length
    digits, fraction = _facet(xsd_type, "totalDigits"), _facet(xsd_type, "fractionDigits")
    if digits is not None:
        return f"{base}, at most {digits} digits" + (f", {fraction} of them after the point" if fraction else "")
    if most is not None:
        return f"{base}, {f'exactly {most}' if least == most else f'{least}..{most}'} characters"
    patterns = xsd_type.patterns
    return f"{base} matching {patterns.regexps[0]}" if patterns and patterns.regexps else base


def _facet(xsd_type: Any, name: str) -> Any:
    facet = xsd_type.get_facet(f"{{http://www.w3.org/2001/XMLSchema}}{name}")
    return None if facet is None else facet.value


def _type_of(error: XMLSchemaValidationError) -> Any:
    validator = error.validator
    if isinstance(validator, simple_types.XsdSimpleType):
        return validator
    return getattr(validator, "parent", None) or getattr(validator, "base_type", None)


def _base_name(error: XMLSchemaValidationError) -> str:
    xsd_type = _type_of(error)
    while xsd_type is not None:
        name = _local(str(getattr(xsd_type, "name", "") or ""))
        if name in _NUMBERS or name in _DATES or name == "string":
            return name
        xsd_type = getattr(xsd_type, "base_type", None)
    return ""


def _finding(element: Any, code: str, message: str, message_zh: str, **more: Any) -> Finding:
    value = more.pop("value", None)
    shown = None if value is None else (value if len(value) <= SHOWN_VALUE else f"{value[:SHOWN_VALUE]}…")
    found = {
        "code": code,
        "message": message,
        "message_zh": message_zh,
        "element": _name(element),
        "value": shown,
        **more,
    }
    return {"target": element, **found}


def _name(element: Any) -> str:
    return "" if element is None else etree.QName(element).localname


def _local(name: str) -> str:
    return name.rpartition("}")[2].rpartition(":")[2]
