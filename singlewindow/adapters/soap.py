"""WSDLs read by zeep, from local files only, and requests made after them. The only module that knows zeep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast
from uuid import UUID

from zeep import Settings, Transport
from zeep.exceptions import Error as ZeepError
from zeep.wsdl import Document
from zeep.wsdl.bindings.soap import SoapBinding

from singlewindow.errors import ConfigurationError
from singlewindow.xsd.soap_envelope import NAMESPACES, VERSIONS, SoapVersion, http_headers, write
from singlewindow.xsd.soap_requests import write_record

_SETTINGS = Settings(strict=True, forbid_dtd=True, forbid_entities=True, forbid_external=True)
_DEFINITIONS = Path("/dev/null")


class LocalFiles(Transport):
    """What zeep may load: files in the WSDL's own folder. Everything else is refused; nothing is ever sent by it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    def load(self, url: str) -> bytes:
        """Read a file of the folder. Raises ConfigurationError for a URL and for a path that leads out of it."""
        path = Path(url).resolve()
        if "://" in url or not path.is_relative_to(self._folder):
            raise ConfigurationError(f"a WSDL may only refer to files beside it, not to {url}")
        return path.read_bytes()
