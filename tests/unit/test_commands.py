"""Commands that need no chain: what they say and how they end where something is missing."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from singlewindow.cli import doctor, submit
from singlewindow.errors import Unavailable
from singlewindow.settings import Settings


async def test_submit_says_that_the_gateway_is_away_as_every_command_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submit, "RETRIES", 1)
    files = tuple(tmp_path / name for name in ("one.xml", "two.xml"))
    for file in files:
        file.write_text("<x/>", "utf-8")
    with pytest.raises(Unavailable, match="does not answer"):
        await submit._submit(files, wait=False, url="http://127.0.0.1:9", key="sw_x")


def test_what_submit_prints_of_files_and_answers_is_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    submit._show(Console(soft_wrap=True), "a[b].xml", 422, {"code": "invalid", "detail": "see [/c]"})
    assert capsys.readouterr().out == "a[b].xml: refused invalid: see [/c]\n"


async def test_doctor_measures_the_disk_of_a_folder_that_is_still_to_be_made(tmp_path: Path) -> None:
    verdict, text = await doctor._disk(Settings(data_dir=tmp_path / "not" / "there" / "yet"))
    assert verdict in {doctor.OK, doctor.WARNING}
    assert "GB free" in text
