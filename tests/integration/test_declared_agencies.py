"""Declarations carried to agencies that only configuration knows, and settled, through the real ledger."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import trustme

from singlewindow.adapters.declared.adapter import DeclaredAdapter
from singlewindow.ledger.submissions import Submission
from singlewindow.messages.judgement import ResponseUnit
from singlewindow.queue.dispatching import AgencyDispatcher
from singlewindow.queue.pulling import Puller
from singlewindow.queue.retry import RetryPolicy
from singlewindow.xsd.catalogue import Catalogue, load_catalogue
from singlewindow.xsd.examining import examine
from singlewindow.xsd.responses import read_response
from tests.contract.declared_stage import (
    AGENCIES,
    SETS,
    WSDLS,
    Harbour,
    consignments,
    fiscal_result,
    revenue_reply,
)
from tests.contract.secured_agency import DigestCheck, SignatureCheck, secured, serve_tls, write_identity, write_secret
from tests.contract.signed_replies import Identity, Seal
from tests.contract.wrapping_attacks import into_the_header
from tests.contract.wsdl_stub import Asked, WsdlStub
from tests.integration.ledger_stage import LedgerStage, ledger_stage

NAMES = frozenset(WSDLS)


@dataclass
class Crossing:
    """The ledger, the catalogue and the agencies."""

    stage: LedgerStage
    catalogue: Catalogue
    adapters: dict[str, DeclaredAdapter]
    stubs: dict[str, WsdlStub]
    trader: UUID

    async def file(self, *references: str) -> list[UUID]:
        body = consignments(*references)
        judgement = examine(self.catalogue, body)
        assert judgement is not None
        filed = await self.stage.intake.file(
            Submission(self.trader, "consignments", judgement.root, body, judgement, {}, None)
        )
        await self.stage.match_all()
        return list(filed.declaration_ids)

    def read(self, message_set: str | None, document: bytes) -> tuple[ResponseUnit, ...]:
        return read_response(self.catalogue, document, message_set)

    async def dispatch(self, agency: str) -> int:
        """Carry what is due to one agency; how many tasks that was."""
        claims = await self.stage.tasks.claim_due(agency, limit=100, visibility_seconds=30)
        dispatcher = AgencyDispatcher(
            self.stage.tasks,
            self.adapters[agency],
            read_response=self.read,
            policy=RetryPolicy(base_seconds=0.01),
            ids=self.stage.ids,
        )
        await dispatcher.perform(claims)
        return len(claims)

    async def view(self, declaration: UUID) -> dict[str, Any]:
        view = await self.stage.reader.declaration(self.trader, declaration)
        assert view is not None
        return view


@pytest.fixture
async def crossing(database_url: str) -> AsyncIterator[Crossing]:
    answers = {"fiscal": lambda _: fiscal_result("100"), "revenue": lambda _: revenue_reply(0)}
    catalogue = load_catalogue(SETS, NAMES | {"customs", "inspection", "road", "rail", "sea", "air"})
    async with AsyncExitStack() as stack:
        stage = await stack.enter_async_context(ledger_stage(database_url, catalogue.manifests["consignments"]))
        stubs, adapters = {}, {}
        for name, wsdl in WSDLS.items():
            answer = answers.get(name, Harbour().answer)
            stubs[name] = WsdlStub(AGENCIES / name / wsdl, answer, f"/{name}")
            adapters[name] = DeclaredAdapter(AGENCIES / name, agencies_url=await stubs[name].start())
            stack.push_async_callback(stubs[name].stop)
            stack.push_async_callback(adapters[name].close)
        trader = await stage.traders.create("Example Trading Co", [], all_codes=True)
        yield Crossing(stage, catalogue, adapters, stubs, trader)


async def test_declarations_are_settled_at_three_agencies_that_only_configuration_knows(crossing: Crossing) -> None:
    declarations = await crossing.file("R1", "R2")
    assert await crossing.dispatch("harbour") == 2
    assert await crossing.dispatch("fiscal") == 2
    assert [(await crossing.view(one))["status"] for one in declarations] == ["submitted", "submitted"]
    await Puller(crossing.stage.tasks, crossing.adapters["harbour"], crossing.read).pull()
    assert await crossing.dispatch("revenue") == 2
    for declaration in declarations:
        view = await crossing.view(declaration)
        assert view["status"] == "released"
        assert {part["agency"]: part["state"] for part in view["parts"]} == dict.fromkeys(WSDLS, "released")
        assert view["references"] == {"berth": "B7", "entry": "E-0", "protocol": "P-1"}
    assert len([asked for asked in crossing.stubs["harbour"].asked if asked.operation == "register"]) == 1


async def test_what_an_agency_refuses_is_told_with_its_own_words(crossing: Crossing) -> None:
    crossing.stubs["fiscal"].answer = lambda _: fiscal_result("204")
    (declaration,) = await crossing.file("R3")
    await crossing.dispatch("fiscal")
    view = await crossing.view(declaration)
    assert view["status"] == "rejected"
    part = next(part for part in view["parts"] if part["agency"] == "fiscal")
    assert [(error["code"], error["message"]) for error in part["errors"]] == [("agency.fiscal.204", "words 204")]


async def test_a_published_wsdl_carries_a_declaration_by_configuration_alone(
    crossing: Crossing, shared_samples: Path, tmp_path: Path
) -> None:
    """The Brazilian transport document service: the folder's WSDL is replaced by the published one, no code is."""
    wsdl = tmp_path / "cte" / "reception.wsdl"
    wsdl.parent.mkdir()
    shutil.copyfile(shared_samples / "wsdl/br-sefaz/cte/wsdl/v4_0/cterecepcaosincv4.wsdl", wsdl)
    text = (AGENCIES / "fiscal" / "agency.toml").read_text("utf-8")
    (wsdl.parent / "agency.toml").write_text(text.replace('"receive"', '"cteRecepcao"'), "utf-8")
    stub = WsdlStub(wsdl, lambda _: fiscal_result("100", protocol="BR-1"), "/fiscal")
    crossing.adapters["fiscal"] = DeclaredAdapter(wsdl.parent, agencies_url=await stub.start())
    try:
        (declaration,) = await crossing.file("R4")
        await crossing.dispatch("fiscal")
    finally:
        await crossing.adapters["fiscal"].close()
        await stub.stop()
    part = next(part for part in (await crossing.view(declaration))["parts"] if part["agency"] == "fiscal")
    assert (part["state"], part["references"]) == ("released", {"protocol": "BR-1"})
    assert len(stub.asked) == 1


PASSWORD = "correct horse battery"
SECURITY = """
[security.tls]
ca = "ca.pem"
[security.basic]
username = "window"
password = "file:password"
[security.username_token]
username = "window"
password = "file:password"
[security.signature]
certificate = "ours.pem"
key = "file:ours.key"
reply_certificate = "agency.pem"
[security.addressing]
"""


async def test_a_forged_answer_settles_nothing_and_no_secret_is_stored(crossing: Crossing, tmp_path: Path) -> None:
    ca, ours, agency = trustme.CA(), Identity.make(), Identity.make()
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    write_identity(tmp_path, "ours", ours)
    write_identity(tmp_path, "agency", agency)
    write_secret(tmp_path / "password", PASSWORD.encode())
    checks = (DigestCheck("window", PASSWORD), SignatureCheck(ours))

    def check(asked: Asked) -> None:
        for one in checks:
            one(asked)

    forge = Seal(agency, change=into_the_header)
    async with secured(tmp_path, SECURITY, check=check, seal=lambda reply, _: forge(reply), tls=serve_tls(ca)) as (
        adapter,
        stub,
    ):
        stub.answer = Harbour().answer
        crossing.adapters["harbour"] = adapter
        (declaration,) = await crossing.file("R5")
        await crossing.dispatch("harbour")
        assert await part_state(crossing, declaration) != "released"
        stub.seal = lambda reply, _: Seal(agency)(reply)
        async with asyncio.timeout(60):
            while len(await exchanges(crossing, declaration)) == 1:
                await crossing.dispatch("harbour")
                await asyncio.sleep(0.05)
        await Puller(crossing.stage.tasks, adapter, crossing.read).pull()
    assert await part_state(crossing, declaration) == "released"
    forged, taken = await exchanges(crossing, declaration)
    assert "was moved to where it means nothing" in forged["error"]
    assert b"FORGED" in forged["reply"]
    assert taken["error"] is None
    for row in (forged, taken):
        assert PASSWORD not in str(row)
        for word in (b"Security", b"UsernameToken", b"Signature", b"MessageID"):
            assert word not in row["request"]


async def exchanges(crossing: Crossing, declaration: UUID) -> list[dict[str, Any]]:
    return [dict(row) for row in await crossing.stage.database.fetch("declaration_exchanges", declaration)]


async def part_state(crossing: Crossing, declaration: UUID) -> str:
    parts = (await crossing.view(declaration))["parts"]
    return str(next(part for part in parts if part["agency"] == "harbour")["state"])
