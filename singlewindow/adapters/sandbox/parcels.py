"""Customs for parcels (CEB): one state machine over all documents, to which their order of arrival makes no difference.

Nothing here waits or sends. A request goes in and notices with their due times come out; the same requests in the
same order give the same notices, which is how a restart recovers from the journal.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from singlewindow.adapters.sandbox.delays import spread_ms
from singlewindow.adapters.sandbox.filings import SUMMARY_DECLARATION, Filing
from singlewindow.adapters.sandbox.numbers import Numbers
from singlewindow.adapters.sandbox.papers import (
    ACCEPTED,
    ACTIONS,
    CANCELLED,
    CLOSED,
    PAPERS,
    RECEIVED,
    REGISTERED,
    REJECTED,
    RELEASED,
)
from singlewindow.adapters.sandbox.records import Decision, Notice, Request

DECLARE, CHANGE, DELETE = "declare", "change", "delete"


class Parcels:
    """Every document customs holds, by business key, by waybill and by inventory number."""

    def __init__(self, numbers: Numbers) -> None:
        self._numbers = numbers
        self._by_key: dict[str, Filing] = {}
        self._by_waybill: dict[tuple[str, str], list[Filing]] = defaultdict(list)
        self._by_number: dict[str, Filing] = {}
        self._left_ms: dict[tuple[str, str], int] = {}
        self._summaries: dict[str, list[Filing]] = defaultdict(list)

    def take(self, request: Request) -> Decision:
        """Decide on one document. A second task for a business key that is alive has no effect."""
        paper = PAPERS[request.root]
        key = "|".join((paper.kind, *(request.fields.get(name, "") for name in paper.key)))
        action = ACTIONS.get(request.fields.get("appType", ""), DECLARE)
        earlier = self._by_key.get(key)
        filing = Filing(request, paper, {"preNo": self._numbers.pre_entry_number(request.at_ms)})
        if action == DECLARE and earlier is not None and earlier.alive:
            return _refuse_duplicate(filing, key, earlier)
        answer = filing.say(RECEIVED, request.at_ms)
        later = self._delete(filing, earlier) if action == DELETE else self._enter(filing, key, action, earlier)
        return Decision(key, action, answer, tuple(later), attempt=filing.attempt)

    def _enter(self, filing: Filing, key: str, action: str, earlier: Filing | None) -> list[Notice]:
        """A new document or a change; a key that became free starts its next attempt."""
        if earlier is not None:
            filing.attempt = earlier.attempt + (action == DECLARE)
            filing.replaces = earlier if action == CHANGE and earlier.alive else None
        self._by_key[key] = filing
        return [*self._walk(filing), *self._consequences(filing)]

    def _walk(self, filing: Filing) -> list[Notice]:
        """The statuses that follow by themselves."""
        path = filing.choose_path()
        filing.alive = REJECTED not in path
        notices = []
        for status, offset_ms in zip(path, spread_ms(filing.request, len(path)), strict=True):
            due_ms = filing.request.at_ms + offset_ms
            if status == ACCEPTED:
                self._give_number(filing, due_ms)
            notices.append(filing.say(status, due_ms))
        return notices

    def _give_number(self, filing: Filing, at_ms: int) -> None:
        """With 399 an inventory gets its number and a summary its own; a change keeps the number it had."""
        office = filing.field("customsCode")
        if filing.paper.kind == "inventory":
            before = filing.replaces.numbers.get("invtNo") if filing.replaces else None
            filing.numbers["invtNo"] = before or self._numbers.inventory_number(office, at_ms)
            self._by_number[filing.numbers["invtNo"]] = filing
        elif filing.paper.kind == "summary_application":
            filing.numbers["sumNo"] = self._numbers.summary_number(office, at_ms)

    def _consequences(self, filing: Filing) -> list[Notice]:
        """What an accepted document brings about for others, and others that came before it for it."""
        if ACCEPTED not in filing.said_ms:
            return []
        match filing.paper.kind:
            case "inventory":
                self._by_waybill[filing.waybill].append(filing)
                return self._close([filing])
            case "departure":
                return self._depart(filing)
            case "inventory_cancellation":
                return _cancel(self._own_inventory(filing), filing.said_ms[ACCEPTED])
            case "summary_application":
                return self._summarise(filing)
            case _:
                return []

    def _own_inventory(self, cancellation: Filing) -> Filing | None:
        """The inventory a cancellation names, if the same agent or merchant declared it; numbers are easy to guess."""
        inventory = self._by_number.get(cancellation.field("invtNo"))
        if inventory is None:
            return None
        same = any(inventory.field(name) == cancellation.field(name) for name in ("agentCode", "ebcCode"))
        return inventory if same else None

    def _depart(self, departure: Filing) -> list[Notice]:
        notices = []
        for line in departure.request.lists.get("DepartureList", []):
            waybill = (departure.field("logisticsCode"), line.get("logisticsNo", ""))
            self._left_ms.setdefault(waybill, departure.said_ms[ACCEPTED])
            notices += self._close(self._by_waybill.get(waybill, []))
        return notices

    def _close(self, inventories: Iterable[Filing]) -> list[Notice]:
        """899 for each inventory that is released and whose parcel has left, whichever came first."""
        notices = []
        for filing in inventories:
            released_ms, left_ms = filing.said_ms.get(RELEASED), self._left_ms.get(filing.waybill)
            if released_ms is None or left_ms is None or not filing.alive or CLOSED in filing.said_ms:
                continue
            notices.append(filing.say(CLOSED, max(released_ms, left_ms) + 1))
            for summary in self._summaries.pop(filing.numbers["invtNo"], []):
                notices += self._tell_result(summary, filing)
        return notices

    def _summarise(self, summary: Filing) -> list[Notice]:
        """792 for each inventory that is closed already; the others bring theirs when they are closed."""
        notices = []
        for line in summary.request.lists.get("SummaryApplyList", []):
            number = line.get("invtNo", "")
            inventory = self._by_number.get(number)
            if inventory is not None and CLOSED in inventory.said_ms:
                notices += self._tell_result(summary, inventory)
            else:
                self._summaries[number].append(summary)
        return notices

    def _tell_result(self, summary: Filing, inventory: Filing) -> list[Notice]:
        """Simplified declarations (statisticsFlag A) are in no summary."""
        if inventory.field("statisticsFlag") != SUMMARY_DECLARATION:
            return []
        due_ms = max(summary.said_ms[ACCEPTED], inventory.said_ms[CLOSED]) + 1
        return [summary.say_result(inventory, due_ms, self._numbers)]

    def _delete(self, filing: Filing, target: Filing | None) -> list[Notice]:
        """AppType 3: registered; the document with this key is dead, and an inventory hears 430."""
        due_ms = filing.request.at_ms + spread_ms(filing.request, 1)[0]
        filing.attempt = target.attempt if target else 1
        told = _cancel(target, due_ms) if target is not None and target.paper.kind == "inventory" else []
        if target is not None:
            target.alive = False
        return [filing.say(REGISTERED, due_ms), *told]


def _refuse_duplicate(filing: Filing, key: str, earlier: Filing) -> Decision:
    values = "|".join(key.split("|")[1:])
    text = f"处理失败，业务主键重复入库失败，报文业务主键[{values}]已存在，原报文对应状态为[{RECEIVED}-申报;]"
    answer = filing.say(filing.paper.band, filing.request.at_ms, info=text)
    task_id = earlier.request.task_id
    return Decision(key, DECLARE, answer, kind="duplicate", attempt=earlier.attempt, duplicate_of=task_id)


def _cancel(target: Filing | None, at_ms: int) -> list[Notice]:
    """430 for an inventory, and for the versions of it that changes replaced."""
    notices = []
    while target is not None:
        if target.alive:
            target.alive = False
            notices.append(target.say(CANCELLED, at_ms + 1))
        target = target.replaces
    return notices
