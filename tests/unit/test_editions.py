"""Two editions of one standard side by side: which of them judges a message."""

from __future__ import annotations

import pytest

from singlewindow.xsd.catalogue import BUILT_IN, Catalogue, load_catalogue
from singlewindow.xsd.examining import examine
from singlewindow.xsd.judge_child import judge

ORDER = BUILT_IN / "ceb-2018" / "samples" / "valid" / "order.xml"
RETURN = BUILT_IN / "ceb-2022" / "samples" / "valid"


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


def order_with_long_platform_code() -> bytes:
    """Lawful in 2018 (50 characters), too long in 2022 (18)."""
    text = ORDER.read_text("utf-8")
    start, end = text.index("<ebpCode>") + len("<ebpCode>"), text.index("</ebpCode>")
    return (text[:start] + "P" * 30 + text[end:]).encode()


def order_without_number() -> bytes:
    """An empty orderNo: refused in 2018, lawful by the schema of 2022."""
    text = ORDER.read_text("utf-8")
    start, end = text.index("<orderNo>") + len("<orderNo>"), text.index("</orderNo>")
    return (text[:start] + text[end:]).encode()


def test_a_message_that_both_editions_take_is_judged_by_the_older_one(catalogue: Catalogue) -> None:
    judgement = examine(catalogue, ORDER.read_bytes())
    assert judgement is not None
    assert judgement.message_set == "ceb-2018"


def test_the_edition_asked_for_judges_where_it_knows_the_root(catalogue: Catalogue) -> None:
    judgement = judge(catalogue, ORDER.read_bytes(), ("export-1", "ceb-2022", "ceb-2018"))
    assert judgement.message_set == "ceb-2022"


def test_without_a_choice_the_first_edition_that_takes_a_message_judges_it(catalogue: Catalogue) -> None:
    schema_errors = [
        problem.code
        for unit in judge(catalogue, order_without_number()).units
        for problem in unit.problems
        if problem.code.startswith("xsd.")
    ]
    assert schema_errors == [] or judge(catalogue, order_without_number(), ("ceb-2018",)).units[0].problems
    by_2018 = judge(catalogue, order_without_number(), ("ceb-2018",))
    assert [problem.code for problem in by_2018.units[0].problems if problem.severity == "error"] == ["xsd.min-length"]


def test_what_is_lawful_in_one_edition_is_refused_where_the_other_is_asked_for(catalogue: Catalogue) -> None:
    body = order_with_long_platform_code()
    assert judge(catalogue, body).message_set == "ceb-2018"
    refused = judge(catalogue, body, ("ceb-2022",))
    assert [problem.code for problem in refused.units[0].problems if problem.severity == "error"] == ["xsd.max-length"]


def test_a_message_no_edition_takes_is_explained_by_the_one_with_least_to_refuse(catalogue: Catalogue) -> None:
    """Both refuse the misspelt element, the edition of 2022 the long code too."""
    body = order_with_long_platform_code().replace(b"goodsValue>", b"goodsValu>")
    judgement = judge(catalogue, body)
    assert judgement.message_set == "ceb-2018"
    assert [problem.code for problem in judgement.units[0].problems if problem.severity == "error"] == [
        "xsd.unexpected-element"
    ]


def test_a_root_of_one_edition_alone_is_judged_by_it_whatever_was_asked_for(catalogue: Catalogue) -> None:
    body = next(path for path in sorted(RETURN.glob("*.xml")) if b"CEB213Message" in path.read_bytes()).read_bytes()
    assert judge(catalogue, body, ("ceb-2018",)).message_set == "ceb-2022"
