"""What XSD's facets and built-in types ask of a value: the code of a breach, and how it is said and mended.

Texts are filled with `name`, `limit` and the value's `length`, never with the value, which may be personal.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Breach:
    """How a breach is told: its code, and text and hint in English and Chinese."""

    code: str
    text: str
    text_zh: str
    hint: str
    hint_zh: str

    def filled(self, **values: object) -> Breach:
        """The same with its gaps filled."""
        texts = (self.text, self.text_zh, self.hint, self.hint_zh)
        return Breach(self.code, *(text.format(**values) for text in texts))


NUMBERS = frozenset(
    {
        "decimal", "integer", "int", "long", "short", "byte", "nonNegativeInteger", "positiveInteger",
        "negativeInteger", "nonPositiveInteger", "unsignedInt", "unsignedLong", "unsignedShort", "unsignedByte",
        "double", "float",
    }
)  # fmt: skip
"""XSD's built-in types whose values are numbers."""

DATES = {
    "date": "YYYY-MM-DD", "dateTime": "YYYY-MM-DDThh:mm:ss+hh:mm", "time": "hh:mm:ss", "gYear": "YYYY",
    "gYearMonth": "YYYY-MM", "dateTimeStamp": "YYYY-MM-DDThh:mm:ss+hh:mm",
}  # fmt: skip
"""XSD's built-in types of dates and times, with their form."""

_HAS, _HAS_ZH = "{name} has {length} character(s), ", "{name} 有 {length} 个字符,"
_CORRECT = ("correct the value", "请更正该值")

BREACHES: dict[str, Breach] = {
    "length": Breach(
        "xsd.length", _HAS + "exactly {limit} are wanted", _HAS_ZH + "应为 {limit} 个",
        "write exactly {limit} character(s)", "请填写恰好 {limit} 个字符",
    ),
    "minLength": Breach(
        "xsd.min-length", _HAS + "at least {limit} are wanted", _HAS_ZH + "至少 {limit} 个",
        "write at least {limit} character(s)", "请填写至少 {limit} 个字符",
    ),
    "maxLength": Breach(
        "xsd.max-length", _HAS + "at most {limit} are allowed", _HAS_ZH + "至多 {limit} 个",
        "shorten it to {limit} character(s)", "请缩短到 {limit} 个字符以内",
    ),
    "totalDigits": Breach(
        "xsd.total-digits", "{name} has more than {limit} digits", "{name} 超过 {limit} 位数字",
        "write at most {limit} digits", "至多填写 {limit} 位数字",
    ),
    "fractionDigits": Breach(
        "xsd.fraction-digits", "{name} has more than {limit} digits after the point", "{name} 小数超过 {limit} 位",
        "round it to {limit} digits after the point", "请四舍五入到 {limit} 位小数",
    ),
    "enumeration": Breach(
        "xsd.enumeration", "{name} is none of the allowed values", "{name} 不在允许值之列",
        "choose one of the allowed values", "请从允许值中选择",
    ),
    "pattern": Breach(
        "xsd.pattern", "{name} does not have the wanted form", "{name} 格式不符",
        "compare the value with the allowed form", "请对照允许的格式更正",
    ),
    "minInclusive": Breach("xsd.range", "{name} must not be less than {limit}", "{name} 不得小于 {limit}", *_CORRECT),
    "maxInclusive": Breach("xsd.range", "{name} must not be more than {limit}", "{name} 不得大于 {limit}", *_CORRECT),
    "minExclusive": Breach("xsd.range", "{name} must be more than {limit}", "{name} 须大于 {limit}", *_CORRECT),
    "maxExclusive": Breach("xsd.range", "{name} must be less than {limit}", "{name} 须小于 {limit}", *_CORRECT),
    "number": Breach(
        "xsd.not-a-number", "{name} is not a number", "{name} 不是数字",
        "write digits and at most one point: no letters, commas or spaces", "只填写数字和小数点,不含字母、逗号或空格",
    ),
    "date": Breach(
        "xsd.not-a-date", "{name} is not a date or time of the form {limit}", "{name} 不是 {limit} 格式的日期或时间",
        "write a date that exists as {limit}", "请按 {limit} 格式填写真实存在的日期或时间",
    ),
    "fixed": Breach("xsd.fixed", "{name} must be {limit}", "{name} 必须为 {limit}", "write {limit}", "请填写 {limit}"),
    "unique": Breach(
        "xsd.not-unique", "{name} repeats a number that must be unique", "{name} 的编号重复",
        "give each a number of its own", "请为每一项填写不同的编号",
    ),
}  # fmt: skip
"""By the facet's XSD name, or by `number`, `date`, `fixed` and `unique`."""

OTHER = Breach("xsd.value", "the value of {name} is not allowed", "{name} 的值不合规定", *_CORRECT)
