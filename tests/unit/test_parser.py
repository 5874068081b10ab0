from __future__ import annotations

import ast
import os
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from lxml import etree

from singlewindow.messages.judgement import Judgement
from singlewindow.xsd import parser as xml_parser
from singlewindow.xsd.catalogue import Catalogue, load_catalogue
from singlewindow.xsd.examining import examine
from singlewindow.xsd.parser import Refused, declared_encoding, parse, to_utf8
from singlewindow.xsd.places import StartTags
from tests.unit.ceb_messages import INVENTORY

PACKAGE = Path(xml_parser.__file__).parents[1]


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


def refusal(body: bytes) -> Refused:
    with pytest.raises(Refused) as caught:
        parse(body)
    return caught.value


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "empty-body"),
        (b" \n\t", 400, "empty-body"),
        (b'{"a": 1}', 400, "not-well-formed"),
        (b"<a><b></a>", 400, "not-well-formed"),
        (b"<a/><b/>", 400, "not-well-formed"),
        (b" <?xml version='1.0'?><a/>", 400, "not-well-formed"),
        (b'<a b="1" b="2"/>', 400, "not-well-formed"),
        (b"<a>&nothing;</a>", 400, "not-well-formed"),
        (b"<a>\x00</a>", 400, "not-well-formed"),
        (b"<a>&#0;</a>", 400, "not-well-formed"),
        (b"<a>\xc3\x28</a>", 400, "bad-encoding"),
        (b"<!DOCTYPE a><a/>", 400, "dtd-forbidden"),
        (b'<!DOCTYPE a [<!ENTITY e "1">]><a>&e;0</a>', 400, "dtd-forbidden"),
        ('<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE a><a/>'.encode("utf-16"), 400, "dtd-forbidden"),
        (b'<?xml version="1.1"?><a/>', 400, "xml-version"),
        (b'<?xml version="1.0" encoding="UTF-7"?><a/>', 415, "unsupported-encoding"),
        (b'<?xml version="1.0" encoding="GBK"?><a/>', 415, "unsupported-encoding"),
        (b'<?xml version="1.0" encoding="nonsense"?><a/>', 415, "unsupported-encoding"),
        ('<?xml version="1.0" encoding="UTF-8"?><a/>'.encode("utf-16"), 415, "unsupported-encoding"),
        ("<a/>".encode("utf-16-le"), 415, "unsupported-encoding"),
        ("<a/>".encode("utf-32"), 415, "unsupported-encoding"),
        ('<?xml version="1.0"?><a/>'.encode("cp500"), 415, "unsupported-encoding"),
        (b"<a>" * 65 + b"</a>" * 65, 400, "too-deep"),
        (b"<a " + b" ".join(b'x%d="1"' % n for n in range(257)) + b"/>", 400, "too-many-attributes"),
        (b"<a>" + b"<b/>" * 400_000 + b"</a>", 413, "too-many-elements"),
    ],
)
def test_a_body_that_cannot_be_judged_is_refused_with_its_code(body: bytes, status: int, code: str) -> None:
    refused = refusal(body)
    assert (refused.status, refused.code) == (status, code)


@pytest.mark.parametrize(
    "body",
    [
        b"<a/>",
        b"\xef\xbb\xbf<a/>",
        b'<?xml version="1.0" encoding="utf-8" standalone="yes"?><a/>',
        '<?xml version="1.0" encoding="UTF-16"?><a>é</a>'.encode("utf-16"),
        '<?xml version="1.0" encoding="UTF-16"?><a>é</a>'.encode("utf-16-be").join([b"\xfe\xff", b""]),
        b"<a>" * 64 + b"</a>" * 64,
        b"<a " + b" ".join(b'x%d="1"' % n for n in range(256)) + b"/>",
    ],
)
def test_what_is_allowed_is_taken(body: bytes) -> None:
    assert parse(body).tag == "a"


def test_a_syntax_error_says_line_and_column() -> None:
    refused = refusal(b"<a>\n  <b>\n</a>")
    assert (refused.line, refused.column) == (3, 5)


def test_a_comment_or_instruction_inside_a_number_does_not_split_it() -> None:
    root = parse(b"<a><n>10<!-- -->00</n><m>10<?x y?>00</m></a>")
    assert [child.text for child in root] == ["1000", "1000"]


@pytest.mark.parametrize("split", [b"<!-- -->", b"<?note x?>", b"<![CDATA[]]>"])
def test_schema_and_program_read_one_number_despite_a_comment_inside_it(split: bytes, catalogue: Catalogue) -> None:
    plain = re.sub(rb"<packNo>[^<]*<", b"<packNo>1000<", INVENTORY, count=1)
    split_up = plain.replace(b"<packNo>1000<", b"<packNo>10" + split + b"00<")
    (one,), (other,) = (judged.units for judged in (examine_valid(catalogue, body) for body in (plain, split_up)))
    assert (one.facts, one.content_sha256) == (other.facts, other.content_sha256)


def test_a_comment_cannot_hide_a_digit_too_many_from_the_schema(catalogue: Catalogue) -> None:
    body = re.sub(rb"<packNo>[^<]*<", b"<packNo>1234567890<!-- -->1234567890<", INVENTORY, count=1)
    assert examine(catalogue, body) is None


def examine_valid(catalogue: Catalogue, body: bytes) -> Judgement:
    judgement = examine(catalogue, body)
    assert judgement is not None
    return judgement


GBK = frozenset({"gbk", "gb18030"})


@pytest.mark.parametrize("declared", ["GBK", "gb2312", "GB18030"])
def test_a_chinese_encoding_is_read_where_a_set_takes_it(declared: str) -> None:
    body = f'<?xml version="1.0"\n  encoding="{declared}" standalone="yes"?><a>\u7535\u5b50</a>'.encode(declared)
    assert parse(body, encodings=GBK).text == "\u7535\u5b50"
    refused = refusal(body)
    assert (refused.status, refused.code) == (415, "unsupported-encoding")


def test_transcoding_moves_no_line_and_no_column() -> None:
    text = '<?xml version="1.0"\n encoding="GBK"?><a>\u7535\u5b50\n<b>\u5b50</b><c/></a>'
    readable = to_utf8(text.encode("gbk"), GBK)
    assert b"GBK" not in readable
    assert [len(line) for line in readable.decode().split("\n")] == [len(line) for line in text.split("\n")]
    tags = StartTags(readable)
    assert [tags.place(offset) for offset in tags.offsets] == [(2, 18), (3, 1), (3, 9)]


def test_what_needs_no_transcoding_stays_the_very_bytes() -> None:
    body = b'<?xml version="1.0" encoding="UTF-8"?><a/>'
    assert to_utf8(body, GBK) is body


def test_bytes_that_are_not_in_their_chinese_encoding_are_told_with_their_place() -> None:
    body = '<?xml version="1.0" encoding="GBK"?>\n<a>\u7535'.encode("gbk") + b"\xff\xff</a>"
    with pytest.raises(Refused) as caught:
        parse(body, encodings=GBK)
    assert (caught.value.code, caught.value.line, caught.value.column) == ("bad-encoding", 2, 5)


def test_a_mark_of_utf_8_and_a_declaration_of_gbk_contradict_each_other() -> None:
    with pytest.raises(Refused) as caught:
        parse(b'\xef\xbb\xbf<?xml version="1.0" encoding="GBK"?><a/>', encodings=GBK)
    assert caught.value.status == 415


@pytest.mark.parametrize(
    ("body", "encoding"),
    [(b"<a/>", "utf-8"), (b"<?xml version='1.0' encoding='GB2312'?><a/>", "gbk"), ("<a/>".encode("utf-16"), "utf-16"),
     (b'<?xml version="1.0" encoding="GB18030"?><a/>', "gb18030")],
)  # fmt: skip
def test_the_declared_encoding_is_told(body: bytes, encoding: str) -> None:
    assert declared_encoding(body) == encoding


def test_the_number_of_elements_is_counted_alike_in_utf_16() -> None:
    text = "<?xml version='1.0' encoding='UTF-16'?><a>" + "<b>1</b>" * 50 + "</a>"
    assert len(parse(text.encode("utf-16"), max_elements=60)) == 50
    with pytest.raises(Refused):
        parse(text.encode("utf-16"), max_elements=49)


def test_every_hostile_file_is_judged_or_refused_and_nothing_else(shared_samples: Path, catalogue: Catalogue) -> None:
    lines = (shared_samples / "bad-xml" / "index.tsv").read_text("utf-8").splitlines()[1:]
    files = [line.split("\t")[0] for line in lines]
    assert len(files) > 800
    for name in files:
        refused = examine_or_refuse(catalogue, (shared_samples / "bad-xml" / name).read_bytes())
        assert refused is None or (refused.status in {400, 413, 415, 422} and refused.detail), name


def examine_or_refuse(catalogue: Catalogue, body: bytes) -> Refused | None:
    try:
        examine(catalogue, body)
    except Refused as refused:
        return refused
    return None


def naming_documents(address: str) -> list[bytes]:
    """Documents that name something outside themselves, in every way known."""
    named = address.encode()
    entity = b'<!DOCTYPE a [<!ENTITY e SYSTEM "' + named + b'">]><a>&e;</a>'
    parameter = b'<!DOCTYPE a [<!ENTITY % p SYSTEM "' + named + b'"> %p;]><a/>'
    external = b'<!DOCTYPE a SYSTEM "' + named + b'"><a/>'
    include = b'<a xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="' + named + b'" parse="text"/></a>'
    hint = b'<a xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:noNamespaceSchemaLocation="' + named + b'"/>'
    sheet = b'<?xml-stylesheet type="text/xsl" href="' + named + b'"?><a/>'
    return [entity, parameter, external, include, hint, sheet]


def has_reader(pipe: Path) -> bool:
    """True when some thread is waiting in an open of this named pipe."""
    try:
        os.close(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
    except OSError:
        return False
    return True


def test_no_file_that_a_document_names_is_opened(tmp_path: Path, catalogue: Catalogue) -> None:
    pipe = tmp_path / "canary"
    os.mkfifo(pipe)  # whoever opens it for reading waits there, and is found
    for body in naming_documents(pipe.as_uri()) + naming_documents(str(pipe)):
        judging = threading.Thread(target=examine_or_refuse, args=(catalogue, body), daemon=True)
        judging.start()
        judging.join(5)
        assert not judging.is_alive(), body
    assert not has_reader(pipe)


def test_the_canary_is_found_when_a_careless_parser_opens_it(tmp_path: Path) -> None:
    pipe = tmp_path / "canary"
    os.mkfifo(pipe)
    careless = etree.XMLParser(load_dtd=True, resolve_entities=True, recover=True)
    body = naming_documents(pipe.as_uri())[2]
    reading = threading.Thread(target=lambda: etree.fromstring(body, careless), daemon=True)
    reading.start()
    deadline = threading.Event()
    assert any(has_reader(pipe) or deadline.wait(0.01) for _ in range(500))
    reading.join(5)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        yield server


def test_no_address_that_a_document_names_is_connected_to(listener: socket.socket, catalogue: Catalogue) -> None:
    for body in naming_documents(f"http://127.0.0.1:{listener.getsockname()[1]}/canary"):
        examine_or_refuse(catalogue, body)
    with pytest.raises(TimeoutError):
        listener.accept()


def test_an_error_tells_nothing_of_another_senders_document() -> None:
    refusal(b"<order>\n<secret-of-tenant-a></order>")
    other = refusal(b"<waybill>\n<x></waybill>")
    assert "secret-of-tenant-a" not in other.detail
    assert "secret-of-tenant-a" not in repr(other.__cause__)


def test_a_log_of_errors_is_never_read_from_an_exception() -> None:
    """The log of an exception of lxml is global: it held another sender's text."""
    offenders = []
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.ExceptHandler) and node.name:
                offenders += [
                    f"{file}:{inner.lineno}"
                    for inner in ast.walk(node)
                    if isinstance(inner, ast.Attribute)
                    and inner.attr == "error_log"
                    and isinstance(inner.value, ast.Name)
                    and inner.value.id == node.name
                ]
    assert offenders == []


def test_the_calls_that_fetch_what_a_document_names_are_not_used() -> None:
    banned = ("xmlschema.validate(", ".xinclude(", "etree.parse(", "objectify.parse(")
    offenders = [
        (file.name, call) for file in PACKAGE.rglob("*.py") for call in banned if call in file.read_text("utf-8")
    ]
    assert offenders == []


def test_libxml2_is_one_without_known_faults() -> None:
    assert xml_parser.LIBXML2_VERSION >= (2, 14, 6)
