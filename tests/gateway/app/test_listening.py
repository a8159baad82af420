"""Beyond loopback: only with access control, and TLS or a named proxy; over TLS verbs work too."""

import datetime as dt
import ssl
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.errors import ConfigError
from tests.gateway.cli.live_verbs import Typed
from tests.gateway.live import live_hub, make_root, write

CLIENT = "client: billing\ninterfaces: [intake]\nscopes: [health.read]\n"
GRANTED = CLIENT + "products: [everything]\n"
TLS = "access: {tls: {certificate: var/tls/hub.pem, key: var/tls/hub.key}}\n"


def certificate(root: Path) -> None:
    """Write a certificate that says it is hub.example, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hub.example")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("hub.example")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    folder = root / "var/tls"
    folder.mkdir(parents=True, mode=0o700)
    (folder / "hub.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "hub.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


@pytest.mark.parametrize(
    ("access", "client"),
    [
        ("", CLIENT),
        ("access: {}\n", CLIENT),
        (TLS, ""),
        ("access: {proxies: [10.0.0.0/8]}\n", ""),
        ("access: {certificate_header: X-Cert}\n", CLIENT),
    ],
)
def test_it_listens_on_loopback_where_nobody_is_kept_out(
    tmp_path: Path, access: str, client: str
) -> None:
    root = make_root(tmp_path)
    write(root, "hub.yaml", f"api: {{port: 0, host: 0.0.0.0}}\n{access}")
    if client:
        write(root, "clients/billing.yaml", client)
    with pytest.raises(ConfigError) as refused, live_hub(root):
        pass
    assert "hub.yaml" in str(refused.value)


def test_behind_a_named_proxy_it_listens_everywhere(tmp_path: Path) -> None:
    root = make_root(tmp_path)
    write(root, "hub.yaml", "api: {port: 0, host: 0.0.0.0}\naccess: {proxies: [10.0.0.0/8]}\n")
    write(root, "clients/billing.yaml", CLIENT)
    with live_hub(root) as live:
        assert live.url.startswith("http://127.0.0.1:")
        assert live.get("/v1/interfaces")


def test_over_tls_partners_and_verbs_reach_it_and_plain_text_does_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_root(tmp_path)
    certificate(root)
    write(root, "hub.yaml", f"api: {{port: 0, host: 0.0.0.0}}\n{TLS}")
    write(root, "clients/billing.yaml", GRANTED)
    typed = Typed(root, capsys)
    with live_hub(root) as live:
        assert live.url.startswith("https://127.0.0.1:")
        key = typed("key", "create", "billing").strip()
        trust = ssl.create_default_context(cafile=str(root / "var/tls/hub.pem"))
        trust.check_hostname = False
        headers = {"Authorization": f"Bearer {key}"}
        with httpx.Client(verify=trust, trust_env=False, headers=headers) as partner:
            mine = partner.get(live.url + "/v1/interfaces/intake")
            assert mine.status_code == 200, mine.text
            assert partner.get(live.url + "/v1/interfaces/drop").status_code == 404
        with pytest.raises(httpx.TransportError):
            httpx.get(live.url.replace("https", "http") + "/healthz", trust_env=False)
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.minimum_version = ssl.TLSVersion.TLSv1_2
        assert httpx.get(live.url + "/healthz", verify=old, trust_env=False).status_code == 200


def test_a_tls_file_that_is_not_there_is_an_error_of_ours(tmp_path: Path) -> None:
    root = make_root(tmp_path)
    write(root, "hub.yaml", f"api: {{port: 0}}\n{TLS}")
    with pytest.raises(ConfigError, match="TLS file"), live_hub(root):
        pass


@pytest.mark.parametrize(
    ("name", "text", "where"),
    [
        ("clients/billing.yaml", CLIENT.replace("health.read", "health.write"), "billing.yaml:3"),
        ("clients/billing.yaml", CLIENT.replace("intake", "nowhere"), "billing.yaml:2"),
        ("clients/billing.yaml", CLIENT + "roles: [admin]\n", "billing.yaml:4"),
        ("clients/other.yaml", CLIENT, "other.yaml:1"),
        ("hub.yaml", "access:\n  proxies: [10.0.0.0/99]\n", "hub.yaml:2"),
        (
            "hub.yaml",
            "access:\n  tls:\n    certificate: a\n    key: b\n    client_revocations: c\n",
            "hub.yaml:5",
        ),
        (
            "hub.yaml",
            (
                "access:\n  issuers:\n  - issuer: https://a.example\n    audience: b\n"
                "    jwks_url: http://a.example/keys\n"
            ),
            "hub.yaml:5",
        ),
        (
            "hub.yaml",
            (
                "access:\n  people:\n    issuer: https://a.example\n    client_id: b\n"
                "    public_url: https://hub.example\n    roles: {staff: [emperor]}\n"
            ),
            "hub.yaml:6",
        ),
    ],
)
def test_what_makes_no_sense_is_found_when_it_is_read(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    text: str,
    where: str,
) -> None:
    root = make_root(tmp_path)
    write(root, name, text)
    with pytest.raises(ConfigError, match=where), live_hub(root):
        pass
