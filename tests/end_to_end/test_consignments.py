"""The multimodal export declaration through the whole chain: release, movement, amendment, invalidation."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest

from tests.end_to_end.chain import Client
from tests.end_to_end.documents import fresh, sample


def consignment(name: str = "four_legs", mark: str = "") -> tuple[str, str]:
    """A shipped sample under a reference of its own; the document and the reference."""
    reference = f"FL-{fresh()}{mark}"
    original = "FOUR-LEGS-1" if name == "four_legs" else _lrn(sample("export-1", name))
    return sample("export-1", name).replace(original, reference), reference


def _lrn(document: str) -> str:
    return document.partition("<LRN>")[2].partition("</LRN>")[0]


def about(name: str, reference: str) -> str:
    """A message about a consignment, such as its amendment."""
    document = sample("export-1", name)
    return document.replace(_lrn(document), reference)


async def move(trader: Client, reference: str, leg: int, agency: str, event: str) -> None:
    """Let a carrier report that a leg departed or arrived."""
    body = json.dumps({"agency": agency, "lrn": reference, "leg": leg, "event": event}).encode()
    url = f"{trader.chain.sandbox_url}/sandbox/movements"
    async with trader.session.post(url, data=body, headers={"Content-Type": "application/json"}) as response:
        assert response.status < 300, await response.text()


def part(view: Any, action: str, leg: int | None = None) -> Any:
    """The part of an action, and leg where there is one for each; not planned yet: a part without a state."""
    found = (one for one in view["parts"] if one["action"] == action and one["leg"] == leg)
    return next(found, {"state": None})


def in_state(action: str, leg: int, state: str, view: Any) -> bool:
    """True when the part of an action and leg is in this state."""
    return bool(part(view, action, leg)["state"] == state)


async def test_the_four_leg_sample_is_released_in_one_call(trader: Client) -> None:
    document, reference = consignment()
    answer = await trader.call("POST", "/v1/declarations", document.encode(), Prefer="wait=5")
    assert answer.status == 200, answer.body[:500]
    assert "wait" in answer.headers["Preference-Applied"]
    view = answer.json["declarations"][0]
    assert view["status"] == "released"
    assert {one["agency"] for one in view["parts"]} >= {"inspection", "customs", "road", "rail", "sea"}
    assert [leg["number"] for leg in view["legs"]] == ["1", "2", "3", "4"]
    assert all(part(view, "book", leg)["state"] == "accepted" for leg in (1, 2, 3, 4))
    assert view["ready_to_move"] is True
    certificate = part(view, "inspect")["references"]["certificate"]
    effect = next(
        entry for entry in trader.chain.effects()
        if entry["agency"] == "customs" and entry["action"] == "declare" and reference in json.dumps(entry)
    )  # fmt: skip
    assert certificate in json.dumps(effect["references"])


async def test_leg_by_leg_departures_and_arrivals_close_it(trader: Client) -> None:
    document, reference = consignment()
    declaration = await trader.file_one(document)
    view = await trader.until(
        declaration, lambda seen: all(part(seen, "release", leg)["state"] == "accepted" for leg in (1, 2, 3, 4))
    )
    carriers = {one["leg"]: one["agency"] for one in view["parts"] if one["action"] == "release"}
    for leg in (1, 2, 3, 4):
        await move(trader, reference, leg, carriers[leg], "departed")
        await trader.until(declaration, partial(in_state, "release", leg, "departed"))
        await move(trader, reference, leg, carriers[leg], "arrived")
    view = await trader.until_status(declaration, "closed")
    assert all(part(view, "release", leg)["state"] == "arrived" for leg in (1, 2, 3, 4))
    states = [event["data"]["state"] for event in await events(trader, declaration) if event["type"] == "state"]
    assert states.index("departed") < states.index("closed")


async def events(trader: Client, declaration: str) -> list[Any]:
    """A declaration's history."""
    answer = await trader.call("GET", f"/v1/declarations/{declaration}/events")
    return list(answer.json["events"])


async def test_an_amendment_before_departure_adds_its_leg(trader: Client) -> None:
    document, reference = consignment()
    declaration = await trader.file_one(document)
    await trader.until_status(declaration, "released")
    amendment = await trader.file_one(about("amendment", reference))
    await trader.until_status(amendment, "accepted")
    view = await trader.until(declaration, lambda seen: len(seen["legs"]) == 5)
    assert view["status"] == "released"
    await trader.until(declaration, lambda seen: part(seen, "book", 5)["state"] == "accepted")


async def test_an_invalidation_cancels(trader: Client) -> None:
    document, reference = consignment("road")
    declaration = await trader.file_one(document)
    await trader.until_status(declaration, "released")
    invalidation = await trader.file_one(about("invalidation", reference))
    await trader.until_status(invalidation, "accepted")
    await trader.until_status(declaration, "cancelled")


async def test_an_exit_confirmation_by_the_trader_closes_it(trader: Client) -> None:
    document, reference = consignment()
    declaration = await trader.file_one(document)
    await trader.until_status(declaration, "released")
    await trader.file_one(about("arrival_at_exit", reference))
    await trader.file_one(about("exit_confirmation", reference))
    await trader.until_status(declaration, "closed")


@pytest.mark.parametrize("name", ["road", "rail", "sea", "air"])
async def test_every_single_leg_sample_is_released(trader: Client, name: str) -> None:
    document, _ = consignment(name)
    await trader.until_status(await trader.file_one(document), "released")


@pytest.mark.parametrize(
    ("mark", "expected"),
    [
        ("REJECT", "rejected"),
        ("FAULT", "released"),
        ("HTTP500", "released"),
        ("LOST", "released"),
        ("DUPLICATE", "released"),
        ("DISORDER", "released"),
        ("SLOW", "released"),
        ("INSPECT", "released"),
    ],
)
async def test_a_magic_word_in_the_reference_chooses_the_outcome(trader: Client, mark: str, expected: str) -> None:
    document, reference = consignment("road", mark=f"-CUSTOMS-{mark}")
    declaration = await trader.file_one(document)
    await trader.until_status(declaration, expected)
    effects = [
        (entry["business_key"], entry["action"]) for entry in trader.chain.effects() if reference in json.dumps(entry)
    ]
    assert len(effects) == len(set(effects)), "an agency acted twice"


async def test_a_silent_agency_holds_the_ball_and_says_since_when(trader: Client) -> None:
    document, _ = consignment("road", mark="-CUSTOMS-SILENT")
    declaration = await trader.file_one(document)
    view = await trader.until(declaration, lambda seen: part(seen, "declare")["state"] == "submitted")
    assert part(view, "declare")["holder"] == "customs"
    assert part(view, "declare")["since"]
