"""Tokens of an issuer nobody here wrote (Authlib's RFC 9068 generator) at a hub that listens."""

import base64
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from joserfc.jwk import RSAKey

from tests.gateway.live import Live, live_hub, make_root, write

KEY = RSAKey.generate_key(2048, {"kid": "first", "use": "sig", "alg": "RS256"})
ISSUER = "https://login.example"
CERTIFICATE = b"the client's certificate"
THUMBPRINT = base64.urlsafe_b64encode(hashlib.sha256(CERTIFICATE).digest()).rstrip(b"=").decode()
HUB = """\
tenant: hilltop
api: {port: 0}
access:
  proxies: [127.0.0.1]
  certificate_header: X-Client-Cert
  issuers: [{issuer: "https://login.example", audience: remithub, jwks_file: var/keys.json}]
"""
CLIENT = """\
client: billing
interfaces: [intake]
scopes: [health.read, message.read]
products: [everything]
subject: svc-billing
"""


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    root: Path = make_root(tmp_path_factory.mktemp("hub"))
    write(root, "hub.yaml", HUB)
    write(root, "clients/billing.yaml", CLIENT)
    (root / "var").mkdir(exist_ok=True)
    keys = {"keys": [KEY.as_dict(private=False)]}
    (root / "var/keys.json").write_text(json.dumps(keys))
    with live_hub(root) as running:
        yield running


def token(scope: str = "health.read", **more: Any) -> str:
    """Have Authlib make an access token, as an authorization server built on it would."""
    rfc9068 = pytest.importorskip("authlib.oauth2.rfc9068", reason="needs the extra `peers`")

    class Generator(rfc9068.JWTBearerTokenGenerator):  # type: ignore[misc,name-defined]  # no types
        def get_jwks(self) -> Any:
            return KEY

        def get_audiences(self, client: Any, user: Any, scope: str) -> str:
            return "remithub"

        def get_extra_claims(
            self, client: Any, grant: str, user: Any, scope: str
        ) -> dict[str, Any]:
            return more

    made = Generator(issuer=ISSUER)
    client = SimpleNamespace(get_client_id=lambda: "svc-billing")
    text: str = made.access_token_generator(client, "client_credentials", None, scope)
    return text


def ask(live: Live, path: str, bearer: str, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    named["Authorization"] = f"Bearer {bearer}"
    return httpx.get(live.url + path, headers=named, trust_env=False, timeout=30)


def test_a_token_of_anothers_making_is_taken(live: Live) -> None:
    answer = ask(live, "/v1/interfaces", token())
    assert answer.status_code == 200, answer.text
    assert [one["name"] for one in answer.json()] == ["intake"]
    assert ask(live, "/v1/interfaces/drop", token()).status_code == 404
    narrow = ask(live, "/v1/interfaces", token("message.read"))
    assert narrow.json()["code"] == "insufficient_scope"


def test_a_bound_token_needs_the_certificate_that_the_proxy_hands_on(live: Live) -> None:
    bound = token(cnf={"x5t#S256": THUMBPRINT})
    shown = base64.b64encode(CERTIFICATE).decode()
    other = base64.b64encode(b"another certificate").decode()
    assert ask(live, "/v1/interfaces", bound).status_code == 401
    assert ask(live, "/v1/interfaces", bound, X_Client_Cert=other).status_code == 401
    assert ask(live, "/v1/interfaces", bound, X_Client_Cert=shown).status_code == 200


def test_a_client_that_is_put_out_of_use_is_out_at_once(live: Live) -> None:
    good = token()
    write(live.root, "clients/billing.yaml", CLIENT + "enabled: false\n")
    assert live.post("/v1/reload").status_code == 200
    assert ask(live, "/v1/interfaces", good).status_code == 401
    write(live.root, "clients/billing.yaml", CLIENT)
    assert live.post("/v1/reload").status_code == 200
    assert ask(live, "/v1/interfaces", good).status_code == 200
