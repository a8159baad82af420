"""A message is answered alike without the framework's layers and through them."""

import socket
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest

from gateway.api.direct import Direct
from tests.gateway.api.governed_hub import V1, V2, Callers, governed_root, receipt_of
from tests.gateway.live import Live, live_hub, write

CHANGING = {"date", "x-request-id", "location", "ratelimit"}
TEXT = '{"receipt_id": "r-1", "unknown": 1}'
CASES: dict[str, tuple[str, dict[str, str], Any]] = {
    "taken": ("wide", {}, None),
    "another major": ("wide", {"content-type": V2}, None),
    "no such version": ("wide", {"content-type": V1.replace("=1", "=9")}, None),
    "no media type": ("wide", {"content-type": "json"}, None),
    "a form": ("wide", {"content-type": "multipart/form-data; boundary=x"}, b"--x--"),
    "compressed": ("wide", {"content-encoding": "gzip"}, b"x"),
    "breaks its contract": ("wide", {}, TEXT.encode()),
    "no JSON": ("wide", {}, b"{"),
    "an event of another kind": ("wide", {"content-type": "application/cloudevents+xml"}, b"<a/>"),
    "a key that is none": ("wide", {"idempotency-key": '"open'}, None),
    "no key": ("strict", {}, None),
    "a key": ("strict", {"idempotency-key": "k-{n}"}, None),
    "a product with another major": ("old-only", {"content-type": V2}, None),
    "no product": ("nothing", {}, None),
    "not covered": ("low", {}, None),
    "a trace": ("wide", {"traceparent": f"00-{'1' * 32}-{'2' * 16}-01"}, None),
    "wrong precondition": ("wide", {"if-none-match": "x"}, None),
    "a reason that is none": ("wide", {"hub-reason": "%00"}, None),
    "no credential": ("", {}, None),
}


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live_hub(governed_root(tmp_path_factory.mktemp("hub"))) as running:
        yield running


@pytest.fixture(scope="module")
def callers(live: Live) -> Iterator[Callers]:
    found = Callers(live)
    yield found
    found.close()


def sent(live: Live, callers: Callers, path: str, case: str, number: int) -> httpx.Response:
    name, more, body = CASES[case]
    client = callers(name).client if name else httpx.Client(base_url=live.url, trust_env=False)
    major = 2 if more.get("content-type") == V2 else 1
    headers = {"content-type": V1} | {
        key: value.replace("{n}", str(number)) for key, value in more.items()
    }
    raw = body if body is not None else msgspec.json.encode(receipt_of(number, major))
    return client.post(path, content=raw, headers=headers)


def told(answer: httpx.Response) -> Any:
    """What an answer says beside names and moments of its own."""
    headers = sorted(pair for pair in answer.headers.items() if pair[0] not in CHANGING)
    body = answer.json()
    for name in ("request_id", "instance", "artifact_id", "sha256"):
        body.pop(name, None)
    return answer.status_code, headers, body


@pytest.mark.parametrize("case", CASES)
def test_what_is_answered_is_the_same_both_ways(
    live: Live, callers: Callers, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    met: list[str] = []
    own = Direct._request

    def counted(self: Direct, *given: Any) -> Any:
        met.append(given[-1])
        return own(self, *given)

    monkeypatch.setattr(Direct, "_request", counted)
    number = 1000 + 10 * list(CASES).index(case)
    direct = sent(live, callers, "/v1/messages/receipt", case, number)
    assert met == (["receipt"] if CASES[case][0] else [])  # the door is before both
    through = sent(live, callers, "/v1/messages/receipt?interface=", case, number + 1)
    assert len(met) == bool(CASES[case][0])
    assert told(direct) == told(through)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/messages/receipt/",
        "/v1/messages/Receipt",
        "/v1/messages/no-such",
        "/v1/messages/rec%65ipt",
        "/v1/messages//receipt",
    ],
)
def test_other_addresses_are_answered_as_by_the_framework(
    live: Live, callers: Callers, path: str
) -> None:
    ask = callers("wide").client.post
    headers = {"content-type": V1}
    answers = [
        ask(path + end, content=msgspec.json.encode(receipt_of(n)), headers=headers)
        for n, end in ((7, ""), (8, "?interface="))
    ]
    assert told(answers[0]) == told(answers[1])


def test_a_host_that_is_none_is_refused(live: Live, callers: Callers) -> None:
    answer = callers("wide").send(receipt_of(9), host="a b")
    assert answer.status_code == 400


def test_what_was_granted_once_is_gone_with_the_configuration_or_the_key(
    live: Live, callers: Callers
) -> None:
    caller = callers("narrow")
    client, product = "clients/narrow.yaml", "products/narrow.yaml"
    granted = {one: (live.root / "config" / one).read_text() for one in (client, product)}
    numbers = iter(range(2000, 3000))

    def code() -> tuple[int, str]:
        answer = caller.send(receipt_of(next(numbers)))
        return answer.status_code, answer.json().get("code", "")

    def follow(place: str, old: str, new: str) -> None:
        write(live.root, place, granted[place].replace(old, new))
        assert live.post("/v1/reload").status_code == 200

    assert [code()[0] for _ in range(3)] == [202, 202, 202]
    for place, old, new, status in (
        (client, "[narrow]", "[]", (403, "product_missing")),
        (client, "[message.submit, ", "[", (403, "insufficient_scope")),
        (client, "interfaces: [tills]", "interfaces: []", (404, "not_found")),
        (client, "client: narrow", "client: narrow\nenabled: false", (401, "unauthorized")),
        (product, "[submit, ", "[", (403, "product_missing")),
        (product, "receipt: [1, 2]", "receipt: [2]", (403, "product_missing")),
    ):
        follow(place, old, new)
        assert code() == status
        follow(place, "", "")
        assert [code()[0] for _ in range(2)] == [202, 202]
    key = caller.client.headers["authorization"].partition(" ")[2].partition(".")[0]
    assert live.post(f"/v1/keys/{key}/revoke").is_success
    assert code()[0] == 401


def test_a_document_right_after_another_on_one_connection_is_taken(
    live: Live, callers: Callers
) -> None:
    key = callers("wide").client.headers["authorization"]
    asked = b"".join(
        f"POST /v1/messages/receipt HTTP/1.1\r\nHost: here\r\nAuthorization: {key}\r\n"
        f"Content-Type: {V1}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        + body
        for body in (msgspec.json.encode(receipt_of(n)) for n in (4001, 4002, 4003))
    )
    with socket.create_connection(("127.0.0.1", httpx.URL(live.url).port or 0), 30) as wire:
        for start in range(0, len(asked), 100):  # no piece ends where a document does
            wire.sendall(asked[start : start + 100])
        said = b""
        while said.count(b"HTTP/1.1 202 ") < 3:
            more = wire.recv(65536)
            assert more, "it has closed the connection"
            said += more
    assert said.count(b"HTTP/1.1 ") == 3


def test_a_body_that_ends_early_is_no_document(live: Live, callers: Callers) -> None:
    key, body = callers("wide").client.headers["authorization"], b'{"receipt_id": "r-1"}'
    head = (
        f"POST /v1/messages/receipt HTTP/1.1\r\nHost: here\r\nAuthorization: {key}\r\n"
        f"Content-Type: {V1}\r\nContent-Length: {len(body) + 1}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", httpx.URL(live.url).port or 0), 30) as wire:
        wire.sendall(head.encode() + body)
        wire.shutdown(socket.SHUT_WR)
        assert b" 202 " not in wire.recv(65536)
    assert callers("wide").send(receipt_of(4004)).status_code == 202


def test_what_is_known_beside_a_document_is_sealed_also_where_it_is_nothing(
    live: Live, callers: Callers
) -> None:
    kept, known = [], []
    for number, more in ((4101, {}), (4102, {"traceparent": f"00-{'1' * 32}-{'2' * 16}-01"})):
        answer = callers("wide").client.post(
            "/v1/messages/receipt",
            content=msgspec.json.encode(receipt_of(number)),
            headers={"content-type": V1} | more,
        )
        name = answer.json()["artifact_id"]
        (row,) = live.run(live.hub.store.fetch("artifact_by_id", artifact_id=name))
        kept.append(row["meta"])
        reading = live.hub.flow.reading
        known += [live.run(reading.artifact(name)) for _ in range(2)][1:]  # once from memory
    assert all(kept)
    assert b"1" * 32 not in kept[1]
    assert [list(one.meta) for one in known] == [[], ["traceparent"]]


def test_a_version_that_a_pin_decides_is_asked_for_every_time(
    live: Live, callers: Callers
) -> None:
    caller = callers("old-only")
    plain = "application/json; xversion=2"
    assert caller.send(receipt_of(3001)).status_code == 202  # pinned to 1 from now on
    first = [caller.send(receipt_of(n), plain).status_code for n in (3002, 3003)]
    assert first == [202, 202]
    assert caller.send(receipt_of(3004, 2), V2).json()["code"] == "product_missing"
