from __future__ import annotations

import pytest
from aiohttp.test_utils import make_mocked_request

from singlewindow.gateway.chinese import say_in_chinese
from singlewindow.gateway.languages import choose_language, localise, localise_problem, preferred_language
from singlewindow.gateway.problems import describe, render, respond
from singlewindow.gateway.refusals import HttpRefusal, MessageRefused
from singlewindow.gateway.titles import PROBLEM_CODES
from singlewindow.messages.judgement import Problem
from singlewindow.xsd.parser import Refused

ENTRY = Problem(
    "xsd.not-a-number",
    "qty is not a number",
    message_zh="qty 不是数字",
    hint="did you mean 10?",
    hint_zh="是否为 10?",
).as_json()


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("zh", "zh"),
        ("zh-CN", "zh"),
        ("zh-Hans-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("ZH-hans", "zh"),
        ("en-GB,en;q=0.9,zh;q=0.8", "en"),
        ("en;q=0.3, zh;q=0.7", "zh"),
        ("de, zh;q=0.5", "zh"),
        ("de", "en"),
        ("*", "en"),
        ("zh;q=0", "en"),
        ("zh;q=nonsense", "en"),
        ("zh, en", "zh"),
        (";;,,", "en"),
    ],
)
def test_the_language_is_the_one_with_the_highest_weight(accepted: str, language: str) -> None:
    assert choose_language(accepted) == language
    assert preferred_language(make_mocked_request("GET", "/", {"Accept-Language": accepted})) == language


def test_a_chinese_reader_gets_title_detail_messages_and_hints_in_chinese() -> None:
    refused = MessageRefused(422, "schema-invalid", "1 error in 1 of 2 declarations", [ENTRY], truncated=False)
    told = localise_problem(describe(refused), "zh")
    assert told["title"] == "文档不符合模式"
    assert told["detail"] == "2 份单证中有 1 份存在错误,共 1 处"
    (entry,) = told["errors"]
    told_zh = ("qty 不是数字", "是否为 10?")
    assert (entry["message"], entry["hint"]) == told_zh
    assert (entry["message_zh"], entry["hint_zh"], entry["code"]) == (
        "qty 不是数字",
        "是否为 10?",
        "xsd.not-a-number",
    )


def test_an_english_reader_gets_the_chinese_message_beside_the_english_one() -> None:
    refused = MessageRefused(422, "schema-invalid", "1 error in 1 of 2 declarations", [ENTRY], truncated=False)
    told = localise_problem(describe(refused), "en")
    assert (told["title"], told["detail"]) == ("The document breaks its schema", "1 error in 1 of 2 declarations")
    assert (told["errors"][0]["message"], told["errors"][0]["message_zh"]) == ("qty is not a number", "qty 不是数字")


def test_a_report_is_told_in_chinese_down_to_its_declarations_and_stays_as_it_was() -> None:
    report = {"valid": False, "errors": [ENTRY], "declarations": [{"ordinal": 1, "errors": [ENTRY], "warnings": []}]}
    told = localise(report, "zh")
    assert told["errors"][0]["message"] == told["declarations"][0]["errors"][0]["message"] == "qty 不是数字"
    assert report["errors"] == [ENTRY]
    assert localise(report, "en") is report


def test_an_entry_without_chinese_texts_is_told_by_its_code() -> None:
    told = localise(Problem("not-well-formed", "the document is not well-formed XML: x").as_json(), "zh")
    assert told["message"] == "文档不是格式良好的 XML(x)"


@pytest.mark.parametrize("form", ["json", "xml"])
def test_answers_name_their_language_and_what_they_vary_by(form: str) -> None:
    headers = {"Accept": f"application/problem+{form}", "Accept-Language": "zh-CN"}
    answer = respond(make_mocked_request("GET", "/", headers), describe(HttpRefusal(404, "not-found", "gone")))
    assert (answer.headers["Content-Language"], answer.headers["Vary"]) == ("zh", "Accept, Accept-Language")
    assert "未找到" in str(answer.text)


def test_an_answer_without_a_request_is_in_english() -> None:
    answer = render(describe(HttpRefusal(400, "bad-http", "the framing is wrong")), "json")
    assert answer.headers["Content-Language"] == "en"
    assert "the framing is wrong" in str(answer.text)


@pytest.mark.parametrize(
    ("refusal", "detail"),
    [
        (
            Refused(415, "unsupported-encoding", "utf-7 is not taken; send UTF-8, or UTF-16 with byte order mark"),
            "utf-7",
        ),
        (Refused(413, "too-large", "ceb takes at most 16,000,000 bytes; send several messages"), "16,000,000"),
        (HttpRefusal(403, "forbidden", "this API key lacks the scope submit"), "submit"),
        (HttpRefusal(400, "bad-parameter", "since must be a time like 2026-11-22T09:00:00Z"), "since"),
    ],
)
def test_what_a_refusal_names_stands_in_its_chinese_detail_too(refusal: HttpRefusal | Refused, detail: str) -> None:
    told = localise_problem(describe(refusal), "zh")["detail"]
    assert detail in told
    assert told != refusal.detail


def test_a_sentence_nobody_translated_is_told_by_the_title_and_how_to_mend_it() -> None:
    assert say_in_chinese("some new sentence", "key-in-url").startswith(PROBLEM_CODES["key-in-url"].title_zh)
    assert say_in_chinese("some new sentence", "no-such-code") == PROBLEM_CODES["bad-request"].title_zh


def test_every_problem_has_a_title_in_both_languages() -> None:
    for code, named in PROBLEM_CODES.items():
        assert named.title.isascii(), code
        assert not named.title_zh.isascii(), code
        assert (named.mend is None) == (named.mend_zh is None), code
