"""Every row of the published element tables of both editions, proven against the schemas of `ceb-2018`, `ceb-2022`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest
import xmlschema
from lxml import etree

from tests.unit.ceb_instances import (
    CEB,
    DS,
    Table,
    build,
    build_signature,
    locate,
    read_rows,
    read_table,
    replace_signature,
    with_value,
)
from tests.unit.element_trials import (
    contradictions,
    declaration,
    declared_paths,
    described,
    expected,
    judge_by,
    occurrence_trials,
    order_trials,
    value_trials,
)

CHECKOUT = Path(__file__).parents[2]
SETS = CHECKOUT / "singlewindow/xsd/sets"
TABLES = CHECKOUT.parent / "shared/domain/ceb"

FACETS = ["length", "minLength", "maxLength", "totalDigits", "fractionDigits"]
COLUMNS = ["path", "min", "max", "base", *FACETS, "default", "fixed"]
UNIT = "CEB900Message/MessageReturn"
FORMAT_FAILURE = [
    COLUMNS,
    ["CEB900Message", "1", "1", "sequence"],
    ["CEB900Message/@guid", "1", "1", "string", "36"],
    ["CEB900Message/@version", "1", "1", "string", "", "1", "10"],
    [UNIT, "1", "100", "sequence"],
    [f"{UNIT}/guid", "1", "1", "string", "36"],
    [f"{UNIT}/returnStatus", "1", "1", "string", "", "", "10"],
    [f"{UNIT}/returnInfo", "1", "1", "string", "", "", "5000"],
    [f"{UNIT}/returnTime", "1", "1", "string", "17"],
    [f"{UNIT}/oriCopMsgId", "1", "1", "string", "", "", "255"],
    [f"{UNIT}/oriMessageType", "1", "1", "string", "", "", "15"],
    [f"{UNIT}/oriBizMessage", "1", "1", "string"],
]
"""CEB900 of both editions: the published schemas, and so the tables, leave it out; the specification has it."""


@dataclass(frozen=True)
class Edition:
    """One edition: its requests and responses by number, and what an empty or any other text of these means."""

    name: str
    requests: tuple[int, ...]
    responses: tuple[int, ...]
    defaults: dict[str, str]
    fixed: dict[str, str]

    @property
    def roots(self) -> tuple[str, ...]:
        return tuple(f"CEB{number}Message" for number in (*self.requests, *self.responses))

    @cached_property
    def table(self) -> Table:
        path = TABLES / f"elements-{self.name}.tsv"
        if not path.is_file():
            pytest.skip("the published element tables do not lie beside the checkout")
        lines = ("\t".join([*cells, *[""] * (len(COLUMNS) - len(cells))]) for cells in FORMAT_FAILURE)
        return Table((*read_table(path, CEB).rows, *read_rows(lines)), CEB)

    @cached_property
    def schema(self) -> etree.XMLSchema:
        return etree.XMLSchema(etree.parse(SETS / f"ceb-{self.name}/ceb.xsd"))

    @cached_property
    def second_schema(self) -> xmlschema.XMLSchema:
        """The same schema in another implementation, which also tells what it declares."""
        return xmlschema.XMLSchema(SETS / f"ceb-{self.name}/ceb.xsd")


REQUESTS = (303, 403, 505, 507, 509, 603, 605, 607, 701)
RESPONSES = (304, 404, 506, 508, 510, 604, 606, 608, 702, 792, 900)
COMMON_DEFAULTS = {
    "CEB303 freight": "0",
    "CEB505 appStatus": "2",
    "CEB507 appStatus": "1",
    "CEB701 appStatus": "2",
}
OF_2018 = Edition(
    "2018", REQUESTS, RESPONSES, {**COMMON_DEFAULTS, "CEB303 appStatus": "2", "CEB403 appStatus": "2"}, {}
)
OF_2022 = Edition(
    "2022",
    (*REQUESTS, 213, 215),
    (*RESPONSES, 214, 216),
    {**COMMON_DEFAULTS, "CEB303 appStatus": "1", "CEB403 appStatus": "1"},
    {"CEB603 fFlag": "3", "CEB603 iFlag": "3"},
)
EDITIONS = (OF_2018, OF_2022)

each_edition = pytest.mark.parametrize("edition", EDITIONS, ids=lambda edition: edition.name)
each_root = pytest.mark.parametrize(
    ("edition", "root"),
    [pytest.param(edition, root, id=f"{edition.name}-{root}") for edition in EDITIONS for root in edition.roots],
)
each_request = pytest.mark.parametrize(
    ("edition", "root"),
    [
        pytest.param(edition, f"CEB{number}Message", id=f"{edition.name}-{number}")
        for edition in EDITIONS
        for number in edition.requests
    ],
)


@each_edition
def test_every_message_of_the_table_is_walked(edition: Edition) -> None:
    assert {row.path for row in edition.table.rows if "/" not in row.path} == set(edition.roots)


@each_root
def test_occurrences_are_those_of_the_table(edition: Edition, root: str) -> None:
    assert contradictions(judge_by(edition.schema), occurrence_trials(edition.table, root)) == []


@each_root
def test_the_order_of_elements_is_that_of_the_table(edition: Edition, root: str) -> None:
    assert contradictions(judge_by(edition.schema), order_trials(edition.table, root)) == []


@each_root
def test_lengths_digits_and_fixed_values_are_those_of_the_table(edition: Edition, root: str) -> None:
    assert contradictions(judge_by(edition.schema), value_trials(edition.table, root)) == []


@each_root
def test_a_message_may_be_full_or_have_only_what_is_mandatory(edition: Edition, root: str) -> None:
    for message in (build(edition.table, root), build(edition.table, root, lean=True)):
        edition.schema.assertValid(message.getroottree())
        edition.second_schema.validate(message)


@each_edition
@pytest.mark.parametrize("root", ["CEB304Message", "CEB505Message", "CEB900Message"])
def test_a_second_implementation_judges_the_same_values(edition: Edition, root: str) -> None:
    assert contradictions(edition.second_schema.is_valid, value_trials(edition.table, root)) == []


@each_edition
@pytest.mark.parametrize("root", ["CEB608Message", "CEB701Message"])
def test_a_second_implementation_judges_the_same_order(edition: Edition, root: str) -> None:
    assert contradictions(edition.second_schema.is_valid, order_trials(edition.table, root)) == []


@each_root
def test_the_schema_declares_the_rows_of_the_table_and_no_others(edition: Edition, root: str) -> None:
    rows = [(row.path, row.least, row.most) for row in edition.table.of(root)]
    assert list(declared_paths(edition.second_schema.elements[root], root)) == rows


@each_edition
def test_the_schema_declares_no_other_roots(edition: Edition) -> None:
    assert set(edition.second_schema.elements) == set(edition.roots)


@each_root
def test_types_lengths_defaults_and_fixed_values_are_declared_as_in_the_table(edition: Edition, root: str) -> None:
    for row in edition.table.of(root):
        if row.is_value:
            assert described(declaration(edition.second_schema, edition.table, row)) == expected(row), row.path


@each_request
def test_an_empty_element_takes_its_default_or_its_fixed_value(edition: Edition, root: str) -> None:
    for row in edition.table.of(root):
        meant = row.default or row.fixed
        if meant is not None:
            message = with_value(build(edition.table, root), row, "")
            path = "/" + "/".join(f"ceb:{step}" for step in row.path.split("/"))
            taken = edition.second_schema.decode(message, path=path, namespaces={"ceb": CEB})
            assert str(taken) == meant, row.path


@each_edition
def test_only_these_elements_have_a_default_or_a_fixed_value(edition: Edition) -> None:
    rows = edition.table.rows
    assert {f"{row.path[:6]} {row.name}": row.default for row in rows if row.default is not None} == edition.defaults
    assert {f"{row.path[:6]} {row.name}": row.fixed for row in rows if row.fixed is not None} == edition.fixed


def test_what_the_editions_differ_in_is_invalid_in_the_other() -> None:
    order = build(OF_2018.table, "CEB303Message")
    locate(order, "CEB303Message/Order/OrderHead/ebpCode").text = "P" * 18
    locate(order, "CEB303Message/Order/OrderHead/orderNo").text = None
    assert (OF_2018.schema.validate(order.getroottree()), OF_2022.schema.validate(order.getroottree())) == (False, True)
    waybill = build(OF_2018.table, "CEB505Message")
    locate(waybill, "CEB505Message/Logistics/logisticsNo").text = "W" * 33
    judged = (OF_2018.schema.validate(waybill.getroottree()), OF_2022.schema.validate(waybill.getroottree()))
    assert judged == (True, False)


@each_edition
@pytest.mark.parametrize(
    ("method", "digest"),
    [
        (f"{DS}rsa-sha1", f"{DS}sha1"),
        ("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", "http://www.w3.org/2001/04/xmlenc#sha256"),
        ("http://www.chinaport.gov.cn/2022/04/xmldsig#sm2-sm3", "http://www.chinaport.gov.cn/2022/04/xmldsig#sm3"),
        (f"{DS}sm2-sm3", f"{DS}sha1"),
    ],
)
def test_a_signature_of_any_algorithm_is_valid(edition: Edition, method: str, digest: str) -> None:
    message = build(edition.table, "CEB303Message")
    replace_signature(message, build_signature(method, digest))
    edition.schema.assertValid(message.getroottree())


@each_edition
@pytest.mark.parametrize("part", ["SignedInfo", "SignatureValue"])
def test_a_signature_without_its_parts_is_invalid(edition: Edition, part: str) -> None:
    message = build(edition.table, "CEB303Message")
    signature = build_signature()
    signature.remove(next(signature.iter(f"{{{DS}}}{part}")))
    replace_signature(message, signature)
    assert not edition.schema.validate(message.getroottree())


@each_request
def test_an_extension_may_carry_anything_even_a_broken_message(edition: Edition, root: str) -> None:
    message = build(edition.table, root)
    etree.SubElement(replace_extension(message), f"{{{CEB}}}stranger")
    edition.schema.assertValid(message.getroottree())


def replace_extension(message: etree._Element) -> etree._Element:
    """An empty message of the same root in place of the extension's content."""
    carrier = locate(message, f"{etree.QName(message).localname}/ExtendMessage/Message")
    carrier.clear()
    return etree.SubElement(carrier, message.tag)
