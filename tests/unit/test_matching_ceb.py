"""The difference report on real CEB documents: what the shipped manifest reads out of them is what is compared."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from singlewindow.messages.comparing import differences
from singlewindow.messages.judgement import Unit
from singlewindow.messages.manifest import MessageSet
from singlewindow.xsd.catalogue import Catalogue, load_catalogue
from singlewindow.xsd.judging import Door

SET = Path(__file__).parents[2] / "singlewindow/xsd/sets/ceb-2018"
VALID = SET / "samples/valid"
REQUESTS = [
    "order", "payment_receipt", "waybill", "inventory", "arrival", "departure", "consolidation",
    "inventory_cancellation", "summary_application",
]  # fmt: skip


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


@pytest_asyncio.fixture
async def door(catalogue: Catalogue) -> AsyncIterator[Door]:
    door = Door(catalogue)
    yield door
    await door.close()


@pytest.fixture(scope="module")
def message_set(catalogue: Catalogue) -> MessageSet:
    return catalogue.sets["ceb-2018"].message_set


async def first(door: Door, file: Path) -> Unit:
    return (await door.judge(file.read_bytes(), editions=("ceb-2018",))).units[0]


async def test_the_documents_of_one_parcel_agree(door: Door, message_set: MessageSet) -> None:
    inventory = await first(door, VALID / "inventory.xml")
    for name in ("order", "waybill", "payment_receipt"):
        partner = await first(door, VALID / f"{name}.xml")
        assert differences(inventory.facts, partner.facts, message_set.matching) == [], name


async def test_the_published_order_and_inventory_differ_as_they_are_known_to(
    shared_samples: Path, door: Door, message_set: MessageSet
) -> None:
    order = await first(door, shared_samples / "ceb-2018/CEB303Message.xml")
    inventory = await first(door, shared_samples / "ceb-2018/CEB603Message.xml")
    found = {one.code: one for one in differences(inventory.facts, order.facts, message_set.matching)}
    assert {"match.total", "match.currency"} <= set(found)
    assert found["match.total"].anchor == "200"
    assert found["match.currency"].anchor == "142"


@pytest.mark.parametrize("name", REQUESTS)
async def test_every_request_tells_its_app_time(door: Door, name: str) -> None:
    unit = await first(door, VALID / f"{name}.xml")
    assert len(unit.facts["app_time"]) == len("20260101120000")
