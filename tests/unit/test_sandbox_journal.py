from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from singlewindow.adapters.sandbox.journal import Journal, read_journal
from singlewindow.errors import ConfigurationError


async def test_lines_are_on_disk_when_append_returns(tmp_path: Path) -> None:
    path = tmp_path / "sandbox" / "effects.jsonl"
    async with Journal(path) as journal:
        await journal.append([{"number": 1}])
        assert list(read_journal(path)) == [{"number": 1}]


async def test_lines_keep_the_order_of_the_calls(tmp_path: Path) -> None:
    path = tmp_path / "effects.jsonl"
    async with Journal(path) as journal:
        journal.note({"number": 0})
        await asyncio.gather(*(journal.append([{"number": number}]) for number in range(1, 200)))
    assert [line["number"] for line in read_journal(path)] == list(range(200))


async def test_calls_that_wait_together_are_synced_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fdatasync", synced.append)
    async with Journal(tmp_path / "effects.jsonl") as journal:
        await asyncio.gather(*(journal.append([{"number": number}]) for number in range(100)))
        assert 1 <= len(synced) <= 3


async def test_an_empty_append_waits_for_what_was_noted(tmp_path: Path) -> None:
    path = tmp_path / "effects.jsonl"
    async with Journal(path) as journal:
        journal.note({"number": 1})
        await journal.append([])
        assert list(read_journal(path)) == [{"number": 1}]


async def test_what_nobody_waits_for_is_written_soon(tmp_path: Path) -> None:
    path = tmp_path / "effects.jsonl"
    async with Journal(path) as journal, asyncio.timeout(10):
        journal.note({"number": 1})
        while not list(read_journal(path)):
            await asyncio.sleep(0.01)


async def test_a_torn_last_line_is_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "effects.jsonl"
    path.write_bytes(b'{"number":1}\n{"number":2')
    assert list(read_journal(path)) == [{"number": 1}]
    async with Journal(path) as journal:
        await journal.append([{"number": 3}])
    assert list(read_journal(path)) == [{"number": 1}, {"number": 3}]


async def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "effects.jsonl"
    path.write_bytes(b'{"number":1}\nnonsense\n')
    with pytest.raises(ConfigurationError, match="line 2"):
        list(read_journal(path))


async def test_a_journal_that_failed_takes_nothing_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: int) -> None:
        raise OSError("no space")

    async with Journal(tmp_path / "effects.jsonl") as journal:
        with monkeypatch.context() as broken:
            broken.setattr(os, "fdatasync", refuse)
            with pytest.raises(OSError, match="no space"):
                await journal.append([{"number": 1}])
        with pytest.raises(OSError, match="no space"):
            await journal.append([{"number": 2}])
        journal._failure = None


async def test_a_full_disk_leaves_no_half_line_and_nothing_is_written_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, write, calls = tmp_path / "effects.jsonl", os.write, list[int]()

    def run_full(file: int, data: memoryview) -> int:
        calls.append(file)
        if len(calls) == 1:
            return write(file, data[:5])
        if len(calls) == 2:
            raise OSError("no space")
        return write(file, data)

    async with Journal(path) as journal:
        await journal.append([{"number": 0}])
        with monkeypatch.context() as full:
            full.setattr(os, "write", run_full)
            # the second group is waiting already when the first finds the disk full
            told = await asyncio.gather(
                journal.append([{"number": 1}]), _later(journal, {"number": 2}), return_exceptions=True
            )
        journal._failure = None
    assert [type(one) for one in told] == [OSError, OSError]
    assert list(read_journal(path)) == [{"number": 0}]


async def _later(journal: Journal, line: dict[str, int]) -> None:
    await asyncio.sleep(0)
    await journal.append([line])
