"""Mistakes in agency.toml: each refused when it is read, with file, table and key; and what is installed from where."""

from __future__ import annotations

import shutil
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from singlewindow.adapters import naming
from singlewindow.adapters.declared.adapter import DeclaredAdapter
from singlewindow.adapters.installed import installed_adapters
from singlewindow.adapters.naming import installed_agencies
from singlewindow.adapters.profiles import AGENCIES as BUILT_IN
from singlewindow.adapters.unreliable import UnreliableAdapter
from singlewindow.errors import ConfigurationError
from singlewindow.settings import Settings
from singlewindow.xsd.catalogue import load_catalogue
from tests.contract.declared_stage import AGENCIES, SETS


def make_unreliable(_settings: Settings) -> UnreliableAdapter:
    return UnreliableAdapter()


def change(folder: Path, agency: str, old: str, new: str) -> Path:
    """A copy of an agency's folder with one text of its agency.toml replaced."""
    copy = folder / agency
    shutil.copytree(AGENCIES / agency, copy)
    text = (copy / "agency.toml").read_text("utf-8")
    assert old in text
    (copy / "agency.toml").write_text(text.replace(old, new, 1), "utf-8")
    return copy


@pytest.mark.parametrize(
    ("agency", "old", "new", "said"),
    [
        ("fiscal", 'name = "fiscal"', "nome = 1", "top level: unknown key nome; known: name, title"),
        ("fiscal", 'name = "fiscal"', "", "top level: name is missing"),
        ("fiscal", 'name = "fiscal"', 'name = "match"', "name: match is the name of a lane of our own"),
        ("fiscal", 'name = "fiscal"', 'name = "Not Lawful"', "name: .*pattern.*'Not Lawful'"),
        ("fiscal", '"item"', '"often"', "idempotency: should be 'item', 'call' or 'none' .*'often'"),
        ("fiscal", 'operation = "receive"', 'operation = "x"', r"actions\.\*\.operation: .*no operation x; it has rec"),
        ("fiscal", 'operation = "receive"', "", r"actions\.\*: operation is missing"),
        ("fiscal", 'code = "f:cStat"', 'kode = "f:cStat"', r"actions\.\*\.reply: unknown key kode; known: item"),
        ("fiscal", "f:cStat", "g:cStat", r"actions\.\*\.reply\.code: .*prefix.*prefixes: f"),
        ("fiscal", "f:cStat", "f:cStat[", r"actions\.\*\.reply\.code: .* is no XPath"),
        ("fiscal", "$body", "$bodi", r"actions\.\*\.fields\.\.: .*no \$bodi; known: .*\$call_id"),
        ("fiscal", '"." =', '"datum" =', r"actions\.\*\.fields\.datum: data holds no datum; it holds nothing"),
        ("fiscal", '"105" = "retry"', '"105" = "later"', r"outcomes\.codes: 105: should be 'accepted'.*'later'"),
        ("fiscal", '"100" = "released"', '"100" = "free"', r"outcomes\.states\.100: no state free; known: accepted"),
        ("fiscal", "reception.wsdl", "gone.wsdl", r"services\.reception\.wsdl: there is no file .*gone\.wsdl"),
        ("fiscal", "reception.wsdl", "../harbour/harbour.wsdl", r"services\.reception\.wsdl: .* leads out of"),
        ("fiscal", '"{agencies_url}/fiscal"', '"ftp://x"', r"services\.reception: url: ftp://x is no HTTP address"),
        ("harbour", "cargo/entry", "cargo/item", r"actions\.\*\.items: CargoList|cargo holds no item; it holds entry"),
        ("harbour", "cargo/entry", "cargo", r"actions\.\*\.items: path: cargo may stand only once"),
        ("harbour", "$call_id", "$task_id", r"actions\.\*\.fields\.batchId: .*no \$task_id; known: \$action"),
        ("harbour", "reference = ", "referenz = ", r"items\.fields\.referenz: entry holds no referenz; it holds ref"),
        ("harbour", "document = ", '"." = ', r"items\.fields\.\.: entry is not simple; name what is in it: reference"),
        ("harbour", 'body = "base64"', 'body = "xml"', r"items\.fields\.document: document is Base64; body is"),
        ("harbour", 'item = "receipts/receipt"', "", r"actions\.\*\.reply: `item` is missing, and limits\.batch_size"),
        ("harbour", "[status]\n", '[status]\nservice = "x"\n', r"status\.service: there is no table services\.x"),
        ("harbour", 'operation = "news"\n', "", "notifications: pulled notices need `operation` and `notice`"),
        ("harbour", "$cursor", "$position", r"notifications\.fields\.since: .*no \$position; known: .*\$cursor"),
        ("revenue", "r:Trace/r:call", "q:Trace", r"actions\.\*\.headers\.q:Trace: q:Trace needs a prefix"),
        ("revenue", "to-revenue.xsl", "gone.xsl", r"actions\.\*\.stylesheet: there is no file .*gone\.xsl"),
        ("revenue", "to-revenue.xsl", "revenue.wsdl", r"revenue\.wsdl: "),
        ("revenue", "[outcomes]", '[security]\nsign = "x509"\n[outcomes]', "security: unknown key sign; known: tls"),
        ("fiscal", 'name = "fiscal"', 'name = "x"\nextends = "y"', "extends: there is no description 'y'; known: "),
        ("fiscal", "reception.wsdl", "singlewindow:x.wsdl", r"services\.reception\.wsdl: no singlewindow:x\.wsdl;"),
        ("revenue", '"0" = "accepted"', '"0" = ', r"agency\.toml: .*line"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_place(tmp_path: Path, agency: str, old: str, new: str, said: str) -> None:
    folder = change(tmp_path, agency, old, new)
    with pytest.raises(ConfigurationError, match=said) as raised:
        DeclaredAdapter(folder, agencies_url="http://127.0.0.1:1")
    assert str(folder) in raised.value.detail


def test_declared_agencies_stand_beside_the_built_in_ones() -> None:
    settings = Settings(agencies=AGENCIES)
    adapters = installed_adapters(settings)
    assert set(adapters) == {*BUILT_IN, "fiscal", "harbour", "revenue"}
    assert installed_agencies(settings) == frozenset(adapters)
    assert (adapters["harbour"].batch_size, adapters["harbour"].pulls) == (50, True)


def test_an_agency_described_twice_is_refused(tmp_path: Path) -> None:
    change(tmp_path, "fiscal", 'name = "fiscal"', 'name = "customs"')
    with pytest.raises(ConfigurationError, match="fiscal: an adapter for the agency customs is installed already"):
        installed_adapters(Settings(agencies=tmp_path))


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is not a folder with agencies"):
        installed_adapters(Settings(agencies=tmp_path / "gone"))


def test_a_package_brings_an_adapter_by_its_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    name = UnreliableAdapter().agency
    point = EntryPoint(name, f"{__name__}:make_unreliable", naming.ENTRY_POINTS)
    monkeypatch.setattr(EntryPoint, "load", lambda _: make_unreliable)
    monkeypatch.setattr(naming, "entry_points", lambda **_: (point,))
    if name in BUILT_IN:
        with pytest.raises(ConfigurationError, match="installed already"):
            installed_adapters(Settings())
    else:
        assert isinstance(installed_adapters(Settings())[name], UnreliableAdapter)


def test_an_entry_point_that_leads_nowhere_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("ferry", "no_such_package:make", naming.ENTRY_POINTS)
    monkeypatch.setattr(naming, "entry_points", lambda **_: (point,))
    with pytest.raises(ConfigurationError, match="entry point ferry = no_such_package:make: No module"):
        installed_adapters(Settings())
    assert "ferry" in installed_agencies(Settings())


def test_a_route_to_an_agency_without_an_adapter_is_refused_when_the_set_is_loaded() -> None:
    known = installed_agencies(Settings(agencies=AGENCIES))
    assert "consignments" in load_catalogue(SETS, known).manifests
    said = r"message-set\.toml: route\[1\] \(assess\): no adapter is connected for the agency revenue; connected: air"
    with pytest.raises(ConfigurationError, match=said):
        load_catalogue(SETS, known - {"revenue"})


def test_a_password_that_stands_in_agency_toml_is_refused_without_being_repeated(tmp_path: Path) -> None:
    told = 'mode = "pulled"\ncredential = { username = "u", password = 271828 }'
    with pytest.raises(ConfigurationError, match="password") as refused:
        DeclaredAdapter(change(tmp_path, "harbour", 'mode = "pulled"', told))
    assert "271828" not in str(refused.value)


def test_what_is_attached_cannot_be_signed(tmp_path: Path) -> None:
    folder = change(tmp_path, "harbour", 'body = "base64"', 'body = "mtom"')
    with (folder / "agency.toml").open("a", encoding="utf-8") as file:
        file.write('[security.signature]\ncertificate = "ours.pem"\nkey = "file:ours.key"\n')
    with pytest.raises(ConfigurationError, match='"mtom" cannot be signed'):
        DeclaredAdapter(folder)
