"""Sets that are dropped in: drafted from schemas, checked, and reloaded without a restart."""

from __future__ import annotations

import asyncio
import csv
import shutil
from pathlib import Path

import pytest

from singlewindow.errors import ConfigurationError
from singlewindow.xsd import reloading
from singlewindow.xsd.catalogue import BUILT_IN, load_catalogue
from singlewindow.xsd.drafting import draft_set
from singlewindow.xsd.examining import examine
from singlewindow.xsd.reloading import Reloader
from singlewindow.xsd.set_checking import check_set

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "ncts5" / "message-set.toml"

SCHEMA = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:permit" xmlns="urn:permit"
    elementFormDefault="qualified">
  <xs:element name="Permit">
    <xs:complexType><xs:sequence>
      <xs:element name="PermitNumber" type="xs:string"/>
      <xs:element name="Weight" type="xs:decimal"/>
      {more}
    </xs:sequence></xs:complexType>
  </xs:element>
</xs:schema>"""

PERMIT = b'<Permit xmlns="urn:permit"><PermitNumber>P1</PermitNumber><Weight>1.5</Weight></Permit>'
LONGER = b'<Permit xmlns="urn:permit"><PermitNumber>P1</PermitNumber><Weight>1</Weight><Port>CNSHA</Port></Permit>'
PORT = '<xs:element name="Port" type="xs:string"/>'


def write_schema(folder: Path, more: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "permit.xsd").write_text(SCHEMA.format(more=more), "utf-8")
    return folder / "permit.xsd"


def test_a_drafted_set_is_loaded_and_judges_documents(tmp_path: Path) -> None:
    (root,) = draft_set(tmp_path / "sets" / "permit", [write_schema(tmp_path / "source")])
    assert (root.name, root.unit, root.key) == ("Permit", ".", "PermitNumber")
    judgement = examine(load_catalogue(tmp_path / "sets"), PERMIT)
    assert judgement is not None
    assert judgement.message_set == "permit"
    assert judgement.units[0].key == {"PermitNumber": "P1"}


def test_a_repeated_child_that_holds_most_is_drafted_as_the_declaration(tmp_path: Path) -> None:
    roots = {root.name: root for root in draft_set(tmp_path / "parcels", [BUILT_IN / "ceb-2018" / "ceb.xsd"])}
    assert roots["CEB603Message"].unit == "Inventory"
    assert roots["CEB603Message"].key is not None


def test_a_manifest_is_never_overwritten_and_a_missing_include_is_named(tmp_path: Path) -> None:
    schema = write_schema(tmp_path / "source")
    draft_set(tmp_path / "permit", [schema])
    with pytest.raises(ConfigurationError, match="exists; it is not overwritten"):
        draft_set(tmp_path / "permit", [schema])
    broken = schema.read_text("utf-8").replace("<xs:element", '<xs:include schemaLocation="gone.xsd"/><xs:element', 1)
    schema.write_text(broken, "utf-8")
    with pytest.raises(ConfigurationError, match=r"line 3: gone\.xsd is not a file beside it"):
        draft_set(tmp_path / "other", [schema])


def test_checking_tells_every_sample_that_is_not_as_it_says(tmp_path: Path) -> None:
    folder = tmp_path / "permit"
    draft_set(folder, [write_schema(tmp_path / "source")])
    for verdict, body in (("valid", PERMIT), ("valid", LONGER), ("invalid", LONGER)):
        place = folder / "samples" / verdict
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{len(body)}.xml").write_bytes(body)
    told = {checked.subject: checked.passed for checked in check_set(folder)}
    assert told == {
        "permit": True,
        f"samples/valid/{len(PERMIT)}.xml": True,
        f"samples/valid/{len(LONGER)}.xml": False,
        f"samples/invalid/{len(LONGER)}.xml": True,
    }


def test_checking_a_set_that_does_not_load_says_why(tmp_path: Path) -> None:
    folder = tmp_path / "permit"
    draft_set(folder, [write_schema(tmp_path / "source")])
    (folder / "permit.xsd").write_text("<xs:schema", "utf-8")
    (only,) = check_set(folder)
    assert not only.passed
    assert "permit.xsd" in only.detail


@pytest.mark.timeout(300)
def test_a_set_nobody_here_wrote_agrees_with_its_published_verdicts(shared_samples: Path, tmp_path: Path) -> None:
    """European transit, phase 5: 33 schemas with a manifest alone."""
    published, folder = shared_samples / "ncts5", tmp_path / "ncts5"
    shutil.copytree(published, folder)
    shutil.copyfile(EXAMPLE, folder / "message-set.toml")
    with (published / "index.tsv").open(encoding="utf-8") as lines:
        listed = [row["file"] for row in csv.DictReader(lines, delimiter="\t")]
    checked = list(check_set(folder))
    assert [one.subject for one in checked] == ["ncts5", *listed]
    assert [f"{one.subject}: {one.detail}" for one in checked if not one.passed] == []
    assert len(listed) == 32


async def noted(_changes: list[int]) -> None:
    _changes.append(1)


async def test_a_changed_set_is_taken_and_a_broken_one_leaves_the_old_in_place(tmp_path: Path) -> None:
    source, sets = tmp_path / "source", tmp_path / "sets"
    draft_set(sets / "permit", [write_schema(source)])
    catalogue, changes = load_catalogue(sets), list[int]()
    async with Reloader(catalogue, sets, lambda: noted(changes)) as reloader:
        assert examine(catalogue, LONGER) is None
        shutil.copyfile(write_schema(source, PORT), sets / "permit" / "permit.xsd")
        assert await reloader.look()
        assert examine(catalogue, LONGER) is not None
        (sets / "permit" / "permit.xsd").write_text("<xs:schema", "utf-8")
        assert not await reloader.look()
        assert examine(catalogue, LONGER) is not None
        assert "permit.xsd" in catalogue.refused["permit"]
        shutil.copyfile(write_schema(source), sets / "permit" / "permit.xsd")
        assert await reloader.look()
        assert examine(catalogue, LONGER) is None
        assert examine(catalogue, PERMIT) is not None
        assert catalogue.refused == {}
    assert len(changes) == 3


async def test_a_set_dropped_in_while_running_is_found_beside_the_others(tmp_path: Path) -> None:
    sets = tmp_path / "sets"
    draft_set(sets / "permit", [write_schema(tmp_path / "source")])
    catalogue, changes = load_catalogue(sets), list[int]()
    async with Reloader(catalogue, sets, lambda: noted(changes)) as reloader:
        second = write_schema(tmp_path / "second")
        second.write_text(second.read_text("utf-8").replace("urn:permit", "urn:licence"), "utf-8")
        draft_set(sets / "licence", [second])
        assert await reloader.look()
        assert catalogue.extra is not None
        in_child = load_catalogue(catalogue.extra)
        for known in (catalogue, in_child):
            assert examine(known, PERMIT) is not None
            assert examine(known, PERMIT.replace(b"urn:permit", b"urn:licence")) is not None


async def test_a_file_that_vanishes_while_its_folder_is_looked_at_ends_no_looking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, sets = tmp_path / "source", tmp_path / "sets"
    draft_set(sets / "permit", [write_schema(source)])
    catalogue, changes = load_catalogue(sets), list[int]()
    monkeypatch.setattr(reloading, "LOOK_SECONDS", 0.01)
    looked: list[Path] = []

    def vanish(folder: Path) -> reloading.Print:
        looked.append(folder)
        raise FileNotFoundError(folder / "permit.xsd~")

    async with Reloader(catalogue, sets, lambda: noted(changes)), asyncio.timeout(20):
        with monkeypatch.context() as vanishing:
            vanishing.setattr(reloading, "take_print", vanish)
            while len(looked) < 2:
                await asyncio.sleep(0.01)
        shutil.copyfile(write_schema(source, PORT), sets / "permit" / "permit.xsd")
        while examine(catalogue, LONGER) is None:
            await asyncio.sleep(0.01)
