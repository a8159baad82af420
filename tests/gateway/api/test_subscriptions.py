"""Subscriptions of clients, over HTTP to the last signature: granted, masked, rotated, ended."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from gateway.governance.cloudevents import decode
from tests.connectors.till import answer as reply
from tests.connectors.webhook.subscriber import Subscriber
from tests.gateway.api.governed_hub import V2, Callers, receipt_of
from tests.gateway.api.hooks_hub import CLIENT, Hooked, hooks_root, listening
from tests.gateway.live import Live, live_hub, until, write


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live_hub(hooks_root(tmp_path_factory.mktemp("hub"))) as running:
        yield running


@pytest.fixture(scope="module")
def callers(live: Live) -> Iterator[Callers]:
    found = Callers(live)
    yield found
    found.close()


@pytest.fixture
def subscriber(live: Live) -> Iterator[Subscriber]:
    with listening(live) as program:
        yield program


@pytest.fixture(scope="module")
def kept(live: Live, callers: Callers) -> Iterator[Hooked]:
    with listening(live) as program:
        yield Hooked(live, callers("quay"), program)


@pytest.fixture
def hooked(kept: Hooked) -> Hooked:
    """A subscription of `quay` that has been sent nothing; made where a test before ended it."""
    if not kept.name:
        answer = kept.subscribe()
        assert answer.status_code == 201, answer.text
    kept.subscriber.events.clear()
    kept.subscriber.requests.clear()
    return kept


def sent(callers: Callers, number: int, major: int = 1) -> dict[str, Any]:
    document = receipt_of(number, major)
    callers("wide").stored(document, V2) if major == 2 else callers("wide").stored(document)
    return document


def test_a_client_is_sent_what_it_may_see_masked_and_signed(
    callers: Callers, hooked: Hooked
) -> None:
    document = sent(callers, 1)
    [event] = hooked.events(1)
    assert event["data"] == document | {"payer": "[masked]"}
    assert event["type"] == "com.remithub.receipt.stored.v1"
    assert event["dataschema"].endswith("/receipt/1.0.0/schema.json")
    [headers] = hooked.subscriber.requests
    [body] = hooked.subscriber.events.values()
    Webhook(hooked.secret).verify(body, headers)
    assert decode(headers.items(), body).text("id") == event["id"]
    assert hooked.facts["masked"] is True


def test_another_major_is_another_subscription(live: Live, callers: Callers) -> None:
    with listening(live) as other:
        newer = Hooked(live, callers("quay"), other)
        assert newer.subscribe(version=2).status_code == 201
        sent(callers, 2)
        [event] = newer.events(1)
        newer.post("/end")
    assert event["type"].endswith(".v2")
    assert event["dataschema"].endswith("/receipt/2.0.0/schema.json")
    assert event["data"]["total"] == "12.50"


def test_the_key_is_shown_once_and_stands_nowhere_in_clear(live: Live, hooked: Hooked) -> None:
    assert hooked.secret not in str(hooked.facts)
    assert hooked.secret not in hooked.caller.get("/v1/subscriptions").text
    for query in ("subscriptions", "destinations"):
        assert hooked.secret not in str(live.run(live.hub.store.fetch(query)))
    rows = live.run(live.hub.store.fetch("audit_tail", limit=20))
    made = [row for row in rows if row["action"] == "subscription.create"]
    assert made[0]["actor"] == "system:quay"
    assert hooked.secret not in str(rows)
    assert hooked.secret not in "".join(live.hub.bundles.current.files.values())


def test_a_version_is_known_to_be_in_use_by_it(live: Live, hooked: Hooked) -> None:
    found = live.get("/v1/contracts/receipt/versions/1.0.0/referencedby")
    assert f"interface {hooked.name}" in str(found)


def test_nobody_sees_or_changes_anothers(callers: Callers, hooked: Hooked) -> None:
    stranger = Hooked(hooked.live, callers("wharf"), hooked.subscriber)
    stranger.name = hooked.name
    assert stranger.caller.get("/v1/subscriptions").json() == []
    assert stranger.caller.get(f"/v1/subscriptions/{hooked.name}").status_code == 404
    for order in ("/rotate", "/test", "/disable", "/enable", "/end"):
        assert stranger.post(order).status_code == 404, order
    stranger.name = ""
    assert stranger.subscribe(client="quay").status_code == 404
    assert hooked.facts["state"] == "active"


def test_who_has_no_interface_of_its_own_gets_nothing(
    live: Live, callers: Callers, hooked: Hooked
) -> None:
    with listening(live) as other:
        lonely = Hooked(live, callers("elsewhere"), other)
        assert lonely.subscribe().status_code == 201
        sent(callers, 3)
        hooked.events(1)
        assert other.requests == []
        assert lonely.post("/end").status_code == 204


def test_a_product_that_shows_in_full_sends_in_full(live: Live, callers: Callers) -> None:
    with listening(live) as other:
        whole = Hooked(live, callers("whole"), other)
        assert whole.subscribe().status_code == 201
        document = sent(callers, 4)
        assert whole.events(1)[0]["data"] == document
        assert whole.facts["masked"] is False
        whole.post("/end")


@pytest.mark.parametrize(
    ("client", "body", "status", "code"),
    [
        ("no-hooks", {}, 403, "product_missing"),
        ("old-hooks", {"version": 2}, 403, "product_missing"),
        ("quay", {"version": 9}, 404, "contract_version_not_found"),
        ("quay", {"contract": "bank-deposit"}, 404, "not_found"),
        ("quay", {"version": "1"}, 400, "request_invalid"),
        ("quay", {"secret": "x"}, 400, "request_invalid"),
    ],
)
def test_what_is_not_granted_or_not_there_is_refused(
    live: Live,
    callers: Callers,
    subscriber: Subscriber,
    client: str,
    body: dict[str, Any],
    status: int,
    code: str,
) -> None:
    answer = Hooked(live, callers(client), subscriber).subscribe(**body)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert subscriber.connections == 0


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.2:{port}/",
        "https://localhost:{port}/",
        "https://2130706433:{port}/",
        "https://0x7f.1:{port}/",
        "https://[::1]:{port}/",
        "https://[::ffff:127.0.0.1]:{port}/",
        "https://169.254.169.254/latest/meta-data",
        "https://10.0.0.8/",
        "https://no-such-host.invalid/",
        "http://127.0.0.1.:{port}/",
        "http://127.0.0.1:{port}\\@example.org/",
        "http://user@127.0.0.1:{port}/",
        "http://example.org/",
        "ftp://127.0.0.1:{port}/",
        "https://example.org/#part",
        "//127.0.0.1:{port}/",
    ],
)
def test_a_url_that_leads_into_our_network_is_refused_unasked(
    live: Live, callers: Callers, subscriber: Subscriber, url: str
) -> None:
    hooked = Hooked(live, callers("wharf"), subscriber)
    answer = hooked.subscribe(url=url.replace("{port}", str(subscriber.port)))
    assert answer.status_code in (400, 422), answer.text
    assert answer.json()["code"] in ("request_invalid", "subscription_url_refused")
    assert subscriber.connections == 0
    assert hooked.caller.get("/v1/subscriptions").json() == []


def test_the_same_again_is_not_another_one(hooked: Hooked) -> None:
    again = hooked.subscribe()
    assert (again.status_code, again.json()["code"]) == (409, "subscription_exists")


def test_while_a_key_is_changed_both_sign(callers: Callers, hooked: Hooked) -> None:
    old = hooked.secret
    rotated = hooked.post("/rotate")
    assert rotated.json()["facts"]["keys"] == 2
    new = rotated.json()["secret"]
    sent(callers, 5)
    hooked.events(1)
    hooked.trust(new)
    sent(callers, 6)
    hooked.events(2)
    for headers, body in zip(
        hooked.subscriber.requests, hooked.subscriber.events.values(), strict=True
    ):
        for secret in (old, new):
            Webhook(secret).verify(body, headers)


def test_a_key_that_is_changed_at_once_signs_no_more(callers: Callers, hooked: Hooked) -> None:
    old = hooked.secret
    hooked.trust(hooked.post("/rotate", {"overlap_hours": 0}).json()["secret"])
    sent(callers, 7)
    hooked.events(1)
    [headers], [body] = hooked.subscriber.requests, hooked.subscriber.events.values()
    with pytest.raises(WebhookVerificationError):
        Webhook(old).verify(body, headers)


def test_a_url_that_is_gone_is_sent_nothing_and_its_owner_is_told(
    live: Live, callers: Callers, hooked: Hooked, caplog: pytest.LogCaptureFixture
) -> None:
    hooked.subscriber.next.append(reply(410))
    with caplog.at_level(logging.WARNING, logger="remithub"):
        sent(callers, 8)
        gone = hooked.until_state("gone")
        until(lambda: "Nadia Fell" in caplog.text)
    assert gone["reason"] == "subscription_gone"
    assert gone["since"] > 0
    sent(callers, 9)
    live.post("/v1/reload")
    assert hooked.facts["state"] == "gone"
    assert len(hooked.subscriber.requests) == 1
    assert hooked.post("/enable").json()["state"] == "active"
    assert len(hooked.events(2)) == 2


def test_what_is_owed_while_it_is_disabled_waits(callers: Callers, hooked: Hooked) -> None:
    assert hooked.post("/disable", {"reason": "moving house"}).json()["state"] == "disabled"
    sent(callers, 10)
    sent(callers, 11)
    assert hooked.subscriber.requests == []
    assert hooked.post("/enable").json()["state"] == "active"
    assert len(hooked.events(2)) == 2


def test_a_test_event_says_what_became_of_it(hooked: Hooked) -> None:
    assert hooked.post("/test").json() == {"taken": True, "code": ""}
    [event] = hooked.events(1)
    assert event["type"] == "com.remithub.subscription.tested.v1"
    hooked.subscriber.next.append(reply(503))
    assert hooked.post("/test").json() == {"taken": False, "code": "http_503"}


def test_what_has_ended_is_gone_with_what_it_was_owed(
    live: Live, callers: Callers, hooked: Hooked
) -> None:
    hooked.post("/disable")
    sent(callers, 12)
    assert hooked.post("/end").status_code == 204
    assert hooked.caller.get(f"/v1/subscriptions/{hooked.name}").status_code == 404
    assert live.post("/v1/reload").status_code == 200
    sent(callers, 13)
    assert hooked.subscriber.requests == []
    hooked.name = ""
    assert hooked.subscribe().status_code == 201  # the same URL is free again


@pytest.mark.parametrize("less", [("message.read, ", ""), ("127.0.0.1", "127.0.0.9")])
def test_a_reload_keeps_it_and_a_grant_that_is_withdrawn_stops_it(
    live: Live, callers: Callers, hooked: Hooked, less: tuple[str, str]
) -> None:
    narrow = CLIENT.replace(*less) % ("quay", "tills", "hooks")
    write(live.root, "clients/quay.yaml", narrow)
    try:
        assert live.post("/v1/reload").status_code == 200
        sent(callers, 14 + 100 * bool(less[1]))
        listed = until(
            lambda: [o for o in live.get("/v1/subscriptions") if o["reason"]]  # the paused one
        )
        assert listed[0]["state"] == "refused"
        assert hooked.subscriber.requests == []
    finally:
        write(live.root, "clients/quay.yaml", CLIENT % ("quay", "tills", "hooks"))
        assert live.post("/v1/reload").status_code == 200
    assert len(hooked.events(1)) == 1


def test_one_in_a_file_is_listed_and_changed_there(
    live: Live, callers: Callers, subscriber: Subscriber
) -> None:
    text = (
        "interface: quay-file\ndirection: out\nconnector: webhook\naccepts: receipt@^1\n"
        "subscriber: %s\n"
        f"settings: {{url: 'http://127.0.0.1:{subscriber.port}/', network: internal,"
        " secrets: ['${secret:api.key}']}\non_dead: skip\n"
    )
    (live.root / "var/secrets").mkdir(exist_ok=True)
    hooked = Hooked(live, callers("quay"), subscriber)
    (live.root / "var/secrets/api.key").write_text("whsec_" + "QUFB" * 8)
    hooked.trust("whsec_" + "QUFB" * 8)
    write(live.root, "interfaces/quay-file.yaml", text % "no-hooks")
    refused = live.post("/v1/reload")
    assert refused.status_code == 422
    assert refused.json()["line"] == 5
    write(live.root, "interfaces/quay-file.yaml", text % "quay")
    try:
        assert live.post("/v1/reload").status_code == 200
        sent(callers, 15)
        assert hooked.events(1)[0]["data"]["payer"] == "[masked]"
        hooked.name = "quay-file"
        assert hooked.facts["created_by"] == ""
        for order in ("/rotate", "/end"):
            assert hooked.post(order).json()["code"] == "subscription_in_file"
    finally:
        (live.root / "config/interfaces/quay-file.yaml").unlink()
        assert live.post("/v1/reload").status_code == 200


def test_it_is_there_after_a_restart_with_its_key(tmp_path: Path) -> None:
    root = hooks_root(tmp_path)
    with live_hub(root) as first, listening(first) as program:
        callers = Callers(first)
        hooked = Hooked(first, callers("quay"), program)
        assert hooked.subscribe().status_code == 201
        hooked.post("/disable")
        sent(callers, 1)
        callers.close()
        port, name, secret = program.port, hooked.name, hooked.secret
    with live_hub(root) as second:
        callers = Callers(second)
        program = Subscriber(secret)
        hooked = Hooked(second, callers("quay"), program)
        hooked.name = name
        assert hooked.facts["state"] == "disabled"
        assert hooked.facts["url"].endswith(f":{port}/events")
        bundle = second.hub.bundles.current
        assert bundle.sinks[name].options.secrets
        assert second.hub.subscriptions.kept[name].keys[0].secret == secret
        callers.close()
