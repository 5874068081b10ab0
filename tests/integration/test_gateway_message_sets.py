"""The message sets as a reader without a key meets them: JSON, pages, files and archives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from zipfile import ZipFile

import aiohttp
import pytest

from singlewindow.gateway.parts import PARTS
from singlewindow.xsd.catalogue import BUILT_IN, load_catalogue
from singlewindow.xsd.reference_shelf import ReferenceShelf
from tests.integration.gateway_stage import GatewayStage, gateway_stage

PAGE = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
PAGES = [
    "",
    "/ceb-2018",
    "/ceb-2018/roots/CEB603Message",
    "/ceb-2018/rules",
    "/ceb-2018/lists/currency",
    "/ceb-2022",
    "/dxp/roots/DxpMsg",
    "/export-1",
    "/export-1/roots/ExportDeclaration",
    "/export-1/rules",
]


@pytest.fixture
async def stage(database_url: str) -> AsyncIterator[GatewayStage]:
    async with gateway_stage(database_url) as running:
        yield running


@pytest.fixture
async def reader(stage: GatewayStage) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(stage.url) as session:
        yield session


async def get_json(reader: aiohttp.ClientSession, path: str) -> dict[str, Any]:
    async with reader.get(f"/v1/message-sets{path}") as response:
        assert (response.status, response.content_type) == (200, "application/json")
        answered: dict[str, Any] = await response.json()
        return answered


async def get_page(reader: aiohttp.ClientSession, path: str, language: str = "en") -> str:
    async with reader.get(f"/v1/message-sets{path}", headers={**PAGE, "Accept-Language": language}) as response:
        assert (response.status, response.content_type) == (200, "text/html")
        assert response.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'unsafe-inline'")
        assert response.headers["Content-Language"] == language
        return await response.text()


class Links(HTMLParser):
    """The links, anchors and elements of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.anchors: set[str] = set()
        self.elements: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        for name, value in attrs:
            if name == "href":
                self.links.add(value or "")
            if name == "id":
                self.anchors.add(value or "")


async def test_the_list_counts_what_a_set_holds_and_links_to_it(reader: aiohttp.ClientSession) -> None:
    answered = await get_json(reader, "")
    ceb = next(one for one in answered["message_sets"] if one["name"] == "ceb-2018")
    assert (ceb["family"], ceb["page"], ceb["zip"]) == (
        "ceb",
        "/v1/message-sets/ceb-2018",
        "/v1/message-sets/ceb-2018.zip",
    )
    assert ceb["counts"]["roots"] == len(ceb["roots"]) == 20
    assert all(ceb["counts"][part] > 0 for part in ("rules", "lists", "samples"))
    assert answered["refused"] == {}


async def test_a_set_tells_rules_with_cases_and_source_and_its_lists(reader: aiohttp.ClientSession) -> None:
    described = await get_json(reader, "/ceb-2018")
    rule = next(one for one in described["rules"] if one["id"] == "CEB-R12")
    assert {case["fires"] for case in rule["cases"]} == {True, False}
    assert rule["source"]
    assert "CEB603Message/Inventory/InventoryHead/netWeight" in rule["elements"]
    assert (await get_json(reader, "/ceb-2018/rules"))["rules"] == described["rules"]
    currency = await get_json(reader, "/ceb-2018/lists/currency")
    assert currency["codes"]["142"]["zh"] == "人民币"
    assert "CEB-R17" in currency["rules"]


async def test_a_root_tells_every_element_in_order(reader: aiohttp.ClientSession) -> None:
    elements = (await get_json(reader, "/ceb-2018/roots/CEB303Message"))["elements"]
    paths = [one["path"] for one in elements]
    assert paths[:4] == [f"CEB303Message{path}" for path in ("", "/@guid", "/@version", "/Order")]
    status = elements[paths.index("CEB303Message/Order/OrderHead/appStatus")]
    assert status["default"] == "2"
    assert status["meaning"] == {"en": "1 save, 2 declare", "zh": "报送状态"}
    assert status["rules"] == ["CEB-R02"]


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_pages_ask_for_nothing_but_themselves(reader: aiohttp.ClientSession, language: str) -> None:
    for path in PAGES:
        read = Links(await get_page(reader, path, language))
        assert not read.elements & {"script", "img", "link", "iframe"}, path


async def test_every_link_of_the_pages_leads_somewhere(reader: aiohttp.ClientSession) -> None:
    pages = {path: Links(await get_page(reader, path)) for path in PAGES}
    anchors = {f"/v1/message-sets{path}": page.anchors for path, page in pages.items()}
    for path, page in pages.items():
        for target, _, anchor in (link.partition("#") for link in page.links):
            known = anchors.get(target or f"/v1/message-sets{path}", {unquote(anchor)})
            assert not anchor or unquote(anchor) in known, (path, target, anchor)
    for target in {link.partition("#")[0] for page in pages.values() for link in page.links} - {""}:
        async with reader.get(target) as response:
            assert response.status == 200, target


async def test_a_page_is_for_whoever_prefers_it(reader: aiohttp.ClientSession) -> None:
    for accept in (
        "*/*",
        "application/json",
        "text/html;q=0.5, application/json",
        "text/html, application/json",
        "nonsense",
    ):
        async with reader.get("/v1/message-sets/dxp", headers={"Accept": accept}) as response:
            assert response.content_type == "application/json", accept
            assert "Accept" in response.headers["Vary"]


async def test_texts_are_in_the_readers_language(reader: aiohttp.ClientSession) -> None:
    page = await get_page(reader, "/ceb-2018/roots/CEB303Message", "zh")
    assert '<html lang="zh">' in page
    assert "文本,恰好 36 个字符" in page
    assert "string, exactly 36 characters" in await get_page(reader, "/ceb-2018/roots/CEB303Message")
    assert "人民币" in await get_page(reader, "/ceb-2018/lists/currency", "zh")


async def test_an_archive_holds_the_folder_and_is_the_same_each_time(reader: aiohttp.ClientSession) -> None:
    archives = []
    for _ in range(2):
        async with reader.get("/v1/message-sets/ceb-2018.zip") as response:
            assert (response.status, response.content_type) == (200, "application/zip")
            assert response.headers["Content-Disposition"] == 'attachment; filename="ceb-2018.zip"'
            archives.append(await response.read())
    assert archives[0] == archives[1]
    listed = next(one for one in (await get_json(reader, ""))["message_sets"] if one["name"] == "ceb-2018")["files"]
    with ZipFile(BytesIO(archives[0])) as archive:
        assert [f"/v1/message-sets/ceb-2018/files/{name.partition('/')[2]}" for name in archive.namelist()] == listed
        assert archive.read("ceb-2018/ceb.xsd") == (BUILT_IN / "ceb-2018" / "ceb.xsd").read_bytes()
        assert archive.testzip() is None


@pytest.mark.parametrize(
    "path",
    [
        "/none", "/none.zip", "/.zip", "/..zip", "/..%2fceb-2018.zip", "/%2e%2e%2f%2e%2e%2fsecrets.zip",
        "/..%2f..", "/ceb-2018%00.zip", "/ceb-2018/roots/None", "/ceb-2018/roots/..%2fCEB303Message",
        "/ceb-2018/lists/..%2fcurrency", "/ceb-2018/lists/none", "/ceb-2018/files/..%2fceb-2022%2fceb.xsd",
        "/ceb-2018/files/%2fetc%2fpasswd", "/ceb-2018/files/.%2fceb.xsd", "/ceb-2018/files/samples",
        "/ceb-2018/files/%2e%2e/catalogue.py", "/none/rules",
    ],
)  # fmt: skip
async def test_nothing_outside_a_set_can_be_read(reader: aiohttp.ClientSession, path: str) -> None:
    for headers in ({}, PAGE):
        async with reader.get(f"/v1/message-sets{path}", headers=headers) as response:
            assert response.status == 404, path
            assert "not-found" in await response.text()


async def test_a_huge_set_leaves_the_gateway_answering(
    stage: GatewayStage, reader: aiohttp.ClientSession, tmp_path: Path
) -> None:
    install_wide_set(stage, tmp_path)
    reading = [asyncio.create_task(get_json(reader, f"/wide/roots/Wide{number}")) for number in range(2)]
    answered = 0
    while not any(task.done() for task in reading):
        async with reader.get("/health/live") as response:
            assert response.status == 200
        answered += 1
    told = [await task for task in reading]
    assert [len(one["elements"]) for one in told] == [801, 801]
    assert answered > 5, "a loop that reads a schema answers nothing else until it has"


WIDE_SCHEMA = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:wide"
  elementFormDefault="qualified"><xs:element name="{name}"><xs:complexType><xs:sequence>{children}</xs:sequence>
  </xs:complexType></xs:element></xs:schema>"""
WIDE_CHILD = """<xs:element name="E{each}"><xs:simpleType><xs:restriction base="xs:string">
  <xs:maxLength value="{each}"/></xs:restriction></xs:simpleType></xs:element>"""
WIDE_MANIFEST = """name = "wide"
title = "wide"
namespace = "urn:wide"
prefix = "w"
schema = "Wide0.xsd"
[statuses]
[holding]
policy = "off"
[kind.wide]
ends = ["accepted"]
"""
WIDE_ROOT = """[[root]]
name = "{name}"
direction = "request"
kind = "wide"
key = {{ E1 = "E1" }}
schema = "{name}.xsd"
"""


def install_wide_set(stage: GatewayStage, parent: Path) -> None:
    """A set of two schemas, each of which takes some tenths of a second to read."""
    folder, names = parent / "wide", ("Wide0", "Wide1")
    folder.mkdir()
    children = "".join(WIDE_CHILD.format(each=each) for each in range(1, 801))
    for name in names:
        (folder / f"{name}.xsd").write_text(WIDE_SCHEMA.format(name=name, children=children), "utf-8")
    roots = "".join(WIDE_ROOT.format(name=name) for name in names)
    (folder / "message-set.toml").write_text(WIDE_MANIFEST + roots, "utf-8")
    catalogue = load_catalogue(folder)
    parts = stage.application[PARTS]
    object.__setattr__(parts, "sets", catalogue.manifests)
    object.__setattr__(parts, "describe_set", ReferenceShelf(catalogue).describe_set)


async def test_a_refused_folder_is_told_without_saying_where_it_lies(
    stage: GatewayStage, reader: aiohttp.ClientSession
) -> None:
    reason = "/var/sets/copies/7/permit/permit.xsd: Start tag expected & <missing>"
    object.__setattr__(stage.application[PARTS], "refused_sets", lambda: {"permit": reason})
    assert (await get_json(reader, ""))["refused"] == {"permit": "permit/permit.xsd: Start tag expected & <missing>"}
    page = await get_page(reader, "")
    assert "Start tag expected &amp; &lt;missing&gt;" in page
    assert "/var/sets" not in page


async def test_hostile_words_of_a_schema_are_shown_and_not_obeyed(
    stage: GatewayStage, reader: aiohttp.ClientSession, tmp_path: Path
) -> None:
    install_wide_set(stage, tmp_path)
    parts = stage.application[PARTS]
    opened = await parts.describe_set("wide")
    assert opened is not None
    hostile = replace(opened.reference.message_set, title='<script>alert(1)</script>"')
    opened.reference = replace(opened.reference, message_set=hostile)
    page = await get_page(reader, "/wide")
    assert "<script" not in page
    assert "&lt;script&gt;" in page
