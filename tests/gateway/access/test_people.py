"""People sign in at a provider that nobody here wrote; what is not as it must be lets nobody in."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from gateway.access import COOKIE, DENIED, Duty, Sessions
from gateway.access.codes import STEP_SECONDS, code_at, step_at
from gateway.access.emergency import PROVED, USED_STEP
from gateway.access.passwords import new_password
from gateway.api.sign_in import CSRF_COOKIE
from gateway.ports import SystemIds
from gateway.store import Statement, Unit
from tests.gateway.live import Live, live_hub, make_root, write
from tests.identity_provider import HUB, OPERATORS, SECRET, Provider, identity_provider

__all__ = ["identity_provider"]

NEXT = iter(OPERATORS)
EMERGENCY = new_password(SystemIds())
CONFIG = """\
tenant: hilltop
api: {{port: 0}}
access:
  people:
    issuer: {issuer}
    network: internal
    client_id: remithub
    client_secret: provider-secret
    public_url: {hub}
    scopes: openid profile groups
    roles: {{hub-operators: [operator, auditor]}}
    amr: [{factor}]
  break_glass: {{user: warden, secret: warden-password}}
"""


def config(provider: Provider, factor: str) -> str:
    return CONFIG.format(issuer=provider.issuer, hub=HUB, factor=factor)


@pytest.fixture(scope="module")
def live(identity_provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    root: Path = make_root(tmp_path_factory.mktemp("hub"))
    write(root, "hub.yaml", config(identity_provider, "pwd"))
    secrets = root / "var/secrets"
    secrets.mkdir(parents=True, mode=0o700)
    (secrets / "provider-secret").write_text(SECRET)
    (secrets / "warden-password").write_text(EMERGENCY.kept)
    with live_hub(root) as running:
        yield running


class Browser:
    """Keeps cookies as a browser would on HTTPS, and asks the hub."""

    def __init__(self, live: Live) -> None:
        self.cookies: dict[str, str] = {}
        self.said: list[str] = []
        self.user = ""
        self._url = live.url

    def __call__(self, method: str, path: str, **more: Any) -> httpx.Response:
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = {"Cookie": cookies, **more.pop("headers", {})}
        answer = httpx.request(
            method, self._url + path, headers=headers, trust_env=False, timeout=60, **more
        )
        for header in answer.headers.get_list("set-cookie"):
            self.said.append(header)
            pair, *_ = header.split(";")
            name, _, value = pair.partition("=")
            self.cookies[name] = value.strip('"')
        return answer

    @property
    def csrf(self) -> dict[str, str]:
        return {"X-CSRF-Token": self.cookies[CSRF_COOKIE], "If-Match": "*"}


def to_provider(browser: Browser, to: str = "/console") -> str:
    answer = browser("GET", "/auth/login", params={"to": to})
    assert answer.status_code == 302, answer.text
    return str(answer.headers["location"])


def signed_in(live: Live, provider: Provider, user: str = "") -> tuple[Browser, httpx.Response]:
    browser = Browser(live)
    browser.user = user or next(NEXT)
    back = provider.sign_in(to_provider(browser), browser.user)
    return browser, browser("GET", back.raw_path.decode())


def test_a_person_signs_in_acts_and_signs_out(live: Live, identity_provider: Provider) -> None:
    browser, answer = signed_in(live, identity_provider)
    assert answer.status_code == 200, answer.text
    assert 'url=/console"' in answer.text
    shown = browser("GET", "/v1/session").json()
    assert shown["actor"] == f"person:{browser.user}"
    assert shown["roles"] == ["auditor", "operator"]
    assert browser("POST", "/v1/interfaces/drop/resume").status_code == 401
    assert browser("POST", "/v1/interfaces/drop/resume", headers=browser.csrf).status_code == 200
    assert browser("POST", "/v1/reload", headers=browser.csrf).status_code == 403
    rows = live.run(live.hub.store.fetch("audit_tail", limit=5))
    assert f"person:{browser.user}" in {row["actor"] for row in rows}
    session = browser.cookies[COOKIE]
    assert browser("POST", "/v1/session/end", headers=browser.csrf).status_code == 200
    assert browser.cookies[COOKIE] == ""
    browser.cookies[COOKIE] = session
    assert browser("GET", "/v1/session").status_code == 401


def test_cookies_are_for_this_host_https_and_same_site(
    live: Live, identity_provider: Provider
) -> None:
    browser, answer = signed_in(live, identity_provider)
    assert answer.status_code == 200, answer.text
    made = {
        said.partition("=")[0]: said.lower()
        for said in browser.said
        if "max-age=0" not in said.lower()
    }
    for name in (COOKIE, CSRF_COOKIE):
        assert name.startswith("__Host-")
        assert "secure" in made[name]
        assert "path=/;" in made[name] + ";"
        assert "samesite=strict" in made[name]
        assert "domain" not in made[name]
    assert "httponly" in made[COOKIE]
    assert "samesite=lax" in made["__Host-remithub-sign-in"]


def test_the_request_has_what_the_protocol_asks_for(live: Live) -> None:
    first, second = (parse_qs(to_provider(Browser(live)).partition("?")[2]) for _ in range(2))
    assert first["response_type"] == ["code"]
    assert first["code_challenge_method"] == ["S256"]
    assert len(first["code_challenge"][0]) == 43
    for name in ("state", "nonce", "code_challenge"):
        assert first[name] != second[name]


def test_a_person_without_a_role_is_not_let_in(live: Live, identity_provider: Provider) -> None:
    browser, answer = signed_in(live, identity_provider, "grace")
    assert answer.status_code == 401
    assert "no role" in answer.json()["detail"]
    assert COOKIE not in browser.cookies


def test_an_answer_serves_once_and_only_the_browser_that_asked(
    live: Live, identity_provider: Provider
) -> None:
    browser, thief = Browser(live), Browser(live)
    back = identity_provider.sign_in(to_provider(browser), next(NEXT)).raw_path.decode()
    to_provider(thief)
    assert thief("GET", back).status_code == 401
    assert Browser(live)("GET", back).status_code == 401
    assert browser("GET", back).status_code == 200
    again = Browser(live)
    again.cookies = dict(browser.cookies)
    assert again("GET", back).status_code == 401


@pytest.mark.parametrize(
    "change",
    [
        {"state": "f" * 64},
        {"state": ""},
        {"code": "invented"},
        {"code": ""},
        {"iss": "https://evil.example"},
    ],
)
def test_a_changed_answer_lets_nobody_in(
    live: Live, identity_provider: Provider, change: dict[str, str]
) -> None:
    browser = Browser(live)
    back = identity_provider.sign_in(to_provider(browser), next(NEXT))
    query = dict(back.params) | change
    answer = browser("GET", "/auth/callback", params=query)
    assert answer.status_code == 401
    assert answer.json()["detail"] == "The sign-in did not succeed."
    assert COOKIE not in browser.cookies


@pytest.mark.parametrize(
    "to", ["//evil.example", "https://evil.example", "/\\evil.example", "", "/a b", "/x\r\ny"]
)
def test_it_goes_on_nowhere_but_here(live: Live, to: str) -> None:
    assert Browser(live)("GET", "/auth/login", params={"to": to}).status_code == 400


def test_an_administrator_ends_anothers_session(live: Live, identity_provider: Provider) -> None:
    browser, _ = signed_in(live, identity_provider)
    name = browser("GET", "/v1/session").json()["name"]
    assert name in {one["name"] for one in live.get("/v1/sessions", subject=browser.user)}
    assert live.post(f"/v1/sessions/{name}/end", {"reason": "left"}).status_code == 200
    assert browser("GET", "/v1/session").status_code == 401
    assert live.post("/v1/sessions/ses_none/end").status_code == 404


def code(live: Live) -> str:
    """Return the code of this moment, unused."""
    live.run(live.hub.store.commit(Unit(statements=(FORGET,))))
    now = live.hub.ports.clock.now().timestamp()
    if now % STEP_SECONDS > STEP_SECONDS - 2:
        time.sleep(2)  # so that it is still good when it arrives
    return code_at(step_at(live.hub.ports.clock.now().timestamp()), EMERGENCY.seed)


FORGET = Statement("hub_put", {"key": USED_STEP, "value": "0"})


def emergency(live: Live, browser: Browser, **change: str) -> httpx.Response:
    order = {"user": "warden", "password": EMERGENCY.password, "reason": "provider down"}
    given = {"code": code(live), **order} | change
    return browser("POST", "/auth/break-glass", json=given)


def test_the_local_account_is_for_emergencies_only(
    live: Live, identity_provider: Provider
) -> None:
    signed_in(live, identity_provider)
    browser = Browser(live)
    assert live.run(live.hub.store.fetch("hub_get", key=PROVED))[0]["value"]
    assert emergency(live, browser).json()["code"] == "break_glass_disabled"
    live.post("/v1/break-glass/allow", {"reason": "the provider is away"})
    assert emergency(live, browser, reason="").status_code == 400
    assert emergency(live, browser, reason="  ").status_code == 400
    assert emergency(live, browser, password=EMERGENCY.password + "!").status_code == 401
    assert emergency(live, browser, password=EMERGENCY.password.upper()).status_code == 401
    assert emergency(live, browser, user="root").status_code == 401
    form = {"user": "warden", "password": EMERGENCY.password, "code": "1", "reason": "x"}
    assert browser("POST", "/auth/break-glass", data=form).status_code == 400
    answer = emergency(live, browser)
    assert (answer.status_code, answer.json()["seconds"]) == (201, 4 * 3600)
    assert browser("GET", "/v1/session").json()["roles"] == ["break-glass"]
    rows = live.run(live.hub.store.fetch("audit_tail", limit=50))
    (begun,) = [row for row in rows if row["action"] == "break-glass.begin"]
    assert (begun["actor"], begun["reason"]) == ("person:break-glass/warden", "provider down")
    assert '"factors":"password code"' in begun["detail"]
    assert '"source":"127.0.0.1"' in begun["detail"]
    refused = [row["detail"] for row in rows if row["action"] == DENIED]
    assert '{"source":"127.0.0.1","way":"break-glass"}' in refused
    signed_in(live, identity_provider)
    assert emergency(live, Browser(live)).json()["code"] == "break_glass_disabled"


def test_a_code_is_needed_is_good_for_its_half_minute_and_serves_once(live: Live) -> None:
    live.post("/v1/break-glass/allow", {"reason": "the provider is away"})
    browser = Browser(live)
    now = step_at(live.hub.ports.clock.now().timestamp())
    for wrong in ("", code_at(now - 2, EMERGENCY.seed), code_at(now + 3, EMERGENCY.seed)):
        assert emergency(live, browser, code=wrong).status_code == 401
    once = code(live)
    assert emergency(live, browser, code=once).status_code == 201
    order = {"user": "warden", "password": EMERGENCY.password, "reason": "again", "code": once}
    assert browser("POST", "/auth/break-glass", json=order).status_code == 401


def test_passwords_are_not_guessed_for_long(live: Live) -> None:
    live.post("/v1/break-glass/allow", {"reason": "the provider is away"})
    browser = Browser(live)
    codes = [
        emergency(live, browser, password=f"guess number {at} of many").json()["code"]
        for at in range(7)
    ]
    assert codes[-1] == "break_glass_locked"
    assert emergency(live, browser).json()["code"] == "break_glass_locked"


def test_beginning_a_sign_in_is_bounded(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.access.people.STARTS_A_MINUTE", 0)
    answer = Browser(live)("GET", "/auth/login")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")


def test_a_password_alone_at_the_provider_is_one_factor_too_few(
    identity_provider: Provider, tmp_path: Path
) -> None:
    root = make_root(tmp_path)
    write(root, "hub.yaml", config(identity_provider, "mfa"))
    (root / "var/secrets").mkdir(parents=True, mode=0o700)
    (root / "var/secrets/provider-secret").write_text(SECRET)
    with live_hub(root) as strict:
        browser, answer = signed_in(strict, identity_provider)
        assert answer.status_code == 401
        assert COOKIE not in browser.cookies
        rows = strict.run(strict.hub.store.fetch("audit_tail", limit=5))
    assert '{"source":"127.0.0.1","way":"provider"}' in [row["detail"] for row in rows]


def test_a_person_sees_where_they_are_signed_in_and_ends_it(
    live: Live, identity_provider: Provider
) -> None:
    browser, _ = signed_in(live, identity_provider)
    sessions = Sessions(live.hub.store, live.hub.ports, lambda: "hilltop")
    other = live.run(sessions.begin(browser.user, [Duty.OPERATOR]))
    strangers = live.run(sessions.begin("bob", [Duty.OPERATOR]))
    shown = browser("GET", "/v1/session").json()
    assert len(shown["sessions"]) == 2
    names = {one["name"] for one in shown["sessions"]}
    (name,) = names - {shown["name"]}
    foreign = {one["name"] for one in live.get("/v1/sessions", subject="bob")}.pop()
    end = {"headers": browser.csrf}
    assert browser("POST", "/v1/session/end", json={"name": foreign}, **end).status_code == 404
    assert browser("POST", "/v1/session/end", json={"name": name}, **end).status_code == 200
    assert len(browser("GET", "/v1/session").json()["sessions"]) == 1
    for begun, good in ((other, False), (strangers, True)):
        held = Browser(live)
        held.cookies[COOKIE] = begun.session
        assert (held("GET", "/v1/session").status_code == 200) is good
    answer = browser("POST", "/v1/session/end", **end)
    assert answer.headers["clear-site-data"] == '"cache", "storage"'


def test_who_signs_in_anew_gives_up_the_session_they_had(
    live: Live, identity_provider: Provider
) -> None:
    browser, _ = signed_in(live, identity_provider)
    held = Browser(live)
    held.cookies = dict(browser.cookies)
    assert held("GET", "/v1/session").status_code == 200
    to_provider(browser)
    assert held("GET", "/v1/session").status_code == 401


def test_an_administrator_ends_all_sessions_of_a_person(live: Live) -> None:
    sessions = Sessions(live.hub.store, live.hub.ports, lambda: "hilltop")
    for _ in range(2):
        live.run(sessions.begin("eve", [Duty.OPERATOR]))
    assert len(live.get("/v1/sessions", subject="eve")) == 2
    assert live.post("/v1/sessions/end", {}).status_code == 400
    order = {"subject": "eve", "reason": "left"}
    assert live.post("/v1/sessions/end", order).status_code == 200
    assert live.get("/v1/sessions", subject="eve") == []


def test_an_old_sign_in_ends_no_other_session(
    live: Live, identity_provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser, _ = signed_in(live, identity_provider)
    sessions = Sessions(live.hub.store, live.hub.ports, lambda: "hilltop")
    live.run(sessions.begin(browser.user, [Duty.OPERATOR]))
    shown = browser("GET", "/v1/session").json()
    (name,) = {one["name"] for one in shown["sessions"]} - {shown["name"]}
    monkeypatch.setattr("gateway.api.sign_in.FRESH_SECONDS", -1)
    end = {"headers": browser.csrf}
    assert browser("POST", "/v1/session/end", json={"name": name}, **end).status_code == 403
    assert browser("POST", "/v1/session/end", **end).status_code == 200


def test_what_is_no_logout_token_is_told_400_and_ends_nothing(
    live: Live, identity_provider: Provider
) -> None:
    browser, _ = signed_in(live, identity_provider)
    for form in ({}, {"logout_token": "a.b.c"}, {"logout_token": "x" * 100_000}):
        assert Browser(live)("POST", "/auth/logout", data=form).status_code == 400
    assert browser("GET", "/v1/session").status_code == 200
