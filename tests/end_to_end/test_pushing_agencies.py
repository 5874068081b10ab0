"""A whole chain with an agency that pushes by a description of its own, which changes while everything runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from tests.contract.declared_stage import AGENCIES, SETS, WSDLS, consignments, fiscal_result, revenue_reply, take_all
from tests.contract.pushing_stage import ENVIRONMENT, PASSWORD, USER, news, pushing_harbour
from tests.contract.wsdl_stub import Answer, WsdlStub
from tests.end_to_end.chain import SETTLE_SECONDS, Chain, Client, client_of, running_chain
from tests.end_to_end.documents import fresh
from tests.end_to_end.test_command_line import run


@asynccontextmanager
async def pushing_chain(parent: Path) -> AsyncIterator[tuple[Chain, Path, dict[str, WsdlStub]]]:
    """A chain with three agencies of which the harbour pushes; its folder, and their stubs."""
    harbour = pushing_harbour(parent / "pushers")
    answers: dict[str, Answer] = {
        "fiscal": lambda _: fiscal_result("100"),
        "revenue": lambda _: revenue_reply(0),
        "harbour": take_all,
    }
    stubs = {}
    async with AsyncExitStack() as stack:
        for name, wsdl in WSDLS.items():
            stubs[name] = WsdlStub(AGENCIES / name / wsdl, answers[name], f"/{name}")
            url = await stubs[name].start()
            stack.push_async_callback(stubs[name].stop)
            rewrite(parent / "pushers" / name, "{agencies_url}", url)
        starting = running_chain(
            parent / "pushing",
            environment={ENVIRONMENT: PASSWORD},
            agencies=str(parent / "pushers"),
            message_sets=str(SETS),
        )
        chain = await asyncio.to_thread(starting.__enter__)
        try:
            yield chain, harbour, stubs
        finally:
            await asyncio.to_thread(starting.__exit__, None, None, None)


def rewrite(folder: Path, before: str, after: str) -> None:
    path = folder / "agency.toml"
    text = path.read_text("utf-8")
    assert before in text
    path.write_text(text.replace(before, after), "utf-8")


async def push(chain: Chain, body: bytes) -> int:
    headers = {
        "Content-Type": "application/soap+xml; charset=utf-8",
        "Authorization": aiohttp.encode_basic_auth(USER, PASSWORD),
    }
    async with (
        aiohttp.ClientSession() as client,
        client.post(f"{chain.url}/soap/agencies/harbour", data=body, headers=headers) as answer,
    ):
        return answer.status


async def file(trader: Client) -> str:
    """A declaration that the harbour has."""
    receipt = await trader.file(consignments(f"C{fresh()}"))
    declaration = str(receipt["declarations"][0]["id"])
    await trader.until(declaration, lambda view: "harbour" in sent_to(view))
    return declaration


def sent_to(view: dict[str, Any]) -> set[str]:
    return {part["agency"] for part in view["parts"] if part["state"] == "submitted"}


async def until_harbour(operator: Client, told: Callable[[dict[str, Any]], bool]) -> None:
    async with asyncio.timeout(SETTLE_SECONDS):
        while not told(await show_harbour(operator)):
            await asyncio.sleep(0.1)


async def show_harbour(operator: Client) -> dict[str, Any]:
    agencies = (await operator.call("GET", "/v1/agencies")).json["agencies"]
    return next(dict(one) for one in agencies if one["agency"] == "harbour")


async def file_until_held(trader: Client, operator: Client) -> str:
    """The last of the declarations that a draining harbour is not sent any more."""
    async with asyncio.timeout(SETTLE_SECONDS):
        while True:
            receipt = await trader.file(consignments(f"C{fresh()}"))
            await asyncio.sleep(0.5)
            view = await show_harbour(operator)
            if (view["waiting"] >= 2, view["begun"]) == (True, 0):
                return str(receipt["declarations"][0]["id"])


async def release(chain: Chain, trader: Client, stubs: dict[str, WsdlStub], code: str) -> None:
    """File, and let the harbour push its decision under this code."""
    declaration = await file(trader)
    entry = stubs["harbour"].asked[-1].values.cargo.entry[-1]
    async with asyncio.timeout(SETTLE_SECONDS):
        while "harbour" in sent_to(await trader.view(declaration)):  # until the gateway knows the code
            assert await push(chain, news((entry.reference, f"S-{fresh()}", code, "2026-11-23T10:00:00Z"))) == 200
            await asyncio.sleep(0.2)
    await trader.until_status(declaration, "released")


async def test_pushed_decisions_release_and_a_changed_description_is_taken_without_a_restart(short_dir: Path) -> None:
    async with (
        pushing_chain(short_dir) as (chain, harbour, stubs),
        client_of(chain) as trader,
        client_of(chain, chain.operator_key) as operator,
    ):
        await release(chain, trader, stubs, "BERTHED")
        rewrite(harbour, 'BERTHED = "released"', 'BERTHED = "freed"')
        await until_harbour(operator, lambda view: view["refused"] is not None and "freed" in view["refused"]["reason"])
        assert (await trader.call("GET", "/v1/agencies")).json["agencies"][0]["refused"] is None
        await release(chain, trader, stubs, "BERTHED")
        rewrite(harbour, 'BERTHED = "freed"', 'ASHORE = "released", BERTHED = "released"')
        rewrite(harbour, 'BERTHED = "accepted"', 'ASHORE = "accepted", BERTHED = "accepted"')
        await until_harbour(operator, lambda view: view["refused"] is None)
        await release(chain, trader, stubs, "ASHORE")
        await until_harbour(operator, lambda view: view["last_exchange"] is not None and view["recent"]["calls"] >= 3)
        code, output = await run(chain, "adapter", "drain", "harbour", "--reason", "a new quay")
        assert (code, "draining" in output, "a new quay" in output) == (0, True, True)
        held = await file_until_held(trader, operator)
        code, output = await run(chain, "adapter", "list")
        assert code == 0
        assert all(name in output for name in ("harbour", "customs", "answered", "p99"))
        assert (await run(chain, "adapter", "resume", "harbour"))[0] == 0
        await trader.until(held, lambda view: "harbour" in sent_to(view))


async def test_every_agency_of_the_sandbox_has_a_password_of_its_own(chain: Chain) -> None:
    files = sorted((chain.data / "keys" / "agencies").iterdir())
    assert {path.name for path in files} == {"customs", "inspection", "road", "rail", "sea", "air"}
    assert len({path.read_text() for path in files}) == len(files)
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
