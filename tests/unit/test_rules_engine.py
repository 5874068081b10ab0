"""The rule engine on small rule files: what is taken, what is refused at loading, what functions answer."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from singlewindow.errors import ConfigurationError
from singlewindow.xsd.findings import Finding
from singlewindow.xsd.rules.book import RuleBook, load_rules
from singlewindow.xsd.rules.calls import read_calls, used_prefixes
from singlewindow.xsd.rules.cases import Case, read_cases, run_case, uncovered
from singlewindow.xsd.rules.functions import NAMESPACE, make_functions

WORDS = """
<sch:diagnostics>
  <sch:diagnostic id="T-R1.zh" xml:lang="zh">错误</sch:diagnostic>
  <sch:diagnostic id="T-R1.hint" xml:lang="en">mend it</sch:diagnostic>
  <sch:diagnostic id="T-R1.hint.zh" xml:lang="zh">请更正</sch:diagnostic>
</sch:diagnostics>
<sch:properties><sch:property id="T-R1.source">a test</sch:property></sch:properties>
"""
LIST = 'name = "NAME"\ntitle = "t"\ntitle_zh = "表"\nsource = "s"\ndate = "2026-01-01"\ncomplete = true\n[codes]\n'
DOCUMENT = etree.fromstring('<r xmlns="urn:t" k="1"><b>A</b><b>B</b><c><d>2</d><d>3.5</d></c></r>')
FUNCTIONS = make_functions({})


def escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")


def assertion(test: str, *, kind: str = "assert", role: str = "error", more: str = "") -> str:
    named = 'diagnostics="T-R1.zh T-R1.hint T-R1.hint.zh" properties="T-R1.source"'
    return f'<sch:{kind} id="T-R1" role="{role}" {more} {named} test="{escape(test)}">it is wrong</sch:{kind}>'


def rule(context: str, *assertions: str) -> str:
    return f'<sch:rule context="{escape(context)}">{"".join(assertions)}</sch:rule>'


def schema(*rules: str, words: str = WORDS, more: str = "") -> str:
    return (
        '<sch:schema xmlns:sch="http://purl.oclc.org/dsdl/schematron"><sch:ns prefix="t" uri="urn:t"/>'
        f'<sch:ns prefix="sw" uri="{NAMESPACE}"/>{more}<sch:pattern>{"".join(rules)}</sch:pattern>{words}</sch:schema>'
    )


def load(tmp_path: Path, text: str, raised: tuple[str, ...] = (), /, **lists: str) -> RuleBook:
    for folder in ("rules", "lists"):
        (tmp_path / folder).mkdir(exist_ok=True)
    (tmp_path / "rules" / "test.sch").write_text(text, "utf-8")
    for name, codes in lists.items():
        (tmp_path / "lists" / f"{name}.toml").write_text(LIST.replace("NAME", name) + codes, "utf-8")
    return load_rules([tmp_path], raised)


def check(tmp_path: Path, test: str, context: str = "/t:r/t:b", **lists: str) -> list[Finding]:
    return load(tmp_path, schema(rule(context, assertion(test))), **lists).check(DOCUMENT)


def refusal(tmp_path: Path, text: str, **lists: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, text, **lists)
    return caught.value.detail


def test_an_assert_fires_at_each_context_that_breaks_it(tmp_path: Path) -> None:
    found = check(tmp_path, ". = 'A'")
    assert [(one.element, one.value, one.rule, one.code) for one in found] == [
        (DOCUMENT[1], "B", "T-R1", "rule.T-R1"),
    ]


def test_a_report_fires_where_its_test_holds(tmp_path: Path) -> None:
    book = load(tmp_path, schema(rule("/t:r/t:b", assertion(". = 'A'", kind="report"))))
    assert [one.value for one in book.check(DOCUMENT)] == ["A"]


def test_a_finding_points_at_its_subject_and_at_the_context_where_there_is_none(tmp_path: Path) -> None:
    for subject, element in (("t:c/t:d[2]", DOCUMENT[2][1]), ("t:absent", DOCUMENT)):
        book = load(tmp_path, schema(rule("/t:r", assertion("false()", more=f'subject="{subject}"'))))
        assert [one.element for one in book.check(DOCUMENT)] == [element]


def test_a_finding_on_an_attribute_has_its_value(tmp_path: Path) -> None:
    (found,) = load(tmp_path, schema(rule("/t:r", assertion("@k = 2", more='subject="@k"')))).check(DOCUMENT)
    assert (found.element, found.attribute, found.value) == (DOCUMENT, "k", "1")


def test_a_rule_says_all_its_texts(tmp_path: Path) -> None:
    (found, _) = check(tmp_path, "false()")
    assert (found.message, found.message_zh, found.hint, found.hint_zh) == ("it is wrong", "错误", "mend it", "请更正")


def test_alternatives_of_a_context_and_its_predicates_are_kept_apart(tmp_path: Path) -> None:
    found = check(tmp_path, "false()", "/t:r/t:b[. = 'B | A'] | /t:r/t:b[1] | /t:r/t:c[t:d > 3]/t:d[2]")
    assert [one.value for one in found] == ["A", "3.5"]


def test_a_place_in_an_inner_predicate_counts_there(tmp_path: Path) -> None:
    assert [one.value for one in check(tmp_path, "../t:b[position() = last()] = .")] == ["A"]


def test_a_document_with_another_root_or_namespace_is_asked_nothing(tmp_path: Path) -> None:
    book = load(tmp_path, schema(rule("/t:r", assertion("false()"))))
    assert book.check(etree.fromstring("<r/>")) == []
    assert book.check(etree.fromstring('<other xmlns="urn:t"/>')) == []


def test_a_raised_warning_is_an_error(tmp_path: Path) -> None:
    text = schema(rule("/t:r", assertion("false()", role="warning")))
    assert [load(tmp_path, text).rules[0].severity, load(tmp_path, text, ("T-R1",)).rules[0].severity] == [
        "warning",
        "error",
    ]


REFUSED = {
    "((": "rule T-R1: Invalid expression",
    "": "rule T-R1: Invalid expression",
    "true()) or (true()": "rule T-R1: Invalid expression",
    "true()] | /t:r[true()": "rule T-R1: Invalid expression",
    "sw:nothing(.)": "rule T-R1: no function sw:nothing",
    "nothing(.)": "rule T-R1: no function nothing",
    "true() or sw:uscc(., .)": "rule T-R1: sw:uscc does not take 2 arguments",
    "true() or contains(.)": "rule T-R1: contains does not take 1 arguments",
    "true() or count(string(.)) = 1": "rule T-R1: Invalid type",
    "true() or zz:k": "rule T-R1: no sch:ns for the prefix zz",
    "$code = 1": "rule T-R1: a variable has no value here",
    "position() = 1": "rule T-R1: position() and last() have no meaning",
    "contains(., '[') and last() = 1": "rule T-R1: position() and last() have no meaning",
    "sw:in-list('absent', .)": "rule T-R1: no code list absent",
    'sw:in-list("absent", .)': "rule T-R1: the name of a code list stands in single quotes",
    "sw:in-list ('absent', .)": "rule T-R1: the name of a code list stands in single quotes",
    "sw:list-complete('absent')": "rule T-R1: no code list absent",
    "sw:in-list(../@k, .)": "rule T-R1: the name of a code list stands in single quotes",
    "sw:matches(., '(')": "rule T-R1: the pattern '('",
    "sw:matches('A', string(.))": "rule T-R1: a pattern stands in quotes",
    "sw:date-exists(., 'YYYY-MM-DD')": "rule T-R1: the form of a date is one of",
}


@pytest.mark.parametrize(("test", "told"), REFUSED.items())
def test_a_broken_test_is_refused_at_loading_with_file_and_rule(tmp_path: Path, test: str, told: str) -> None:
    detail = refusal(tmp_path, schema(rule("/t:r/t:b", assertion(test))))
    assert detail.startswith(f"{tmp_path / 'rules' / 'test.sch'}: {told}")


@pytest.mark.parametrize(
    "context",
    [
        "",
        "t:r",
        "//t:b",
        "/t:r//t:b",
        "/*/t:b",
        "/t:r/@k",
        "/t:r/..",
        "/t:r/descendant::t:b",
        "/t:r/t:b[",
        "/zz:r/zz:b",
    ],
)
def test_a_context_that_is_no_path_of_child_steps_is_refused(tmp_path: Path, context: str) -> None:
    assert "rule T-R1" in refusal(tmp_path, schema(rule(context, assertion("false()"))))


@pytest.mark.parametrize("subject", ["t:b/@k", "zz:b", "string(.)", "((", "t:b/text()", "1"])
def test_a_subject_that_is_no_element_is_refused(tmp_path: Path, subject: str) -> None:
    text = schema(rule("/t:r", assertion("false()", more=f'subject="{subject}"')))
    assert "rule T-R1" in refusal(tmp_path, text)


@pytest.mark.parametrize(
    "more",
    [
        '<sch:let name="a" value="1"/>',
        '<sch:include href="other.sch"/>',
        '<sch:phase id="p"/>',
        '<sch:pattern abstract="true" id="p"/>',
    ],
)
def test_what_is_beyond_the_subset_is_refused_with_the_reason(tmp_path: Path, more: str) -> None:
    assert "not taken" in refusal(tmp_path, schema(rule("/t:r", assertion("true()")), more=more))


@pytest.mark.parametrize("kind", ["zh", "source"])
def test_a_rule_without_chinese_text_or_source_is_refused(tmp_path: Path, kind: str) -> None:
    words = WORDS.replace(f'id="T-R1.{kind}"', 'id="T-R2.zh"')
    assert f"T-R1 names no text that ends in .{kind}" in refusal(
        tmp_path, schema(rule("/t:r", assertion("true()")), words=words)
    )


def test_a_rule_without_id_or_role_is_refused(tmp_path: Path) -> None:
    without_id = assertion("true()").replace(' id="T-R1"', "")
    assert "needs an id" in refusal(tmp_path, schema(rule("/t:r", without_id)))
    assert "role must be" in refusal(tmp_path, schema(rule("/t:r", assertion("true()", role="info"))))


def test_one_id_with_two_texts_or_two_roles_is_refused(tmp_path: Path) -> None:
    other = assertion("true()").replace("it is wrong", "it is otherwise")
    assert "two texts" in refusal(tmp_path, schema(rule("/t:r", assertion("true()"), other)))
    milder = assertion("true()", role="warning")
    assert "differ in role" in refusal(tmp_path, schema(rule("/t:r", assertion("true()"), milder)))


def test_a_file_that_is_no_xml_is_refused(tmp_path: Path) -> None:
    assert "test.sch" in refusal(tmp_path, "<sch:schema")


def test_a_ledger_rule_has_no_test_and_its_id_is_its_own(tmp_path: Path) -> None:
    load(tmp_path, schema(rule("/t:r", assertion("true()"))))
    ledger = tmp_path / "rules" / "ledger.toml"
    entry = '[[rule]]\nid = "T-R9"\nseverity = "error"\ntext = "t"\ntext_zh = "错"\nsource = "s"\n'
    ledger.write_text(entry, "utf-8")
    assert [(one.id, one.ledger) for one in load_rules([tmp_path]).rules] == [("T-R1", False), ("T-R9", True)]
    for wrong in (entry.replace("T-R9", "T-R1"), entry.replace('"error"', '"grave"'), entry.replace('"错"', '""')):
        ledger.write_text(wrong, "utf-8")
        with pytest.raises(ConfigurationError, match=r"ledger\.toml: .*T-R"):
            load_rules([tmp_path])


def test_a_code_that_a_whole_list_does_not_know_is_an_error_with_the_nearest_as_hint(tmp_path: Path) -> None:
    (found,) = check(tmp_path, "sw:in-list('letters', .)", letters='AB = "a"\nA = "b"\n')
    assert (found.value, found.severity) == ("B", "error")
    near = etree.fromstring('<r xmlns="urn:t"><b>USDD</b></r>')
    book = load(tmp_path, schema(rule("/t:r/t:b", assertion("sw:in-list('letters', .)"))), letters='USD = "$"\n')
    assert [one.hint for one in book.check(near)] == ["did you mean USD?"]


@pytest.mark.parametrize("line", ['source = "s"\n', 'date = "2026-01-01"\n', "complete = true\n"])
def test_a_code_that_a_partial_list_does_not_know_is_a_warning_even_where_raised(tmp_path: Path, line: str) -> None:
    text = schema(rule("/t:r/t:b", assertion("sw:in-list('letters', .)")))
    load(tmp_path, text, letters='A = "a"\n')
    path = tmp_path / "lists" / "letters.toml"
    path.write_text(path.read_text("utf-8").replace(line, ""), "utf-8")
    assert [one.severity for one in load_rules([tmp_path], ["T-R1"]).check(DOCUMENT)] == ["warning"]


def test_one_id_over_a_whole_and_a_partial_list_is_refused(tmp_path: Path) -> None:
    text = schema(rule("/t:r", assertion("sw:in-list('one', .)"), assertion("sw:in-list('two', .)")))
    load(tmp_path, text, one="", two="")
    path = tmp_path / "lists" / "two.toml"
    path.write_text(path.read_text("utf-8").replace("complete = true\n", ""), "utf-8")
    with pytest.raises(ConfigurationError, match=r"T-R1: .*partial"):
        load_rules([tmp_path])


@pytest.mark.parametrize(
    ("day", "holds"),
    [("2026-01-01", True), ("20261231", True), ("20251231235959", False), ("2027-01-01T00:00:00Z", False), ("x", True)],
)
def test_a_code_holds_between_its_days_inclusive(tmp_path: Path, day: str, holds: bool) -> None:  # noqa: FBT001
    codes = 'A = { en = "a", zh = "甲", from = "2026-01-01", to = "2026-12-31" }\nB = "b"\n'
    found = check(tmp_path, f"sw:in-list('letters', ., '{day}')", letters=codes)
    assert [one.value for one in found] == ([] if holds else ["A"])


@pytest.mark.parametrize("codes", ["A = 3\n", "A = { zh = '甲' }\n", "A =\n"])
def test_a_broken_code_list_is_refused_with_its_file(tmp_path: Path, codes: str) -> None:
    text = schema(rule("/t:r", assertion("true()")))
    assert refusal(tmp_path, text, letters=codes).startswith(str(tmp_path / "lists" / "letters.toml"))


@pytest.mark.parametrize(("provider", "code"), [("iso-4217", "CNY"), ("iso-3166-1-alpha-2", "NO")])
def test_a_list_may_be_taken_from_a_library(tmp_path: Path, provider: str, code: str) -> None:
    load(tmp_path, schema(rule("/t:r/t:b", assertion("true()"))), letters="")
    path = tmp_path / "lists" / "letters.toml"
    path.write_text(path.read_text("utf-8").replace("[codes]", f'provider = "{provider}"'), "utf-8")
    assert load_rules([tmp_path]).lists["letters"].holds(code)


def call(function: str, *arguments: object) -> object:
    return FUNCTIONS[NAMESPACE, function](None, *arguments)


ANSWERS = [
    ("matches", ("AB1", "[A-Z]{2}[0-9]"), True),
    ("matches", ("AB12", "[A-Z]{2}[0-9]"), False),
    ("matches", ("", "[A-Z]"), True),
    ("date-exists", ("20280229", "YYYYMMDD"), True),
    ("date-exists", ("20260229", "YYYYMMDD"), False),
    ("date-exists", ("20260301240000", "YYYYMMDDhhmmss"), False),
    ("date-exists", ("2026-3-1", "YYYYMMDD"), False),
    ("sum", (["0.1", "0.2", "x"],), "0.3"),
    ("sum", (["0.00000001", "-0.00000001"],), "0.00000000"),
    ("sum", ([],), "0"),
    ("same", ("1.10", "1.1"), True),
    ("same", ("1.10", "1.12", "0.01"), False),
    ("same", ("1.10", "1.11", "0.01"), True),
    ("same", ("1.10", "one"), True),
    ("product-is", ("3", "0.1", "0.3", "0"), True),
    ("product-is", ("3", "0.1", "0.31", "0.001"), False),
    ("product-is", ("1e999999", "1e999999", "1", "0"), True),
    ("before", ("2026-01-01T08:00:00+08:00", "2026-01-01T00:00:01Z"), True),
    ("before", ("2026-01-01T08:00:01+08:00", "2026-01-01T00:00:00Z"), False),
    ("before", ("20260101", "20260102"), True),
    ("before", ("20260101", "20260101"), False),
    ("before", ("", "20260101"), False),
    ("mrn", (["10NL5663962BE1E825"],), True),
    ("mrn", ([],), True),
]


@pytest.mark.parametrize(("function", "arguments", "answer"), ANSWERS)
def test_a_function_answers(function: str, arguments: tuple[object, ...], answer: object) -> None:
    assert call(function, *arguments) == answer


DIGITS = st.decimals(allow_nan=False, allow_infinity=False, places=5, min_value=-(10**14), max_value=10**14)


@settings(max_examples=150, deadline=None)
@given(DIGITS, DIGITS)
def test_products_and_sums_are_exact_to_the_last_digit(first: object, second: object) -> None:
    one, other = Fraction(str(first)), Fraction(str(second))
    assert Fraction(str(call("sum", [str(first), str(second)]))) == one + other
    scaled = one * other * 10**10
    sign, digits = "-" * (scaled < 0), str(abs(scaled.numerator)).zfill(11)
    assert call("product-is", f"{first:f}", f"{second:f}", f"{sign}{digits[:-10]}.{digits[-10:]}", "0")
    assert not call("product-is", f"{first:f}", f"{second:f}", f"{sign}{digits[:-10]}.{digits[-10:]}1", "0")


GIVEN = {"matches": ("[0-9]+",), "date-exists": ("YYYYMMDD",)}
"""Arguments that are literals, checked at loading."""
TAKEN = {name: 1 for _, name in FUNCTIONS if "list" not in name} | {"same": 3, "before": 2, "product-is": 4}
ODD = st.one_of(
    st.text(max_size=30),
    st.floats(),
    st.booleans(),
    st.lists(st.text(max_size=10), max_size=3),
    st.sampled_from(["1e999999", "1e9999999999", "NaN", "Infinity", "9" * 5000, "１", "0001-01-01T00:00:00+23:59"]),
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(TAKEN)), st.data())
def test_every_function_is_total(name: str, data: st.DataObject) -> None:
    call(name, *(data.draw(ODD) for _ in range(TAKEN[name])), *GIVEN.get(name, ()))


def test_calls_are_found_with_their_arguments_inner_ones_first() -> None:
    expression = "not(sw:matches(a[b = ')'], 'x,(y') and (count(c) > 1)) or text()"
    assert [(one.function, one.arguments) for one in read_calls(expression)] == [
        ("sw:matches", ("a[b = ')']", "'x,(y'")),
        ("count", ("c",)),
        ("not", ("sw:matches(a[b = ')'], 'x,(y') and (count(c) > 1)",)),
    ]


def test_prefixes_are_those_of_names_and_not_axes_or_texts() -> None:
    assert used_prefixes("child::a:b/@c:d | 'e:f' | ancestor::* | g:*") == {"a", "c", "g"}


def run(tmp_path: Path, edits: str) -> bool:
    (tmp_path / "sample.xml").write_bytes(etree.tostring(DOCUMENT))
    book = load(tmp_path, schema(rule("/t:r/t:b", assertion(". = 'A' or . = 'B'"))))
    head = '[[case]]\nrule = "T-R1"\nfires = true\nsample = "sample.xml"\n'
    (tmp_path / "rules" / "cases.toml").write_text(head + edits, "utf-8")
    (case,) = read_cases(tmp_path)
    return run_case(book, tmp_path, "urn:t", case)


def test_a_case_sets_removes_and_repeats_before_it_asks(tmp_path: Path) -> None:
    assert not run(tmp_path, "")
    assert run(tmp_path, 'set = { "b[2]" = "C" }')
    assert not run(tmp_path, 'set = { "b[2]" = "C", "@k" = "2" }\nremove = ["b[2]"]')
    assert run(tmp_path, 'repeat = { "b" = 3 }\nset = { "b[3]" = "C" }')


@pytest.mark.parametrize(
    "edits", ['remove = ["absent"]', 'set = { "absent/x" = "1" }', 'remove = ["b["]', "colour = 1"]
)
def test_a_case_that_does_not_fit_its_sample_is_refused(tmp_path: Path, edits: str) -> None:
    with pytest.raises(ConfigurationError):
        run(tmp_path, edits)


def test_a_case_of_a_sample_that_is_not_there_is_refused(tmp_path: Path) -> None:
    book = load(tmp_path, schema(rule("/t:r/t:b", assertion("true()"))))
    with pytest.raises(ConfigurationError, match=r"absent\.xml"):
        run_case(book, tmp_path, "urn:t", Case("T-R1", fires=True, sample="absent.xml"))


def test_a_rule_without_both_kinds_of_cases_is_named(tmp_path: Path) -> None:
    book = load(tmp_path, schema(rule("/t:r/t:b", assertion("true()"))))
    fires, silent = (Case("T-R1", fires=fires, sample="sample.xml") for fires in (True, False))
    assert (uncovered(book, [fires]), uncovered(book, [fires, silent])) == (["T-R1"], [])
