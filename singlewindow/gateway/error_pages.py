"""A page for every error code, in English or Chinese: what it means, how to mend it, where the rule comes from."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from singlewindow.gateway.languages import Language
from singlewindow.gateway.page_words import FAMILIES, GROUPS, WORDS
from singlewindow.gateway.templates import page_templates
from singlewindow.gateway.titles import PROBLEM_CODES
from singlewindow.messages.rule import Rule
from singlewindow.xsd.error_codes import EXPLANATIONS

FindRule = Callable[[str], Rule | None]
"""The rule of an id (`CEB-R12`), or None."""

_CODE = re.compile(r"[a-z]+(?:\.[A-Za-z0-9_-]{1,80}){1,4}")
_RULE = "rule."


@dataclass(frozen=True, slots=True)
class Page:
    """What is said of one code; `title_other` is the title in the other language."""

    code: str
    title: str
    title_other: str
    meaning: str | None = None
    mend: str | None = None
    wrong: str | None = None
    right: str | None = None
    severity: str | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Codes of one kind."""

    name: str
    title: str
    pages: tuple[Page, ...]


def render_error_page(code: str, language: Language, *, find_rule: FindRule = lambda _id: None) -> str | None:
    """The page on a code, or None for what is no code of ours. A code of an agency or a match has its family's."""
    page = _explain(code, language, find_rule)
    if page is None:
        return None
    return page_templates().get_template("error.html").render(page=page, language=language, words=WORDS[language])


def render_error_index(language: Language, *, rules: Iterable[Rule] = ()) -> str:
    """The page that lists every code, those of these rules among them."""
    groups = [group for group in _group(language, rules) if group.pages]
    return page_templates().get_template("errors.html").render(groups=groups, language=language, words=WORDS[language])


def _explain(code: str, language: Language, find_rule: FindRule) -> Page | None:
    if code.startswith(_RULE) and (rule := find_rule(code.removeprefix(_RULE))) is not None:
        return _explain_rule(rule, language)
    if code in EXPLANATIONS:
        return _explain_document(code, language)
    if code in PROBLEM_CODES:
        return _explain_problem(code, language)
    return _explain_family(code, language)


def _explain_document(code: str, language: Language) -> Page:
    told = EXPLANATIONS[code]
    title, rest = _split(told.zh, "。") if language == "zh" else _split(told.en, ". ")
    other, _ = _split(told.en, ". ") if language == "zh" else _split(told.zh, "。")
    mend = told.mend_zh if language == "zh" else told.mend
    return Page(code, title, other, rest, mend, told.wrong, told.right)


def _explain_problem(code: str, language: Language) -> Page:
    named = PROBLEM_CODES[code]
    if language == "zh":
        return Page(code, named.title_zh, named.title, mend=named.mend_zh)
    return Page(code, named.title, named.title_zh, mend=named.mend)


def _explain_rule(rule: Rule, language: Language) -> Page:
    texts = (rule.text_zh, rule.text) if language == "zh" else (rule.text, rule.text_zh)
    mend = (rule.hint_zh or rule.hint) if language == "zh" else rule.hint
    meaning = WORDS[language][f"{rule.severity}_rule"]
    return Page(_RULE + rule.id, *texts, meaning, mend, severity=rule.severity, source=rule.source)


def _explain_family(code: str, language: Language) -> Page | None:
    """Codes are many and grow with agencies; their first word says what kind they are."""
    family = FAMILIES.get(code.partition(".")[0]) if _CODE.fullmatch(code) else None
    if family is None:
        return None
    return Page(code, *(reversed(family) if language == "zh" else family))


def _group(language: Language, rules: Iterable[Rule]) -> list[Group]:
    documents = [_explain_document(code, language) for code in EXPLANATIONS]
    pages = {
        "value": [page for page in documents if page.code.startswith("xsd.")],
        "rule": [_explain_rule(rule, language) for rule in rules],
        "document": [page for page in documents if "." not in page.code],
        "json": [page for page in documents if page.code.startswith("json.")],
        "request": [_explain_problem(code, language) for code in PROBLEM_CODES if code not in EXPLANATIONS],
    }
    return [Group(name, WORDS[language][name], tuple(pages[name])) for name in GROUPS]


def _split(text: str, stop: str) -> tuple[str, str | None]:
    """The first sentence without its stop, and what follows it."""
    first, _, rest = text.partition(stop)
    return first.rstrip(".。"), rest or None
