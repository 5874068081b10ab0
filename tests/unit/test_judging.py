from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from singlewindow.messages.judgement import Judgement
from singlewindow.xsd.catalogue import Catalogue, load_catalogue
from singlewindow.xsd.judge_child import judge as judge_in_process
from singlewindow.xsd.judging import LOOP_BYTES, Door
from singlewindow.xsd.parser import Refused
from tests.unit.ceb_messages import INVENTORY, SAMPLES, SETS, inventories, renamed, signed

MISSPELT = renamed(b"portCode", b"prtCode")
TOO_LONG = ((b"<ieFlag>E", b"<ieFlag>EE"),)


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


@pytest_asyncio.fixture
async def door(catalogue: Catalogue) -> AsyncIterator[Door]:
    door = Door(catalogue)
    yield door
    await door.close()


def told(judgement: Judgement) -> list[tuple[int | None, str, str | None]]:
    found = [*judgement.problems, *(problem for unit in judgement.units for problem in unit.problems)]
    return [(problem.ordinal, problem.code, problem.element) for problem in found if problem.severity == "error"]


async def test_all_published_samples_are_valid(shared_samples: Path, door: Door) -> None:
    files = sorted((shared_samples / "ceb-2018").glob("*.xml"))
    assert len(files) == 19
    for file in files:
        judgement = await door.judge(file.read_bytes())
        assert told(judgement) == [], file.name
        assert len(judgement.units) == 10 or judgement.direction == "response"


@pytest.mark.parametrize("file", sorted(SETS.glob("*/samples/valid/*.xml")), ids=lambda file: file.stem)
async def test_every_shipped_sample_is_valid(file: Path, door: Door) -> None:
    edition = file.parents[2].name
    judgement = await door.judge(file.read_bytes(), editions=(edition,))
    assert told(judgement) == []
    assert judgement.message_set == edition


async def test_faults_in_the_first_and_the_last_of_a_hundred_leave_ninety_eight_valid(door: Door) -> None:
    judgement = await door.judge(inventories(100, {1: MISSPELT, 100: TOO_LONG}))
    assert told(judgement) == [(1, "xsd.unexpected-element", "prtCode"), (100, "xsd.length", "ieFlag")]
    assert [unit.ordinal for unit in judgement.units if not unit.valid] == [1, 100]
    assert judgement.units[1].key == {"agentCode": "9999960005", "copNo": "EXINV00000002"}
    assert not judgement.refused
    assert not judgement.truncated


async def test_an_invalid_declaration_keeps_the_key_it_has(door: Door) -> None:
    judgement = await door.judge(inventories(2, {2: MISSPELT}))
    assert judgement.units[1].key == {"agentCode": "9999960005", "copNo": "EXINV00000002"}


async def test_a_fault_beside_the_declarations_refuses_the_message_and_blames_none_of_them(door: Door) -> None:
    judgement = await door.judge(inventories(3).replace(b"BaseTransfer>", b"BaseTransfr>"))
    assert told(judgement) == [(None, "xsd.unexpected-element", "BaseTransfr")]
    assert judgement.refused
    assert all(unit.valid for unit in judgement.units)


async def test_faults_within_and_beside_the_declarations_are_told_together(door: Door) -> None:
    body = inventories(3, {1: MISSPELT, 2: MISSPELT, 3: MISSPELT}).replace(b"dxpMode>", b"dxpMod>")
    assert told(await door.judge(body)) == [
        (None, "xsd.unexpected-element", "dxpMod"),
        *((ordinal, "xsd.unexpected-element", "prtCode") for ordinal in (1, 2, 3)),
    ]


@pytest.mark.parametrize("changes", [{}, {3: TOO_LONG}])
async def test_one_declaration_too_many_refuses_the_message(
    changes: dict[int, tuple[tuple[bytes, bytes], ...]], door: Door
) -> None:
    judgement = await door.judge(inventories(101, changes))
    assert told(judgement)[0] == (None, "xsd.too-many", "Inventory")
    assert [unit.ordinal for unit in judgement.units if not unit.valid] == list(changes)


async def test_a_misnamed_declaration_refuses_the_message_with_the_right_name(door: Door) -> None:
    judgement = await door.judge(INVENTORY.replace(b"Inventory>", b"Inventry>"))
    (problem,) = judgement.problems
    assert (problem.code, problem.hint) == ("xsd.unexpected-element", "did you mean Inventory?")
    assert judgement.units == ()


async def test_a_signed_message_with_an_invalid_declaration_is_refused_whole(door: Door) -> None:
    judgement = await door.judge(signed(inventories(2, {2: TOO_LONG})))
    assert judgement.signed
    assert judgement.refused
    assert (None, "message-stands-whole", None) in told(judgement)


async def test_a_signed_valid_message_is_taken(door: Door) -> None:
    judgement = await door.judge(signed(inventories(2)))
    assert judgement.signed
    assert not judgement.refused


async def test_content_without_volatile_fields_is_the_same_content(door: Door) -> None:
    changed = INVENTORY.replace(b"<appTime>2", b"<appTime>1").replace(b"  <", b"\t<")
    first, second = await door.judge(INVENTORY), await door.judge(changed)
    assert first.units[0].content_sha256 == second.units[0].content_sha256


async def test_an_other_prefix_is_the_same_content(door: Door) -> None:
    prefixed = INVENTORY.replace(b"</", b"\0").replace(b"<", b"<ceb:").replace(b"\0", b"</ceb:")
    prefixed = prefixed.replace(b"<ceb:?", b"<?").replace(b"<ceb:!", b"<!").replace(b"xmlns=", b"xmlns:ceb=")
    first, second = await door.judge(INVENTORY), await door.judge(prefixed)
    assert first.units[0].content_sha256 == second.units[0].content_sha256


@pytest.mark.parametrize(
    ("old", "new"),
    [(b"<appStatus>2", b"<appStatus>1"), (b"<ieFlag>E", b"<ieFlag>I"), (b"<gnum>1", b"<gnum>9")],
)
async def test_every_other_field_is_content(old: bytes, new: bytes, door: Door) -> None:
    first, second = await door.judge(INVENTORY), await door.judge(INVENTORY.replace(old, new, 1))
    assert second.units[0].valid
    assert first.units[0].content_sha256 != second.units[0].content_sha256


async def test_the_published_inventorys_saved_copies_are_another_content(shared_samples: Path, door: Door) -> None:
    units = (await door.judge((shared_samples / "ceb-2018" / "CEB603Message.xml").read_bytes())).units
    assert [unit.intent for unit in units] == ["declare"] + ["save"] * 9
    assert len({unit.content_sha256 for unit in units}) == 2


async def test_lines_of_an_arrival_join_by_the_heads_company_and_their_own_number(
    shared_samples: Path, door: Door
) -> None:
    units = (await door.judge((shared_samples / "ceb-2018" / "CEB507Message.xml").read_bytes())).units
    assert [(join.name, join.values, join.company) for join in units[0].joins] == [
        ("waybill", ("1105910159", f"L201805070000{number}"), (0,)) for number in ("1", "2", "3")
    ]


async def test_a_part_says_which_of_how_many_it_is(shared_samples: Path, door: Door) -> None:
    units = (await door.judge((shared_samples / "ceb-2018" / "CEB607Message.xml").read_bytes())).units
    assert (units[0].facts["msgCount"], units[0].facts["msgSeqNo"]) == ("9", "9")


@pytest.mark.parametrize(("sample", "intent"), [("order", "declare"), ("waybill", "declare"), ("arrival", "save")])
async def test_an_empty_status_means_its_default_and_warns(sample: str, intent: str, door: Door) -> None:
    body = (SAMPLES / "valid" / f"{sample}.xml").read_bytes().replace(b"<appStatus>2</appStatus>", b"<appStatus/>")
    unit = (await door.judge(body)).units[0]
    assert unit.valid
    assert unit.intent == intent
    assert [(problem.code, problem.severity) for problem in unit.problems] == [("ceb.effective-app-status", "warning")]


async def test_subscribers_are_recorded_with_a_warning(door: Door) -> None:
    subscriber = b"<BaseSubscribe><status>ALL</status><dxpMode>DXP</dxpMode><dxpAddress>D1</dxpAddress></BaseSubscribe>"
    judgement = await door.judge(INVENTORY.replace(b"</BaseTransfer>", b"</BaseTransfer>" + subscriber))
    assert [(problem.code, problem.severity) for problem in judgement.problems] == [
        ("ceb.subscribers-not-served", "warning")
    ]
    assert not judgement.refused


async def test_an_unknown_root_is_refused_with_what_is_installed(door: Door) -> None:
    with pytest.raises(Refused) as caught:
        await door.judge(b'<Order xmlns="urn:nobody"/>')
    assert (caught.value.status, caught.value.code) == (422, "unknown-root")
    assert "CEB603Message" in caught.value.detail
    assert "ExportDeclaration" in caught.value.detail


async def test_a_response_is_judged_and_named_as_one(shared_samples: Path, door: Door) -> None:
    judgement = await door.judge((shared_samples / "ceb-2018" / "CEB604Message.xml").read_bytes())
    assert judgement.direction == "response"


async def test_an_element_cannot_choose_its_own_type(door: Door) -> None:
    instance = b' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="Note"'
    with pytest.raises(Refused) as caught:
        await door.judge(INVENTORY.replace(b"<orderNo>", b"<orderNo" + instance + b">"))
    assert caught.value.code == "xsi-type-forbidden"


async def test_a_large_message_is_judged_in_a_child_as_it_would_be_here(catalogue: Catalogue, door: Door) -> None:
    body = inventories(20, {7: TOO_LONG}, lines=40)
    assert len(body) > LOOP_BYTES
    assert await door.judge(body) == judge_in_process(catalogue, body)
    valid = inventories(20, lines=40)
    assert await door.judge(valid) == judge_in_process(catalogue, valid)


async def test_messages_judged_at_once_get_their_own_verdicts(door: Door) -> None:
    canaries = [f"secret-of-tenant-{number:02}" for number in range(12)]
    bodies = [INVENTORY.replace(b"<ieFlag>E", b"<ieFlag>" + canary.encode()) for canary in canaries]
    judgements = await asyncio.gather(*(door.judge(body) for body in bodies))
    for canary, judgement in zip(canaries, judgements, strict=True):
        (problem,) = judgement.units[0].problems
        assert problem.value == canary
        assert not [other for other in canaries if other != canary and other in repr(judgement)]
