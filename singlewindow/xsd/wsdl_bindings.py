"""What bindings say of encoding, which zeep does not keep: `use="encoded"` and its namespaces, by operation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from singlewindow.xsd.parser import Element, parse
from singlewindow.xsd.wsdl_catalogue import WsdlFiles

SECTION_5 = "http://schemas.xmlsoap.org/soap/encoding/"

_WSDL = "{http://schemas.xmlsoap.org/wsdl/}"
_SOAP = ("{http://schemas.xmlsoap.org/wsdl/soap/}", "{http://schemas.xmlsoap.org/wsdl/soap12/}")


@dataclass(frozen=True, slots=True)
class Encoding:
    """How the parts of an operation's request are encoded, by the URI of the encoding's style."""

    style: str = SECTION_5


def read_encodings(files: WsdlFiles, binding: str) -> dict[str, Encoding]:
    """The operations of a binding, by its local name, whose requests are encoded; literal ones are left out."""
    found: dict[str, Encoding] = {}
    for element in _bindings(files, binding):
        for operation in element.iterfind(f"{_WSDL}operation"):
            for body in _bodies(operation):
                if body.get("use") == "encoded":
                    found[operation.get("name") or ""] = Encoding((body.get("encodingStyle") or SECTION_5).split()[0])
    return found


def _bindings(files: WsdlFiles, name: str) -> Iterator[Element]:
    for content in files.files.values():
        for element in parse(content).iterfind(f"{_WSDL}binding"):
            if element.get("name") == name:
                yield element


def _bodies(operation: Element) -> Iterator[Element]:
    for soap in _SOAP:
        yield from operation.iterfind(f"{_WSDL}input/{soap}body")
