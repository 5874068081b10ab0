"""The fixed words of the pages, in English and Chinese."""

from __future__ import annotations

from singlewindow.gateway.languages import Language

GROUPS = ("value", "rule", "document", "json", "request")
"""The order of the kinds of codes on their index."""

WORDS: dict[Language, dict[str, str]] = {
    "en": {
        "all": "All error codes",
        "document": "The document as a whole",
        "error": "error",
        "error_rule": "A document that breaks this rule is refused.",
        "example": "Example",
        "intro": "Every error names its place by pointer, line and column, what was found and what is allowed.",
        "json": "Documents in JSON",
        "meaning": "What it means",
        "mend": "How to mend it",
        "request": "The request",
        "rule": "Rules of the message sets",
        "source": "Source",
        "value": "Elements and values",
        "warning": "warning",
        "warning_rule": "A document that breaks this rule is taken, with this warning, "
        "unless the message set or your registration makes it an error.",
    },
    "zh": {
        "all": "全部错误代码",
        "document": "整份文档",
        "error": "错误",
        "error_rule": "违反此规则的单证会被拒绝。",
        "example": "示例",
        "intro": "每条错误都给出位置(路径、行号、列号)、实际值和允许值。",
        "json": "JSON 文档",
        "meaning": "含义",
        "mend": "如何更正",
        "request": "请求",
        "rule": "报文集的规则",
        "source": "依据",
        "value": "元素和值",
        "warning": "警告",
        "warning_rule": "违反此规则的单证会连同此警告被受理;报文集或您的登记可将其设为错误。",
    },
}

FAMILIES = {
    "agency": ("The authority's own code, as it was answered", "主管部门的应答代码,按原样给出"),
    "match": (
        "The document was compared with the others of its consignment",
        "该单证已与同一批货物的其他单证比对",
    ),
    "rule": (
        "The document is valid by its schema but breaks a rule of its message set",
        "单证符合模式,但违反了报文集的规则",
    ),
    "xsd": ("The document breaks its schema at the named place", "文档在所指位置不符合模式"),
}
"""What the first word of a code means, in English and Chinese."""
