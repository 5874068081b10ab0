"""The samples of `ceb-2018`: the published ones beside the checkout, and the flow of one parcel that ships with it."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from decimal import Decimal
from pathlib import Path

import pytest
import xmlschema
from lxml import etree

CHECKOUT = Path(__file__).parents[2]
SET = CHECKOUT / "singlewindow/xsd/sets/ceb-2018"
PUBLISHED = CHECKOUT.parent / "shared/samples/ceb-2018"
NAMESPACES = {"ceb": "http://www.chinaport.gov.cn/ceb"}

FLOW = {
    "order": "CEB303Message",
    "payment_receipt": "CEB403Message",
    "waybill": "CEB505Message",
    "arrival": "CEB507Message",
    "departure": "CEB509Message",
    "inventory": "CEB603Message",
    "inventory_cancellation": "CEB605Message",
    "consolidation": "CEB607Message",
    "summary_application": "CEB701Message",
}


@pytest.fixture(scope="module")
def schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(SET / "ceb.xsd"))


@pytest.fixture(scope="module")
def second_schema() -> xmlschema.XMLSchema:
    return xmlschema.XMLSchema(SET / "ceb.xsd")


def parse_sample(name: str) -> etree._Element:
    return etree.parse(SET / f"samples/{name}.xml").getroot()


def texts(sample: str, *names: str) -> tuple[str, ...]:
    """The first text of each of the elements, wherever they stand."""
    root = parse_sample(f"valid/{sample}")
    return tuple(root.findtext(f".//ceb:{name}", default="", namespaces=NAMESPACES) for name in names)


def numbers(sample: str, name: str) -> Iterator[Decimal]:
    found = parse_sample(f"valid/{sample}").iterfind(f".//ceb:{name}", NAMESPACES)
    return (Decimal(element.text or "") for element in found)


def test_every_published_sample_is_valid(schema: etree.XMLSchema, second_schema: xmlschema.XMLSchema) -> None:
    if not PUBLISHED.is_dir():
        pytest.skip("the published samples do not lie beside the checkout")
    samples = sorted(PUBLISHED.glob("*.xml"))
    assert len(samples) == 19
    assert [path.name for path in samples if not schema.validate(etree.parse(path))] == []
    assert [path.name for path in samples if not second_schema.is_valid(path)] == []


def test_the_valid_samples_are_one_of_each_request() -> None:
    shipped = {
        path.stem: etree.QName(parse_sample(f"valid/{path.stem}")).localname for path in SET.glob("samples/valid/*")
    }
    assert shipped == FLOW


@pytest.mark.parametrize("name", FLOW)
def test_a_valid_sample_is_valid(name: str, schema: etree.XMLSchema, second_schema: xmlschema.XMLSchema) -> None:
    sample = parse_sample(f"valid/{name}")
    schema.assertValid(sample.getroottree())
    second_schema.validate(sample)


@pytest.mark.parametrize("path", sorted(SET.glob("samples/invalid/*.xml")), ids=lambda path: path.stem)
def test_an_invalid_sample_is_invalid(path: Path, schema: etree.XMLSchema) -> None:
    assert not schema.validate(etree.parse(path))


def test_three_mistakes_are_three_errors(second_schema: xmlschema.XMLSchema) -> None:
    errors = list(second_schema.iter_errors(parse_sample("invalid/three_mistakes")))
    assert sorted(str(error.path).rpartition("/")[2] for error in errors) == ["OrderHead", "currency", "goodsValue"]


def test_a_message_of_100_with_faults_in_the_first_and_the_last_has_two_errors(
    schema: etree.XMLSchema, second_schema: xmlschema.XMLSchema
) -> None:
    message = parse_sample("valid/order")
    order = message[0]
    for _ in range(99):
        order.addnext(deepcopy(order))
    schema.assertValid(message.getroottree())
    for code in (message[0].find(".//ceb:currency", NAMESPACES), message[99].find(".//ceb:currency", NAMESPACES)):
        assert code is not None
        code.text = "14"
    assert not schema.validate(message.getroottree())
    assert len(list(second_schema.iter_errors(message))) == 2


def test_the_samples_are_about_one_parcel() -> None:
    order_key = ("ebpCode", "ebcCode", "orderNo")
    waybill_key = ("logisticsCode", "logisticsNo")
    assert texts("order", *order_key) == texts("payment_receipt", *order_key) == texts("inventory", *order_key)
    parcel = texts("waybill", *waybill_key)
    for sample in ("inventory", "consolidation", "arrival", "departure"):
        assert texts(sample, *waybill_key) == parcel, sample
    assert texts("inventory", "tradeMode", "statisticsFlag", "ieFlag") == ("9610", "B", "E")
    assert texts("inventory_cancellation", "invtNo") == texts("summary_application", "invtNo")


def test_the_amounts_and_weights_of_the_samples_add_up() -> None:
    (goods_value,) = numbers("order", "goodsValue")
    (freight,) = numbers("order", "freight")
    for sample in ("order", "inventory"):
        lines = zip(*(numbers(sample, name) for name in ("qty", "price", "totalPrice")), strict=True)
        assert all(quantity * price == total for quantity, price, total in lines), sample
        assert sum(numbers(sample, "totalPrice")) == goods_value, sample
    assert list(numbers("payment_receipt", "charge")) == [goods_value + freight]
    gross_weights = {next(numbers(sample, "grossWeight")) for sample in ("waybill", "inventory", "consolidation")}
    assert len(gross_weights) == 1
