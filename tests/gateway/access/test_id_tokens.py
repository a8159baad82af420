"""ID tokens that must never let anybody in, from a scripted provider that signs whatever it is told."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import RSAKey

from connectors.http import Answer
from connectors.ssrf import Network
from gateway.access import Duty, People, Sessions
from gateway.access.provider import Provider
from gateway.access.signed import Bad
from gateway.errors import TryAgain, UsageFault
from gateway.ports import Ports
from gateway.settings import AccessSettings, Config, HubSettings, PeopleSettings
from gateway.settings.structs import RoutesFile
from gateway.store import Store
from tests.gateway.access.conftest import START, StillClock

KEY = RSAKey.generate_key(2048, {"kid": "first", "use": "sig"})
OTHER = RSAKey.generate_key(2048, {"kid": "first"})
ISSUER = "https://login.example"
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "aud": "remithub",
    "sub": "ada",
    "nonce": "n-1",
    "iat": START,
    "exp": START + 60,
    "auth_time": START - 3600,
    "amr": ["pwd", "otp", "mfa"],
    "groups": ["ops"],
}


class Scripted:
    """A provider of ten lines: gives the documents it was made with."""

    def __init__(self, id_token: str, userinfo: dict[str, Any], **changes: Any) -> None:
        self.asked: list[bytes] = []
        self._tokens = {"id_token": id_token, "access_token": "opaque"}
        self._userinfo = userinfo
        self._document = {
            "issuer": ISSUER,
            "authorization_endpoint": f"{ISSUER}/authorize?tenant=1",
            "token_endpoint": f"{ISSUER}/token",
            "userinfo_endpoint": f"{ISSUER}/userinfo",
            "jwks_uri": f"{ISSUER}/keys",
        } | changes

    async def get(self, url: str, network: Network) -> bytes:
        assert network is Network.PUBLIC
        keys = {"keys": [KEY.as_dict(private=False)]}
        return json.dumps(keys if url.endswith("/keys") else self._document).encode()

    async def ask(
        self,
        method: str,
        url: str,
        network: Network,
        *,
        headers: dict[str, str],
        body: bytes = b"",
    ) -> Answer:
        assert network is Network.PUBLIC
        self.asked.append(body)
        said = self._tokens if url.endswith("/token") else self._userinfo
        return Answer(status=200, headers={}, body=json.dumps(said).encode())


def signed(key: Any = KEY, header: dict[str, Any] | None = None, **claims: Any) -> str:
    body = {name: value for name, value in (CLAIMS | claims).items() if value is not None}
    made = {"alg": "RS256", "kid": "first"} | (header or {})
    return jws.serialize_compact(made, json.dumps(body).encode(), key, algorithms=[made["alg"]])


def redeem(
    token: str,
    *,
    userinfo: dict[str, Any] | None = None,
    acr: tuple[str, ...] = (),
    **changes: Any,
) -> dict[str, Any]:
    settings = PeopleSettings(
        issuer=ISSUER, client_id="remithub", public_url="https://hub.example", acr=acr
    )
    scripted: Any = Scripted(token, userinfo or {}, **changes)
    provider = Provider(settings, fetcher=scripted, secret=str, clock=StillClock())
    return dict(asyncio.run(provider.claims("code", verifier="v" * 64, nonce="n-1")))


def test_a_good_one_is_taken() -> None:
    assert redeem(signed())["groups"] == ["ops"]
    assert redeem(signed(aud=["remithub", "other"], azp="remithub"))["sub"] == "ada"
    assert redeem(signed(acr="mfa"), acr=("mfa", "hwk"))["sub"] == "ada"
    assert redeem(signed(header={"typ": "JWT"}))["sub"] == "ada"


BAD: dict[str, Callable[[], str]] = {
    "another key": lambda: signed(OTHER),
    "another issuer": lambda: signed(iss="https://evil.example"),
    "another audience": lambda: signed(aud="other"),
    "several audiences and no party": lambda: signed(aud=["remithub", "other"]),
    "another party": lambda: signed(azp="other"),
    "another nonce": lambda: signed(nonce="n-2"),
    "no nonce": lambda: signed(nonce=None),
    "expired": lambda: signed(exp=START - 31),
    "made in the future": lambda: signed(iat=START + 31),
    "no expiry": lambda: signed(exp=None),
    "expiry as text": lambda: signed(exp="never"),
    "no subject": lambda: signed(sub=None),
    "a subject with a line end": lambda: signed(sub="ada\nbob"),
    "an access token": lambda: signed(header={"typ": "at+jwt"}),
    "no token": lambda: "",
    "signed in too long ago": lambda: signed(auth_time=START - 36_031),
    "signed in in the future": lambda: signed(auth_time=START + 31),
    "no time of the sign-in": lambda: signed(auth_time=None),
    "one factor": lambda: signed(amr=["pwd"]),
    "no method": lambda: signed(amr=None),
    "a method as text": lambda: signed(amr="mfa"),
    "no signature": lambda: signed().rpartition(".")[0] + ".",
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_one_lets_nobody_in(case: str) -> None:
    with pytest.raises(Bad):
        redeem(BAD[case]())


@pytest.mark.parametrize("acr", [None, "pwd", ["mfa"]])
def test_a_weaker_sign_in_than_asked_for_lets_nobody_in(acr: Any) -> None:
    with pytest.raises(Bad, match="acr"):
        redeem(signed(acr=acr), acr=("mfa",))


def test_groups_come_from_userinfo_where_the_token_has_none() -> None:
    bare = signed(groups=None)
    assert redeem(bare, userinfo={"sub": "ada", "groups": ["ops"]})["groups"] == ["ops"]
    with pytest.raises(Bad, match="userinfo"):
        redeem(bare, userinfo={"sub": "bob", "groups": ["ops"]})


def test_what_the_token_says_goes_before_userinfo() -> None:
    told = redeem(signed(groups=None), userinfo={"sub": "ada", "iss": "x", "aud": "y"})
    assert (told["iss"], told["aud"]) == (ISSUER, "remithub")


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": "https://evil.example"},
        {"issuer": ISSUER + "/"},
        {"token_endpoint": "http://login.example/token"},
        {"jwks_uri": "file:///etc/passwd"},
        {"authorization_endpoint": None},
    ],
)
def test_a_document_that_is_anothers_or_not_secure_is_not_used(changes: dict[str, Any]) -> None:
    with pytest.raises(TryAgain):
        redeem(signed(), **changes)


EVENTS: dict[str, Any] = {"http://schemas.openid.net/event/backchannel-logout": {}}


def logged_out(**change: Any) -> str:
    header = {"typ": change.pop("typ", "logout+jwt")}
    key = change.pop("key", KEY)
    return signed(key, header, **({"nonce": None, "events": EVENTS, "jti": "j-1"} | change))


def judged(token: str) -> str:
    settings = PeopleSettings(issuer=ISSUER, client_id="remithub", public_url="https://h.example")
    scripted: Any = Scripted("", {})
    provider = Provider(settings, fetcher=scripted, secret=str, clock=StillClock())
    return asyncio.run(provider.logged_out(token))


def test_a_logout_token_says_who_has_gone() -> None:
    assert judged(logged_out()) == "ada"
    assert judged(logged_out(typ="application/logout+jwt")) == "ada"


@pytest.mark.parametrize(
    "change",
    [
        {"nonce": "n-1"},
        {"events": None},
        {"events": {"http://schemas.openid.net/event/other": {}}},
        {"events": [*EVENTS]},
        {"sub": None},
        {"aud": "other"},
        {"iss": "https://evil.example"},
        {"exp": START - 31},
        {"iat": START + 31},
        {"typ": "JWT"},
        {"typ": "at+jwt"},
        {"key": OTHER},
    ],
)
def test_what_is_no_logout_token_ends_nothing(change: dict[str, Any]) -> None:
    with pytest.raises(Bad):
        judged(logged_out(**change))


def test_an_id_token_signs_nobody_out_and_a_logout_token_nobody_in() -> None:
    with pytest.raises(Bad):
        judged(signed())
    with pytest.raises(Bad):
        redeem(logged_out(nonce="n-1"))


async def test_who_signs_out_at_the_provider_has_no_session_left(
    store: Store, ports: Ports
) -> None:
    people = PeopleSettings(issuer=ISSUER, client_id="remithub", public_url="https://h.example")
    access = AccessSettings(people=people)
    config = Config(
        hub=HubSettings(access=access), interfaces={}, routes=RoutesFile(routes=()), files={}
    )
    sessions = Sessions(store, ports, lambda: "hilltop")
    scripted: Any = Scripted("", {})
    given: Any = None  # nobody signs in here
    ways = People(
        config=lambda: config,
        store=store,
        ports=ports,
        sessions=sessions,
        emergency=given,
        fetcher=scripted,
        secret=str,
    )
    for subject in ("ada", "ada", "bob"):
        await sessions.begin(subject, [Duty.OPERATOR])
    with pytest.raises(UsageFault):
        await ways.logged_out(logged_out(sub=None))
    await ways.logged_out(logged_out())
    assert [one.subject for one in await sessions.list()] == ["bob"]
