"""WSDLs read by zeep, from local files only, and requests made after them. The only module that knows zeep."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

from zeep import Settings
from zeep.exceptions import Error as ZeepError
from zeep.wsdl import Document

from singlewindow.errors import ConfigurationError
from singlewindow.xsd.soap_envelope import SoapVersion, http_headers, version_of, write
from singlewindow.xsd.soap_requests import write_record

_SETTINGS = Settings(strict=True, forbid_dtd=True, forbid_entities=True, forbid_external=True)


@dataclass(frozen=True, slots=True)
class SoapRequest:
    """A request for the wire, and the bytes to keep of it (see Envelope.record)."""

    headers: dict[str, str]
    body: bytes
    record: bytes


class LocalFiles:
    """What zeep may load: files in the WSDL's own folder. There is no session: nothing can be fetched or sent."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    def load(self, url: str) -> bytes:
        """Read a file of the folder. Raises ConfigurationError for a URL and for a path that leads out of it."""
        path = Path(url).resolve()
        if "://" in url or not path.is_relative_to(self._folder):
            raise ConfigurationError(f"a WSDL may refer only to files beside it, not to {url}")
        return path.read_bytes()


class ServiceDescription:
    """One service's WSDL: its operations, its SOAP version, and requests made after it."""

    def __init__(self, path: Path, binding: Any) -> None:
        self._path = path
        self._binding = binding

    @staticmethod
    @cache
    def load(path: Path) -> ServiceDescription:
        """Read a WSDL once in a process; its first port counts. Raises ConfigurationError that names the file."""
        files: Any = LocalFiles(path.parent)  # zeep asks for its own class, which would come with a network session
        with _translate_zeep(path):
            document = Document(str(path.resolve()), files, settings=_SETTINGS)
            ports = [port for service in document.services.values() for port in service.ports.values()]
        if not ports:
            raise ConfigurationError(f"{path}: the WSDL offers no port")
        return ServiceDescription(path, ports[0].binding)

    @property
    def version(self) -> SoapVersion:
        """The SOAP version of the port's binding."""
        return version_of(self._binding.nsmap["soap-env"])

    @property
    def operations(self) -> frozenset[str]:
        """The names of all operations."""
        return frozenset(self._binding.all())

    def request(self, operation: str, arguments: Mapping[str, Any], *, call_id: UUID) -> SoapRequest:
        """Make the request for an operation. `arguments` follow its element in the schema, nested as dicts and lists.

        Raises ConfigurationError when the WSDL has no such operation or does not take these arguments.
        """
        if operation not in self.operations:
            raise ConfigurationError(f"{self._path}: the WSDL has no operation {operation}")
        described = self._binding.get(operation)
        with _translate_zeep(self._path):
            correlation = {"correlation": {"callId": str(call_id)}}
            envelope = described.create(**arguments, _soapheaders=correlation).content
        headers = http_headers(self.version, described.soapaction)
        return SoapRequest(headers, body=write(envelope), record=write_record(envelope))


@contextmanager
def _translate_zeep(path: Path) -> Iterator[None]:
    try:
        yield
    except (ZeepError, TypeError, ValueError, OSError) as error:
        raise ConfigurationError(f"{path}: {error}") from error
