"""The carriers' own vocabularies: what each mode of transport calls its document, its operations and its states."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from stdnum import luhn

from singlewindow.adapters.sandbox.consignments import (
    ACCEPTED,
    ARRIVED,
    CANCELLED,
    DEPARTED,
    REJECTED,
    SUBMITTED,
    SUSPENDED,
)
from singlewindow.messages.check_digits import is_container_number, is_imo_number, is_wagon_number

CLEARED: Final = "cleared"
"""What a carrier calls a leg that customs has released: `accepted`, said of the release."""

_STATES: Final = (SUBMITTED, ACCEPTED, REJECTED, SUSPENDED, CLEARED, DEPARTED, ARRIVED, CANCELLED)


@dataclass(frozen=True, slots=True)
class Mode:
    """One mode's words. `checked` are elements whose numbers carry a check digit, with what tells a right one.

    The first three operations are acted upon once per MessageId.
    """

    book: str
    release: str
    cancel: str
    status: str
    number: str
    states: Mapping[str, str]
    checked: Mapping[str, Callable[[str], bool]]

    def acts(self) -> Mapping[str, str]:
        """The carriers' action by the operation that asks for it."""
        return {self.book: "book", self.release: "release", self.cancel: "cancel"}


def _states(*words: str) -> Mapping[str, str]:
    return dict(zip(_STATES, words, strict=True))


MODES: Final[Mapping[str, Mode]] = {
    "road": Mode(
        "IssueConsignmentNote", "ReleaseConsignmentNote", "CancelConsignmentNote", "GetConsignmentNote",
        "ConsignmentNoteNumber",
        _states("RECEIVED", "ISSUED", "REFUSED", "ON_HOLD", "RELEASED", "IN_TRANSIT", "DELIVERED", "CANCELLED"),
        {"ContainerNumber": is_container_number},
    ),
    "rail": Mode(
        "LodgeConsignmentNote", "AcceptCustomsRelease", "WithdrawConsignmentNote", "AskConsignmentNote",
        "ConsignmentIdentification",
        _states("LODGED", "ACCEPTED", "REJECTED", "SUSPENDED", "CLEARED", "DEPARTED", "ARRIVED", "WITHDRAWN"),
        {"ContainerNumber": is_container_number, "WagonNumber": is_wagon_number},
    ),
    "sea": Mode(
        "RequestBooking", "ConfirmCustomsClearance", "CancelBooking", "GetBooking",
        "CarrierBookingReference",
        _states(
            "RECEIVED", "CONFIRMED", "DECLINED", "PENDING_UPDATE", "CLEARED", "VESSEL_DEPARTED", "VESSEL_ARRIVED",
            "CANCELLED",
        ),
        {"EquipmentReference": is_container_number, "VesselIMONumber": is_imo_number},
    ),
    "air": Mode(
        "IssueAirWaybill", "AdviseClearance", "VoidAirWaybill", "TrackAirWaybill",
        "AirWaybillNumber",
        _states("RECEIVED", "ISSUED", "REJECTED", "ON_HOLD", "CLEARED", "DEPARTED", "ARRIVED", "VOIDED"),
        {},
    ),
}  # fmt: skip


def document_number(mode: str, booking: str) -> str:
    """The number of the transport document that confirms a booking such as SEA-20260302-000001; always the same.

    An air waybill's serial ends with itself modulo 7 (IATA resolution 600a). Road and rail notes end with a digit by
    Luhn's formula, which is this sandbox's choice: no convention prescribes one. An ocean booking has none.
    """
    _, day, serial = booking.split("-")
    match mode:
        case "air":
            return f"999-{int(serial):07d}{int(serial) % 7}"
        case "rail":
            body = f"3300001{day[2:]}{serial}"
        case "sea":
            return f"SWOL{day[2:]}{serial}"
        case _:
            body = f"{day}{serial}"
    return ("ECMR-" if mode == "road" else "") + body + luhn.calc_check_digit(body)


def bill_of_lading_number(booking_reference: str) -> str:
    """The bill of lading of an ocean booking: issued when customs has released the goods."""
    return booking_reference.replace("SWOL", "SWOLBL", 1)
