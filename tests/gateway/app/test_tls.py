"""What the hub speaks over TLS: versions and suites that are good today, and no others."""

import socket
import ssl
import warnings
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.gateway.app.test_listening import TLS, certificate
from tests.gateway.live import Live, live_hub, make_root, write

ASKING = TLS.replace("}}", ", client_authorities: var/tls/hub.pem}}")


@pytest.fixture(scope="module", params=[TLS, ASKING], ids=["by granian", "by the front"])
def live(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Live]:
    root: Path = make_root(tmp_path_factory.mktemp("hub"))
    certificate(root)
    write(root, "hub.yaml", f"api: {{port: 0}}\n{request.param}")
    with live_hub(root) as running:
        yield running


def context(*, newest: ssl.TLSVersion, ciphers: str = "ALL:@SECLEVEL=0") -> ssl.SSLContext:
    """Return a client that would take anything up to that version."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    made.set_ciphers(ciphers)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of the old versions that are tried
        made.minimum_version = ssl.TLSVersion.TLSv1
        made.maximum_version = newest
    return made


def spoken(live: Live, client: ssl.SSLContext) -> tuple[str, str]:
    """Shake hands; return version and suite. Raises ssl.SSLError, OSError."""
    parts = urlsplit(live.url)
    with (
        socket.create_connection((parts.hostname or "", parts.port or 0), timeout=20) as raw,
        client.wrap_socket(raw) as wrapped,
    ):
        suite = wrapped.cipher()
        return wrapped.version() or "", suite[0] if suite else ""


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_versions_are_not_spoken(live: Live, version: ssl.TLSVersion) -> None:
    with pytest.raises(ssl.SSLError, match="alert"):
        spoken(live, context(newest=version))


@pytest.mark.parametrize("suite", ["AES128-GCM-SHA256", "AES256-SHA", "ECDHE-ECDSA-AES128-SHA"])
def test_suites_without_forward_secrecy_or_authenticated_encryption_are_not_spoken(
    live: Live, suite: str
) -> None:
    with pytest.raises(ssl.SSLError, match="alert"):
        spoken(live, context(newest=ssl.TLSVersion.TLSv1_2, ciphers=f"{suite}:@SECLEVEL=0"))


def test_the_newest_version_is_preferred(live: Live) -> None:
    assert spoken(live, context(newest=ssl.TLSVersion.TLSv1_3))[0] == "TLSv1.3"
    version, suite = spoken(live, context(newest=ssl.TLSVersion.TLSv1_2))
    assert version == "TLSv1.2"
    assert "GCM" in suite or "CHACHA20" in suite


def test_browsers_are_told_to_stay_with_https(live: Live) -> None:
    trust = context(newest=ssl.TLSVersion.TLSv1_3)
    answer = httpx.get(live.url + "/healthz", verify=trust, trust_env=False)
    assert answer.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
