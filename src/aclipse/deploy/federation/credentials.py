"""What proves who is who: an authority of this run alone, certificates for this machine, and a key for each client."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import NameOID

VALID = timedelta(days=7)  # longer than any run
AUTHORITY = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "aclipse federation")])


class Credentials:
    """Files below a folder that only its owner may read; the authority's own key is never written."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, mode=0o700)
        self.folder, self.authority = folder, folder / "authority.pem"
        self._key = ec.generate_private_key(ec.SECP384R1())
        own = _builder(AUTHORITY, self._key.public_key()).add_extension(x509.BasicConstraints(True, 0), True)
        own = own.add_extension(_usage(signs=True), True)
        self.authority.write_bytes(own.sign(self._key, hashes.SHA384()).public_bytes(Encoding.PEM))

    def certificate(self, name: str) -> tuple[Path, Path]:
        """A certificate for this machine's loopback, and its key."""
        key = ec.generate_private_key(ec.SECP384R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        here = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        made = (
            _builder(subject, key.public_key())
            .add_extension(x509.BasicConstraints(False, None), True)
            .add_extension(_usage(signs=False), True)
            .add_extension(x509.SubjectAlternativeName(here), False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), False)
        )
        certificate = self._write(f"{name}.pem", made.sign(self._key, hashes.SHA384()).public_bytes(Encoding.PEM))
        return certificate, self._write(f"{name}.key", _private(key, PrivateFormat.PKCS8))

    def pair(self, name: str) -> tuple[Path, Path]:
        """A private key with which a client shows who it is, and the public one that is registered."""
        key = ec.generate_private_key(ec.SECP384R1())
        public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
        return self._write(name, _private(key, PrivateFormat.OpenSSH)), self._write(f"{name}.pub", public)

    def _write(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        path.touch(0o600)
        path.write_bytes(content)
        return path


def _builder(subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(AUTHORITY)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))  # clocks differ
        .not_valid_after(now + VALID)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), False)
    )


def _usage(signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=signs, crl_sign=signs, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _private(key: ec.EllipticCurvePrivateKey, form: PrivateFormat) -> bytes:
    return key.private_bytes(Encoding.PEM, form, NoEncryption())
