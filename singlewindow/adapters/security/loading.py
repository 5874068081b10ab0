"""`[security]` made ready: secrets, keys and certificates read once, every mistake named with file, table and key."""

from __future__ import annotations

import ssl
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass

from singlewindow.adapters.declared.reading import AgencyFolder
from singlewindow.adapters.security.certificates import PinnedCertificates, make_signer, read_certificates
from singlewindow.adapters.security.configuration import PasswordLogin, Security, Signature, Tls
from singlewindow.adapters.security.declared_security import DeclaredSecurity
from singlewindow.adapters.security.redaction import Redaction
from singlewindow.adapters.security.references import Secret, read_secret, secret_file
from singlewindow.adapters.security.transport import check_address, make_context, show_certificate
from singlewindow.adapters.wire import Credentials
from singlewindow.errors import ConfigurationError
from singlewindow.xsd.wss_incoming import Freshness
from singlewindow.xsd.wss_outgoing import Signer


def load_security(read: AgencyFolder, urls: Iterable[str]) -> DeclaredSecurity | None:
    """The security of an agency that is reached at `urls`; None where it asks for none. Raises ConfigurationError."""
    if read.agency.security.is_empty:
        return None
    with read.blame("security"):
        for url in urls:
            check_address(url)
    return _Loading(read, read.agency.security).load()


def read_passwords(read: AgencyFolder) -> tuple[str, ...]:
    """The passwords that `[security]` refers to, so that they can be looked for. Raises ConfigurationError."""
    return _Loading(read, read.agency.security).passwords()


@dataclass(frozen=True, slots=True)
class _Loading:
    read: AgencyFolder
    table: Security

    def load(self) -> DeclaredSecurity:
        basic, token = self._login("basic", self.table.basic), self._login("username_token", self.table.username_token)
        signature = self.table.signature or Signature.model_construct()
        return DeclaredSecurity(
            Redaction(tuple(_spellings(basic)) + tuple(_spellings(token))),
            Freshness(signature.lifetime_seconds, signature.clock_skew_seconds),
            credentials=basic,
            tls=self._context(self.table.tls or Tls()),
            token=token,
            signer=self._signer(signature),
            pinned=self._pinned(signature),
            addressing=self.table.addressing,
        )

    def passwords(self) -> tuple[str, ...]:
        table = self.table
        logins = (self._login("basic", table.basic), self._login("username_token", table.username_token))
        return tuple(dict.fromkeys(login.password for login in logins if login is not None))

    def _context(self, tls: Tls) -> ssl.SSLContext:
        ca = self.read.file(tls.ca, "security", "tls", "ca") if tls.ca is not None else None
        with self.read.blame("security", "tls", "ca"):
            context = make_context(ca)
        if tls.client_certificate is not None and tls.client_key is not None:
            certificate = self.read.file(tls.client_certificate, "security", "tls", "client_certificate")
            password = self._secret(tls.client_key_password, "tls", "client_key_password")
            with self.read.blame("security", "tls", "client_key"):
                show_certificate(context, certificate, secret_file(tls.client_key, self.read.folder), password)
        return context

    def _login(self, name: str, login: PasswordLogin | None) -> Credentials | None:
        if login is None:
            return None
        password = self._secret(login.password, name, "password")
        user = self._secret(login.username, name, "username") if login.username_is_reference else None
        named = user.text if user else login.username
        if name == "basic" and ":" in named:
            raise ConfigurationError(
                f"{self.read.place('security', name, 'username')}: HTTP Basic allows no colon in it"
            )
        return Credentials(named, password.text if password else "")

    def _signer(self, signature: Signature) -> Signer | None:
        key = self._secret(signature.key, "signature", "key")
        if signature.certificate is None or key is None:
            return None
        certificate = self.read.file(signature.certificate, "security", "signature", "certificate")
        password = self._secret(signature.key_password, "signature", "key_password")
        with self.read.blame("security", "signature", "key"):
            return make_signer(certificate, key, password)

    def _pinned(self, signature: Signature) -> PinnedCertificates | None:
        if signature.reply_certificate is None:
            return None
        keys = ("security", "signature", "reply_certificate")
        path = self.read.file(signature.reply_certificate, *keys)
        with self.read.blame(*keys):
            return PinnedCertificates(read_certificates(path))

    def _secret(self, reference: str | None, *keys: str) -> Secret | None:
        if reference is None:
            return None
        with self.read.blame("security", *keys):
            return read_secret(reference, self.read.folder)


def _spellings(login: Credentials | None) -> Iterable[str]:
    """A password as it is, and as HTTP Basic sends it."""
    if login is not None:
        yield login.password
        yield b64encode(f"{login.user}:{login.password}".encode()).decode()
