"""TLS to one agency, and where credentials may travel at all."""

from __future__ import annotations

import ssl
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from singlewindow.adapters.security.references import Secret
from singlewindow.errors import ConfigurationError


def check_address(url: str) -> None:
    """Refuse an address that anything of `[security]` would travel to unprotected. Raises ConfigurationError."""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise ConfigurationError(f"{url} is no URL") from error
    if parts.scheme != "https" and not _is_loopback(parts.hostname or ""):
        raise ConfigurationError(f"{url} is neither https nor on loopback, and an agency with [security] must be")


def make_context(ca: Path | None) -> ssl.SSLContext:
    """TLS 1.2 at least and the host's name checked; with a pinned CA, a root or an issuing one, no other counts.

    Raises ConfigurationError for a file without certificates.
    """
    if ca is None:
        context = ssl.create_default_context()
    else:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # verifies chain and host name, and knows no CA yet
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        try:
            context.load_verify_locations(cafile=ca)
        except OSError as error:  # ssl.SSLError is one
            raise ConfigurationError(f"{ca}: {_reason(error)}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def show_certificate(context: ssl.SSLContext, certificate: Path, key: Path, password: Secret | None) -> None:
    """What we show when the agency asks who we are. Raises ConfigurationError for a pair that does not belong together,
    and for a wrong password.
    """
    try:
        # without a password of any kind OpenSSL would ask for one at the terminal
        context.load_cert_chain(certificate, key, password=password.text if password else "")
    except OSError as error:
        raise ConfigurationError(f"{certificate} with {key}: {_reason(error)}") from error


def _reason(error: OSError) -> str:
    told = error.reason if isinstance(error, ssl.SSLError) else error.strerror
    return (told or str(error)).replace("_", " ").lower()


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
