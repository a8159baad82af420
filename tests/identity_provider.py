"""Runs Canaille, an identity provider that nobody here wrote (MIT), as a process of its own.

Run as a program it serves one provider with two people, a client for them and one for a system;
imported it gives the fixture `identity_provider`, which starts that program and ends it.
"""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin

import httpx
import msgspec
import pytest

__all__ = ["Provider", "identity_provider"]

PASSWORD = "correct horse battery staple"
HUB = "http://127.0.0.1:8035"
SECRET = "the-hub-is-known-by-this"
START_SECONDS = 60
OPERATORS = [f"ada-{at}" for at in range(40)]
"""Each signs in once: this provider's tokens of one person and second are the same token, and the
second is refused by its database."""


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """Where it listens."""

    issuer: str

    def sign_in(self, url: str, user: str, password: str = PASSWORD) -> httpx.URL:
        """Go where the hub sent the browser, sign in, and return where it is sent back to."""
        with httpx.Client(trust_env=False, timeout=30) as browser:
            answer = browser.get(url)
            for _ in range(12):
                if answer.is_redirect:
                    target = httpx.URL(urljoin(str(answer.url), answer.headers["location"]))
                    if target.path == "/auth/callback":
                        return target
                    answer = browser.get(target)
                    continue
                answer = browser.post(answer.url, data=self._filled(answer.text, user, password))
        raise AssertionError(f"no way back from {answer.url}: {answer.status_code}")

    @staticmethod
    def _filled(page: str, user: str, password: str) -> dict[str, str]:
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
        form = {"csrf_token": token[1]} if token else {}
        if 'name="login"' in page:
            form["login"] = user
        if 'name="password"' in page:
            form["password"] = password
        return form


@pytest.fixture(scope="session")
def identity_provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    """Start it once for all tests; skip where it is not installed."""
    pytest.importorskip("canaille", reason="needs the extra `peers`")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    issuer = f"http://127.0.0.1:{port}"
    said = tmp_path_factory.mktemp("provider") / "said.txt"
    with said.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", __file__, str(port)],
            stdout=out,
            stderr=out,
            cwd=said.parent,
            env={"PATH": os.environ["PATH"]},
        )
    try:
        _wait(process, issuer, said)
        yield Provider(issuer=issuer)
    finally:
        process.terminate()
        process.wait(20)


def _wait(process: "subprocess.Popen[bytes]", issuer: str, said: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            httpx.get(f"{issuer}/.well-known/openid-configuration", trust_env=False)
        except httpx.TransportError:
            if process.poll() is not None:
                break
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"it did not start: {said.read_text()[-2000:]}")


def _serve(port: int) -> None:
    """Serve the provider in this process."""
    from canaille import create_app
    from canaille.app import models
    from canaille.backends import Backend
    from joserfc.jwk import RSAKey
    from werkzeug.serving import run_simple

    signing = RSAKey.generate_key(2048, {"kid": "first", "use": "sig", "alg": "RS256"})
    app = create_app(
        config={
            "SECRET_KEY": "of a provider that lives as long as a test",
            "SERVER_NAME": f"127.0.0.1:{port}",
            "PREFERRED_URL_SCHEME": "http",
            # Not its memory backend, which takes any code for the last one it gave.
            "CANAILLE": {"DATABASE": "sql", "ENABLE_REGISTRATION": False},
            "CANAILLE_SQL": {"DATABASE_URI": "sqlite:///provider.db"},
            "CANAILLE_OIDC": {"ACTIVE_JWKS": [signing.as_dict(private=True)]},
        }
    )
    with app.app_context():
        people = {
            name: models.User(
                user_name=name,
                given_name=name,
                family_name=name,
                formatted_name=name,
                emails=[f"{name}@example.test"],
                password=PASSWORD,
            )
            for name in ("grace", *OPERATORS)
        }
        for person in people.values():
            Backend.instance.save(person)
        group = models.Group(
            display_name="hub-operators", members=[people[name] for name in OPERATORS]
        )
        hub = {
            "client_uri": HUB,
            "redirect_uris": [f"{HUB}/auth/callback"],
            "token_endpoint_auth_method": "client_secret_basic",
            "client_secret": SECRET,
        }
        browsers = models.Client(
            client_id="remithub",
            client_name="RemitHub",
            scope=["openid", "profile", "groups"],
            grant_types=["authorization_code"],
            response_types=["code"],
            **hub,
        )
        system = models.Client(
            client_id="svc-billing",
            client_name="Billing",
            scope=["message.read"],
            grant_types=["client_credentials"],
            **hub,
        )
        for made in (group, browsers, system):
            Backend.instance.save(made)
        browsers.audience = [browsers]
        system.audience = [system]
        Backend.instance.save(browsers)
        Backend.instance.save(system)
    run_simple("127.0.0.1", port, app)  # one request at a time


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
