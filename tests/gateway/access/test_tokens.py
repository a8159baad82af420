"""Access tokens: one that is good, and the corpus of those that must never be (F-JWT)."""

import asyncio
import base64
import hashlib
import hmac
import json
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import ECKey, OKPKey, RSAKey

from connectors.ssrf import Network
from gateway.access import AccessTokens, Actor, Duty, Unauthenticated
from gateway.errors import TryAgain
from gateway.settings import (
    AccessSettings,
    Certificate,
    ClientSettings,
    Config,
    HubSettings,
    IssuerSettings,
    RoutesFile,
)

NOW = 1_800_000_000
ISSUER, AUDIENCE = "https://login.example/realm", "remithub"
RSA = RSAKey.generate_key(2048, {"kid": "r1", "use": "sig"})
OTHER = RSAKey.generate_key(2048, {"kid": "r1"})
EC = ECKey.generate_key("P-256", {"kid": "e1"})
ED = OKPKey.generate_key("Ed25519", {"kid": "o1"})
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # joserfc warns of so short a key
    SHORT = RSAKey.generate_key(1024, {"kid": "short"})
THUMBPRINT = base64.urlsafe_b64encode(hashlib.sha256(b"cert").digest()).rstrip(b"=").decode()
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "aud": AUDIENCE,
    "sub": "svc-billing",
    "client_id": "svc-billing",
    "iat": NOW - 10,
    "nbf": NOW - 10,
    "exp": NOW + 300,
    "jti": "t-1",
    "scope": "message.submit message.read access.manage",
}
HEADER = {"alg": "RS256", "typ": "at+jwt", "kid": "r1"}


class Clock:
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(NOW + self.seconds, UTC)

    def monotonic(self) -> float:
        return 1000 + self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds


class Issuer:
    """Gives its keys, counts how often, and can be away."""

    def __init__(self, *keys: Any) -> None:
        self.keys = [key.as_dict(private=False) for key in keys]
        self.calls = 0
        self.away = False

    async def fetch(self, url: str, network: Network) -> bytes:
        assert (url, network) == ("https://login.example/keys", Network.PUBLIC)
        self.calls += 1
        if self.away:
            raise TryAgain("away")
        return json.dumps({"keys": self.keys}).encode()


def config(**client: Any) -> Config:
    issuer = IssuerSettings(
        issuer=ISSUER, audience=AUDIENCE, jwks_url="https://login.example/keys"
    )
    granted = ("message.submit", "message.read")
    known = ClientSettings(
        **{"client": "billing", "subject": "svc-billing", "scopes": granted} | client
    )
    return Config(
        hub=HubSettings(tenant="hilltop", access=AccessSettings(issuers=(issuer,))),
        interfaces={},
        routes=RoutesFile(),
        files={},
        clients={"billing": known},
    )


def judge(
    token: str, *, issuer: Issuer | None = None, thumbprint: str = "", **client: Any
) -> Actor:
    tokens = AccessTokens(
        config=lambda: config(**client),
        root=Path(),
        fetch=(issuer or Issuer(RSA, EC, ED, SHORT)).fetch,
        clock=Clock(),
    )
    return asyncio.run(tokens.actor(token, thumbprint))


def signed(
    claims: dict[str, Any] | bytes | None = None,
    header: dict[str, Any] | None = None,
    key: Any = RSA,
) -> str:
    header = HEADER if header is None else header
    body = claims if isinstance(claims, bytes) else json.dumps(CLAIMS | (claims or {})).encode()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # joserfc warns of what is made wrong on purpose
        return jws.serialize_compact(header, body, key, algorithms=[header["alg"]])


def raw(header: dict[str, Any] | bytes, claims: dict[str, Any] | bytes, signature: bytes) -> str:
    pieces = [
        piece if isinstance(piece, bytes) else json.dumps(piece).encode()
        for piece in (header, claims)
    ]
    return ".".join(
        base64.urlsafe_b64encode(piece).rstrip(b"=").decode() for piece in (*pieces, signature)
    )


def by_hand(header: dict[str, Any] | bytes, claims: dict[str, Any] | bytes = CLAIMS) -> str:
    """Sign with the right key whatever the library would not let us sign."""
    unsigned = raw(header, claims, b"").rpartition(".")[0]
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    signature = RSA.private_key.sign(unsigned.encode(), PKCS1v15(), SHA256())
    return f"{unsigned}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def confused() -> str:
    """HS256 with the public key as its secret."""
    unsigned = raw({**HEADER, "alg": "HS256"}, CLAIMS, b"").rpartition(".")[0]
    secret = RSA.as_pem(private=False)
    mac = hmac.new(secret, unsigned.encode(), hashlib.sha256).digest()
    return f"{unsigned}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def without(name: str) -> Callable[[], str]:
    kept = {key: value for key, value in CLAIMS.items() if key != name}
    return lambda: by_hand(HEADER, kept)


def twisted(token: str) -> str:
    """Other claims under the signature of these."""
    head, _, signature = token.split(".")
    body = base64.urlsafe_b64encode(json.dumps(CLAIMS | {"scope": "x"}).encode())
    return f"{head}.{body.rstrip(b'=').decode()}.{signature}"


CORPUS: dict[str, Callable[[], str]] = {
    "alg none": lambda: raw({**HEADER, "alg": "none"}, CLAIMS, b""),
    "alg none with a signature": lambda: raw({**HEADER, "alg": "none"}, CLAIMS, b"x"),
    "alg NONE": lambda: raw({**HEADER, "alg": "NONE"}, CLAIMS, b"x"),
    "alg missing": lambda: by_hand({"typ": "at+jwt", "kid": "r1"}),
    "HS256 with the public key": confused,
    "RS512, not configured": lambda: signed(header={**HEADER, "alg": "RS512"}),
    "PS256, not configured": lambda: signed(header={**HEADER, "alg": "PS256"}),
    "another key of the same id": lambda: signed(key=OTHER),
    "an id that nobody has": lambda: by_hand({**HEADER, "kid": "r9"}),
    "no id, and the key is not the only one": lambda: by_hand({"alg": "EdDSA", "typ": "at+jwt"}),
    "a path as id": lambda: by_hand({**HEADER, "kid": "../../dev/null"}),
    "SQL as id": lambda: by_hand({**HEADER, "kid": "x' UNION SELECT 'k"}),
    "an id that is no text": lambda: by_hand({**HEADER, "kid": {"$ne": ""}}),
    "a key of 1024 bits": lambda: signed(header={**HEADER, "kid": "short"}, key=SHORT),
    "jku": lambda: by_hand({**HEADER, "jku": "https://evil.example/keys"}),
    "x5u": lambda: by_hand({**HEADER, "x5u": "https://evil.example/cert"}),
    "x5c": lambda: by_hand({**HEADER, "x5c": ["AAAA"]}),
    "a key in the header": lambda: by_hand({**HEADER, "jwk": RSA.as_dict(private=False)}),
    "crit": lambda: by_hand({**HEADER, "crit": ["exp"], "exp": 1}),
    "b64 false": lambda: by_hand({**HEADER, "b64": False, "crit": ["b64"]}),
    "zip": lambda: by_hand({**HEADER, "zip": "DEF"}),
    "no type": lambda: by_hand({"alg": "RS256", "kid": "r1"}),
    "an ID token": lambda: by_hand({**HEADER, "typ": "JWT"}, {**CLAIMS, "nonce": "n"}),
    "a logout token": lambda: by_hand({**HEADER, "typ": "logout+jwt"}),
    "expired": lambda: signed({"exp": NOW - 31}),
    "expiry as text": lambda: signed({"exp": str(NOW + 300)}),
    "expiry without end": lambda: by_hand(
        HEADER, json.dumps(CLAIMS).replace(str(NOW + 300), "1e999").encode()
    ),
    "expiry NaN": lambda: by_hand(
        HEADER, json.dumps(CLAIMS).replace(str(NOW + 300), "NaN").encode()
    ),
    "expiry true": lambda: signed({"exp": True}),
    "no expiry": without("exp"),
    "not yet": lambda: signed({"nbf": NOW + 31}),
    "made in the future": lambda: signed({"iat": NOW + 31}),
    "no time of making": without("iat"),
    "another issuer": lambda: signed({"iss": "https://evil.example"}),
    "the issuer with a slash": lambda: signed({"iss": ISSUER + "/"}),
    "no issuer": without("iss"),
    "another audience": lambda: signed({"aud": "billing"}),
    "an audience that begins alike": lambda: signed({"aud": ["remithub2", "remit"]}),
    "no audience": without("aud"),
    "no subject": without("sub"),
    "no client": without("client_id"),
    "no token id": without("jti"),
    "a client that nobody knows": lambda: signed({"client_id": "svc-other"}),
    "scope as a list": lambda: signed({"scope": ["message.read"]}),
    "bound by something else": lambda: signed({"cnf": {"jkt": THUMBPRINT}}),
    "bound by two things": lambda: signed({"cnf": {"jkt": "x", "x5t#S256": THUMBPRINT}}),
    "bound to a certificate that is not there": lambda: signed({"cnf": {"x5t#S256": THUMBPRINT}}),
    "an empty binding": lambda: signed({"cnf": {"x5t#S256": ""}}),
    "equal claims": lambda: by_hand(
        HEADER, json.dumps(CLAIMS)[:-1].encode() + b',"aud":"remithub"}'
    ),
    "equal names in the header": lambda: by_hand(
        b'{"alg":"RS256","alg":"RS256","typ":"at+jwt","kid":"r1"}'
    ),
    "claims that are no object": lambda: by_hand(HEADER, b"[]"),
    "other claims under the signature": lambda: twisted(signed()),
    "a signature cut short": lambda: signed()[:-4],
    "no signature": lambda: signed().rpartition(".")[0] + ".",
    "five pieces": lambda: signed() + ".a.b",
    "too long": lambda: signed({"pad": "x" * 20_000}),
    "padding in a piece": lambda: signed().replace(".", "=.", 1),
    "a line end behind it": lambda: signed() + "\n",
}


@pytest.mark.parametrize("case", CORPUS)
def test_a_bad_token_is_refused_and_told_nothing(case: str) -> None:
    with pytest.raises(Unauthenticated) as refused:
        judge(CORPUS[case]())
    assert refused.value.error == "invalid_token"
    assert str(refused.value).startswith("The credential is not good.")


@pytest.mark.parametrize(
    ("algorithm", "key"), [("RS256", RSA), ("ES256", EC), ("EdDSA", ED), ("Ed25519", ED)]
)
def test_a_good_token_is_a_system_with_what_it_is_granted(algorithm: str, key: Any) -> None:
    actor = judge(signed(header={**HEADER, "alg": algorithm, "kid": key.kid}, key=key))
    assert (actor.id, actor.client, actor.tenant) == ("system:billing", "billing", "hilltop")
    assert actor.duties == {Duty.SYSTEM}
    assert actor.scopes == {"message.submit", "message.read"}
    assert actor.credential == f"{ISSUER}#t-1"


def test_type_and_audience_have_another_spelling_each() -> None:
    assert judge(signed({"aud": ["x", AUDIENCE]}, {**HEADER, "typ": "application/AT+JWT"}))
    assert judge(signed({"exp": NOW - 29, "nbf": NOW + 29, "iat": NOW + 29}))
    assert judge(signed({"scope": ""})).scopes == frozenset()


def test_a_bound_token_needs_its_certificate() -> None:
    token = signed({"cnf": {"x5t#S256": THUMBPRINT}})
    assert judge(token, thumbprint=THUMBPRINT).client == "billing"
    other = base64.urlsafe_b64encode(bytes(32)).rstrip(b"=").decode()
    twice = signed({"cnf": {"jkt": "x", "x5t#S256": THUMBPRINT}})
    with pytest.raises(Unauthenticated):
        judge(twice, thumbprint=THUMBPRINT)
    for shown, mode in ((other, Certificate.OPTIONAL), (THUMBPRINT, Certificate.OFF)):
        with pytest.raises(Unauthenticated):
            judge(token, thumbprint=shown, certificate=mode)


def test_a_client_may_need_a_certificate_whatever_the_token_says() -> None:
    needs = {"certificate": Certificate.REQUIRED, "thumbprints": (THUMBPRINT,)}
    assert judge(signed(), thumbprint=THUMBPRINT, **needs).client == "billing"
    for shown in ("", "x"):
        with pytest.raises(Unauthenticated):
            judge(signed(), thumbprint=shown, **needs)


def test_a_client_that_is_out_of_use_is_not_let_in() -> None:
    with pytest.raises(Unauthenticated):
        judge(signed(), enabled=False)


async def test_keys_are_kept_and_invented_ids_make_no_load() -> None:
    issuer, clock = Issuer(RSA), Clock()
    tokens = AccessTokens(config=config, root=Path(), fetch=issuer.fetch, clock=clock)
    for _ in range(20):
        await tokens.actor(signed(), "")
    assert issuer.calls == 1
    for at in range(50):
        with pytest.raises(Unauthenticated):
            await tokens.actor(by_hand({**HEADER, "kid": f"invented-{at}"}), "")
    assert issuer.calls == 1
    clock.seconds = 61
    issuer.keys.append(EC.as_dict(private=False))
    rotated = signed({"exp": NOW + 9_000_000}, {**HEADER, "alg": "ES256", "kid": "e1"}, EC)
    await tokens.actor(rotated, "")
    assert issuer.calls == 2


async def test_an_issuer_that_is_away_keeps_nobody_out_for_a_while() -> None:
    issuer, clock = Issuer(RSA), Clock()
    tokens = AccessTokens(config=config, root=Path(), fetch=issuer.fetch, clock=clock)
    long_lived = signed({"exp": NOW + 9_000_000})
    await tokens.actor(long_lived, "")
    issuer.away = True
    clock.seconds = 20 * 3600
    await tokens.actor(long_lived, "")
    clock.seconds = 30 * 3600
    with pytest.raises(TryAgain):
        await tokens.actor(long_lived, "")
    issuer.away = False
    clock.seconds += 61
    await tokens.actor(long_lived, "")


async def test_keys_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text(json.dumps({"keys": [RSA.as_dict(private=False)]}))
    issuer = IssuerSettings(issuer=ISSUER, audience=AUDIENCE, jwks_file="keys.json")
    of_file = config()
    hub = HubSettings(tenant="hilltop", access=AccessSettings(issuers=(issuer,)))
    of_file = Config(
        hub=hub, interfaces={}, routes=RoutesFile(), files={}, clients=of_file.clients
    )
    fetch = Issuer().fetch
    tokens = AccessTokens(config=lambda: of_file, root=tmp_path, fetch=fetch, clock=Clock())
    assert (await tokens.actor(signed(), "")).client == "billing"
