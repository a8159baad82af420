"""Makes TLS contexts that verify, for every connector that speaks TLS."""

import ssl

__all__ = ["tls_context"]


def tls_context(
    *, ca_file: str = "", certificate_file: str = "", key_file: str = ""
) -> ssl.SSLContext:
    """Return a verifying client context (TLS 1.2 or newer).

    `ca_file` (PEM) replaces the machine's trust store; `certificate_file` and `key_file` are for
    mutual TLS. Raises OSError or ssl.SSLError where a file cannot be used.
    """
    context = ssl.create_default_context(cafile=ca_file or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if certificate_file:
        context.load_cert_chain(certificate_file, key_file or None)
    return context
