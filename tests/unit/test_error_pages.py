from __future__ import annotations

from html.parser import HTMLParser

import pytest

from singlewindow.gateway.error_pages import render_error_index, render_error_page
from singlewindow.gateway.languages import Language
from singlewindow.gateway.page_words import WORDS
from singlewindow.gateway.templates import PAGE_POLICY
from singlewindow.gateway.titles import PROBLEM_CODES
from singlewindow.messages.rule import Rule
from singlewindow.xsd.error_codes import EXPLANATIONS

RULE = Rule(
    "CEB-R12",
    "warning",
    "netWeight > grossWeight",
    "净重大于毛重",
    "the specification",
    "correct it",
    "请核对重量",
)
BOTH: tuple[Language, ...] = ("en", "zh")


class Tags(HTMLParser):
    """Notes the elements and links of a page, and whether each is closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.links: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.links += [value or "" for name, value in attrs if name in {"href", "src"}]
        if tag != "meta":
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag


@pytest.mark.parametrize("language", BOTH)
def test_every_code_has_a_page_in_both_languages(language: Language) -> None:
    for code in EXPLANATIONS.keys() | PROBLEM_CODES.keys():
        page = render_error_page(code, language)
        assert page is not None
        assert f'<code class="code">{code}</code>' in page
        assert f'<html lang="{language}">' in page
        assert Tags(page).links == ["/docs/errors"]


def test_a_page_shows_how_to_mend_and_an_example_as_text() -> None:
    page = render_error_page("xsd.not-a-number", "en")
    assert page is not None
    assert WORDS["en"]["mend"] in page
    assert "&lt;goodsValue&gt;1250.00&lt;/goodsValue&gt;" in page
    assert "<goodsValue>" not in page


@pytest.mark.parametrize(
    ("language", "first", "second"),
    [("en", "netWeight &gt; grossWeight", "净重大于毛重"), ("zh", "净重大于毛重", "netWeight &gt; grossWeight")],
)
def test_a_rule_has_a_page_with_severity_text_hint_and_source(language: Language, first: str, second: str) -> None:
    page = render_error_page("rule.CEB-R12", language, find_rule={"CEB-R12": RULE}.get)
    assert page is not None
    assert f"<h1>{first}</h1>" in page
    assert second in page
    assert WORDS[language]["warning"] in page
    assert WORDS[language]["warning_rule"] in page
    assert "the specification" in page
    assert ("请核对重量" if language == "zh" else "correct it") in page


def test_a_code_of_an_authority_has_the_page_of_its_family() -> None:
    page = render_error_page("agency.ceb.E0301", "en")
    assert page is not None
    assert "authority" in page


@pytest.mark.parametrize("code", ["nothing", "<script>", "other.code", "rule.", "agency.<b>"])
def test_what_is_no_code_has_no_page(code: str) -> None:
    assert render_error_page(code, "en") is None


@pytest.mark.parametrize("language", BOTH)
def test_the_index_links_every_code_and_rule(language: Language) -> None:
    page = render_error_index(language, rules=[RULE])
    links = set(Tags(page).links)
    assert links == {f"/docs/errors/{code}" for code in {*EXPLANATIONS, *PROBLEM_CODES, "rule.CEB-R12"}}
    assert WORDS[language]["intro"] in page


def test_the_pages_need_nothing_that_their_policy_forbids() -> None:
    assert "style-src 'unsafe-inline'" in PAGE_POLICY
    for page in (render_error_index("en"), render_error_page("too-large", "zh")):
        assert page is not None
        assert Tags(page).names.isdisjoint({"script", "img", "link", "iframe", "form", "object"})
        assert "url(" not in page
        assert "@import" not in page
