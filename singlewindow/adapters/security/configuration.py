"""What `[security]` of an agency.toml may say. Secrets stand there by reference only."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

FROM_ENVIRONMENT, FROM_FILE = "env:", "file:"


def refuse_literal(text: str) -> str:
    """A reference to a secret, unchanged. A literal one would lie in backups and version control, so it is refused."""
    scheme = next((one for one in (FROM_ENVIRONMENT, FROM_FILE) if text.startswith(one)), None)
    if scheme is None:
        raise PydanticCustomError("literal_secret", "a secret is named (env:NAME or file:PATH), never written here")
    if text == scheme:
        raise PydanticCustomError("empty_reference", "a name or a path is missing after the colon")
    return text


Reference = Annotated[str, AfterValidator(refuse_literal)]
"""`env:NAME`, or `file:PATH` with a path relative to the folder or absolute."""


class SecurityTable(BaseModel):
    """A table in which an unknown key is an error, and whose errors never show what was written."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class Tls(SecurityTable):
    """`ca` pins the authorities (PEM) whose certificates the agency may show; without it those of the system count.

    `client_certificate` (PEM, with its chain) and `client_key` are what we show.
    """

    ca: str | None = None
    client_certificate: str | None = None
    client_key: Reference | None = None
    client_key_password: Reference | None = None

    @model_validator(mode="after")
    def _check_pair(self) -> Tls:
        if (self.client_certificate is None) != (self.client_key is None):
            raise PydanticCustomError("half_a_pair", "client_certificate and client_key go together")
        if self.client_key is not None and not self.client_key.startswith(FROM_FILE):
            raise PydanticCustomError("key_in_environment", "client_key is read from a file: file:PATH")
        return self


class PasswordLogin(SecurityTable):
    """`username` may be written out or be a reference, `password` is one."""

    username: str = Field(min_length=1)
    password: Reference

    @property
    def username_is_reference(self) -> bool:
        """True where the name is kept elsewhere too."""
        return self.username.startswith((FROM_ENVIRONMENT, FROM_FILE))


class Signature(SecurityTable):
    """`certificate` and `key` (PEM) sign Body, Timestamp and WS-Addressing headers of what is sent.

    `reply_certificate` (PEM, one or several while they change) is what every reply must be signed with. A Timestamp of
    ours lives `lifetime_seconds`; one of the agency's is taken as long, give or take `clock_skew_seconds`.
    """

    certificate: str | None = None
    key: Reference | None = None
    key_password: Reference | None = None
    reply_certificate: str | None = None
    lifetime_seconds: int = Field(300, ge=10, le=3600)
    clock_skew_seconds: int = Field(60, ge=0, le=600)

    @model_validator(mode="after")
    def _check_pair(self) -> Signature:
        if (self.certificate is None) != (self.key is None):
            raise PydanticCustomError("half_a_pair", "certificate and key go together")
        if self.certificate is None and self.reply_certificate is None:
            raise PydanticCustomError("nothing_to_do", "certificate with key, or reply_certificate, is missing")
        return self


class Addressing(SecurityTable):
    """WS-Addressing 1.0 headers. `to` replaces the URL of the service, `action` the SOAPAction of the operation.

    A RelatesTo of a reply is checked where there is one; with `require_relates_to` there must be one, and where replies
    are signed it must be signed too.
    """

    to: str | None = None
    action: str | None = None
    require_relates_to: bool = False


class Security(SecurityTable):
    """`[security]`. With any table in it the agency is reached over https only, or on loopback."""

    tls: Tls | None = None
    basic: PasswordLogin | None = None
    username_token: PasswordLogin | None = None
    signature: Signature | None = None
    addressing: Addressing | None = None

    @property
    def is_empty(self) -> bool:
        """True where nothing is asked for."""
        return not self.model_fields_set
