"""Our certificate and key to sign with, and the agency's certificates that its signatures must be by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509 import Certificate, load_pem_x509_certificates

from singlewindow.adapters.security.references import Secret
from singlewindow.errors import ConfigurationError
from singlewindow.xsd.wss_outgoing import Signer
from singlewindow.xsd.wss_references import Unproven
from singlewindow.xsd.wss_vocabulary import ECDSA_SHA256, RSA_SHA256

LEAST_RSA_BITS = 2048


def read_certificates(path: Path) -> Sequence[Certificate]:
    """The certificates of a PEM file, in its order. Raises ConfigurationError, also for a key too weak to count."""
    try:
        certificates = load_pem_x509_certificates(path.read_bytes())
        for certificate in certificates:
            _check_key(path, certificate.public_key())
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path}: no certificate in PEM can be read") from error
    return certificates


def make_signer(path: Path, key: Secret, password: Secret | None) -> Signer:
    """Signs by a key that belongs to the file's first certificate. Raises ConfigurationError for one that does not."""
    certificate = read_certificates(path)[0]
    try:
        private = load_pem_private_key(key.text.encode(), password.text.encode() if password else None)
    except (ValueError, TypeError):
        # the cause could hold a piece of what was read
        raise ConfigurationError(
            f"{key.reference}: no private key in PEM can be read, or its password is wrong"
        ) from None
    if private.public_key() != certificate.public_key():
        raise ConfigurationError(f"{key.reference} is not the key of the certificate {path}")
    der = certificate.public_bytes(Encoding.DER)
    if isinstance(private, rsa.RSAPrivateKey):
        return Signer(der, RSA_SHA256, lambda content: private.sign(content, padding.PKCS1v15(), SHA256()))
    if isinstance(private, ec.EllipticCurvePrivateKey):
        size = _coordinate_bytes(private.curve)
        return Signer(der, ECDSA_SHA256, lambda content: _flatten(private.sign(content, ec.ECDSA(SHA256())), size))
    raise ConfigurationError(f"{key.reference}: neither an RSA nor an elliptic curve key")


@dataclass(frozen=True, slots=True)
class PinnedCertificates:
    """The certificates that a signature counts by, whoever issued them; out of its time one counts no more."""

    certificates: Sequence[Certificate]

    def check(self, algorithm: str, signed: bytes, value: bytes, certificate: bytes | None) -> None:
        """See Verifier in singlewindow.xsd.wss_incoming."""
        if algorithm not in {RSA_SHA256, ECDSA_SHA256}:
            raise Unproven(f"it is signed by {algorithm[:80]!r}; only {RSA_SHA256} and {ECDSA_SHA256} are taken")
        if certificate is not None and certificate not in [_der(one) for one in self.certificates]:
            raise Unproven("it is signed with another certificate than the pinned one")
        now = datetime.now(UTC)
        current = [one for one in self.certificates if one.not_valid_before_utc <= now <= one.not_valid_after_utc]
        if not current:
            raise Unproven("the pinned certificate of replies is out of its time")
        if not any(_fits(one, algorithm, signed, value) for one in current):
            raise Unproven("its signature does not fit the pinned certificate")


def _check_key(path: Path, key: object) -> None:
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < LEAST_RSA_BITS:
        raise ConfigurationError(f"{path}: an RSA key of {key.key_size} bits is too weak; {LEAST_RSA_BITS} at least")
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        raise ConfigurationError(f"{path}: neither an RSA nor an elliptic curve key")


def _fits(certificate: Certificate, algorithm: str, signed: bytes, value: bytes) -> bool:
    key = certificate.public_key()
    try:
        if isinstance(key, rsa.RSAPublicKey) and algorithm == RSA_SHA256:
            key.verify(value, signed, padding.PKCS1v15(), SHA256())
        elif isinstance(key, ec.EllipticCurvePublicKey) and algorithm == ECDSA_SHA256:
            key.verify(_unflatten(value, _coordinate_bytes(key.curve)), signed, ec.ECDSA(SHA256()))
        else:
            return False
    except InvalidSignature:
        return False
    return True


def _der(certificate: Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def _coordinate_bytes(curve: ec.EllipticCurve) -> int:
    return (curve.key_size + 7) // 8


def _flatten(signature: bytes, size: int) -> bytes:
    """The two numbers of a signature side by side, as XML Signature writes them, and not in DER."""
    return b"".join(number.to_bytes(size, "big") for number in decode_dss_signature(signature))


def _unflatten(value: bytes, size: int) -> bytes:
    if len(value) != 2 * size:
        raise InvalidSignature
    return encode_dss_signature(int.from_bytes(value[:size], "big"), int.from_bytes(value[size:], "big"))
