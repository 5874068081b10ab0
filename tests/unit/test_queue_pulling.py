from __future__ import annotations

import asyncio
import time

import pytest

from singlewindow.adapters.port import Notice
from singlewindow.errors import Unavailable
from singlewindow.messages.judgement import ResponseUnit
from singlewindow.queue.pulling import Puller
from singlewindow.queue.words import read_words
from tests.unit.queue_stage import Agency, MemoryLedger, read_response
from tests.unit.test_queue_lane import eventually


def test_a_notice_becomes_a_word_of_its_task() -> None:
    ledger = MemoryLedger()
    (task,) = ledger.add()
    (word,) = read_words("customs", [Notice("N1", b"released 800", task)], read_response, via="push")
    assert (word.agency, word.part_id, word.notice_id, word.via) == ("customs", task, "N1", "push")
    assert [(unit.code, unit.state) for unit in word.said] == [("800", "released")]


def test_an_unreadable_document_is_kept_and_moves_nothing() -> None:
    (task,) = MemoryLedger().add()
    (word,) = read_words("customs", [Notice("N1", b"broken", task)], read_response, via="pull")
    assert (word.document, [unit.state for unit in word.said]) == (b"broken", [None])


def test_a_fault_of_ours_in_reading_one_document_leaves_the_others_heard(capsys: pytest.CaptureFixture[str]) -> None:
    first, second = MemoryLedger().add(2)

    def read(message_set: str | None, document: bytes) -> tuple[ResponseUnit, ...]:
        if document == b"canary":
            raise OverflowError("canary")
        return read_response(message_set, document)

    notices = [Notice("N1", b"canary", first), Notice("N2", b"released", second)]
    broken, word = read_words("customs", notices, read, via="pull")
    assert ([unit.state for unit in broken.said], [unit.state for unit in word.said]) == ([None], ["released"])
    assert "OverflowError" in (told := capsys.readouterr().out)
    assert "canary" not in told


def test_a_notice_that_names_no_task_is_left_out() -> None:
    assert read_words("customs", [Notice("N1", b"released", None)], read_response, via="pull") == []


async def test_notices_are_pulled_from_where_the_cursor_stands() -> None:
    ledger, agency = MemoryLedger(), Agency()
    tasks = ledger.add(250)
    for number, task in enumerate(tasks):
        agency.announce(Notice(f"N{number}", b"released", task))
    puller = Puller(ledger, agency, read_response)
    assert [await puller.pull() for _ in range(4)] == [100, 100, 50, 0]
    assert (len(ledger.words), ledger.cursors) == (250, {"customs": "250"})


async def test_a_page_whose_words_were_not_taken_is_pulled_again() -> None:
    ledger, agency = MemoryLedger(), Agency()
    (task,) = ledger.add()
    agency.announce(Notice("N1", b"released", task))
    puller = Puller(ledger, agency, read_response)
    ledger.recording_away = 1
    with pytest.raises(Unavailable):
        await puller.pull()
    assert ledger.cursors == {}
    assert await puller.pull() == 1


async def test_two_pullers_take_each_notice_once() -> None:
    ledger, agency = MemoryLedger(), Agency()
    tasks = ledger.add(20)
    for number, task in enumerate(tasks):
        agency.announce(Notice(f"N{number}", b"released", task))
    pullers = [Puller(ledger, agency, read_response) for _ in range(2)]
    await asyncio.gather(*(puller.pull() for puller in pullers))
    assert [ledger.said(task) for task in tasks] == [[("pull", "released")]] * 20


async def test_a_puller_survives_failures_and_stops_when_told() -> None:
    ledger, agency = MemoryLedger(), Agency()
    (task,) = ledger.add()
    agency.fail_next("refused", "slow")
    agency.announce(Notice("N1", b"released", task))
    puller = Puller(ledger, agency, read_response)
    puller.start()
    await eventually(lambda: ledger.said(task) == [("pull", "released")])
    began = time.monotonic()
    await puller.stop()
    assert time.monotonic() - began < 1


async def test_an_idle_puller_looks_at_once_when_woken() -> None:
    ledger, agency = MemoryLedger(awaits=False), Agency()
    puller = Puller(ledger, agency, read_response)
    puller.start()
    await asyncio.sleep(0.05)
    (task,) = ledger.add()
    agency.announce(Notice("N1", b"released", task))
    began = time.monotonic()
    puller.wake()
    await eventually(lambda: ledger.said(task))
    assert time.monotonic() - began < 1
    await puller.stop()
