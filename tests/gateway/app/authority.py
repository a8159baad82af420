"""An authority made for the test, and what its clients and the hub need of it."""

import datetime as dt
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from gateway.access import thumbprint

DAY = dt.timedelta(days=1)


class Issued:
    """A certificate with its key, in files, and its thumbprint."""

    def __init__(self, folder: Path, name: str, made: x509.Certificate) -> None:
        self.pem, self.key = folder / f"{name}.pem", folder / f"{name}.key"
        self.serial = made.serial_number
        self.thumbprint = thumbprint(made.public_bytes(serialization.Encoding.DER))


class Authority:
    """Issues certificates and lists of revoked ones into a folder, as `NAME.pem` and `NAME.key`."""

    def __init__(self, folder: Path, name: str = "ca", ends_in: dt.timedelta = DAY) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.file = folder / f"{name}.pem"
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        made = self._signed(self._name, self._key.public_key(), ends_in, ca=True)
        self.file.write_bytes(made.public_bytes(serialization.Encoding.PEM))

    def issue(
        self,
        name: str,
        *,
        ends_in: dt.timedelta = DAY,
        use: ObjectIdentifier = ExtendedKeyUsageOID.CLIENT_AUTH,
    ) -> Issued:
        """Issue one that begins two days ago."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        made = self._signed(subject, key.public_key(), ends_in, use=use)
        issued = Issued(self.folder, name, made)
        issued.pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        issued.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return issued

    def revoke(self, file: Path, *revoked: Issued, ends_in: dt.timedelta = DAY) -> None:
        """Write the list of those."""
        now = dt.datetime.now(dt.UTC)
        made = x509.CertificateRevocationListBuilder(
            issuer_name=self._name, last_update=now - 2 * DAY, next_update=now + ends_in
        )
        for one in revoked:
            entry = x509.RevokedCertificateBuilder(one.serial, now - DAY).build()
            made = made.add_revoked_certificate(entry)
        signed = made.sign(self._key, hashes.SHA256())
        part = file.with_suffix(".part")
        part.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        part.replace(file)

    def _signed(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePublicKey,
        ends_in: dt.timedelta,
        *,
        ca: bool = False,
        use: ObjectIdentifier | None = None,
    ) -> x509.Certificate:
        now = dt.datetime.now(dt.UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 2 * DAY)
            .not_valid_after(now + ends_in)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if use is not None:
            made = made.add_extension(x509.ExtendedKeyUsage([use]), critical=False)
        return made.sign(self._key, hashes.SHA256())


def client_context(hub: Path, shown: Issued | None = None) -> ssl.SSLContext:
    """Return a client that trusts that hub, whatever it is called here, and may show one."""
    context = ssl.create_default_context(cafile=hub)
    context.check_hostname = False
    if shown is not None:
        context.load_cert_chain(shown.pem, shown.key)
    return context
