"""One CEB document at customs: what it has been told, and the notices that tell it."""

from __future__ import annotations

from dataclasses import dataclass, field

from singlewindow.adapters.sandbox.documents import SUMMARY_RESULT
from singlewindow.adapters.sandbox.magic import words_of
from singlewindow.adapters.sandbox.numbers import NO_INVENTORY_NUMBER, Numbers, ceb_time
from singlewindow.adapters.sandbox.papers import (
    ACCEPTED,
    DETAINED,
    EDITION_2022,
    EXAMINED,
    INFO,
    MANUAL_CHECK,
    REGISTERED,
    REJECTED,
    RELEASED,
    Paper,
)
from singlewindow.adapters.sandbox.records import Notice, Request, Statement

SUMMARY_DECLARATION = "B"
ENTRY_ACCEPTED = "1"

_HELD_INVENTORY = (REGISTERED, ACCEPTED, DETAINED)
_INSPECTED_INVENTORY = (REGISTERED, ACCEPTED, MANUAL_CHECK, EXAMINED, RELEASED)


@dataclass(slots=True)
class Filing:
    """`said_ms` has the time of each status given so far; it is no longer `alive` once refused, cancelled or deleted.

    `replaces` is the version that a change (appType 2) was made of.
    """

    request: Request
    paper: Paper
    numbers: dict[str, str]
    attempt: int = 1
    alive: bool = True
    replaces: Filing | None = None
    said_ms: dict[str, int] = field(default_factory=dict)
    last_ms: int = 0
    notices: int = 0

    @property
    def words(self) -> frozenset[str]:
        """The magic words that customs acts by."""
        return words_of(self.request)

    @property
    def waybill(self) -> tuple[str, str]:
        """What a departure finds an inventory by."""
        fields = self.request.fields
        return fields.get("logisticsCode", ""), fields.get("logisticsNo", "")

    def field(self, name: str) -> str:
        """A field of the request's head, empty when it has none."""
        return self.request.fields.get(name, "")

    def choose_path(self) -> tuple[str, ...]:
        """The statuses that will follow 2. Only an inventory is examined: the others would end before or go back."""
        words = self.words
        inventory = self.paper.kind == "inventory"
        if "SILENT" in words:
            return ()
        if "REJECT" in words or ("MEND" in words and self.attempt == 1):
            return (REJECTED,)
        if "HOLD" in words:
            return _HELD_INVENTORY if inventory else (MANUAL_CHECK,)
        return _INSPECTED_INVENTORY if inventory and "INSPECT" in words else self.paper.path

    def say(self, status: str, due_ms: int, *, info: str | None = None) -> Notice:
        """A response with one status; its returnTime is later than every one before."""
        time_ms = self._next_time(due_ms)
        self.said_ms[status] = time_ms
        values = self._numbers_to_tell() | {
            "returnStatus": status,
            "returnTime": ceb_time(time_ms),
            "returnInfo": info or INFO[status].format(element=self.paper.own[0]),
        }
        about = {name: self.field(name) for name in self.paper.about if name in self.request.fields}
        return self._notice(time_ms, Statement(self.paper.response, about, values))

    def say_result(self, inventory: Filing, due_ms: int, numbers: Numbers) -> Notice:
        """A CEB792 for one inventory, told to this summary application."""
        office, time_ms = self.field("customsCode"), self._next_time(due_ms)
        about = {
            name: self.field(name)
            for name in (
                "customsCode",
                "agentCode",
                "agentName",
                "ebcCode",
                "ebcName",
                "declAgentCode",
                "declAgentName",
            )
        }
        values = {
            "sumNo": self.numbers["sumNo"],
            "opDate": ceb_time(time_ms),
            "declSeqNo": numbers.declaration_number(office, time_ms),
            "entryId": numbers.entry_number(office, time_ms),
            "decState": ENTRY_ACCEPTED,
            "grossWeight": inventory.field("grossWeight"),
            "netWeight": inventory.field("netWeight"),
            "msgCount": "1",
            "msgSeqNo": "1",
        }
        waybill = {"invtNo": inventory.numbers["invtNo"], "logisticsNo": inventory.field("logisticsNo")}
        items = tuple(
            waybill | line | ({"gseqno": str(place)} if self.request.message_set == EDITION_2022 else {})
            for place, line in enumerate(inventory.request.lists.get("InventoryList", []), 1)
        )
        return self._notice(time_ms, Statement(SUMMARY_RESULT, about, values, items))

    def _numbers_to_tell(self) -> dict[str, str]:
        if self.paper.kind == "inventory":
            return {"invtNo": NO_INVENTORY_NUMBER} | self.numbers
        return dict(self.numbers)

    def _next_time(self, due_ms: int) -> int:
        self.last_ms = max(due_ms, self.last_ms + 1)
        return self.last_ms

    def _notice(self, due_ms: int, statement: Statement) -> Notice:
        self.notices += 1
        notice_id = f"{self.request.task_id}-{self.notices}"
        return Notice(notice_id, self.request.agency, self.request.task_id, due_ms, statement, self.words)
