"""A chain started with a folder of agencies and a folder of message sets: nothing of either was known to it before."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from tests.contract.declared_stage import (
    AGENCIES,
    SETS,
    WSDLS,
    Harbour,
    consignments,
    fiscal_result,
    revenue_reply,
)
from tests.contract.wsdl_stub import WsdlStub
from tests.end_to_end.chain import client_of, running_chain
from tests.end_to_end.documents import fresh


@asynccontextmanager
async def agencies(folder: Path) -> AsyncIterator[dict[str, WsdlStub]]:
    """The three agencies at work, and their folders with the addresses they are at."""
    answers = {"fiscal": lambda _: fiscal_result("100"), "revenue": lambda _: revenue_reply(0)}
    stubs = {}
    async with AsyncExitStack() as stack:
        for name, wsdl in WSDLS.items():
            stubs[name] = WsdlStub(AGENCIES / name / wsdl, answers.get(name, Harbour().answer), f"/{name}")
            url = await stubs[name].start()
            stack.push_async_callback(stubs[name].stop)
            shutil.copytree(AGENCIES / name, folder / name)
            text = (folder / name / "agency.toml").read_text("utf-8").replace("{agencies_url}", url)
            (folder / name / "agency.toml").write_text(text, "utf-8")
        yield stubs


async def test_a_declaration_is_settled_at_agencies_that_did_not_exist_before(short_dir: Path) -> None:
    folder = short_dir / "agencies"
    async with agencies(folder) as stubs:
        starting = running_chain(short_dir / "declared", agencies=str(folder), message_sets=str(SETS))
        chain = await asyncio.to_thread(starting.__enter__)
        try:
            async with client_of(chain) as trader:
                receipt = await trader.file(consignments(f"C{fresh()}").decode())
                view = await trader.until_status(receipt["declarations"][0]["id"], "released")
        finally:
            await asyncio.to_thread(starting.__exit__, None, None, None)
    assert receipt["message_set"] == "consignments"
    assert view["references"] == {"berth": "B7", "entry": "E-0", "protocol": "P-1"}
    assert [len([one for one in stub.asked if one.operation != "news"]) for stub in stubs.values()] == [1, 1, 1]
