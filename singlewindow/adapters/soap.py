"""WSDLs read by zeep, from local files only, and requests made after them. The only module that knows zeep."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zeep import Settings
from zeep.exceptions import Error as ZeepError
from zeep.wsdl import Document

from singlewindow.adapters.soap_shapes import OperationShape, Shape, describe_operation
from singlewindow.errors import ConfigurationError
from singlewindow.xsd.soap_envelope import NAMESPACES, SoapVersion, http_headers, version_of
from singlewindow.xsd.wsdl_bindings import Encoding, read_encodings
from singlewindow.xsd.wsdl_catalogue import KNOWN, KNOWN_SCHEMAS, WsdlFiles, gather
from singlewindow.xsd.wsdl_documents import name_wrapper
from singlewindow.xsd.wsdl_encoding import mark_encoded

# zeep asks for the schema of SOAP's encoding by its URL, which LocalFiles answers; it has no network to go to
_SETTINGS = Settings(strict=True, forbid_dtd=True, forbid_entities=True, forbid_external=False)
# what zeep raises over WSDLs and arguments that do not fit, beside its own errors
_ZEEP_ERRORS = (ZeepError, AttributeError, LookupError, TypeError, ValueError, OSError)


@dataclass(frozen=True, slots=True)
class Draft:
    """A request as a tree, to be completed by functions of the XML door and then written."""

    headers: dict[str, str]
    envelope: Any


@dataclass(frozen=True, slots=True)
class PortName:
    """Which port of a WSDL is meant: the first that speaks SOAP, of this service, or of this name."""

    service: str | None = None
    port: str | None = None


class LocalFiles:
    """What zeep may load: the files gathered beforehand. There is no session: nothing can be fetched or sent."""

    def __init__(self, files: WsdlFiles) -> None:
        self._files = files.files

    def load(self, url: str) -> bytes:
        """A gathered file's bytes, or a well-known schema's by its URL. Raises ConfigurationError for anything else."""
        if url in KNOWN_SCHEMAS:
            return (KNOWN / KNOWN_SCHEMAS[url]).read_bytes()
        found = self._files.get(Path(url).resolve())
        if found is None:
            raise ConfigurationError(f"a WSDL may refer only to files beside it, not to {url}")
        return found


class ServiceDescription:
    """One port of a WSDL: its operations, its SOAP version, and requests made after it."""

    def __init__(self, path: Path, port: Any, encodings: Mapping[str, Encoding]) -> None:
        self._path = path
        self._binding = port.binding
        self._encodings = encodings
        self.port_name = str(port.name)
        self.address = str(port.binding_options.get("address") or "")

    @staticmethod
    def read(path: Path, within: Path | None = None, wanted: PortName = PortName()) -> ServiceDescription:
        """Read a WSDL; it and what it refers to lie in `within`, by default the WSDL's own folder.

        Raises ConfigurationError that names the file.
        """
        return _choose(path, load_ports(path, within), wanted)[0]

    @property
    def version(self) -> SoapVersion:
        """The SOAP version of the port's binding."""
        return version_of(self._binding.nsmap["soap-env"])

    @property
    def operations(self) -> frozenset[str]:
        """The names of all operations."""
        return frozenset(self._binding.all())

    @property
    def binding_name(self) -> str:
        """The binding's local name."""
        return str(self._binding.name.localname)

    def describe(self, operation: str) -> OperationShape:
        """The shape of an operation. Raises ConfigurationError when the WSDL has no such operation."""
        return describe_operation(self._operation(operation))

    def encoding(self, operation: str) -> Encoding | None:
        """How the parts of an operation are encoded; None where they are literal."""
        return self._encodings.get(operation)

    def draft(
        self, operation: str, arguments: Mapping[str, Any] | str | bytes, headers: Mapping[str, Any] | None = None
    ) -> Draft:
        """Make the request for an operation. `arguments` follow its element in the schema, nested as dicts and lists;
        a text where that element is simple. `headers` are the blocks that the WSDL declares.

        Raises ConfigurationError when the WSDL has no such operation or does not take these arguments.
        """
        described = self._operation(operation)
        with _translate_zeep(self._path):
            positional, named = ((arguments,), {}) if isinstance(arguments, str | bytes) else ((), dict(arguments))
            envelope = described.create(*positional, **named, _soapheaders=headers or None).content
        if encoding := self._encodings.get(operation):
            mark_encoded(envelope, encoding, _part_types(describe_operation(described).request))
        return Draft(http_headers(self.version, described.soapaction), envelope)

    def draft_reply(self, operation: str, arguments: Mapping[str, Any] | str | bytes) -> Any:
        """The envelope of a reply of an operation that we offer, as a tree. `arguments` are as in `draft`.

        Raises ConfigurationError for a one-way operation, and for arguments that the WSDL does not take.
        """
        described = self._operation(operation)
        if described.output is None:
            raise ConfigurationError(f"{self._path}: {operation} has no reply")
        with _translate_zeep(self._path):
            positional, named = ((arguments,), {}) if isinstance(arguments, str | bytes) else ((), dict(arguments))
            envelope = described.output.serialize(*positional, **named).content
        if described.style == "rpc":
            name_wrapper(envelope, f"{operation}Response")
        shape = describe_operation(described).reply
        if (encoding := self._encodings.get(operation)) and shape is not None:
            mark_encoded(envelope, encoding, _part_types(shape))
        return envelope

    def _operation(self, operation: str) -> Any:
        if operation not in self.operations:
            known = ", ".join(sorted(self.operations)) or "none"
            raise ConfigurationError(f"{self._path}: the WSDL has no operation {operation}; it has {known}")
        return self._binding.get(operation)


def load_ports(path: Path, within: Path | None = None) -> dict[str, list[ServiceDescription]]:
    """The ports that speak SOAP, by service. Raises ConfigurationError for a WSDL that cannot be read or has none."""
    gathered = gather(path, within)
    files: Any = LocalFiles(gathered)  # zeep asks for its own class, which would come with a network session
    with _translate_zeep(path):
        document = Document(str(gathered.entry), files, settings=_SETTINGS)
        found = {
            name: [
                ServiceDescription(path, port, read_encodings(gathered, port.binding.name.localname))
                for port in service.ports.values()
                if _speaks_soap(port.binding)
            ]
            for name, service in document.services.items()
        }
    if not any(found.values()):
        others = sum(len(service.ports) for service in document.services.values())
        beside = f"; its {others} ports are bound to plain HTTP" if others else ""
        raise ConfigurationError(f"{path}: the WSDL offers no port with a SOAP binding{beside}")
    return found


def _speaks_soap(binding: Any) -> bool:
    return getattr(binding, "nsmap", {}).get("soap-env") in NAMESPACES.values()


def _choose(path: Path, ports: Mapping[str, list[ServiceDescription]], wanted: PortName) -> list[ServiceDescription]:
    if wanted.service is not None and wanted.service not in ports:
        raise ConfigurationError(f"{path}: there is no service {wanted.service}; there is {', '.join(ports)}")
    offered = [port for name, found in ports.items() if wanted.service in {None, name} for port in found]
    chosen = [port for port in offered if wanted.port in {None, port.port_name}]
    if not chosen:
        names = ", ".join(port.port_name for port in offered)
        raise ConfigurationError(f"{path}: there is no SOAP port {wanted.port}; there is {names}")
    return chosen


def _part_types(body: Shape) -> dict[str, tuple[str, str]]:
    return {part.name: (part.type_namespace, part.type) for part in body.children if part.type}


@contextmanager
def _translate_zeep(path: Path) -> Iterator[None]:
    try:
        yield
    except _ZEEP_ERRORS as error:
        raise ConfigurationError(f"{path}: {' '.join(str(error).split())[:500]}") from error
