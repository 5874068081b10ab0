from __future__ import annotations

from pathlib import Path

import pytest

from singlewindow.errors import ConfigurationError
from singlewindow.xsd.catalogue import load_catalogue
from singlewindow.xsd.judging import Door
from singlewindow.xsd.parser import Refused

MANIFEST = """
name = "dropped-in"
title = "a set that nobody here wrote"
namespace = "urn:dropped-in"
prefix = "d"
schema = "main.xsd"
routes = []
statuses = {}
holding = {}
max_elements = 6

[kind.notice]
ends = ["accepted"]
volatile = ["sent"]

[[root]]
name = "Notices"
direction = "request"
kind = "notice"
unit = "Notice"
key = { number = "@number" }
facts = { weight = "weight", unit = "weight/@unit" }
lists = { stops = { path = "stop", place = "place" } }
conditions = { heavy = "d:weight > 100" }
"""

SCHEMA = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns="urn:dropped-in"
 targetNamespace="urn:dropped-in" elementFormDefault="qualified"><xs:include schemaLocation="{included}"/>
<xs:element name="Notices"><xs:complexType><xs:sequence>
<xs:element name="Notice" type="Notice" maxOccurs="unbounded"/>
</xs:sequence></xs:complexType></xs:element></xs:schema>"""

TYPES = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:dropped-in"
 elementFormDefault="qualified"><xs:complexType name="Notice"><xs:sequence>
<xs:element name="sent" type="xs:string"/>
<xs:element name="weight"><xs:complexType><xs:simpleContent><xs:extension base="xs:decimal">
<xs:attribute name="unit" type="xs:string"/></xs:extension></xs:simpleContent></xs:complexType></xs:element>
<xs:element name="stop" minOccurs="0" maxOccurs="9"><xs:complexType><xs:sequence>
<xs:element name="place" type="xs:string"/></xs:sequence></xs:complexType></xs:element></xs:sequence>
<xs:attribute name="number" type="xs:string" use="required"/></xs:complexType></xs:schema>"""

NOTICE = b"""<Notices xmlns="urn:dropped-in"><Notice number="N1"><sent>today</sent><weight unit="kg">120</weight>
<stop><place>A</place></stop></Notice></Notices>"""


def drop_in(folder: Path, *, manifest: str = MANIFEST, included: str = "types.xsd") -> Path:
    (folder / "sets" / "dropped").mkdir(parents=True)
    (folder / "sets" / "dropped" / "message-set.toml").write_text(manifest)
    (folder / "sets" / "dropped" / "main.xsd").write_text(SCHEMA.format(included=included))
    (folder / "sets" / "dropped" / "types.xsd").write_text(TYPES)
    return folder / "sets"


def test_the_built_in_sets_are_installed_and_compile() -> None:
    catalogue = load_catalogue()
    assert list(catalogue.manifests) == ["ceb-2018", "ceb-2022", "dxp", "export-1"]
    for installed in catalogue.sets.values():
        installed.compile()


def test_a_set_is_found_by_its_root() -> None:
    catalogue = load_catalogue()
    found = catalogue.by_root("http://www.chinaport.gov.cn/ceb", "CEB603Message")
    assert found is not None
    assert found.message_set.name == "ceb-2018"
    assert catalogue.by_root("urn:nobody", "CEB603Message") is None
    assert catalogue.by_root("http://www.chinaport.gov.cn/ceb", "CEB999Message") is None


async def test_a_dropped_in_set_needs_no_code(tmp_path: Path) -> None:
    door = Door(load_catalogue(drop_in(tmp_path)))
    try:
        (unit,) = (await door.judge(NOTICE)).units
        (wrong,) = (await door.judge(NOTICE.replace(b"120", b"12O"))).units
    finally:
        await door.close()
    assert unit.key == {"number": "N1"}
    assert unit.facts == {"weight": "120", "unit": "kg", "stops": [{"place": "A"}], "heavy": True}
    assert [(one.code, one.pointer) for one in wrong.problems] == [("xsd.not-a-number", "/Notices/Notice[1]/weight")]


async def test_a_sets_own_limit_of_elements_holds(tmp_path: Path) -> None:
    door = Door(load_catalogue(drop_in(tmp_path)))
    with pytest.raises(Refused) as caught:
        await door.judge(NOTICE.replace(b"</Notice>", b"<stop><place>B</place></stop></Notice>"))
    assert (caught.value.status, caught.value.code) == (413, "too-many-elements")


def test_of_two_sets_with_one_root_the_preferred_is_taken(tmp_path: Path) -> None:
    sets = drop_in(tmp_path)
    (sets / "other").mkdir()
    for name in ("main.xsd", "types.xsd"):
        (sets / "other" / name).write_bytes((sets / "dropped" / name).read_bytes())
    (sets / "other" / "message-set.toml").write_text(MANIFEST.replace('name = "dropped-in"', 'name = "other"', 1))
    catalogue = load_catalogue(sets)
    preferred = catalogue.by_root("urn:dropped-in", "Notices", "other")
    default = catalogue.by_root("urn:dropped-in", "Notices")
    assert preferred is not None
    assert default is not None
    assert (preferred.message_set.name, default.message_set.name) == ("other", "dropped-in")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("max_elements = 6", "max_element = 5", "unknown key max_element"),
        ("max_elements = 6", "max_elements = true", "max_elements: int is expected"),
        ('ends = ["accepted"]', 'ends = "accepted"', "kind.notice: ends: a list is expected"),
        ('volatile = ["sent"]', 'volatil = ["sent"]', "kind.notice: unknown key volatil"),
        ('direction = "request"', 'direction = "sideways"', "direction is request, response or envelope"),
        ('kind = "notice"', 'kind = "letter"', "there is no kind 'letter'"),
        ('unit = "Notice"', 'unit = "Body/Notice"', "unit is the name of a child"),
        ('prefix = "d"', "", "prefix is missing"),
        ("[kind.notice]", "[kind.notice", "message-set.toml"),
    ],
)
def test_a_wrong_manifest_is_refused_naming_file_and_key(old: str, new: str, told: str, tmp_path: Path) -> None:
    sets = drop_in(tmp_path, manifest=MANIFEST.replace(old, new))
    with pytest.raises(ConfigurationError) as caught:
        load_catalogue(sets)
    assert told in caught.value.detail
    assert "dropped/message-set.toml" in caught.value.detail


def test_a_name_that_is_installed_already_is_refused(tmp_path: Path) -> None:
    sets = drop_in(tmp_path, manifest=MANIFEST.replace("dropped-in", "ceb-2018", 1))
    with pytest.raises(ConfigurationError, match="installed already"):
        load_catalogue(sets)


@pytest.mark.parametrize(
    "included", ["../../secret.xsd", "/etc/hostname", "http://127.0.0.1:9/types.xsd", "absent.xsd"]
)
def test_a_schema_may_include_files_of_its_own_folder_only(included: str, tmp_path: Path) -> None:
    (tmp_path / "secret.xsd").write_text(TYPES)
    catalogue = load_catalogue(drop_in(tmp_path, included=included))
    with pytest.raises(ConfigurationError, match=r"main\.xsd|not in that folder"):
        catalogue.sets["dropped-in"].compile()


def test_a_schema_that_does_not_compile_is_refused_naming_its_file(tmp_path: Path) -> None:
    sets = drop_in(tmp_path)
    (sets / "dropped" / "types.xsd").write_text(TYPES.replace("xs:decimal", "xs:decimalo"))
    with pytest.raises(ConfigurationError, match=r"main\.xsd"):
        load_catalogue(sets).sets["dropped-in"].compile()
