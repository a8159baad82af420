"""How the declarative HTTP sink gets in, and what it says when it does not."""

# ruff: noqa: SIM117 - the partner outlives the sink: two blocks say so

import asyncio
import json

import pytest

from connectors.base import (
    Delivered,
    Document,
    Failed,
    Failure,
)

DOCUMENT = Document(contract="journal-entry/0.1.0", data={"ref": "R-1", "amount": "12.50"})


async def test_a_certificate_fault_is_the_credentials(opened, scripted, http_answer, tls):
    async with scripted(lambda _: http_answer(), ssl=tls.server()) as partner:
        async with opened(f"https://127.0.0.1:{partner.port}") as sink:
            outcome = await sink.deliver(sink.call(), DOCUMENT)
    assert isinstance(outcome, Failed)
    assert (outcome.failure, outcome.code) == (Failure.CREDENTIAL, "tls_certificate")


async def test_an_own_authority_and_client_certificate_are_used(
    opened, scripted, http_answer, tls
):
    files = {"ca_file": "ca.pem", "certificate_file": "client.pem", "key_file": "client.key"}
    settings = {"tls": {name: tls.file(file) for name, file in files.items()}}
    async with scripted(lambda _: http_answer(), ssl=tls.server(mutual=True)) as partner:
        async with opened(f"https://127.0.0.1:{partner.port}", settings) as sink:
            assert isinstance(await sink.deliver(sink.call(), DOCUMENT), Delivered)


@pytest.mark.parametrize(
    ("auth", "header", "expected"),
    [
        ({"type": "bearer", "token": "${secret:S}"}, "authorization", "Bearer s3cret"),
        ({"type": "api_key", "value": "${secret:S}"}, "x-api-key", "s3cret"),
        (
            {"type": "basic", "username": "u", "password": "${secret:S}"},
            "authorization",
            "Basic dTpzM2NyZXQ=",
        ),
    ],
)
async def test_a_fixed_credential_travels_in_its_header(
    opened, scripted, http_answer, auth, header, expected
):
    async with scripted(lambda _: http_answer()) as partner:
        async with opened(partner.url, {"auth": auth}, S="s3cret") as sink:
            await sink.deliver(sink.call(), DOCUMENT)
            assert "s3cret" not in repr(sink.__dict__["_settings"])
    assert partner.requests[0].headers[header] == expected


async def test_a_missing_secret_is_named_when_the_connector_is_opened(opened):
    with pytest.raises(KeyError, match="NOWHERE"):
        async with opened("http://x.test", {"headers": {"A": "${secret:NOWHERE}"}}):
            pass


def oauth(url, **more):
    return {
        "auth": {
            "type": "oauth2_client_credentials",
            "token_url": url + "/token",
            "client_id": "hub",
            "client_secret": "${secret:S}",
            **more,
        }
    }


class TokenServer:
    """Gives numbered tokens and accepts only the newest."""

    def __init__(self, http_answer, lifetime=3600):
        self._answer = http_answer
        self.lifetime = lifetime
        self.given = 0
        self.refuse_all = False
        self.token_status = 200

    def __call__(self, exchange):
        if exchange.target == "/token":
            self.given += 1
            body = {"access_token": f"t{self.given}", "expires_in": self.lifetime}
            return self._answer(self.token_status, json.dumps(body).encode())
        good = exchange.headers.get("authorization") == f"Bearer t{self.given}"
        return self._answer(200 if good and not self.refuse_all else 401)


async def test_a_token_is_fetched_once_and_kept(opened, scripted, http_answer):
    server = TokenServer(http_answer)
    async with scripted(server) as partner:
        async with opened(partner.url, oauth(partner.url), S="x") as sink:
            outcomes = await asyncio.gather(
                *(sink.deliver(sink.call(), DOCUMENT) for _ in range(5))
            )
    assert all(isinstance(outcome, Delivered) for outcome in outcomes)
    assert server.given == 1
    assert b"grant_type=client_credentials" in partner.requests[0].body


async def test_a_401_renews_the_token_once_and_tries_again(opened, scripted, http_answer):
    server = TokenServer(http_answer)
    async with scripted(server) as partner:
        async with opened(partner.url, oauth(partner.url), S="x") as sink:
            await sink.deliver(sink.call(), DOCUMENT)
            server.given = 7  # the partner forgot what it gave
            assert isinstance(await sink.deliver(sink.call(), DOCUMENT), Delivered)
            server.refuse_all = True
            outcome = await sink.deliver(sink.call(), DOCUMENT)
    assert isinstance(outcome, Failed)
    assert (outcome.failure, outcome.code) == (Failure.CREDENTIAL, "http_401")
    assert server.given == 9


async def test_a_token_is_renewed_before_it_ends(opened, scripted, http_answer):
    server = TokenServer(http_answer, lifetime=0)
    async with scripted(server) as partner:
        async with opened(partner.url, oauth(partner.url), S="x") as sink:
            for _ in range(2):
                assert isinstance(await sink.deliver(sink.call(), DOCUMENT), Delivered)
    assert server.given == 2


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (400, Failure.CREDENTIAL),
        (401, Failure.CREDENTIAL),
        (429, Failure.THROTTLED),
        (503, Failure.DESTINATION),
    ],
)
async def test_a_refused_token_is_a_definite_failure(
    opened, scripted, http_answer, status, failure
):
    server = TokenServer(http_answer)
    server.token_status = status
    async with scripted(server) as partner:
        async with opened(partner.url, oauth(partner.url, send="body"), S="x") as sink:
            outcome = await sink.deliver(sink.call(), DOCUMENT)
    assert isinstance(outcome, Failed)
    assert (outcome.failure, outcome.code) == (failure, f"token_http_{status}")
    assert [request.target for request in partner.requests] == ["/token"]
