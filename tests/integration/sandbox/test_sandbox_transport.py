"""Each carrier's own service, asked by a stock SOAP client that knows nothing but its WSDL."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from requests import ConnectionError as Disconnected
from stdnum import luhn
from zeep import Client
from zeep.exceptions import Fault

from singlewindow.adapters.sandbox.transport_modes import MODES, document_number
from singlewindow.messages.check_digits import is_air_waybill_number
from tests.integration.sandbox_stage import SingleWindow, Stage, ask_control, eventually, stage

stock_client: Any = Client

GOODS: dict[str, dict[str, Any]] = {
    "road": {
        "Sender": "Kiln", "Carrier": "Haulier", "VehicleRegistration": "苏E00001", "TakingOverPlace": "CNSZH",
        "DeliveryPlace": "CNNKG", "ContainerNumber": ["CSQU3054383"], "NatureOfGoods": ["Mugs"], "Packages": 40,
        "GrossWeightKilograms": 812.5,
    },
    "rail": {
        "Contract": "CIM-SMGS", "Consignor": "Kiln", "Undertaking": "Railway", "TrainNumber": "EX7302",
        "WagonNumber": ["313349520111"], "ForwardingStation": "CNNKG", "DestinationStation": "CNTAO",
        "HarmonisedCode": ["691200"], "MassKilograms": 812.5,
    },
    "sea": {
        "Shipper": "Kiln", "VesselIMONumber": "9876517", "VoyageNumber": "051W", "PortOfLoading": "CNTAO",
        "PortOfDischarge": "DEHAM", "EquipmentReference": ["CSQU3054383"], "CargoGrossWeightKilograms": 812.5,
    },
    "air": {
        "Shipper": "Kiln", "FlightNumber": "CA1031", "AirportOfDeparture": "PVG", "AirportOfDestination": "FRA",
        "UnitLoadDevice": ["AKE12345CA"], "Pieces": 40, "ChargeableWeightKilograms": 812.5,
    },
}  # fmt: skip


class Carrier:
    """A client of one mode, its operations by what they do."""

    def __init__(self, sandbox: Stage, mode: str) -> None:
        self.mode, self.words = mode, MODES[mode]
        self._url = f"{sandbox.url}/{mode}/documents?wsdl"
        self._client: Any = None

    async def call(self, operation: str, **values: Any) -> Any:
        return await asyncio.to_thread(self._call, operation, values)

    def _call(self, operation: str, values: Mapping[str, Any]) -> Any:
        self._client = self._client or stock_client(self._url)
        return self._client.service[operation](**values)

    async def book(self, lrn: str, message_id: str = "", **values: Any) -> Any:
        own = {"MessageId": message_id or str(uuid4()), "LocalReference": lrn, "Declarant": "KILN", "LegNumber": 2}
        return await self.call(self.words.book, **(own | GOODS[self.mode] | values))

    async def events(self, after: int = 0) -> list[Any]:
        return list((await self.call("ListEvents", After=after, Limit=50)).Event)

    async def number(self, lrn: str) -> str:
        """Book, and wait for the document's number."""
        booked = await self.book(lrn)
        while booked[self.words.number] is None:
            booked = next((one for one in await self.events() if one.MessageId == booked.MessageId), booked)
        return str(booked[self.words.number])


@pytest.fixture(params=["road", "rail", "sea", "air"])
def carrier(sandbox: Stage, request: pytest.FixtureRequest) -> Carrier:
    return Carrier(sandbox, request.param)


async def test_a_leg_is_booked_released_moved_and_heard_of(sandbox: Stage, carrier: Carrier) -> None:
    states = carrier.words.states
    number = await carrier.number("LEG-1")
    standing = await carrier.call(carrier.words.status, **{carrier.words.number: number})
    assert (standing.Status, standing.LegNumber) == (states["accepted"], 2)
    release = {"MessageId": str(uuid4()), carrier.words.number: number, "MovementReference": "26CN000000000001A7"}
    assert (await carrier.call(carrier.words.release, **release)).Status == states["cleared"]
    for event in ("departed", "arrived"):
        wanted = {"agency": carrier.mode, "booking": number, "event": event}
        assert (await ask_control(sandbox, "movements", wanted))[0] == 202
    events = await carrier.events()
    while len(events) < 2 or events[-1].Status != states["arrived"]:
        events = await carrier.events()
    assert [one.Status for one in events[-2:]] == [states["departed"], states["arrived"]]
    assert {(one[carrier.words.number], one.LegNumber) for one in events} == {(number, 2)}
    assert [one.Sequence for one in events] == list(range(1, len(events) + 1))
    assert await carrier.events(after=events[-1].Sequence) == []
    standing = await carrier.call(carrier.words.status, **{carrier.words.number: number})
    assert standing.Status == states["arrived"]
    assert [line["action"] for line in sandbox.lines()] == ["book", "release"]


async def test_the_same_message_is_acted_upon_once(sandbox: Stage, carrier: Carrier) -> None:
    message_id = str(uuid4())
    first, second = [await carrier.book("ONCE-1", message_id) for _ in range(2)]
    assert first == second
    assert len(sandbox.lines()) == 1
    assert [line["task_id"] for line in sandbox.lines("request")] == [message_id] * 2


async def test_a_document_is_cancelled(carrier: Carrier) -> None:
    number = await carrier.number("CANCEL-1")
    cancelled = await carrier.call(carrier.words.cancel, **{"MessageId": str(uuid4()), carrier.words.number: number})
    assert cancelled.Status == carrier.words.states["cancelled"]
    standing = await carrier.call(carrier.words.status, **{carrier.words.number: number})
    assert standing.Status == carrier.words.states["cancelled"]


@pytest.mark.parametrize(
    ("mode", "wrong"),
    [
        ("road", {"ContainerNumber": ["CSQU3054384"]}),
        ("rail", {"WagonNumber": ["313349520112"]}),
        ("rail", {"ContainerNumber": ["CSQU3054384"]}),
        ("sea", {"EquipmentReference": ["CSQU3054384"]}),
        ("sea", {"VesselIMONumber": "9876518"}),
    ],
)
async def test_a_wrong_check_digit_is_refused_and_books_nothing(sandbox: Stage, mode: str, wrong: Any) -> None:
    carrier = Carrier(sandbox, mode)
    refused = await carrier.book("WRONG-1", **wrong)
    assert refused.Status == carrier.words.states["rejected"]
    assert refused.Refusal.Code == "bad-check-digit"
    assert sandbox.lines() == []


async def test_an_unknown_number_is_told_so(carrier: Carrier) -> None:
    unknown = {carrier.words.number: "UNKNOWN-12345"}
    assert (await carrier.call(carrier.words.status, **unknown)).Refusal.Code == "unknown-document"
    release = await carrier.call(carrier.words.release, MessageId=str(uuid4()), **unknown)
    assert release.Refusal.Code == "unknown-document"


async def test_what_the_description_does_not_allow_is_a_fault_of_the_client(sandbox: Stage) -> None:
    with pytest.raises(Fault, match="MessageId"):
        await Carrier(sandbox, "road").book("WRONG-2", "no-uuid")


async def test_magic_words_and_weather_hold_here_too(sandbox: Stage) -> None:
    carrier = Carrier(sandbox, "air")
    refused = await carrier.book("REJECT-1")
    assert refused.Status == "REJECTED"
    assert refused.AirWaybillNumber is None
    with pytest.raises(Fault, match="FAULT in the reference"):
        await carrier.book("FAULT-1")
    await ask_control(sandbox, "outages", {"air": [{"for_seconds": 600}]}, method="PUT")
    with pytest.raises(Disconnected):
        await carrier.book("OUT-1")


async def test_the_bill_of_lading_is_issued_when_customs_has_released(sandbox: Stage) -> None:
    carrier = Carrier(sandbox, "sea")
    number = await carrier.number("BL-1")
    assert (await carrier.call("GetBooking", CarrierBookingReference=number)).TransportDocumentReference is None
    await carrier.call("ConfirmCustomsClearance", MessageId=str(uuid4()), CarrierBookingReference=number)
    bill = (await carrier.call("GetBooking", CarrierBookingReference=number)).TransportDocumentReference
    assert bill.startswith("SWOLBL")


async def test_documents_and_events_survive_a_restart(tmp_path: Path, window: SingleWindow) -> None:
    url = await window.start()
    async with stage(tmp_path, window, url) as before:
        number = await Carrier(before, "sea").number("KEPT-1")
        await eventually(lambda: len(before.lines("issued")) == 1)
    async with stage(tmp_path, window, url) as after:
        carrier = Carrier(after, "sea")
        assert (await carrier.call("GetBooking", CarrierBookingReference=number)).Status == "CONFIRMED"
        assert [one.Sequence for one in await carrier.events()] == [1]


def test_numbers_carry_their_check_digits() -> None:
    assert document_number("air", "AIR-20260302-000012") == "999-00000125"
    for serial in (1, 7, 123456):
        assert is_air_waybill_number(document_number("air", f"AIR-20260302-{serial:06d}"))
        assert luhn.is_valid(document_number("rail", f"RAIL-20260302-{serial:06d}"))
        assert luhn.is_valid(document_number("road", f"ROAD-20260302-{serial:06d}").removeprefix("ECMR-"))
