"""The schema of export-1: what it must be able to say, what it refuses, and that its reference page tells the truth."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import xmlschema
from lxml import etree

SET = Path(__file__).parents[2] / "singlewindow/xsd/sets/export-1"
SAMPLES = SET / "samples"
NAMESPACE = "urn:singlewindow:export:1"
XS = "{http://www.w3.org/2001/XMLSchema}"
VALID = sorted(SAMPLES.glob("valid/*.xml")) + sorted(SAMPLES.glob("response/*.xml"))

INVALID = {
    "code_too_short": ["/ExportDeclaration/GoodsItem[2]/CommodityCode/HSCode"],
    "leg_mode_unknown": ["/ExportDeclaration/Transport/Leg/Mode"],
    "letter_in_number": ["/ExportDeclaration/GoodsItem[1]/Packaging/NumberOfPackages"],
    "misspelt_element": ["/ExportDeclaration"],
    "three_mistakes": [
        "/ExportDeclaration",
        "/ExportDeclaration/GoodsItem[1]/Packaging/NumberOfPackages",
        "/ExportDeclaration/GoodsItem[2]/CommodityCode/HSCode",
    ],
}

HEADER = ["Header/MessageIdentification", "Header/PreparationDateTime", "Header/Sender/CompanyCode"]
TARGET = ["Target/LRN", "Target/MRN", "Target/DeclarantIdentification"]

DECLARATION = """
LRN UCR DeclarationType AdditionalDeclarationType SecurityIndicator ProcedureCode DutyNatureCode
Declarant/Identification Declarant/Name Declarant/Address/City
Representative/Identification Representative/Status
Exporter/Identification Exporter/Name Exporter/Address/Country Producer/Identification Consignee/Name
OfficeOfExport OfficeOfPresentation OfficeOfExit LocationOfGoods/UNLocode LocationOfGoods/Identification
CountryOfDispatch CountryOfDestination CountryOfTrade
PortOfDestination/UNLocode PortOfDestination/Name CountryOfRouting
TermsOfDelivery/IncotermCode TermsOfDelivery/Place/UNLocode TermsOfDelivery/Place/Name NatureOfTransaction
Freight/Amount Freight/Currency Insurance/Amount Insurance/Currency OtherCharges/Amount OtherCharges/Currency
ExchangeRate/Currency ExchangeRate/Rate ContractNumber
Licence/TypeCode Licence/ReferenceNumber SupportingDocument/TypeCode SupportingDocument/ReferenceNumber
PreviousDocument/TypeCode PreviousDocument/ReferenceNumber Authorisation/TypeCode Authorisation/ReferenceNumber
Totals/NumberOfItems Totals/NumberOfPackages Totals/GrossMass Totals/InvoiceAmount Totals/InvoiceCurrency
Transport/ContainerIndicator Transport/InlandModeOfTransport Transport/ModeOfTransportAtBorder
"""

GOODS_ITEM = """
ItemNumber CommodityCode/HSCode CommodityCode/NationalExtension CommodityCode/InspectionCode
Description DeclarationElements CountryOfOrigin CountryOfDestination RegionOfOrigin
Procedure/RequestedProcedure Procedure/PreviousProcedure Procedure/DutyExemptionMode
Packaging/Kind Packaging/NumberOfPackages Packaging/Marks GrossMass NetMass
DeclaredQuantity/Quantity DeclaredQuantity/Unit FirstStatutoryQuantity/Quantity FirstStatutoryQuantity/Unit
SecondStatutoryQuantity/Quantity SecondStatutoryQuantity/Unit
Price/UnitPrice Price/Amount Price/Currency StatisticalValue/Amount StatisticalValue/Currency
DangerousGoods/UNNumber SupportingDocument/ReferenceNumber ContainerReference
Inspection/Requested Inspection/Certificate/Number Inspection/Certificate/Type
"""

TRANSPORT = """
TransportEquipment/ContainerNumber TransportEquipment/SizeType TransportEquipment/Seal
TransportEquipment/CarriedOn/Identification
Leg/LegNumber Leg/Stage Leg/Mode
Leg/TransportMeans/Identification Leg/TransportMeans/IdentificationType Leg/TransportMeans/VehicleType
Leg/TransportMeans/Nationality Leg/ConveyanceReference Leg/Carrier/Identification Leg/Carrier/Name
Leg/PlaceOfDeparture/UNLocode Leg/PlaceOfDeparture/Name Leg/PlaceOfArrival/UNLocode Leg/PlaceOfArrival/Name
Leg/PlannedDepartureDateTime Leg/PlannedArrivalDateTime Leg/ActualDepartureDateTime Leg/ActualArrivalDateTime
Leg/CrossesBorder Leg/ContainerReference
TransportDocument/TypeCode TransportDocument/ReferenceNumber TransportDocument/Level
TransportDocument/FirstLegNumber TransportDocument/LastLegNumber
"""

CONTENT = (
    DECLARATION.split()
    + [f"GoodsItem/{path}" for path in GOODS_ITEM.split()]
    + [f"Transport/{path}" for path in TRANSPORT.split()]
)

ROOTS = {
    "ExportDeclaration": HEADER + CONTENT,
    "Amendment": [*HEADER, *TARGET, "Reason", *(f"Declaration/{path}" for path in CONTENT)],
    "InvalidationRequest": [*HEADER, *TARGET, "Reason"],
    "Presentation": [*HEADER, *TARGET, "LocationOfGoods/UNLocode", "PresentationDateTime"],
    "ArrivalAtExit": [*HEADER, *TARGET, "OfficeOfExit", "LegNumber", "ArrivalDateTime", "ContainerReference"],
    "ExitConfirmation": [*HEADER, *TARGET, "OfficeOfExit", "LegNumber", "ExitDateTime"],
    "AdditionalDocuments": [
        *HEADER, *TARGET, "Document/TypeCode", "Document/ReferenceNumber", "Document/Content",
    ],
    "Response": [
        *HEADER, *TARGET, "Agency", "Action", "LegNumber", "Status", "StatusDateTime",
        "References/Reference/Name", "References/Reference/Value", "ControlDecision/Type", "ControlDecision/Text",
        "Certificate/Number", "Certificate/Type",
        "Error/Code", "Error/Pointer", "Error/Severity", "Error/Text", "Error/TextZh", "Error/OriginalValue",
    ],
}  # fmt: skip
"""The content that `export-1` promises, written down a second time, apart from the schema."""


@pytest.fixture(scope="module")
def libxml2_schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(str(SET / "export.xsd")))


@pytest.fixture(scope="module")
def python_schema() -> xmlschema.XMLSchema:
    return xmlschema.XMLSchema(str(SET / "export.xsd"))


def walk(element: xmlschema.XsdElement, path: str = "") -> Iterator[str]:
    for child in element.iterchildren():
        if isinstance(child, xmlschema.XsdElement) and child.namespaces and child.local_name != "Signature":
            yield f"{path}{child.local_name}"
            yield from walk(child, f"{path}{child.local_name}/")


def read(name: str) -> str:
    return (SAMPLES / name).read_text("utf-8")


def accepts(schema: etree.XMLSchema, text: str) -> bool:
    return bool(schema.validate(etree.fromstring(text.encode())))


@pytest.mark.parametrize("sample", VALID, ids=lambda path: path.stem)
def test_a_valid_sample_passes_both_validators(
    sample: Path, libxml2_schema: etree.XMLSchema, python_schema: xmlschema.XMLSchema
) -> None:
    libxml2_schema.assertValid(etree.parse(str(sample)))
    python_schema.validate(str(sample))


@pytest.mark.parametrize("name", INVALID)
def test_an_invalid_sample_has_exactly_its_mistakes(
    name: str, libxml2_schema: etree.XMLSchema, python_schema: xmlschema.XMLSchema
) -> None:
    sample = str(SAMPLES / "invalid" / f"{name}.xml")
    assert not libxml2_schema.validate(etree.parse(sample))
    assert sorted(error.path or "" for error in python_schema.iter_errors(sample)) == INVALID[name]


def test_every_sample_is_accounted_for() -> None:
    assert {path.stem for path in SAMPLES.glob("invalid/*.xml")} == set(INVALID)
    expected = {
        "road", "rail", "sea", "air", "four_legs", "amendment", "invalidation", "presentation", "arrival_at_exit",
        "exit_confirmation", "additional_documents", "released", "rejected",
    }  # fmt: skip
    assert {path.stem for path in VALID} == expected


def test_the_set_has_its_eight_roots_and_no_other(python_schema: xmlschema.XMLSchema) -> None:
    assert {name.rpartition("}")[2] for name in python_schema.elements} == set(ROOTS)


@pytest.mark.parametrize("root", ROOTS)
def test_a_root_can_say_all_that_is_promised(root: str, python_schema: xmlschema.XMLSchema) -> None:
    declared = set(walk(python_schema.elements[root]))
    assert [path for path in ROOTS[root] if path not in declared] == []


def test_legs_may_stand_in_any_order(libxml2_schema: etree.XMLSchema) -> None:
    root = etree.fromstring(read("valid/four_legs.xml").encode())
    legs = root.findall(f"{{{NAMESPACE}}}Transport/{{{NAMESPACE}}}Leg")
    for leg in legs:
        legs[0].addprevious(leg)
    for leg in legs[:-1]:
        legs[-1].addnext(leg)
    numbers = root.findall(f".//{{{NAMESPACE}}}Leg/{{{NAMESPACE}}}LegNumber")
    assert [number.text for number in numbers] == ["4", "3", "2", "1"]
    assert libxml2_schema.validate(root)


@pytest.mark.parametrize(
    ("sample", "found", "put"),
    [
        ("four_legs", "<LegNumber>3<", "<LegNumber>2<"),
        ("amendment", "<LegNumber>5<", "<LegNumber>4<"),
        ("four_legs", "<ItemNumber>3<", "<ItemNumber>2<"),
        ("four_legs", "<Stage>pre<", "<Stage>first<"),
        ("four_legs", "<CrossesBorder>true<", "<CrossesBorder>1<"),
        ("four_legs", "15:00:00+08:00</PreparationDateTime>", "15:00:00</PreparationDateTime>"),
        ("four_legs", "<GrossMass>21600<", "<GrossMass>-1<"),
        ("four_legs", "<GrossMass>21600<", "<GrossMass>21600.0001<"),
        ("four_legs", "<AdditionalDeclarationType>A<", "<AdditionalDeclarationType>X<"),
        ("four_legs", "<LRN>FOUR-LEGS", "<LRN>FOUR LEGS"),
        ("four_legs", "<UNLocode>CNTAO<", "<UNLocode>CNTA<"),
    ],
)
def test_a_value_outside_its_facets_is_refused(
    libxml2_schema: etree.XMLSchema, sample: str, found: str, put: str
) -> None:
    text = read(f"valid/{sample}.xml")
    assert found in text
    assert not accepts(libxml2_schema, text.replace(found, put, 1))


def test_a_target_may_be_named_by_lrn_by_mrn_or_by_both(libxml2_schema: etree.XMLSchema) -> None:
    text = read("valid/exit_confirmation.xml")
    lrn, mrn = "<LRN>FOUR-LEGS-1</LRN>", "<MRN>26CN420000000005A6</MRN>"
    for target, verdict in ((lrn, True), (mrn, True), (lrn + mrn, True), ("", False), (mrn + lrn, False)):
        assert accepts(libxml2_schema, text.replace(lrn, target)) is verdict


def test_a_signature_may_stand_last_and_nowhere_else(libxml2_schema: etree.XMLSchema) -> None:
    signature = (
        '<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:SignedInfo><ds:CanonicalizationMethod/>'
        "<ds:SignatureMethod/><ds:Reference/></ds:SignedInfo><ds:SignatureValue>AA==</ds:SignatureValue></ds:Signature>"
    )
    for root in ROOTS:
        sample = next(path for path in VALID if f"<{root} xmlns" in path.read_text("utf-8"))
        text = sample.read_text("utf-8")
        assert accepts(libxml2_schema, text.replace(f"</{root}>", f"{signature}</{root}>"))
        assert not accepts(libxml2_schema, text.replace("  <Header>", f"{signature}<Header>", 1))


def schema_documents() -> list[tuple[str, etree._Element]]:
    files = [path for path in sorted(SET.glob("*.xsd")) if path.name != "xmldsig.xsd"]
    return [(path.name, etree.parse(str(path)).getroot()) for path in files]


def test_every_element_is_explained_in_english_and_chinese() -> None:
    silent = [
        (name, element.get("name"))
        for name, document in schema_documents()
        for element in document.iter(f"{XS}element", f"{XS}complexType", f"{XS}simpleType", f"{XS}group")
        if element.get("name") and len(element.findall(f"{XS}annotation/{XS}documentation")) != 2
    ]
    assert silent == []


def test_no_pattern_repeats_a_repetition() -> None:
    patterns = [
        pattern.get("value", "") for _, document in schema_documents() for pattern in document.iter(f"{XS}pattern")
    ]
    assert patterns
    assert [pattern for pattern in patterns if re.search(r"[+*}]\)[+*{]", pattern)] == []


def test_the_reference_names_every_element_as_the_schema_does() -> None:
    reference = (SET / "reference.md").read_text("utf-8")
    rows = {
        (cells[0].strip("` "), cells[3].strip())
        for cells in (line.strip("|").split("|") for line in reference.splitlines() if line.startswith("| `"))
        if len(cells) == 6
    }
    chinese = f"{XS}annotation/{XS}documentation[@{{http://www.w3.org/XML/1998/namespace}}lang='zh']"
    declared = {
        (element.get("name"), element.findtext(chinese))
        for name, document in schema_documents()
        if name != "export.xsd"
        for element in document.iter(f"{XS}element")
        if element.get("name")
    }
    assert rows - {("ds:Signature", "数字签名")} == declared
