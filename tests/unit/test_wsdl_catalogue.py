"""Every file a WSDL refers to is found on this machine, or its absence is told with the line that wants it."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from lxml import etree

from singlewindow.adapters.declared.adapter import DeclaredAdapter
from singlewindow.adapters.declared.drafting import draft_agency
from singlewindow.adapters.soap import load_ports
from singlewindow.cli.adapter import describe_port
from singlewindow.errors import ConfigurationError
from singlewindow.xsd.wsdl_catalogue import KNOWN, KNOWN_SCHEMAS, gather
from tests.conftest import SHARED_SAMPLES

XS = "http://www.w3.org/2001/XMLSchema"
SAMPLES = sorted((SHARED_SAMPLES / "wsdl").rglob("*.wsdl")) if SHARED_SAMPLES.is_dir() else []
REFUSED = {
    "hello_world_recursive_import.wsdl": "offers no port with a SOAP binding",
    "soap_import_2.wsdl": "offers no port with a SOAP binding",
    "test_http_post.wsdl": "its 3 ports are bound to plain HTTP",
    "http.wsdl": "its 1 ports are bound to plain HTTP",
}


@pytest.fixture(autouse=True)
def _shut_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def write_wsdl(folder: Path, types: str) -> Path:
    """A WSDL with one operation whose types are these."""
    text = f"""<?xml version="1.0"?>
<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/"
 xmlns:xs="{XS}" xmlns:t="urn:t" targetNamespace="urn:t">
<types><xs:schema targetNamespace="urn:t" xmlns:dsig="http://www.w3.org/2000/09/xmldsig#"
 xmlns:wsa="http://www.w3.org/2005/08/addressing" xmlns:o="urn:other">
{types}
</xs:schema></types>
<message name="m"><part name="p" element="t:e"/></message>
<portType name="pt"><operation name="send"><input message="t:m"/></operation></portType>
<binding name="b" type="t:pt"><soap:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/>
<operation name="send"><soap:operation soapAction=""/><input><soap:body use="literal"/></input></operation></binding>
<service name="s"><port name="p" binding="t:b"><soap:address location="http://agency.example/"/></port></service>
</definitions>"""
    (folder / "t.wsdl").write_text(text, "utf-8")
    return folder / "t.wsdl"


@pytest.mark.skipif(not SAMPLES, reason=f"the published samples are not at {SHARED_SAMPLES}")
@pytest.mark.parametrize("wsdl", SAMPLES, ids=lambda path: path.name)
def test_a_published_wsdl_is_read_or_refused_with_the_exact_reason(wsdl: Path) -> None:
    if wsdl.name in REFUSED:
        with pytest.raises(ConfigurationError, match=REFUSED[wsdl.name]):
            load_ports(wsdl)
        return
    lines = [line for ports in load_ports(wsdl).values() for port in ports for line in describe_port(port)]
    assert any(line.startswith("  port ") for line in lines)


@pytest.mark.skipif(not SAMPLES, reason=f"the published samples are not at {SHARED_SAMPLES}")
@pytest.mark.parametrize("schema", sorted((SHARED_SAMPLES / "wsdl").rglob("*.xsd")), ids=lambda path: path.name)
def test_a_published_schema_is_read_or_refused_with_the_exact_reason(schema: Path) -> None:
    if b"<!DOCTYPE" in schema.read_bytes():
        with pytest.raises(ConfigurationError, match=rf"{schema.name}: line 1: a DOCTYPE is not allowed"):
            gather(schema)
    else:
        assert schema.resolve() in gather(schema).files


@pytest.mark.skipif(not SAMPLES, reason=f"the published samples are not at {SHARED_SAMPLES}")
@pytest.mark.parametrize("wsdl", [path for path in SAMPLES if path.name not in REFUSED], ids=lambda path: path.name)
async def test_a_drafted_agency_is_taken_as_it_is(wsdl: Path, tmp_path: Path) -> None:
    for path in gather(wsdl).files:
        (tmp_path / path.name).write_bytes(path.read_bytes())
    draft = draft_agency(tmp_path / wsdl.name, "drafted")
    (tmp_path / "agency.toml").write_text(draft, "utf-8")
    if wsdl.name == "recursive_schema_main.wsdl":  # its binding has no operations
        with pytest.raises(ConfigurationError, match="top level: actions is missing"):
            DeclaredAdapter(tmp_path)
        return
    adapter = DeclaredAdapter(tmp_path)
    assert adapter.agency == "drafted"
    await adapter.close()


@pytest.mark.parametrize("namespace", KNOWN_SCHEMAS)
def test_a_well_known_schema_is_ours_and_sound(namespace: str) -> None:
    root = etree.parse(KNOWN / KNOWN_SCHEMAS[namespace]).getroot()
    assert root.get("targetNamespace") == namespace
    etree.XMLSchema(root)


@pytest.mark.parametrize(
    ("namespace", "location"),
    [
        ("http://www.w3.org/2000/09/xmldsig#", ""),
        ("http://www.w3.org/2000/09/xmldsig#", "http://www.w3.org/TR/xmldsig-core/xmldsig-core-schema.xsd"),
        ("http://www.w3.org/2000/09/xmldsig#", "not-there.xsd"),
    ],
)
def test_a_well_known_schema_stands_in_where_none_is_brought(tmp_path: Path, namespace: str, location: str) -> None:
    where = f'schemaLocation="{location}"' if location else ""
    types = f"""<xs:import namespace="{namespace}" {where}/><xs:element name="e"><xs:complexType><xs:sequence>
    <xs:element ref="dsig:Signature"/></xs:sequence></xs:complexType></xs:element>"""
    (ports,) = load_ports(write_wsdl(tmp_path, types)).values()
    assert ports[0].describe("send").request.children[0].name == "Signature"


def test_a_published_schema_with_a_dtd_gives_way_to_ours(tmp_path: Path) -> None:
    (tmp_path / "dsig.xsd").write_text(f'<!DOCTYPE schema>\n<schema xmlns="{XS}"/>')
    types = """<xs:import namespace="http://www.w3.org/2000/09/xmldsig#" schemaLocation="dsig.xsd"/>
    <xs:element name="e" type="dsig:SignatureType"/>"""
    assert KNOWN / "xmldsig.xsd" in gather(write_wsdl(tmp_path, types)).files


@pytest.mark.parametrize(
    ("types", "said"),
    [
        ('<xs:include schemaLocation="gone.xsd"/>', r"t\.wsdl: line 6: gone\.xsd is wanted here"),
        ('\n\n<xs:import namespace="urn:o" schemaLocation="gone.xsd"/>', r"t\.wsdl: line 8: gone\.xsd is wanted here"),
        ('<xs:import namespace="urn:o" schemaLocation="http://x.example/o.xsd"/>', "line 6: .* have to be fetched"),
        ('<xs:import namespace="urn:o" schemaLocation="../o.xsd"/>', "line 6: .* leads out of"),
        (
            '<xs:import namespace="urn:other"/><xs:element name="e" type="o:kind"/>',
            "line 6: the namespace urn:other is imported without a schemaLocation",
        ),
    ],
)
def test_a_missing_import_is_named_with_the_line_that_wants_it(tmp_path: Path, types: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        load_ports(write_wsdl(tmp_path, types))


def test_an_import_that_nothing_uses_may_lack_its_place(tmp_path: Path) -> None:
    types = '<xs:import namespace="urn:other"/><xs:element name="e" type="xs:string"/>'
    assert load_ports(write_wsdl(tmp_path, types))


def test_a_file_that_an_import_brings_and_that_is_no_xml_is_named_with_who_wants_it(tmp_path: Path) -> None:
    (tmp_path / "o.xsd").write_text("<xs:schema>")
    with pytest.raises(ConfigurationError, match=r"o\.xsd: line 1: .*wanted by .*t\.wsdl: line 6"):
        load_ports(write_wsdl(tmp_path, '<xs:include schemaLocation="o.xsd"/>'))


def test_schemas_that_import_each_other_in_a_circle_are_read(tmp_path: Path) -> None:
    for name, other in (("a", "b"), ("b", "a")):
        text = (
            f'<xs:schema xmlns:xs="{XS}" targetNamespace="urn:{name}">'
            f'<xs:import namespace="urn:{other}" schemaLocation="{other}.xsd"/></xs:schema>'
        )
        (tmp_path / f"{name}.xsd").write_text(text)
    types = """<xs:import namespace="urn:a" schemaLocation="a.xsd"/><xs:element name="e" type="xs:string"/>"""
    assert len(gather(write_wsdl(tmp_path, types)).files) == 3
