"""What `[security]` may say, and why the rest is refused before anything is sent."""

from __future__ import annotations

import re
import traceback
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from singlewindow.adapters.declared.adapter import DeclaredAdapter
from singlewindow.adapters.security.references import read_secret
from singlewindow.errors import ConfigurationError
from tests.contract.secured_agency import describe, write_identity, write_secret
from tests.contract.signed_replies import Identity

LITERAL = "hunter2-hunter2"
GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "agency-security.md"
OURS, OTHER = Identity.make(), Identity.make()


def load(folder: Path, security: str, url: str = "https://agency.example") -> DeclaredAdapter:
    describe(folder, security)
    write_identity(folder, "ours", OURS)
    write_identity(folder, "other", OTHER)
    return DeclaredAdapter(folder, agencies_url=url)


def mistake(folder: Path, security: str, url: str = "https://agency.example") -> str:
    with pytest.raises(ConfigurationError) as raised:
        load(folder, security, url)
    assert LITERAL not in "".join(traceback.format_exception(raised.value))
    return raised.value.detail


@pytest.mark.parametrize(
    ("security", "said"),
    [
        (f'[security.basic]\nusername = "u"\npassword = "{LITERAL}"', "security.basic: password: a secret is named"),
        (f'[security.signature]\ncertificate = "a"\nkey = "{LITERAL}"', "security.signature: key: a secret is named"),
        ('[security.basic]\nusername = "u"\npassword = "env:"', "security.basic: password: a name or a path is mis"),
        ('[security.basic]\nusername = "u"\npassword = "env:NOT_SET"', "basic.password: env:NOT_SET: the variable"),
        ('[security.basic]\nusername = "u"\npassword = "file:gone"', "basic.password: file:gone: No such file"),
        ('[security.basic]\nusername = "u"\npassword = "file:."', "basic.password: file:.: it is not a file"),
        ('[security.basic]\nusername = "u:v"\npassword = "file:ours.key"', "basic.username: HTTP Basic allows no col"),
        (f'[security.basic]\nusername = "u"\npassword = "{LITERAL}"\nx = 1', "security.basic: unknown key x"),
        ('[security.tls]\nca = "gone.pem"', "security.tls.ca: there is no file"),
        ('[security.tls]\nca = "../ca.pem"', "security.tls.ca: ../ca.pem leads out of"),
        ('[security.tls]\nca = "agency.toml"', "security.tls.ca: "),
        ('[security.tls]\nclient_certificate = "ours.pem"', "tls: client_certificate and client_key go together"),
        ('[security.tls]\nclient_certificate = "ours.pem"\nclient_key = "env:K"', "client_key is read from a file"),
        (
            '[security.tls]\nclient_certificate = "ours.pem"\nclient_key = "file:other.key"',
            "security.tls.client_key: .* key values mismatch",
        ),
        ('[security.signature]\ncertificate = "ours.pem"', "signature: certificate and key go together"),
        ("[security.signature]\n", "signature: certificate with key, or reply_certificate, is missing"),
        ('[security.signature]\ncertificate = "ours.pem"\nkey = "file:other.key"', "is not the key of the certif"),
        ('[security.signature]\ncertificate = "ours.pem"\nkey = "file:agency.toml"', "everybody may open it"),
        ('[security.signature]\nreply_certificate = "agency.toml"', "no certificate in PEM can be read"),
        ('[security.signature]\nreply_certificate = "ours.pem"\nlifetime_seconds = 5', "lifetime_seconds: should be"),
        ("[security.addressing]\nto = 5", "security.addressing: to: "),
    ],
)  # fmt: skip
def test_a_mistake_is_named_and_no_secret_with_it(tmp_path: Path, security: str, said: str) -> None:
    assert re.search(said, mistake(tmp_path, security))


@pytest.mark.parametrize("table", ["[security.tls]\n", "[security.addressing]\n"])
@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://agency.example", True),
        ("http://127.0.0.1:1", True),
        ("http://[::1]:1", True),
        ("http://localhost:1", True),
        ("http://agency.example", False),
        ("http://10.0.0.1", False),
        ("http://127.0.0.1.example", False),
    ],
)
def test_only_https_or_loopback_will_do(tmp_path: Path, table: str, url: str, *, allowed: bool) -> None:
    if allowed:
        assert load(tmp_path, table, url).agency == "harbour"
    else:
        assert "is neither https nor on loopback" in mistake(tmp_path, table, url)


def test_a_password_in_an_address_is_refused_unseen(tmp_path: Path) -> None:
    assert "never in an address" in mistake(tmp_path, "", f"https://u:{LITERAL}@agency.example")


def test_without_security_nothing_changes(tmp_path: Path) -> None:
    assert load(tmp_path, "", "http://agency.example").agency == "harbour"


def test_a_secret_is_read_once_from_environment_or_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARBOUR_PASSWORD", LITERAL)
    write_secret(tmp_path / "password", f"{LITERAL}\r\n".encode())
    read = [
        read_secret(one, tmp_path) for one in ("env:HARBOUR_PASSWORD", "file:password", f"file:{tmp_path}/password")
    ]
    assert {secret.text for secret in read} == {LITERAL}
    assert LITERAL not in repr(read)


@pytest.mark.parametrize(("mode", "allowed"), [(0o600, True), (0o640, True), (0o604, False), (0o666, False)])
def test_a_file_that_everybody_may_open_holds_no_secret(tmp_path: Path, mode: int, *, allowed: bool) -> None:
    write_secret(tmp_path / "password", LITERAL.encode())
    (tmp_path / "password").chmod(mode)
    if allowed:
        assert read_secret("file:password", tmp_path).text == LITERAL
    else:
        with pytest.raises(ConfigurationError, match="take the rights of others away"):
            read_secret("file:password", tmp_path)


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe", b"x" * 70_000])
def test_what_is_no_text_is_no_secret(tmp_path: Path, content: bytes) -> None:
    write_secret(tmp_path / "password", content)
    with pytest.raises(ConfigurationError, match="file:password: "):
        read_secret("file:password", tmp_path)


@pytest.mark.parametrize("table", ["tls", "signature"])
def test_an_encrypted_key_opens_with_its_password_alone(tmp_path: Path, table: str) -> None:
    key = load_pem_private_key(OURS.key, None)
    locked = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(LITERAL.encode()))
    write_secret(tmp_path / "locked.key", locked)
    write_secret(tmp_path / "password", LITERAL.encode())
    write_secret(tmp_path / "wrong", b"another one")
    prefix = "client_" if table == "tls" else ""
    pair = f'[security.{table}]\n{prefix}certificate = "ours.pem"\n{prefix}key = "file:locked.key"\n'
    opened = load(tmp_path / "a", pair.replace("locked", "../locked") + f'{prefix}key_password = "file:../password"\n')
    assert opened.agency == "harbour"
    assert f"security.{table}.{prefix}key" in mistake(tmp_path, f'{pair}{prefix}key_password = "file:wrong"\n')
    (tmp_path / "agency.toml").unlink()
    assert f"security.{table}.{prefix}key" in mistake(tmp_path, pair)


def certify(key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    name, now = x509.Name([]), datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    dated = builder.not_valid_before(now).not_valid_after(now + timedelta(days=1))
    return dated.sign(key, SHA256() if isinstance(key, rsa.RSAPrivateKey) else None).public_bytes(Encoding.PEM)


def test_a_pinned_certificate_with_a_weak_or_foreign_key_is_refused(tmp_path: Path) -> None:
    security = '[security.signature]\nreply_certificate = "agency.pem"\n'
    (tmp_path / "agency.pem").write_bytes(certify(rsa.generate_private_key(65537, 1024)))
    assert "1024 bits is too weak" in mistake(tmp_path, security)
    (tmp_path / "agency.toml").unlink()
    (tmp_path / "agency.pem").write_bytes(certify(ed25519.Ed25519PrivateKey.generate()))
    assert "neither an RSA nor an elliptic curve key" in mistake(tmp_path, security)


def test_every_table_of_the_guide_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARBOUR_USER", "window")
    monkeypatch.setenv("HARBOUR_PASSWORD", LITERAL)
    for name in ("window", "signer", "agency", "agency-ca"):
        write_identity(tmp_path, name, OURS)
    tables = re.findall(r"^```toml\n(.*?)^```", GUIDE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    security = load(tmp_path, "\n".join(tables)).configuration.security
    assert security.model_fields_set == set(type(security).model_fields)
