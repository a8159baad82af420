"""`remithub doctor --prod`: nothing to say of what is shipped, a word about all that is only for trying."""

import datetime as dt
import os
from pathlib import Path

import pytest

from connectors.webhook import secret_text
from gateway.access.passwords import new_password
from gateway.cli.exits import Exit
from gateway.cli.hardening import harden
from gateway.ports import SystemIds
from gateway.settings import read_config
from tests.gateway.app.authority import DAY, Authority
from tests.gateway.app.test_listening import TLS, certificate
from tests.gateway.cli.live_verbs import Typed
from tests.gateway.live import make_root, write

DEMO = Path(__file__).resolve().parents[3] / "config/demo"
ENVIRONMENT = {
    "REMITHUB_DEMO_ERP_URL": "http://127.0.0.1:1",
    "REMITHUB_DEMO_BILLING_URL": "http://127.0.0.1:2",
    "REMITHUB_DEMO_SFTP_HOST_KEY": "ssh-ed25519 AAAA",
    "REMITHUB_DEMO_SFTP_PORT": "3",
}
NOW = dt.datetime.now(dt.UTC)
PEOPLE = """\
  people: {issuer: "https://login.example", client_id: hub, public_url: "https://hub.example"}
"""
KEY = secret_text(b"a key of the pager's, 24 or more")
PARTNER = """\
interface: erp
direction: out
connector: http_api
accepts: remittance-advice@^1.0
settings: {base_url: "%s"}
"""


def found(root: Path, **environment: str) -> dict[str, str]:
    """Return what is said about each thing; about root, which a container may be, nothing."""
    config = read_config(root / "config", environment)
    sights = [one for one in harden(root, config, environment, NOW) if one.about != "user"]
    assert all(one.next_step for one in sights)
    return {one.about: one.found for one in sights}


def test_of_what_is_shipped_there_is_nothing_to_say(tmp_path: Path) -> None:
    assert found(make_root(tmp_path)) == {}
    config = read_config(DEMO, ENVIRONMENT)
    assert [one for one in harden(tmp_path, config, {}, NOW) if one.about != "user"] == []


@pytest.mark.parametrize(
    ("address", "clear"),
    [
        ("http://erp.example", True),
        ("http://10.2.3.4:8069/api", True),
        ("http://[fe80::1]/", True),
        ("http://[broken", True),
        ("http://localhost.example", True),
        ("https://erp.example", False),
        ("http://localhost:8069", False),
        ("http://127.0.0.1:8069", False),
        ("http://[::1]:8069", False),
    ],
)
def test_what_is_not_encrypted_is_found(tmp_path: Path, address: str, clear: bool) -> None:
    root = make_root(tmp_path)
    write(root, "interfaces/erp.yaml", PARTNER % address)
    assert ("interface erp" in found(root)) is clear


@pytest.mark.parametrize(
    ("dsn", "clear"),
    [
        ("postgresql://hub@db.example/hub", True),
        ("postgresql://hub@db.example/hub?sslmode=require", True),
        ("postgresql://hub@db.example/hub?sslmode=verify-full", False),
        ("postgresql://hub@127.0.0.1/hub", False),
    ],
)
def test_a_database_that_is_not_verified_is_found(tmp_path: Path, dsn: str, clear: bool) -> None:
    root = make_root(tmp_path)
    write(root, "hub.yaml", f"store: {{postgres: '{dsn}'}}\n")
    assert ("database" in found(root)) is clear


def test_a_certificate_that_vouches_for_itself_is_found(tmp_path: Path) -> None:
    root = make_root(tmp_path)
    write(root, "hub.yaml", TLS)
    assert found(root)["certificate"] == "it cannot be read"
    certificate(root)
    config = read_config(root / "config", {})
    said = [one.found for one in harden(root, config, {}, NOW) if one.about == "certificate"]
    assert said[0] == "it vouches for itself"
    assert said[1].startswith("it ends in ")


def test_what_will_shut_out_clients_with_certificates_is_found(tmp_path: Path) -> None:
    root = make_root(tmp_path)
    certificate(root)
    more = "client_authorities: var/tls/ca.pem, client_revocations: var/tls/crl.pem"
    write(root, "hub.yaml", TLS.replace("}}", f", {more}}}}}"))
    about = "certificates of clients"
    assert found(root)[about] == "a file cannot be read"
    authority, crl = Authority(root / "var/tls", ends_in=365 * DAY), root / "var/tls/crl.pem"
    authority.revoke(crl)
    assert about not in found(root)
    authority.revoke(crl, ends_in=-DAY)
    assert "revoked is current" in found(root)[about]
    Authority(root / "var/tls").revoke(crl)
    assert found(root)[about].startswith("the authority CN=ca ends in ")


def test_ways_in_that_are_too_wide_or_have_no_way_out_are_found(tmp_path: Path) -> None:
    root = make_root(tmp_path)
    write(root, "hub.yaml", f"access:\n{PEOPLE}")
    assert found(root) == {"emergency access": "without the provider nobody gets in"}
    loose = PEOPLE.replace("}", ", amr: []}")
    wide = "  proxies: [0.0.0.0/0, 10.1.2.3]\n"
    glass = "  break_glass: {user: warden, secret: warden}\n"
    write(root, "hub.yaml", f"access:\n{wide}{glass}")
    assert found(root)["access"] == "the proxies 0.0.0.0/0 have strangers in them"
    write(root, "hub.yaml", f"access:\n{loose}{glass}")
    assert found(root)["access"] == "one factor may be enough to sign in"
    assert "emergency access" in found(root)
    kept = new_password(SystemIds()).kept
    assert "emergency access" not in found(root, REMITHUB_SECRET_WARDEN=kept)
    without_codes = kept.rpartition("$")[0]
    assert "emergency access" in found(root, REMITHUB_SECRET_WARDEN=without_codes)


@pytest.mark.parametrize(
    ("page", "key", "said"),
    [
        ("", "", "nobody is told when the local account is used"),
        ("https://pager.example", "", "the page cannot be signed"),
        ("https://pager.example", "whsec_short", "the page cannot be signed"),
        ("http://pager.example", KEY, "the page goes over plain HTTP"),
        ("https://pager.example", KEY, None),
    ],
)
def test_a_local_account_that_nobody_is_told_of_is_found(
    tmp_path: Path, page: str, key: str, said: str | None
) -> None:
    root = make_root(tmp_path)
    told = f', page: {{url: "{page}", network: internal, secrets: ["${{secret:pager}}"]}}'
    glass = f"  break_glass: {{user: warden, secret: warden{told if page else ''}}}\n"
    write(root, "hub.yaml", f"access:\n{glass}")
    assert found(root, REMITHUB_SECRET_PAGER=key).get("security contact") == said


def test_debugging_and_a_configuration_that_all_may_write_are_found(tmp_path: Path) -> None:
    root = make_root(tmp_path)
    (root / "config/hub.yaml").chmod(0o666)
    seen = found(root, REMITHUB_DEBUG="1")
    assert set(seen) == {"debugging", "configuration"}


def test_the_verb_says_it_beside_the_rest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_root(tmp_path)
    write(root, "interfaces/erp.yaml", PARTNER % "http://erp.example")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    typed = Typed(root, capsys)
    seen = {one["about"]: one for one in typed.json("doctor", "--prod", code=Exit.FAILED)}
    assert seen["interface erp"]["mark"] == "broken"
    assert "user" not in seen
    assert "interface erp" not in {one["about"] for one in typed.json("doctor", code=Exit.PARTIAL)}
    write(root, "hub.yaml", "tennant: x\n")
    typed.json("doctor", "--prod", code=Exit.FAILED)
