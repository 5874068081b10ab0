"""Envelopes, Faults, requests, replies and notices: what is written is read again, and what is wrong is named."""

from __future__ import annotations

import hashlib
import io
from base64 import b64encode
from uuid import UUID, uuid4

import pytest
from lxml import etree

from singlewindow.errors import ConfigurationError
from singlewindow.xsd.soap_descriptions import DESCRIPTIONS, check_schema, describe_service
from singlewindow.xsd.soap_envelope import (
    EX,
    EXCHANGE,
    NAMESPACES,
    MalformedSoap,
    SoapMessage,
    SoapVersion,
    add_text,
    check_soap_action,
    http_headers,
    open_envelope,
    soap_action,
    start_envelope,
    write,
)
from singlewindow.xsd.soap_faults import (
    FaultReceived,
    SoapFault,
    describe_mistake,
    fault_status,
    open_reply,
    write_fault,
)
from singlewindow.xsd.soap_notices import (
    Notification,
    read_notification,
    read_notification_reply,
    write_notification,
    write_notification_reply,
)
from singlewindow.xsd.soap_replies import (
    TaskNotice,
    TaskResult,
    read_fetch_reply,
    read_results,
    write_fetch_reply,
    write_results,
)
from singlewindow.xsd.soap_requests import (
    FetchRequest,
    read_fetch_request,
    read_status_request,
    read_submission,
)

BOTH: list[SoapVersion] = ["1.1", "1.2"]
SOAP = NAMESPACES["1.1"]
ORIGINAL = b"<Order>\r\n\xe4\xbd\xa0</Order>"
CALL_ID = UUID("0190163d-8694-739b-aea5-966c26f8ad90")
TASK_ID = UUID("0190163d-8694-739b-aea5-966c26f8ad91")


def envelope(inner: str, *, header: str = "", soap: str = SOAP) -> bytes:
    return f'<s:Envelope xmlns:s="{soap}" xmlns="{EXCHANGE}">{header}<s:Body>{inner}</s:Body></s:Envelope>'.encode()


def submission(**changes: str) -> str:
    fields = {
        "callId": str(CALL_ID),
        "sha256": hashlib.sha256(ORIGINAL).hexdigest(),
        "original": b64encode(ORIGINAL).decode(),
        "ordinal": "3",
        "taskId": str(TASK_ID),
    } | changes
    return (
        f"<Declare><callId>{fields['callId']}</callId><sender>T</sender><environment>sandbox</environment>"
        f"<action>declare</action><item><messageId>{uuid4()}</messageId><messageSet>ceb-2018</messageSet>"
        f"<root>CEB303Message</root><sha256>{fields['sha256']}</sha256><original>{fields['original']}</original>"
        f"<task><taskId>{fields['taskId']}</taskId><ordinal>{fields['ordinal']}</ordinal><leg>2</leg>"
        f"<reference><name>certificate</name><value>C1</value></reference></task></item></Declare>"
    )


def request(operation: str = "AskStatus", version: SoapVersion = "1.1") -> SoapMessage:
    root, body = start_envelope(version, CALL_ID)
    add_text(etree.SubElement(body, f"{EX}{operation}"), "taskId", str(TASK_ID))
    return open_envelope(write(root))


def test_a_submission_is_read_with_everything_it_carries() -> None:
    read = read_submission(open_envelope(envelope(submission())))
    (item,) = read.items
    (task,) = item.tasks
    assert (read.call_id, read.sender, read.environment, read.action) == (CALL_ID, "T", "sandbox", "declare")
    assert (item.message_set, item.root, item.original) == ("ceb-2018", "CEB303Message", ORIGINAL)
    assert (task.task_id, task.ordinal, task.leg, task.references) == (TASK_ID, 3, 2, {"certificate": "C1"})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("callId", "1"),
        ("callId", ""),
        ("taskId", "none"),
        ("ordinal", "0"),
        ("ordinal", "x"),
        ("original", "!!"),
        ("sha256", "0" * 64),
        ("sha256", "x"),
    ],
)
def test_a_submission_with_a_wrong_field_is_refused(field: str, value: str) -> None:
    message = open_envelope(envelope(submission(**{field: value})))
    with pytest.raises(MalformedSoap):
        read_submission(message)


def test_a_submission_whose_header_names_another_call_is_refused() -> None:
    header = f"<s:Header><Correlation><callId>{uuid4()}</callId></Correlation></s:Header>"
    with pytest.raises(MalformedSoap, match="callId"):
        read_submission(open_envelope(envelope(submission(), header=header)))


def test_a_status_request_and_a_fetch_request_are_read() -> None:
    assert read_status_request(request()) == (TASK_ID,)
    fetch = open_envelope(envelope("<FetchNotices><after>7</after><limit>50</limit></FetchNotices>"))
    assert read_fetch_request(fetch) == FetchRequest("7", 50)


@pytest.mark.parametrize("version", BOTH)
def test_results_are_read_as_they_were_written(version: SoapVersion) -> None:
    results = (
        TaskResult(uuid4(), "acknowledged", notice=TaskNotice("n1", b"<R>\x00</R>")),
        TaskResult(uuid4(), "rejected", code="E1", text="<bad> & ugly"),
        TaskResult(uuid4(), "retry"),
        TaskResult(uuid4(), "acknowledged", notice=TaskNotice("n2", None)),
    )
    message = open_reply(write_results(request(version=version), results))
    check_schema(message)
    assert (message.version, message.operation, message.call_id) == (version, "AskStatusResponse", CALL_ID)
    read = read_results(message)
    assert [(result.task_id, result.verdict, result.code, result.text) for result in read] == [
        (result.task_id, result.verdict, result.code, result.text) for result in results
    ]
    assert read[0].notice == TaskNotice("n1", b"<R>\x00</R>", results[0].task_id)
    assert read[3].notice == TaskNotice("n2", None, results[3].task_id)


def test_fetched_notices_are_read_as_they_were_written() -> None:
    notices = (TaskNotice("1", b"a", TASK_ID), TaskNotice("2", b""))
    message = open_reply(write_fetch_reply(request("FetchNotices"), notices, next_cursor="c2"))
    assert read_fetch_reply(message) == (notices, "c2")


@pytest.mark.parametrize("version", BOTH)
def test_a_notification_and_its_reply_are_read_as_they_were_written(version: SoapVersion) -> None:
    notification = Notification("customs", (TaskNotice("1", b"<R/>", TASK_ID), TaskNotice("2", b"<R/>")))
    message = open_envelope(write_notification(notification, call_id=CALL_ID, version=version))
    assert (message.version, message.operation, message.call_id) == (version, "Notify", CALL_ID)
    assert read_notification(message) == notification
    assert read_notification_reply(open_reply(write_notification_reply(message, accepted=2))) == 2


@pytest.mark.parametrize("count", [0, 101])
def test_a_notification_holds_1_to_100_notices(count: int) -> None:
    notices = tuple(TaskNotice(str(number), b"x") for number in range(count))
    message = open_envelope(write_notification(Notification("customs", notices), call_id=CALL_ID))
    with pytest.raises(MalformedSoap):
        read_notification(message)


def test_another_operation_is_no_notification() -> None:
    with pytest.raises(MalformedSoap, match="Notify"):
        read_notification(request())


def test_a_reply_without_results_is_no_reply_with_results() -> None:
    with pytest.raises(MalformedSoap):
        read_results(request())


@pytest.mark.parametrize("version", BOTH)
@pytest.mark.parametrize(
    "fault",
    [
        SoapFault("busy", "later", role="server", retry="resend", retry_after_seconds=30),
        SoapFault("bad", "<never>", role="client", retry="stop"),
        SoapFault("bad", "header", role="must-understand", retry="stop"),
    ],
)
def test_a_fault_is_read_as_it_was_written(version: SoapVersion, fault: SoapFault) -> None:
    with pytest.raises(FaultReceived) as raised:
        open_reply(write_fault(fault, version=version, call=request()))
    assert raised.value.fault == fault
    assert raised.value.fault.is_server == (fault.role == "server")


@pytest.mark.parametrize(
    ("code", "role"),
    [
        ("s:Server", "server"),
        ("Server.Timeout", "server"),
        ("soapenv:Client.Authentication", "client"),
        ("s:MustUnderstand", "must-understand"),
        ("whatever", "server"),
        ("", "server"),
    ],
)
def test_an_untidy_fault_still_says_whose_it_is(code: str, role: str) -> None:
    fault = f'<s:Fault><faultcode xmlns="">{code}</faultcode><faultstring xmlns="">no</faultstring></s:Fault>'
    with pytest.raises(FaultReceived) as raised:
        open_reply(envelope(fault))
    assert (raised.value.fault.role, raised.value.fault.text, raised.value.fault.retry) == (role, "no", None)


@pytest.mark.parametrize(
    ("role", "version", "status"), [("client", "1.2", 400), ("client", "1.1", 500), ("server", "1.2", 500)]
)
def test_a_fault_has_the_status_of_its_binding(role: str, version: SoapVersion, status: int) -> None:
    assert fault_status(SoapFault("x", "x", role=role), version) == status  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("body", "role"),
    [
        (b"", "client"),
        (b"<a><b></a>", "client"),
        (b"<!DOCTYPE a>" + envelope("<Notify/>"), "client"),
        (b"<html/>", "client"),
        (envelope("<Notify/>", soap="urn:future"), "version-mismatch"),
        (envelope(""), "client"),
        (envelope("<Notify/><Notify/>"), "client"),
        (envelope("<Notify/>").replace(b"</s:Body>", b"</s:Body><s:Body><Notify/></s:Body>"), "client"),
        (envelope("<Notify/>", header="<s:Header/><s:Header/>"), "client"),
        (envelope("<Notify/>").replace(b"</s:Body>", b"</s:Body><s:Header/>"), "client"),
        (envelope('<Notify xmlns="urn:other"/>'), "client"),
        (
            envelope("<Notify/>", header='<s:Header><t xmlns="urn:t" s:mustUnderstand="1"/></s:Header>'),
            "must-understand",
        ),
        (envelope("<Notify/>", header="<s:Header><Correlation><callId>x</callId></Correlation></s:Header>"), "client"),
    ],
)
def test_an_envelope_that_breaks_a_rule_is_refused_with_the_right_fault(body: bytes, role: str) -> None:
    with pytest.raises(MalformedSoap) as raised:
        open_envelope(body)
    fault = describe_mistake(raised.value)
    assert (fault.role, fault.retry) == (role, "stop")


def test_a_soap_12_header_that_must_be_understood_is_refused_in_its_version() -> None:
    soap = NAMESPACES["1.2"]
    header = '<s:Header><t xmlns="urn:t" s:mustUnderstand="true"/></s:Header>'
    with pytest.raises(MalformedSoap) as raised:
        open_envelope(envelope("<Notify/>", header=header, soap=soap))
    assert (raised.value.role, raised.value.version) == ("must-understand", "1.2")


def test_a_header_that_need_not_be_understood_is_ignored() -> None:
    header = '<s:Header><t xmlns="urn:t" s:mustUnderstand="0"/><u xmlns="urn:t"/></s:Header>'
    message = open_envelope(envelope("<Notify/>", header=header))
    assert (message.operation, message.call_id) == ("Notify", None)


@pytest.mark.parametrize("named", [None, "", '""', f'"{EXCHANGE}/AskStatus"', f"{EXCHANGE}/AskStatus"])
def test_a_soap_action_may_be_absent_or_agree(named: str | None) -> None:
    check_soap_action(request(), named)


def test_a_soap_action_that_names_another_operation_is_refused() -> None:
    with pytest.raises(MalformedSoap, match="AskStatus"):
        check_soap_action(request(), f'"{EXCHANGE}/Declare"')


def test_each_version_has_its_http_headers() -> None:
    action = soap_action("Notify")
    assert http_headers("1.1", action) == {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": f'"{action}"'}
    assert http_headers("1.2", action) == {"Content-Type": f'application/soap+xml; charset=utf-8; action="{action}"'}
    assert http_headers("1.1") == {"Content-Type": "text/xml; charset=utf-8"}


@pytest.mark.parametrize("name", ["customs", "inspection", "logistics", "notification"])
def test_a_published_wsdl_is_whole_and_stands_at_its_address(name: str) -> None:
    published = etree.parse(io.BytesIO(describe_service(name, address="https://gate.example/soap"))).getroot()
    assert b"schemaLocation" not in etree.tostring(published)
    locations = {element.get("location") for element in published.iter("{*}address")}
    assert locations == {"https://gate.example/soap"}


@pytest.mark.parametrize("name", ["customs", "inspection", "logistics", "notification"])
def test_every_message_of_a_wsdl_is_an_element_of_the_schema(name: str) -> None:
    schema = etree.fromstring((DESCRIPTIONS / "exchange.xsd").read_bytes())
    declared = {f"ex:{element.get('name')}" for element in schema.findall("{*}element")}
    wsdl = etree.fromstring((DESCRIPTIONS / f"{name}.wsdl").read_bytes())
    assert {part.get("element") for part in wsdl.iter("{*}part")} <= declared


def test_a_service_that_is_not_ours_has_no_wsdl() -> None:
    with pytest.raises(ConfigurationError):
        describe_service("tax", address="https://gate.example")
