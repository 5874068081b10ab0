from __future__ import annotations

from functools import cache
from typing import Any

import orjson
import pytest

from singlewindow.messages.judgement import MAX_ERRORS, Problem
from singlewindow.xsd.catalogue import BUILT_IN
from singlewindow.xsd.explaining import build_schema
from singlewindow.xsd.json_mapping.literals import MAX_VALUES, write_plain
from singlewindow.xsd.json_mapping.pointers import json_pointer
from singlewindow.xsd.json_mapping.read_json import JsonRefused, read_json_root, to_xml
from singlewindow.xsd.json_mapping.shape import ElementShape, build_shape
from singlewindow.xsd.json_mapping.write_json import to_json
from singlewindow.xsd.parser import Element, parse

CEB = "{http://www.chinaport.gov.cn/ceb}"
DS = "{http://www.w3.org/2000/09/xmldsig#}"
SAMPLE = BUILT_IN / "ceb-2018" / "samples" / "valid" / "inventory.xml"


@cache
def inventory() -> ElementShape:
    return build_shape(build_schema(BUILT_IN / "ceb-2018" / "ceb.xsd"), "CEB603Message")


def write(root: Any) -> Element:
    return parse(to_xml(orjson.dumps({"CEB603Message": root}), inventory()))


def refuse(body: bytes | dict[str, Any]) -> tuple[Problem, ...]:
    with pytest.raises(JsonRefused) as caught:
        to_xml(body if isinstance(body, bytes) else orjson.dumps(body), inventory())
    return caught.value.problems


def refuse_one(root: Any) -> tuple[str, str | None]:
    (problem,) = refuse({"CEB603Message": root})
    return problem.code, problem.json_pointer


def head(**members: Any) -> dict[str, Any]:
    return {"Inventory": [{"InventoryHead": members}]}


def test_a_sample_becomes_the_documented_json() -> None:
    message = orjson.loads(to_json(parse(SAMPLE.read_bytes()), inventory()))["CEB603Message"]
    assert message["@version"] == "1.0"
    assert isinstance(message["Inventory"], list)
    assert message["Inventory"][0]["InventoryHead"]["appType"] == "1"
    assert message["BaseTransfer"].keys() == {"copCode", "copName", "dxpMode", "dxpId"}


def test_children_are_written_in_the_order_of_the_schema() -> None:
    root = write({"BaseTransfer": {}, "Inventory": [{"InventoryList": [{}], "InventoryHead": {}}], "@guid": "G"})
    assert [child.tag for child in root] == [f"{CEB}Inventory", f"{CEB}BaseTransfer"]
    assert [child.tag for child in root[0]] == [f"{CEB}InventoryHead", f"{CEB}InventoryList"]
    assert root.get("guid") == "G"


def test_the_same_message_gives_the_same_bytes_whatever_the_order_of_its_members() -> None:
    one = to_xml(b'{"CEB603Message": {"@guid": "G", "BaseTransfer": {"copCode": "1", "dxpId": "2"}}}', inventory())
    other = to_xml(b'{"CEB603Message": {"BaseTransfer": {"dxpId": "2", "copCode": "1"}, "@guid": "G"}}', inventory())
    assert one == other
    assert one.startswith(b"<?xml version='1.0' encoding='UTF-8'?>\n<ceb:CEB603Message xmlns:ceb=")


def test_null_is_absent_and_an_empty_string_is_an_empty_element() -> None:
    inner = write(head(note=None, ebpCode=""))[0][0]
    assert [(child.tag, child.text) for child in inner] == [(f"{CEB}ebpCode", None)]


@pytest.mark.parametrize(
    ("literal", "text"),
    [
        ("12345678901234.56789", "12345678901234.56789"),
        ("9999999999999999999", "9999999999999999999"),
        ("1.50", "1.50"),
        ("-0.0", "-0.0"),
        ("1e3", "1000"),
        ("1.5E+3", "1500"),
        ("1.50e1", "15.0"),
        ("-12.5e-3", "-0.0125"),
        ("0.5e1", "5"),
        ("0.0e999999999", "0"),
        ("1e0000000002", "100"),
        ("true", "true"),
        ("false", "false"),
        ('"0.10"', "0.10"),
    ],
)
def test_numbers_keep_every_digit(literal: str, text: str) -> None:
    body = f'{{"CEB603Message": {{"Inventory": [{{"InventoryHead": {{"grossWeight": {literal}}}}}]}}}}'
    root = parse(to_xml(body.encode(), inventory()))
    assert root[0][0][0].text == text


@pytest.mark.parametrize("literal", ["1e400", "1e-401", "1e999999999999999999", "-1.5e+400"])
def test_a_number_that_would_fill_pages_is_refused(literal: str) -> None:
    body = f'{{"CEB603Message": {{"Inventory": [{{"InventoryHead": {{"grossWeight": {literal}}}}}]}}}}'
    (problem,) = refuse(body.encode())
    assert problem.code == "json.not-representable"
    assert problem.json_pointer == "/CEB603Message/Inventory/0/InventoryHead/grossWeight"


def test_an_exponent_is_written_out_up_to_four_hundred_digits() -> None:
    assert write_plain("1e399") == "1" + "0" * 399
    assert write_plain("1e400") is None


@pytest.mark.parametrize(
    ("root", "code", "pointer"),
    [
        ({"Inventory": {}}, "json.array-expected", "/CEB603Message/Inventory"),
        ({"Inventory": "x"}, "json.array-expected", "/CEB603Message/Inventory"),
        ({"BaseTransfer": [{}]}, "json.array-not-expected", "/CEB603Message/BaseTransfer"),
        (head(note=["x"]), "json.array-not-expected", "/CEB603Message/Inventory/0/InventoryHead/note"),
        ({"Inventory": [{}, "x"]}, "json.object-expected", "/CEB603Message/Inventory/1"),
        ({"Inventory": [None]}, "json.object-expected", "/CEB603Message/Inventory/0"),
        ({"Inventory": [[{}]]}, "json.array-not-expected", "/CEB603Message/Inventory/0"),
        ({"BaseTransfer": 7}, "json.object-expected", "/CEB603Message/BaseTransfer"),
        ("x", "json.object-expected", "/CEB603Message"),
        (None, "json.object-expected", "/CEB603Message"),
        (head(note={"x": 1}), "json.text-expected", "/CEB603Message/Inventory/0/InventoryHead/note"),
        ({"@guid": {}}, "json.text-expected", "/CEB603Message/@guid"),
        ({"@guid": []}, "json.text-expected", "/CEB603Message/@guid"),
        ({"@gu/i~d": "x"}, "json.unknown-name", "/CEB603Message/@gu~1i~0d"),
        ({"guid": "x"}, "json.unknown-name", "/CEB603Message/guid"),
        ({"#": "x"}, "json.unknown-name", "/CEB603Message/#"),
        (head(note="a\x00b"), "json.not-representable", "/CEB603Message/Inventory/0/InventoryHead/note"),
        ({"@guid": "\uffff"}, "json.not-representable", "/CEB603Message/@guid"),
        (head(note="x" * 10_000_000), "json.too-large", "/CEB603Message/Inventory/0/InventoryHead/note"),
    ],
)
def test_a_mistake_has_its_code_and_its_json_pointer(root: Any, code: str, pointer: str) -> None:
    assert refuse_one(root) == (code, pointer)


def test_a_misspelt_name_is_told_the_nearest_one() -> None:
    (problem,) = refuse({"CEB603Message": head(orderNu="1")})
    assert (problem.code, problem.hint) == ("json.unknown-name", "did you mean orderNo?")
    assert problem.element == "orderNu"
    assert problem.message_zh


def test_every_mistake_is_told_at_once() -> None:
    root = {"Inventory": {}, "BaseTransfer": {"copCod": 1, "copName": {"a": 1}}, "@guids": "x"}
    codes = {problem.code for problem in refuse({"CEB603Message": root})}
    assert codes == {"json.array-expected", "json.unknown-name", "json.text-expected"}


def test_no_more_mistakes_are_sought_than_an_answer_tells() -> None:
    problems = refuse({"CEB603Message": {f"unknown{number}": 1 for number in range(50_000)}})
    assert len(problems) == MAX_ERRORS


def test_a_name_given_twice_is_refused_at_every_depth() -> None:
    inner = b'{"CEB603Message": {"Inventory": [{"InventoryHead": {"note": "1", "note": "1"}}]}}'
    assert [(one.code, one.json_pointer) for one in refuse(inner)] == [
        ("json.duplicate-name", "/CEB603Message/Inventory/0/InventoryHead/note")
    ]
    (problem,) = refuse(b'{"CEB603Message": {}, "CEB603Message": {}}')
    assert (problem.code, problem.json_pointer) == ("json.duplicate-name", "/CEB603Message")


@pytest.mark.parametrize(
    ("body", "line", "column"),
    [
        (b"", 1, 1),
        (b"<xml/>", 1, 1),
        (b'{"a": 1,\n "b" 2}', 2, 6),
        (b'{"a": "NaN",\n "b": NaN}', 2, 7),
        (b'{"a":\n-Infinity}', 2, 1),
        (b'{"a":\n "\xff"}', 2, 3),
        ('{"a": 1}'.encode("utf-16"), 1, 1),
    ],
)
def test_what_is_not_json_is_refused_with_line_and_column(body: bytes, line: int, column: int) -> None:
    with pytest.raises(JsonRefused) as caught:
        to_xml(body, inventory())
    (problem,) = caught.value.problems
    assert caught.value.status == 400
    assert (problem.code, problem.line, problem.column) == ("json.not-json", line, column)


@pytest.mark.parametrize("body", [b"[]", b"1", b"null", b"{}", b'{"a": 1, "b": 2}', b'{"CEB303Message": {}}'])
def test_a_message_is_one_member_named_by_its_root(body: bytes) -> None:
    with pytest.raises(JsonRefused) as caught:
        to_xml(body, inventory())
    assert caught.value.status == 422
    assert caught.value.problems[0].code == "json.root-expected"


def test_a_byte_order_mark_is_taken() -> None:
    assert to_xml(b'\xef\xbb\xbf{"CEB603Message": {}}', inventory()).endswith(b'chinaport.gov.cn/ceb"/>')
    assert read_json_root(b'\xef\xbb\xbf {"CEB603Message": {}}') == "CEB603Message"


def test_the_root_is_read_from_the_start_of_the_body() -> None:
    assert read_json_root(b'{ "CEB\\u0036\\u00303Message" : [broken') == "CEB603Message"
    for body in (b"[1]", b"{}", b"{", b'{"\xff": 1}'):
        with pytest.raises(JsonRefused):
            read_json_root(body)


def test_lone_surrogates_are_refused_and_can_be_told() -> None:
    (value,) = refuse(b'{"CEB603Message": {"@guid": "\\ud800"}}')
    (name,) = refuse(b'{"CEB603Message": {"\\ud800": "x"}}')
    assert (value.code, name.code) == ("json.not-representable", "json.unknown-name")
    assert orjson.dumps([value, name])
    assert orjson.dumps(read_json_root(b'{"\\ud800": 1}'))


def test_excess_is_refused_before_it_is_read() -> None:
    (values,) = refuse(b'{"CEB603Message": [' + b"1," * (MAX_VALUES + 1) + b"1]}")
    (depth,) = refuse(b'{"CEB603Message":' + b"[" * 100_000 + b"]" * 100_000 + b"}")
    assert (values.code, depth.code) == ("json.too-large", "json.too-deep")


def test_characters_that_need_escaping_survive() -> None:
    odd = "a<b>&\"'\r\n\t 中文 𠮷 ]]>"
    message = {"CEB603Message": {"@guid": odd, **head(note=odd)}}
    root = parse(to_xml(orjson.dumps(message), inventory()))
    assert orjson.loads(to_json(root, inventory())) == message


def test_content_that_no_schema_describes_is_raw_xml() -> None:
    raw = '<f:x xmlns:f="urn:f" a="1">text<y>&amp;</y></f:x>'
    message = {"CEB603Message": {"ExtendMessage": {"name": "n", "version": "1", "Message": {"#xml": raw}}}}
    root = parse(to_xml(orjson.dumps(message), inventory()))
    assert root.findtext(f"{CEB}ExtendMessage/{CEB}Message/{{urn:f}}x/y") == "&"
    assert orjson.loads(to_json(root, inventory())) == message


@pytest.mark.parametrize(
    "raw", ["<a>", "</raw><raw>", "<!DOCTYPE a><a/>", "&unknown;", "<p:a/>", '<?xml version="1.0"?><a/>']
)
def test_raw_content_that_is_no_content_of_one_element_is_refused(raw: str) -> None:
    root = {"ExtendMessage": {"Message": {"#xml": raw}}}
    assert refuse_one(root) == ("json.not-xml", "/CEB603Message/ExtendMessage/Message/#xml")


def test_a_signature_is_written_by_local_names() -> None:
    reference = {
        "@URI": "",
        "#xml": '<ds:DigestValue xmlns:ds="http://www.w3.org/2000/09/xmldsig#">eA==</ds:DigestValue>',
    }
    method = {"@Algorithm": "urn:sm2", "#text": ""}
    signed = {"CanonicalizationMethod": method, "SignatureMethod": method, "Reference": [reference]}
    message = {"CEB603Message": {"Signature": {"SignedInfo": signed, "SignatureValue": "eA=="}}}
    root = parse(to_xml(orjson.dumps(message), inventory()))
    assert root.findtext(f"{DS}Signature/{DS}SignedInfo/{DS}Reference/{DS}DigestValue") == "eA=="
    assert root[0].prefix == "ds"
    assert orjson.loads(to_json(root, inventory())) == message


def test_what_breaks_the_schema_is_kept_as_raw_xml() -> None:
    inner = "<m:BaseTransfer><m:copCod>1</m:copCod></m:BaseTransfer>"
    body = f'<m:CEB603Message xmlns:m="{CEB[1:-1]}">{inner}</m:CEB603Message>'
    transfer = orjson.loads(to_json(parse(body.encode()), inventory()))["CEB603Message"]["BaseTransfer"]
    assert transfer == {"#xml": f'<m:copCod xmlns:m="{CEB[1:-1]}">1</m:copCod>'}
    assert write({"BaseTransfer": transfer}).findtext(f"{CEB}BaseTransfer/{CEB}copCod") == "1"


def test_text_between_elements_is_kept_as_raw_xml() -> None:
    body = f'<CEB603Message xmlns="{CEB[1:-1]}"><BaseTransfer>stray<note>n</note> tail</BaseTransfer></CEB603Message>'
    transfer = orjson.loads(to_json(parse(body.encode()), inventory()))["CEB603Message"]["BaseTransfer"]
    assert transfer == {"#xml": f'stray<note xmlns="{CEB[1:-1]}">n</note> tail'}
    written = write({"BaseTransfer": transfer})[0]
    assert (written.text, written[0].text, written[0].tail) == ("stray", "n", " tail")


@pytest.mark.parametrize(
    ("xml", "json"),
    [
        ("/CEB603Message", "/CEB603Message"),
        ("/CEB603Message/@guid", "/CEB603Message/@guid"),
        ("/CEB603Message/Inventory[2]/InventoryHead/orderNo", "/CEB603Message/Inventory/1/InventoryHead/orderNo"),
        ("/CEB603Message/Inventory[1]/InventoryList[12]/qty", "/CEB603Message/Inventory/0/InventoryList/11/qty"),
        ("/CEB603Message/Inventory/InventoryList", "/CEB603Message/Inventory/0/InventoryList"),
        ("/CEB603Message/BaseTransfer[1]/note", "/CEB603Message/BaseTransfer/note"),
        ("/CEB603Message/ExtendMessage/Message/x[3]/y", "/CEB603Message/ExtendMessage/Message/#xml"),
        ("/CEB303Message/Order[1]", None),
    ],
)
def test_a_pointer_into_the_xml_becomes_one_into_the_json(xml: str, json: str | None) -> None:
    assert json_pointer(xml, inventory()) == json
