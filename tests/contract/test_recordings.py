"""Recorded exchanges before another version of an adapter: equal, or told line by line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from singlewindow.adapters.recordings.recording import Recording, read_file, write_line
from singlewindow.adapters.recordings.replaying import Difference, open_player
from singlewindow.cli.adapter_record import connect_folder
from singlewindow.errors import ConfigurationError
from singlewindow.xsd.xml_differences import list_differences
from tests.contract.declared_stage import AGENCIES, make_call

REPLY = b"""<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>
<registerResponse xmlns="urn:example:harbour"><receipts xmlns=""><receipt><id>%s</id><status>BERTHED</status>
<remark>words</remark><berth>B7</berth></receipt></receipts></registerResponse></e:Body></e:Envelope>"""


async def recorded(folder: Path) -> Recording:
    call = make_call("harbour", "R1")
    reply = REPLY % str(call.items[0].tasks[0].task_id).encode()
    async with open_player(connect_folder(folder)) as player:
        return await player.complete(call, reply, status=200)


async def compared(folder: Path, recording: Recording) -> Difference:
    async with open_player(connect_folder(folder)) as player:
        return await player.compare(recording)


def changed(tmp_path: Path, old: str, new: str) -> Path:
    folder = tmp_path / "harbour"
    shutil.copytree(AGENCIES / "harbour", folder)
    text = (folder / "agency.toml").read_text("utf-8")
    assert old in text
    (folder / "agency.toml").write_text(text.replace(old, new), "utf-8")
    return folder


async def test_the_same_adapter_asks_and_reads_as_it_did(tmp_path: Path) -> None:
    recording = await recorded(AGENCIES / "harbour")
    assert "answer[1].numbers.berth = B7" in recording.reading
    (tmp_path / "file").write_bytes(write_line(recording) * 2)
    for one in read_file(tmp_path / "file"):
        assert one == recording
        assert not await compared(AGENCIES / "harbour", one)


async def test_another_request_is_told_by_element(tmp_path: Path) -> None:
    recording = await recorded(AGENCIES / "harbour")
    found = await compared(changed(tmp_path, 'weight = "c:Weight"', "weight = \"'9'\""), recording)
    assert found.reading == []
    assert [line.partition(" = ")[2] for line in found.request] == ["1.5", "9"]
    assert all("/entry/weight = " in line for line in found.request)


async def test_another_reading_is_told_by_what_a_decision_hangs_on(tmp_path: Path) -> None:
    recording = await recorded(AGENCIES / "harbour")
    found = await compared(changed(tmp_path, 'BERTHED = "accepted"', 'BERTHED = "rejected"'), recording)
    assert found.request == []
    assert "-answer[1].verdict = acknowledged" in found.reading
    assert "+answer[1].verdict = rejected" in found.reading


async def test_an_adapter_that_cannot_read_the_reply_at_all_is_told(tmp_path: Path) -> None:
    recording = await recorded(AGENCIES / "harbour")
    found = await compared(changed(tmp_path, 'item = "receipts/receipt"', 'item = "receipts/other"'), recording)
    assert "+answer[1].verdict = unknown" in found.reading


@pytest.mark.parametrize("line", [b"{}", b"no json", b'{"format": "other"}'])
def test_a_file_that_holds_no_recordings_is_refused_with_the_line(line: bytes, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(line)
    with pytest.raises(ConfigurationError, match="line 1 is no recording"):
        list(read_file(tmp_path / "file"))


def test_spelling_is_no_difference() -> None:
    before = b'<a:x xmlns:a="u" b="1" c="2"><a:y> t </a:y></a:x>'
    after = b'<x xmlns="u" c="2" b="1">\n  <y>t</y>\n</x>'
    assert list_differences(before, after) == []
    assert list_differences(before, b'<x xmlns="u" b="1" c="2"><y>t</y><y>u</y></x>') != []
