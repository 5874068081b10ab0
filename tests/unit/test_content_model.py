from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import xmlschema
from lxml import etree

from singlewindow.xsd.content_model import content_faults
from singlewindow.xsd.findings import Finding, local

SCHEMA = Path(__file__).parents[2] / "singlewindow/xsd/sets/ceb-2018/ceb.xsd"
CEB = "http://www.chinaport.gov.cn/ceb"


@pytest.fixture(scope="module")
def schema() -> xmlschema.XMLSchema:
    return xmlschema.XMLSchema(SCHEMA)


def group_of(schema: xmlschema.XMLSchema, path: str) -> Any:
    declared: Any = schema.find("/".join(f"ceb:{step}" for step in path.split("/")), {"ceb": CEB})
    return declared.type.content


def faults(group: Any, names: Sequence[str]) -> list[tuple[str, str | None]]:
    return [(local(finding.element.tag), finding.hint) for finding in findings(group, names)]


def findings(group: Any, names: Sequence[str]) -> list[Finding]:
    parent = etree.Element(f"{{{CEB}}}Parent")
    for name in names:
        etree.SubElement(parent, f"{{{CEB}}}{name}")
    return content_faults(parent, group)


LINE = ["gnum", "itemNo", "itemName", "itemDescribe", "unit", "currency", "qty", "price", "totalPrice"]


def test_a_name_in_capitals_is_one_misspelling_and_nothing_is_missing(schema: xmlschema.XMLSchema) -> None:
    group = group_of(schema, "CEB303Message/Order/OrderList")
    assert [name for name, _ in faults(group, [name.replace("qty", "QTY") for name in LINE])] == ["QTY"]


@pytest.mark.parametrize(
    ("moved", "before", "told"),
    [
        ("itemDescribe", "totalPrice", ("itemDescribe", "put itemDescribe before unit")),  # optional: nobody misses it
        ("currency", "totalPrice", ("qty", "put currency before qty")),  # mandatory: missed where it should be
        ("totalPrice", "gnum", ("totalPrice", "put price before totalPrice")),
    ],
)
def test_one_moved_element_is_one_fault(moved: str, before: str, told: Any, schema: xmlschema.XMLSchema) -> None:
    names = [name for name in LINE if name != moved]
    names.insert(names.index(before), moved)
    assert faults(group_of(schema, "CEB303Message/Order/OrderList"), names) == [told]


def test_an_element_after_its_place_is_out_of_order_and_not_too_many(schema: xmlschema.XMLSchema) -> None:
    names = ["Order", "BaseTransfer", "BaseSubscribe", "ExtendMessage", "BaseSubscribe"]
    (finding,) = findings(group_of(schema, "CEB303Message"), names)
    assert (finding.code, finding.hint) == ("xsd.unexpected-element", "put BaseSubscribe before ExtendMessage")


def test_a_thousand_elements_in_disorder_are_told_within_the_budget(schema: xmlschema.XMLSchema) -> None:
    head = group_of(schema, "CEB603Message/Inventory/InventoryHead")
    names = [element.local_name for element in head.iter_elements()]
    started = time.process_time()
    assert findings(head, names[::-1] * 20)
    assert time.process_time() - started < 3.0
