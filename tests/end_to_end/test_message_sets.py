"""Message sets on the running chain: dropped in as configuration, two editions at once, envelopes and JSON."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.chain import CHECKOUT, SETTLE_SECONDS, Chain, Client, client_of, running_chain
from tests.end_to_end.documents import Parcel, fresh, sample, set_text
from tests.unit.envelopes import enclose

MANIFEST = CHECKOUT / "docs" / "examples" / "ncts5" / "message-set.toml"


@pytest.fixture(scope="module")
def transit_sets(short_dir: Path, shared_samples: Path) -> Path:
    """European transit as somebody would drop it in: the published schemas and a manifest."""
    folder = short_dir / "sets" / "ncts5"
    shutil.copytree(shared_samples / "ncts5" / "xsd", folder / "xsd")
    shutil.copyfile(MANIFEST, folder / "message-set.toml")
    return folder.parent


@pytest.fixture(scope="module")
def transit_chain(short_dir: Path, transit_sets: Path) -> Iterator[Chain]:
    with running_chain(short_dir / "transit", message_sets=str(transit_sets)) as chain:
        yield chain


def transit_declaration(shared_samples: Path) -> str:
    document = (shared_samples / "ncts5" / "msg" / "cc015c-valid.xml").read_text("utf-8")
    return set_text(document, "LRN", f"T{fresh()}")


async def test_a_set_dropped_in_is_filed_sent_to_customs_and_released(
    transit_chain: Chain, shared_samples: Path
) -> None:
    document = transit_declaration(shared_samples)
    async with client_of(transit_chain) as trader:
        receipt = await trader.file(document)
        assert (receipt["message_set"], receipt["type"]) == ("ncts5", "CC015C")
        view = await trader.until_status(receipt["declarations"][0]["id"], "released")
        assert view["references"]["MRN"]
        again = await trader.file(document)
    assert again["message_id"] == receipt["message_id"]
    effects = [effect for effect in transit_chain.effects() if effect["business_key"].startswith("CC015C|")]
    assert len(effects) == 1


async def test_a_mistake_in_a_set_dropped_in_is_told_with_its_place(transit_chain: Chain, shared_samples: Path) -> None:
    document = transit_declaration(shared_samples).replace("<declarationType>", "<declarationTipe>", 1)
    document = document.replace("</declarationType>", "</declarationTipe>", 1)
    async with client_of(transit_chain) as trader:
        answer = await trader.call("POST", "/v1/validations", document.encode())
    (error,) = [error for error in answer.json["errors"] if error["code"].startswith("xsd.")]
    assert error["pointer"] == "/CC015C/TransitOperation/declarationTipe"
    assert "declarationType" in error["hint"]
    assert error["line"]


async def test_a_set_dropped_in_takes_json_too(transit_chain: Chain, shared_samples: Path) -> None:
    document = transit_declaration(shared_samples)
    async with client_of(transit_chain) as trader:
        filed = await trader.file_one(document)
        mapped = (await trader.call("GET", f"/v1/declarations/{filed}/document?form=json")).json
        mapped["CC015C"]["TransitOperation"]["LRN"] = f"T{fresh()}"
        receipt = await trader.file(json.dumps(mapped), Content_Type="application/json")
        await trader.until_status(receipt["declarations"][0]["id"], "released")


async def test_a_set_is_changed_without_a_restart_and_a_broken_one_is_refused(
    transit_chain: Chain, transit_sets: Path, shared_samples: Path
) -> None:
    manifest = transit_sets / "ncts5" / "message-set.toml"
    good = manifest.read_text("utf-8")
    async with client_of(transit_chain) as trader:
        manifest.write_text(good.replace('title = "EU transit, phase 5"', 'title = "Transit, renewed"'), "utf-8")
        await until_sets(trader, lambda told: titles(told)["ncts5"] == "Transit, renewed")
        manifest.write_text(good.replace("namespace =", "namespaces ="), "utf-8")
        told = await until_sets(trader, lambda told: bool(told["refused"]))
        assert "namespaces" in told["refused"]["ncts5"]
        assert titles(told)["ncts5"] == "Transit, renewed"
        await trader.file(transit_declaration(shared_samples))
        manifest.write_text(good, "utf-8")
        await until_sets(trader, lambda told: titles(told)["ncts5"] == "EU transit, phase 5" and not told["refused"])


async def test_a_return_of_the_edition_of_2022_is_released(trader: Client) -> None:
    document = set_text(sample("ceb-2022", "return"), "coElNo", f"R{fresh()}")
    receipt = await trader.file(document)
    assert receipt["message_set"] == "ceb-2022"
    await trader.until_status(receipt["declarations"][0]["id"], "released")


async def test_an_inventory_of_2022_is_cancelled_by_a_message_of_2018(trader: Client) -> None:
    number = fresh()
    for name in ("order", "waybill"):
        document = sample("ceb-2022", name)
        document = set_text(document, "orderNo" if name == "order" else "logisticsNo", f"{name[0].upper()}{number}")
        await trader.file(document, Message_Set="ceb-2022")
    inventory = set_text(sample("ceb-2022", "inventory"), "orderNo", f"O{number}")
    inventory = set_text(set_text(inventory, "logisticsNo", f"W{number}"), "copNo", f"C{number}")
    receipt = await trader.file(inventory, Message_Set="ceb-2022")
    assert receipt["message_set"] == "ceb-2022"
    declared = receipt["declarations"][0]["id"]
    view = await trader.until_status(declared, "released")
    cancellation = Parcel(number).cancellation(view["references"]["invtNo"])
    filed = await trader.file(cancellation, Message_Set="ceb-2018")
    assert filed["message_set"] == "ceb-2018"
    await trader.until_status(declared, "cancelled")


async def test_a_document_in_gbk_is_forwarded_as_it_came_and_registered(trader: Client) -> None:
    document = Parcel().order().replace('encoding="UTF-8"', 'encoding="GBK"').encode("gbk")
    receipt = await trader.file(document)
    assert receipt["sha256"] == hashlib.sha256(document).hexdigest()
    await trader.until_status(receipt["declarations"][0]["id"], "registered")


async def test_a_parcel_filed_in_envelopes_is_released(trader: Client) -> None:
    parcel = Parcel()
    for document in (parcel.order(), parcel.waybill()):
        await trader.file(enclose(document.encode(), message_id=f"M{fresh()}"))
    receipt = await trader.file(enclose(parcel.inventory().encode(), message_id=f"M{fresh()}"))
    assert receipt["envelope"]["SenderId"] == "DXPENTERPRISE001"
    await trader.until_status(receipt["declarations"][0]["id"], "released")


async def until_sets(trader: Client, done: Callable[[Any], bool]) -> Any:
    """What is installed, once it satisfies `done`."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        told = (await trader.call("GET", "/v1/message-sets")).json
        if done(told):
            return told
        assert time.monotonic() < deadline, told
        await asyncio.sleep(0.1)


def titles(told: Any) -> dict[str, str]:
    return {one["name"]: one["title"] for one in told["message_sets"]}
