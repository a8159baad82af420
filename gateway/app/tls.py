"""What the hub speaks TLS by: its own certificate, and the authorities of its clients."""

import logging
import ssl
from pathlib import Path

import msgspec

from gateway.errors import ConfigError
from gateway.settings import TlsSettings

__all__ = ["Contexts", "TlsFiles", "tls_files"]

log = logging.getLogger("remithub")

_SUITES = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2 those with forward secrecy and authenticated encryption; 1.3 has no others."""


class TlsFiles(msgspec.Struct, frozen=True, kw_only=True):
    """PEM files. `authorities` is there where clients are asked for a certificate."""

    certificate: Path
    key: Path
    authorities: Path | None = None
    revocations: Path | None = None

    def all(self) -> tuple[Path, ...]:
        """Return those that are named."""
        named = (self.certificate, self.key, self.authorities, self.revocations)
        return tuple(file for file in named if file is not None)


def tls_files(root: Path, settings: TlsSettings | None) -> TlsFiles | None:
    """Return the files. Raises ConfigError where one is not there: granian would panic."""
    if settings is None:
        return None
    asked, revoked = settings.client_authorities, settings.client_revocations
    found = TlsFiles(
        certificate=root / settings.certificate,
        key=root / settings.key,
        authorities=root / asked if asked else None,
        revocations=root / revoked if revoked else None,
    )
    for place in found.all():
        if not place.is_file():
            raise ConfigError(f"the TLS file {place} is not there", file="hub.yaml")
    return found


class Contexts:
    """The server's context, made anew once a file has changed: certificates and lists of revoked
    ones end, and a hub that is up must not end with them."""

    def __init__(self, files: TlsFiles) -> None:
        """Raises ConfigError where a file is not what it should be."""
        self._files = files
        self._seen = _marks(files)
        try:
            self._context = _context(files)
        except OSError as fault:
            reason = f"the TLS files cannot be used ({_said(fault)})"
            raise ConfigError(reason, file="hub.yaml") from None

    def current(self) -> ssl.SSLContext:
        """Return it. What was good stays where the new files are not."""
        seen = _marks(self._files)
        if seen != self._seen:
            self._seen = seen
            try:
                self._context = _context(self._files)
                log.info("The TLS files have changed and count from now on.")
            except OSError as fault:
                log.warning("The TLS files have changed and cannot be used: %s.", _said(fault))
        return self._context


def _marks(files: TlsFiles) -> tuple[object, ...]:
    return tuple(
        (told.st_mtime_ns, told.st_ino) if told else None
        for told in (file.stat() if file.is_file() else None for file in files.all())
    )


def _context(files: TlsFiles) -> ssl.SSLContext:
    """Return what asks for a certificate and takes none that does not verify. Raises OSError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_SUITES)
    context.set_alpn_protocols(["http/1.1"])
    # A ticket would be sealed by a key that lives as long as the process.
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION
    context.load_cert_chain(files.certificate, files.key)
    context.load_verify_locations(files.authorities)
    context.verify_mode = ssl.CERT_OPTIONAL
    if files.revocations:
        context.load_verify_locations(files.revocations)
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    return context


def _said(fault: OSError) -> str:
    return getattr(fault, "reason", None) or fault.strerror or "unreadable"
