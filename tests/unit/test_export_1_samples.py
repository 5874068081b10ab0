"""The shipped samples of export-1 are lawful consignments: check digits, totals, legs, documents, references."""

from __future__ import annotations

import re
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from lxml import etree

SAMPLES = Path(__file__).parents[2] / "singlewindow/xsd/sets/export-1/samples"
NAMESPACES = {"ex": "urn:singlewindow:export:1"}
DECLARATIONS = ("road", "rail", "sea", "air", "four_legs", "amendment")
FILES = sorted(SAMPLES.glob("valid/*.xml")) + sorted(SAMPLES.glob("response/*.xml"))
DOCUMENT_OF_MODE = {"1": "705", "2": "720", "3": "730", "4": "741"}

LETTERS = dict(zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", (n for n in range(10, 39) if n % 11), strict=True))
CREDIT_CODE_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"


def iso_6346_holds(text: str) -> bool:
    """Container numbers, and MRNs by the same sum: letters skip the multiples of 11."""
    values = [int(char) if char.isdigit() else LETTERS[char] for char in text[:-1]]
    return sum(value << place for place, value in enumerate(values)) % 11 % 10 == int(text[-1])


def imo_number_holds(text: str) -> bool:
    total = sum(int(digit) * weight for digit, weight in zip(text[:6], range(7, 1, -1), strict=True))
    return len(text) == 7 and total % 10 == int(text[6])


def uic_wagon_holds(text: str) -> bool:
    doubled = [int(digit) * (2 - place % 2) for place, digit in enumerate(text)]
    return len(text) == 12 and sum(value // 10 + value % 10 for value in doubled) % 10 == 0


def air_waybill_holds(text: str) -> bool:
    return bool(re.fullmatch(r"\d{3}-\d{8}", text)) and int(text[4:11]) % 7 == int(text[11])


def credit_code_holds(text: str) -> bool:
    """GB 32100 modulo 31 over the whole, GB 11714 modulo 11 over the organisation code inside."""
    values = [CREDIT_CODE_ALPHABET.index(char) for char in text]
    whole = sum(value * pow(3, place, 31) for place, value in enumerate(values[:17])) + values[17]
    weights = (3, 7, 9, 10, 5, 8, 4, 2)
    inner = sum(int(char, 36) * weight for char, weight in zip(text[8:16], weights, strict=True))
    return whole % 31 == 0 and "0123456789X"[(11 - inner % 11) % 11] == text[16]


def load(name: str) -> etree._Element:
    root = etree.parse(str(SAMPLES / "valid" / f"{name}.xml")).getroot()
    content = root.find("ex:Declaration", NAMESPACES)
    return root if content is None else content


def texts(node: etree._Element, path: str) -> list[str]:
    return [element.text or "" for element in node.findall(path, NAMESPACES)]


def text(node: etree._Element, path: str) -> str:
    (found,) = texts(node, path)
    return found


def total(node: etree._Element, path: str) -> Decimal:
    return sum((Decimal(value) for value in texts(node, path)), Decimal(0))


def legs_in_order(declaration: etree._Element) -> list[etree._Element]:
    legs = declaration.findall("ex:Transport/ex:Leg", NAMESPACES)
    return sorted(legs, key=lambda leg: int(text(leg, "ex:LegNumber")))


@pytest.fixture(params=DECLARATIONS)
def declaration(request: pytest.FixtureRequest) -> etree._Element:
    return load(request.param)


@pytest.mark.parametrize("sample", FILES, ids=lambda path: path.stem)
def test_every_check_digit_holds(sample: Path) -> None:
    root = etree.parse(str(sample)).getroot()
    companies = [code for code in texts(root, ".//ex:Identification") if re.fullmatch(r"9[0-9A-Z]{17}", code)]
    companies += [*texts(root, ".//ex:CompanyCode"), *texts(root, ".//ex:DeclarantIdentification")]
    assert all(credit_code_holds(code) for code in companies)
    assert companies
    numbers = texts(root, ".//ex:ContainerNumber") + texts(root, ".//ex:ContainerReference") + texts(root, ".//ex:MRN")
    assert all(iso_6346_holds(number) for number in numbers)


def test_every_means_of_transport_is_identified_as_its_mode_asks(declaration: etree._Element) -> None:
    checks = {"10": imo_number_holds, "20": uic_wagon_holds}
    for leg in legs_in_order(declaration):
        for means in leg.findall("ex:TransportMeans", NAMESPACES):
            kind, identity = text(means, "ex:IdentificationType"), text(means, "ex:Identification")
            assert kind[0] == text(leg, "ex:Mode")
            assert checks.get(kind, bool)(identity)
            assert all(code[0] == kind[0] for code in texts(means, "ex:VehicleType"))


def test_the_totals_are_the_sums_of_the_items(declaration: etree._Element) -> None:
    for name, path in {
        "NumberOfPackages": "ex:Packaging/ex:NumberOfPackages",
        "GrossMass": "ex:GrossMass",
        "NetMass": "ex:NetMass",
        "InvoiceAmount": "ex:Price/ex:Amount",
    }.items():
        assert Decimal(text(declaration, f"ex:Totals/ex:{name}")) == total(declaration, f"ex:GoodsItem/{path}")
    numbers = texts(declaration, "ex:GoodsItem/ex:ItemNumber")
    assert numbers == [str(n) for n in range(1, int(text(declaration, "ex:Totals/ex:NumberOfItems")) + 1)]


def test_each_item_costs_its_quantity_times_its_price(declaration: etree._Element) -> None:
    for item in declaration.findall("ex:GoodsItem", NAMESPACES):
        quantity = Decimal(text(item, "ex:DeclaredQuantity/ex:Quantity"))
        price = Decimal(text(item, "ex:Price/ex:UnitPrice"))
        assert Decimal(text(item, "ex:Price/ex:Amount")) == quantity * price
        assert Decimal(text(item, "ex:NetMass")) <= Decimal(text(item, "ex:GrossMass"))
        assert text(item, "ex:Price/ex:Currency") == text(declaration, "ex:Totals/ex:InvoiceCurrency")


def test_the_legs_are_numbered_contiguous_and_in_stages(declaration: etree._Element) -> None:
    legs = legs_in_order(declaration)
    assert [int(text(leg, "ex:LegNumber")) for leg in legs] == list(range(1, len(legs) + 1))
    stages = [("pre", "main", "on").index(text(leg, "ex:Stage")) for leg in legs]
    assert stages == sorted(stages)
    assert 1 in stages
    for before, after in pairwise(legs):
        assert text(before, "ex:PlaceOfArrival/ex:UNLocode") == text(after, "ex:PlaceOfDeparture/ex:UNLocode")


def test_exactly_one_leg_crosses_the_border_in_the_declared_mode(declaration: etree._Element) -> None:
    (crossing,) = (leg for leg in legs_in_order(declaration) if text(leg, "ex:CrossesBorder") == "true")
    assert text(crossing, "ex:Mode") == text(declaration, "ex:Transport/ex:ModeOfTransportAtBorder")
    assert text(crossing, "ex:PlaceOfDeparture/ex:UNLocode")[:2] == "CN"
    assert text(crossing, "ex:PlaceOfArrival/ex:UNLocode")[:2] != "CN"


def test_each_leg_has_the_document_of_its_mode_issued_by_its_carrier(declaration: etree._Element) -> None:
    documents = {
        (text(document, "ex:TypeCode"), text(document, "ex:FirstLegNumber"), text(document, "ex:LastLegNumber")): (
            text(document, "ex:IssuerIdentification"), text(document, "ex:ReferenceNumber"),
        )
        for document in declaration.findall("ex:Transport/ex:TransportDocument", NAMESPACES)
    }  # fmt: skip
    for leg in legs_in_order(declaration):
        number, kind = text(leg, "ex:LegNumber"), DOCUMENT_OF_MODE[text(leg, "ex:Mode")]
        issuer, reference = documents[kind, number, number]
        assert issuer == text(leg, "ex:Carrier/ex:Identification")
        assert kind != "741" or air_waybill_holds(reference)


def test_containers_are_declared_before_they_are_referred_to(declaration: etree._Element) -> None:
    containers = set(texts(declaration, "ex:Transport/ex:TransportEquipment/ex:ContainerNumber"))
    assert set(texts(declaration, "ex:GoodsItem/ex:ContainerReference")) == containers
    assert set(texts(declaration, "ex:Transport/ex:Leg/ex:ContainerReference")) == containers
    assert (text(declaration, "ex:Transport/ex:ContainerIndicator") == "true") is bool(containers)
    for equipment in declaration.findall("ex:Transport/ex:TransportEquipment", NAMESPACES):
        assert int(text(equipment, "ex:NumberOfSeals")) == len(set(texts(equipment, "ex:Seal"))) > 0


def test_the_four_leg_sample_shows_a_whole_chain() -> None:
    chain = load("four_legs")
    assert texts(chain, "ex:Transport/ex:Leg/ex:Mode") == ["3", "2", "1", "3"]
    assert len(set(texts(chain, "ex:Transport/ex:Leg/ex:Carrier/ex:Identification"))) == 4
    assert texts(chain, "ex:GoodsItem/ex:Inspection/ex:Requested") == ["true"]
    (through,) = chain.findall("ex:Transport/ex:TransportDocument[ex:TypeCode='760']", NAMESPACES)
    assert (text(through, "ex:FirstLegNumber"), text(through, "ex:LastLegNumber")) == ("1", "4")


def test_the_amendment_adds_a_leg_and_changes_no_key() -> None:
    before, after = load("four_legs"), load("amendment")
    assert len(legs_in_order(after)) == len(legs_in_order(before)) + 1
    for path in ("ex:LRN", "ex:Declarant/ex:Identification"):
        assert text(before, path) == text(after, path)
    for path in ("ex:Leg/ex:Carrier/ex:Identification", "ex:TransportDocument/ex:ReferenceNumber"):
        kept = texts(before, f"ex:Transport/{path}")
        assert texts(after, f"ex:Transport/{path}")[: len(kept)] == kept


def test_what_follows_a_declaration_names_one_that_is_shipped() -> None:
    filed = {
        (text(load(name), "ex:LRN"), text(load(name), "ex:Declarant/ex:Identification")) for name in DECLARATIONS[:5]
    }
    targets = [target for path in FILES for target in etree.parse(str(path)).getroot().findall("ex:Target", NAMESPACES)]
    assert len(filed) == 5
    assert len(targets) == 8
    assert all((text(target, "ex:LRN"), text(target, "ex:DeclarantIdentification")) in filed for target in targets)


def test_no_message_identification_is_used_twice() -> None:
    roots = [etree.parse(str(path)).getroot() for path in sorted(SAMPLES.rglob("*.xml"))]
    identifications = [text(root, "ex:Header/ex:MessageIdentification") for root in roots]
    assert len(set(identifications)) == len(identifications) > 13
