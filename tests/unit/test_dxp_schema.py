"""Every row of the element table of the exchange envelope, proven against `dxp.xsd`."""

from __future__ import annotations

from pathlib import Path

import pytest
import xmlschema
from lxml import etree

from tests.unit.ceb_instances import DXP, Table, build, locate, read_table, with_copies
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
SCHEMA = CHECKOUT / "singlewindow/xsd/sets/dxp/dxp.xsd"
ROOTS = ("DxpMsg", "DxpRep")

each_root = pytest.mark.parametrize("root", ROOTS)


@pytest.fixture(scope="module")
def table() -> Table:
    path = CHECKOUT.parent / "shared/domain/ceb/elements-dxp.tsv"
    if not path.is_file():
        pytest.skip("the published element table does not lie beside the checkout")
    return read_table(path, DXP)


@pytest.fixture(scope="module")
def schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(SCHEMA))


@pytest.fixture(scope="module")
def second_schema() -> xmlschema.XMLSchema:
    return xmlschema.XMLSchema(SCHEMA)


def test_every_message_of_the_table_is_walked(table: Table, second_schema: xmlschema.XMLSchema) -> None:
    assert {row.path for row in table.rows if "/" not in row.path} == set(ROOTS) == set(second_schema.elements)


@each_root
def test_libxml2_judges_every_row_as_the_table(root: str, table: Table, schema: etree.XMLSchema) -> None:
    for trials in (occurrence_trials, order_trials, value_trials):
        assert contradictions(judge_by(schema), trials(table, root)) == []


@each_root
def test_a_second_implementation_judges_every_row_as_the_table(
    root: str, table: Table, second_schema: xmlschema.XMLSchema
) -> None:
    for trials in (occurrence_trials, order_trials, value_trials):
        assert contradictions(second_schema.is_valid, trials(table, root)) == []


@each_root
def test_an_envelope_may_be_full_or_have_only_what_is_mandatory(
    root: str, table: Table, schema: etree.XMLSchema, second_schema: xmlschema.XMLSchema
) -> None:
    for message in (build(table, root), build(table, root, lean=True)):
        schema.assertValid(message.getroottree())
        second_schema.validate(message)


@each_root
def test_the_schema_declares_the_rows_of_the_table_and_no_others(
    root: str, table: Table, second_schema: xmlschema.XMLSchema
) -> None:
    rows = [(row.path, row.least, row.most) for row in table.of(root)]
    assert list(declared_paths(second_schema.elements[root], root)) == rows
    for row in table.of(root):
        if row.is_value:
            assert described(declaration(second_schema, table, row)) == expected(row), row.path


def test_a_message_goes_to_five_receivers_at_most(table: Table, schema: etree.XMLSchema) -> None:
    receiver = next(row for row in table.rows if row.path == "DxpMsg/TransInfo/ReceiverIds/ReceiverId")
    message = build(table, "DxpMsg", lean=True)
    assert schema.validate(with_copies(message, receiver, 5).getroottree())
    assert not schema.validate(with_copies(message, receiver, 6).getroottree())


def test_keys_may_have_any_text_and_need_no_name(table: Table, schema: etree.XMLSchema) -> None:
    message = build(table, "DxpMsg")
    key = locate(message, "DxpMsg/AddInfo/BizKey/Key")
    key.text = "单" * 5000
    del key.attrib["name"]
    schema.assertValid(message.getroottree())
