"""What is read from a set for its reference pages, and that docs/reference is what the sets say."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from singlewindow.cli.message_set import replace_pages
from singlewindow.gateway.reference_words import WORDS, say_type
from singlewindow.gateway.set_files import build_archive, list_files
from singlewindow.messages.manifest import Root
from singlewindow.xsd.catalogue import InstalledSet, load_catalogue
from singlewindow.xsd.reference import ElementReference, Meaning, RootReference, SetReference
from singlewindow.xsd.reference_elements import MAX_TOLD, read_roots, write_occurs
from singlewindow.xsd.reference_markdown import write_pages
from singlewindow.xsd.reference_rules import RulesByPlace, natural_order
from singlewindow.xsd.reference_sets import open_set, read_all_roots, read_set
from singlewindow.xsd.reference_shelf import ReferenceShelf

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference"
SETS = ["ceb-2018", "ceb-2022", "dxp", "export-1"]

SCHEMA = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:t" xmlns="urn:t"
    elementFormDefault="qualified">
  <xs:element name="Root"><xs:complexType>
    <xs:sequence>
      <xs:element name="Number" type="Number" default="A1">
        <xs:annotation><xs:documentation>the number (编号)</xs:documentation></xs:annotation>
      </xs:element>
      <xs:choice>
        <xs:element name="Left" type="xs:string" fixed="L"/>
        <xs:element name="Right" type="Kind"/>
      </xs:choice>
      <xs:sequence minOccurs="0" maxOccurs="3">
        <xs:element name="Pair" type="Party" minOccurs="2" maxOccurs="2"/></xs:sequence>
      <xs:any namespace="##other" minOccurs="0" maxOccurs="unbounded"/>
    </xs:sequence>
    <xs:attribute name="version" type="xs:decimal" use="required"/>
    <xs:attribute name="gone" use="prohibited"/>
  </xs:complexType></xs:element>
  <xs:simpleType name="Number"><xs:restriction base="xs:string">
    <xs:maxLength value="9"/></xs:restriction></xs:simpleType>
  <xs:simpleType name="Kind">
    <xs:annotation><xs:documentation xml:lang="en">a kind</xs:documentation>
      <xs:documentation xml:lang="zh">种类</xs:documentation></xs:annotation>
    <xs:restriction base="xs:string"><xs:enumeration value="X"><xs:annotation>
      <xs:documentation>ex</xs:documentation></xs:annotation></xs:enumeration>
      <xs:enumeration value="Y"/></xs:restriction>
  </xs:simpleType>
  <xs:complexType name="Party"><xs:sequence>
    <xs:element name="Agent" type="Party" minOccurs="0"/>
  </xs:sequence></xs:complexType>
</xs:schema>"""


@cache
def load(name: str) -> tuple[InstalledSet, SetReference, tuple[RootReference, ...]]:
    installed = open_set(name)
    reference = read_set(installed)
    return installed, reference, tuple(read_all_roots(installed, reference))


def read(folder: Path, schema: str = SCHEMA) -> RootReference:
    path = folder / "t.xsd"
    path.write_text(schema, "utf-8")
    return read_roots(path, [Root("Root", "request", "k")], lambda path: ("R1",) if path == "Root/Number" else ())[
        "Root"
    ]


def test_elements_are_told_in_order_with_attributes_first(tmp_path: Path) -> None:
    told = read(tmp_path)
    paths = [one.path for one in told.elements]
    assert paths == [
        "Root", "Root/@version", "Root/Number", "Root/Left", "Root/Right", "Root/Pair", "Root/Pair/Agent", "Root/*",
    ]  # fmt: skip
    assert told.complete
    assert [one.depth for one in told.elements] == [0, 1, 1, 1, 1, 1, 2, 1]


def test_groups_around_an_element_count_in_its_occurrences(tmp_path: Path) -> None:
    occurs = {one.name: (one.occurs, one.alternative) for one in read(tmp_path).elements}
    assert occurs["Number"] == ("1", False)
    assert occurs["Left"] == occurs["Right"] == ("0..1", True)
    assert occurs["Pair"] == ("0..6", False)
    assert occurs["*"] == ("0..n", False)
    assert write_occurs(2, 2) == "2"


def test_an_element_says_type_values_texts_and_rules(tmp_path: Path) -> None:
    told = {one.name: one for one in read(tmp_path).elements}
    assert told["Number"] == ElementReference(
        "Root/Number", "Number", 1, "1", "string, 0..9 characters", "Number", {}, "A1", None,
        Meaning("the number", "编号"), rules=("R1",),
    )  # fmt: skip
    assert told["Left"].fixed == "L"
    assert told["Right"].meaning == Meaning("a kind", "种类")
    assert told["Right"].values == {"X": Meaning("ex"), "Y": Meaning()}
    assert told["@version"].occurs == "1"


def test_types_that_contain_themselves_are_told_once(tmp_path: Path) -> None:
    told = {one.path: one for one in read(tmp_path).elements}
    assert told["Root/Pair/Agent"].recursive
    assert not told["Root/Pair"].recursive


def test_a_schema_without_end_is_cut(tmp_path: Path) -> None:
    names = [f"T{number}" for number in range(9)]
    types = "".join(
        f'<xs:complexType name="{own}"><xs:sequence>'
        + "".join(f'<xs:element name="{name}" type="{name}" minOccurs="0"/>' for name in names)
        + "</xs:sequence></xs:complexType>"
        for own in names
    )
    told = read(
        tmp_path,
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:t" xmlns="urn:t">'
        f'<xs:element name="Root" type="T0"/>{types}</xs:schema>',
    )
    assert (len(told.elements), told.complete) == (MAX_TOLD, False)


def test_rules_are_ordered_as_a_person_counts() -> None:
    assert sorted(["EX-R10", "EX-R9B", "EX-R9"], key=natural_order) == ["EX-R9", "EX-R9B", "EX-R10"]


@pytest.mark.parametrize("name", SETS)
def test_every_rule_is_said_of_an_element_that_the_set_has(name: str) -> None:
    _, reference, roots = load(name)
    paths = [one.path for root in roots for one in root.elements]
    for one in reference.rules:
        for place in one.places:
            at = RulesByPlace([one])
            assert any(re.fullmatch(re.escape(place).replace(r"\*", "[^/]+"), path) for path in paths), place
            assert any(at(path) for path in paths)


@pytest.mark.parametrize("name", SETS)
def test_every_rule_has_a_source_and_cases_both_ways(name: str) -> None:
    installed, reference, _ = load(name)
    assert [one.rule.id for one in reference.rules] == sorted(
        (rule.id for rule in installed.rules.rules), key=natural_order
    )
    for one in reference.rules:
        assert one.rule.source, one.rule.id
        assert one.rule.ledger or {case.fires for _, case in one.cases} == {True, False}, one.rule.id
        assert one.rule.ledger or one.places, one.rule.id


def test_rules_of_a_shared_set_name_the_set_that_holds_them() -> None:
    _, reference, _ = load("ceb-2022")
    assert {one.origin for one in reference.rules} == {"ceb-2018", "ceb-2022"}
    catalogue = load_catalogue()
    for one in reference.rules:
        assert (catalogue.manifests[one.origin].folder / one.file).is_file()
        for origin, case in one.cases:
            assert (catalogue.manifests[origin].folder / case.sample).is_file()


@pytest.mark.parametrize("name", ["ceb-2018", "ceb-2022", "export-1"])
def test_every_element_of_the_business_messages_has_a_meaning(name: str) -> None:
    """All but those of an XML signature, which are described by their standard."""
    _, _, roots = load(name)
    bare = {one.path for root in roots for one in root.elements if not one.meaning.en and "Signature" not in one.path}
    assert bare == set()


@pytest.mark.parametrize("name", SETS)
def test_the_reference_is_generated_from_the_set(name: str) -> None:
    _, reference, roots = load(name)
    written = {path.name: path.read_text("utf-8") for path in (REFERENCE / name).glob("*.md")}
    pages = write_pages(reference, roots)
    assert set(written) == set(pages)
    for page, text in pages.items():
        assert written[page] == text, f"singlewindow message-set pages {name} --to docs/reference/{name}"
        assert text.count("\n") < 1500


def test_every_link_between_generated_pages_leads_to_a_heading() -> None:
    for page in REFERENCE.rglob("*.md"):
        for target, anchor in re.findall(r"\]\(([\w.-]+\.md)(?:#([\w-]+))?\)", page.read_text("utf-8")):
            headings = re.findall(r"^#+ (.*)$", (page.parent / target).read_text("utf-8"), re.MULTILINE)
            assert not anchor or anchor in {heading.lower() for heading in headings}, (page.name, target, anchor)


def test_pages_that_a_set_no_longer_has_are_removed(tmp_path: Path) -> None:
    replace_pages(tmp_path, {"a.md": "1\n", "b.md": "2\n"})
    (tmp_path / "notes.txt").write_text("mine", "utf-8")
    replace_pages(tmp_path, {"a.md": "3\n"})
    assert {path.name: path.read_text("utf-8") for path in tmp_path.iterdir()} == {"a.md": "3\n", "notes.txt": "mine"}


@pytest.mark.parametrize("name", SETS)
def test_types_are_said_in_chinese_without_english_left(name: str) -> None:
    _, _, roots = load(name)
    said = {
        say_type(one.type.partition(", of the form ")[0], "zh")
        for root in roots
        for one in root.elements
        if one.type and not one.values
    }
    english = re.compile(r"character|digit|exactly|at most|at least|string|token|decimal|integer|more than")
    assert [words for words in said if english.search(words)] == []


def test_the_words_of_the_pages_are_the_same_in_both_languages() -> None:
    assert set(WORDS["en"]) == set(WORDS["zh"])


def test_hidden_files_and_links_out_of_the_folder_are_in_no_archive(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    (folder / ".git").mkdir(parents=True)
    (folder / ".git" / "config").write_text("secret", "utf-8")
    (tmp_path / "outside").write_text("secret", "utf-8")
    (folder / "link").symlink_to(tmp_path / "outside")
    (folder / "a.xsd").write_text("<a/>", "utf-8")
    assert list(list_files(folder)) == ["a.xsd"]
    first = build_archive(folder, "set")
    (folder / "a.xsd").touch()
    assert build_archive(folder, "set") == first
    assert b"secret" not in first


async def test_a_reloaded_set_is_read_again_and_an_unchanged_one_is_not() -> None:
    catalogue = load_catalogue()
    shelf = ReferenceShelf(catalogue)
    first = await shelf.describe_set("dxp")
    assert first is not None
    assert await shelf.describe_set("dxp") is first
    assert await first.read_root("DxpMsg") is await first.read_root("DxpMsg")
    assert await first.read_root("None") is None
    catalogue.sets = {**catalogue.sets, "dxp": load_catalogue().sets["dxp"]}
    assert await shelf.describe_set("dxp") not in {first, None}
    assert await shelf.describe_set("none") is None
