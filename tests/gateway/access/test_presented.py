"""What a request shows: a proxy is believed by its address alone, a certificate by the proxy."""

import base64
import hashlib
from typing import Any
from urllib.parse import quote

import pytest

from gateway.access import PEER, Peer, Presented, read_presented
from gateway.settings import AccessSettings, TlsSettings

PROXY = "10.1.2.3"
BEHIND = AccessSettings(proxies=("10.1.2.0/24", "::1"), certificate_header="X-Client-Cert")
DER = b"not really a certificate, but bytes"
PEM = f"-----BEGIN CERTIFICATE-----\n{base64.b64encode(DER).decode()}\n-----END CERTIFICATE-----\n"
THUMBPRINT = base64.urlsafe_b64encode(hashlib.sha256(DER).digest()).rstrip(b"=").decode()


def shown(
    peer: str, settings: AccessSettings = BEHIND, front: Peer | None = None, **headers: str
) -> Presented:
    scope: Any = {
        "method": "GET",
        "client": (peer, 1),
        **({PEER: front} if front else {}),
        "headers": [
            (name.replace("_", "-").lower().encode(), value.encode())
            for name, value in headers.items()
        ],
    }
    return read_presented(scope, settings)


@pytest.mark.parametrize(
    "written",
    [
        quote(PEM),
        PEM.replace("\n", " "),
        base64.b64encode(DER).decode(),
        f":{base64.b64encode(DER).decode()}:",
        hashlib.sha256(DER).hexdigest(),
        ":".join(f"{byte:02X}" for byte in hashlib.sha256(DER).digest()),
    ],
)
def test_a_certificate_is_read_as_proxies_write_it(written: str) -> None:
    assert shown(PROXY, X_Client_Cert=written).thumbprint == THUMBPRINT


def test_a_certificate_is_believed_from_a_configured_proxy_only() -> None:
    for peer in ("10.1.3.3", "127.0.0.1", "::ffff:10.1.2.3", "", "unix"):
        assert shown(peer, X_Client_Cert=quote(PEM)).thumbprint == ""
    assert shown(PROXY, AccessSettings(), X_Client_Cert=quote(PEM)).thumbprint == ""
    for nonsense in ("", "%%%", "x" * 40_000, "-----BEGIN CERTIFICATE-----"):
        assert shown(PROXY, X_Client_Cert=nonsense).thumbprint == ""


def test_the_source_is_the_last_address_that_no_proxy_of_ours_has() -> None:
    assert shown(PROXY, X_Forwarded_For="6.6.6.6, 9.9.9.9").source == "9.9.9.9"
    assert shown(PROXY, X_Forwarded_For="6.6.6.6, 9.9.9.9, 10.1.2.9").source == "9.9.9.9"
    assert shown(PROXY, X_Forwarded_For="nonsense").source == PROXY
    assert shown(PROXY).source == PROXY
    assert shown("8.8.8.8", X_Forwarded_For="9.9.9.9").source == "8.8.8.8"


def test_plain_text_past_the_proxy_is_seen() -> None:
    assert shown("8.8.8.8").around
    assert not shown(PROXY).around
    assert not shown("127.0.0.1").around
    tls = AccessSettings(tls=TlsSettings(certificate="c", key="k"), proxies=("10.0.0.0/8",))
    assert not shown("8.8.8.8", tls).around


def test_where_the_hub_ends_tls_in_front_the_client_counts_and_not_who_hands_it_on() -> None:
    tls = AccessSettings(
        tls=TlsSettings(certificate="c", key="k"),
        proxies=("10.1.2.0/24",),
        certificate_header="X-Client-Cert",
    )
    far = shown("127.0.0.1", tls, Peer("10.9.9.9", THUMBPRINT))
    assert (far.source, far.thumbprint, far.here, far.around) == (
        "10.9.9.9",
        THUMBPRINT,
        False,
        False,
    )
    assert shown("127.0.0.1", tls, Peer("127.0.0.1")).here
    assert shown("127.0.0.1", tls, Peer("127.0.0.1", around=True)).around
    assert shown("127.0.0.1", tls, Peer(PROXY, THUMBPRINT)).thumbprint == ""
    behind = shown("127.0.0.1", tls, Peer(PROXY, "other"), X_Client_Cert=quote(PEM))
    assert behind.thumbprint == THUMBPRINT


def test_this_machine_is_loopback_without_a_word_of_anybody_else() -> None:
    assert shown("127.0.0.1").here
    assert shown("::1").here
    assert not shown("10.1.2.3").here
    for header in ("X_Forwarded_For", "Forwarded", "X_Real_Ip", "X_Forwarded_Host"):
        assert not shown("127.0.0.1", **{header: ""}).here
