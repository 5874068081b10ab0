"""The WSDLs and the schema of the exchange, as files for clients, as documents to publish and as a check."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from lxml import etree

from singlewindow.errors import ConfigurationError
from singlewindow.xsd.soap_envelope import EXCHANGE, MalformedSoap, SoapMessage

DESCRIPTIONS = Path(__file__).parent / "wsdl"

_WSDL_SOAP = ("{http://schemas.xmlsoap.org/wsdl/soap/}", "{http://schemas.xmlsoap.org/wsdl/soap12/}")
# libxml2 repeats the offending value, however long
_DETAIL_CHARACTERS = 500
_XS = "{http://www.w3.org/2001/XMLSchema}"


def describe_service(name: str, *, address: str) -> bytes:
    """One self-contained WSDL to publish under `?wsdl`: the schema within it, every port at `address`.

    `name` is `customs`, `inspection`, `logistics` or `notification`. Take the address from settings, not from a
    request's Host header. Raises ConfigurationError for a name that has no WSDL.
    """
    root = _read_description(f"{name}.wsdl")
    for holder in root.iter(f"{_XS}schema"):
        holder.getparent().replace(holder, _read_description("exchange.xsd"))  # type: ignore[union-attr]
        break
    for soap in _WSDL_SOAP:
        for port in root.iter(f"{soap}address"):
            port.set("location", address)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def check_schema(message: SoapMessage) -> None:
    """Validate the body's element against exchange.xsd. Raises MalformedSoap with the first thing that is wrong."""
    schema = _schema()
    if not schema.validate(message.element):
        errors: Any = schema.error_log
        detail = errors[0].message.replace(f"{{{EXCHANGE}}}", "")[:_DETAIL_CHARACTERS]
        raise MalformedSoap(f"line {errors[0].line}: {detail}", version=message.version)


@cache
def _schema() -> etree.XMLSchema:
    return etree.XMLSchema(_read_description("exchange.xsd"))


def _read_description(file: str) -> etree._Element:
    try:
        return etree.fromstring((DESCRIPTIONS / file).read_bytes())
    except OSError as error:
        raise ConfigurationError(f"no service description {file}: {error.strerror}") from error
