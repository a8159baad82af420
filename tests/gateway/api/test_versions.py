"""Which version goes in and out: named, pinned, converted, announced as ending, gone."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.api.versions import recorded_usage
from gateway.api.wire import http_date, parse_deprecation, parse_http_date
from gateway.governance.masking import MASKED
from tests.gateway.api.governed_hub import V1, V2, Callers, governed_root, receipt_of
from tests.gateway.governance.sites import HEADER
from tests.gateway.live import Live, advice, live_hub

EVENT = "application/cloudevents+json"


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    root = governed_root(tmp_path_factory.mktemp("hub"), at_work="^2")
    with live_hub(root) as running:
        yield running


@pytest.fixture(scope="module")
def callers(live: Live) -> Iterator[Callers]:
    found = Callers(live)
    yield found
    found.close()


def test_without_a_version_nothing_is_guessed(callers: Callers) -> None:
    caller = callers("strict")
    refused = caller.send(receipt_of(1, 2), "application/json", Idempotency_Key="k1")
    assert (refused.status_code, refused.json()["code"]) == (415, "version_not_supported")
    assert refused.json()["supported"] == [V1, V2]
    assert caller.send(receipt_of(1), V1, Idempotency_Key="k2").status_code == 202
    pinned = caller.send(receipt_of(2), "application/json", Idempotency_Key="k3")
    assert (pinned.status_code, pinned.headers["hub-contract"]) == (202, "receipt/1.0.0")
    named = caller.send(receipt_of(3, 2), V2, Idempotency_Key="k4")
    assert (named.status_code, named.headers["hub-contract"]) == (202, "receipt/2.0.0")
    still = caller.send(receipt_of(4), "application/json", Idempotency_Key="k5")
    assert still.headers["hub-contract"] == "receipt/1.0.0", "the first use counts"


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("application/vnd.remithub.receipt+json; version=3", "version_not_supported"),
        ("application/vnd.remithub.receipt+json; version=1.9.9", "version_not_supported"),
        ("application/vnd.remithub.receipt+json; version=newest", "media_type_unsupported"),
        ("application/vnd.remithub.bank-deposit+json; version=1", "media_type_unsupported"),
        ("application/xml", "media_type_unsupported"),
        ("text/plain", "media_type_unsupported"),
        ("json", "media_type_unsupported"),
    ],
)
def test_a_content_type_that_means_nothing_here(callers: Callers, kind: str, code: str) -> None:
    refused = callers("wide").send(receipt_of(5), kind)
    assert (refused.status_code, refused.json()["code"]) == (415, code)


def test_a_document_is_judged_by_the_version_it_comes_in(callers: Callers) -> None:
    for document, kind, identity in (
        (receipt_of(6, 2), V1, "receipt/1.0.0"),
        (receipt_of(6), V2, "receipt/2.0.0"),
    ):
        refused = callers("wide").send(document, kind)
        assert (refused.status_code, refused.json()["contract"]) == (422, identity)
        assert "Tallow" not in refused.text


def test_an_older_document_is_stored_as_the_interface_has_it(live: Live, callers: Callers) -> None:
    caller = callers("open")
    there = caller.stored(receipt_of(7), V1)
    row = live.get(f"/v1/messages/{there}")["message"]
    assert row["version"] == "2.0.0"
    new = caller.get(f"/v1/messages/{there}", V2)
    assert new.headers["hub-contract"] == "receipt/2.0.0"
    assert new.json() == receipt_of(7, 2) | {"lines": receipt_of(7)["lines"]}
    old = caller.get(f"/v1/messages/{there}", V1)
    assert old.headers["hub-contract"] == "receipt/1.0.0"
    assert old.json() == receipt_of(7)
    artifact = live.get(f"/v1/artifacts/{row['artifact_id']}")
    assert artifact is not None


def test_a_document_that_has_no_older_form_is_told_so(live: Live, callers: Callers) -> None:
    caller = callers("open")
    long_name = receipt_of(8, 2) | {"payer": {"kind": "P", "name": "n" * 60}}
    there = caller.stored(long_name, V2)
    answer = caller.get(f"/v1/messages/{there}", V1)
    # "P:" and sixty letters are longer than 1.x allows; what is given is never cut.
    assert answer.status_code in (200, 422)
    if answer.status_code == 422:
        assert answer.json()["code"] == "contract_not_convertible"


def test_the_forms_of_one_message(live: Live, callers: Callers) -> None:
    caller = callers("wide")
    there = caller.stored(receipt_of(9, 2), V2)
    path = f"/v1/messages/{there}"
    bare = caller.get(path, V2)
    assert bare.headers["content-type"] == "application/vnd.remithub.receipt+json"
    assert bare.json()["payer"]["name"] == MASKED
    assert bare.headers["ce-id"] == there
    assert bare.headers["ce-type"] == "com.remithub.receipt.stored.v2"
    assert bare.headers["ce-dataschema"].endswith("receipt/2.0.0/schema.json")
    event = caller.get(path, f"{EVENT}; version=1")
    assert event.headers["content-type"] == EVENT
    found = event.json()
    assert found["id"] == there
    assert found["type"] == "com.remithub.receipt.stored.v1"
    assert found["data"]["amount"] == "12.50"
    assert found["datacategory"] == "phi"
    whole = caller.get(path, "application/json; version=2").json()
    assert whole["message"]["message_id"] == there
    assert whole["event"]["data"] == bare.json()
    for accept in ("text/html", "application/vnd.remithub.bank-deposit+json", f"{V2};q=0"):
        refused = caller.get(path, accept)
        assert (refused.status_code, refused.json()["code"]) == (406, "version_not_acceptable")
    assert caller.get(path, "a/b;q=7").status_code == 400


def test_what_has_not_changed_is_not_sent_again(callers: Callers) -> None:
    caller = callers("wide")
    path = f"/v1/messages/{caller.stored(receipt_of(10, 2), V2)}"
    first = caller.get(path, V2)
    same = caller.get(path, V2, If_None_Match=f'"x", {first.headers["etag"]}')
    assert (same.status_code, same.content) == (304, b"")
    assert same.headers["etag"] == first.headers["etag"]
    assert caller.get(path, V1, If_None_Match=first.headers["etag"]).status_code == 200
    assert caller.get(path, V1, If_None_Match="x").status_code == 400


def test_only_new_bytes_are_taken_where_the_caller_says_so(callers: Callers) -> None:
    caller, only = callers("wide"), {"If_None_Match": "*"}
    assert caller.send(receipt_of(11, 2), V2, **only).status_code == 202
    refused = caller.send(receipt_of(11, 2), V2, **only)
    assert (refused.status_code, refused.json()["code"]) == (412, "precondition_failed")
    assert caller.send(receipt_of(11, 2), V2).json()["duplicate"] is True


def test_people_and_the_own_machine_are_shown_what_is_there(live: Live) -> None:
    assert live.post("/v1/messages/receipt", receipt_of(12, 2)).status_code == 202
    assert live.post("/v1/messages/remittance-advice", advice(77)).status_code == 202


def test_who_calls_which_version_is_counted(live: Live, callers: Callers) -> None:
    for number in range(3):
        callers("few").send(receipt_of(20 + number))
    rows = live.get("/v1/contracts/receipt/usage")["items"]
    (row,) = [one for one in rows if one["client"] == "few"]
    assert (row["version"], row["calls"]) == ("1.0.0", 3)
    now = live.hub.ports.clock.now()
    usage = live.run(recorded_usage(live.hub.store, "receipt", now))
    (call,) = [one for one in usage.last_calls("receipt", "1.0.0") if one.client == "few"]
    assert abs(now - call.at) < timedelta(minutes=1)
    assert usage.last_calls("other", "1.0.0") == []


def test_product_that_shows_everything_is_on_record(live: Live, callers: Callers) -> None:
    caller = callers("open")
    there = caller.stored(receipt_of(30, 2), V2)
    assert caller.get(f"/v1/messages/{there}", V2).json()["payer"]["name"] == "Wren Tallow"
    rows = live.run(live.hub.store.fetch("audit_tail", limit=50))
    (row,) = [row for row in rows if row["object_id"] == there]
    assert (row["actor"], row["action"]) == ("system:open", "message.read")


# -- the end of a version ------------------------------------------------------------------------


def _life(root: Path, **dates: Any) -> None:
    """Write how far 1.0.0 has come."""
    head, _, tail = HEADER.partition('  "1.0.0":\n    status: active\n')
    more = "".join(f'    {name}: "{value}"\n' for name, value in dates.items())
    end = '  "2.0.0":\n    status: active\n    author: anna\n    approved_by: ben\n'
    text = f'{head}  "1.0.0":\n{more}{tail}{end}'
    (root / "contracts/receipt/contract.yaml").write_text(text)


def test_the_end_of_a_version_is_announced_and_then_kept(tmp_path: Path) -> None:
    with live_hub(governed_root(tmp_path, at_work="^2")) as live:
        callers = Callers(live)
        known, late = callers("wide"), callers("old-only")
        assert "deprecation" not in known.send(receipt_of(1)).headers
        begun = datetime(2026, 1, 5, tzinfo=UTC)
        soon = datetime.now(UTC).replace(microsecond=0) + timedelta(days=200)
        ends = {"deprecated_at": f"{begun:%Y-%m-%dT%H:%M:%SZ}", "successor": "2.0.0"}
        announced = f"{soon:%Y-%m-%dT%H:%M:%SZ}"
        _life(tmp_path, status="deprecated", sunset_at=announced, **ends)
        live.post("/v1/reload")
        answer = known.send(receipt_of(2))
        assert answer.status_code == 202
        assert parse_deprecation(answer.headers["deprecation"]) == int(begun.timestamp())
        assert answer.headers["sunset"] == http_date(soon)
        assert parse_http_date(answer.headers["sunset"]) == int(soon.timestamp())
        place = "/v1/contracts/receipt/versions"
        assert f'<{place}/2.0.0>; rel="successor-version"' in answer.headers["link"]
        assert "sunset" not in known.send(receipt_of(3, 2), V2).headers

        past = datetime.now(UTC) + timedelta(seconds=2)
        _life(tmp_path, status="sunset", sunset_at=f"{past:%Y-%m-%dT%H:%M:%SZ}", **ends)
        live.post("/v1/reload")
        assert known.send(receipt_of(4)).status_code == 202, "it was there before the sunset"
        refused = late.send(receipt_of(5))
        assert (refused.status_code, refused.json()["code"]) == (410, "contract_version_retired")
        assert "successor-version" in refused.headers["link"]

        _life(tmp_path, status="retired", sunset_at=announced, **ends)
        live.post("/v1/reload")
        assert known.send(receipt_of(6)).status_code == 410
        assert known.send(receipt_of(7, 2), V2).status_code == 202
        callers.close()
