"""Handing over files: custody, duplicates, keys, limits, and streams that end early or are huge."""

import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.store import Row, Statement, Unit
from tests.gateway.live import Live, advice, until

FILES = "/v1/interfaces/intake/files"


def test_a_file_is_durable_and_processed_after_202(live: Live) -> None:
    answer = live.post(FILES, advice(1))
    assert answer.status_code == 202
    body = answer.json()
    assert answer.headers["location"] == f"/v1/artifacts/{body['artifact_id']}"
    assert body["duplicate"] is False
    assert body["size"] == len(json.dumps(advice(1)))
    shown = live.settled(body["artifact_id"])
    assert [part["state"] for part in shown["parts"]] == ["accepted"]
    assert until(lambda: list((live.root / "out").glob("*.json")))


def test_identical_bytes_are_taken_once_unless_asked_again(live: Live) -> None:
    first = live.post(FILES, advice(2)).json()
    second = live.post(FILES, advice(2)).json()
    assert second == {**first, "duplicate": True}
    third = live.post(f"{FILES}?again=true", advice(2)).json()
    assert third["duplicate"] is False
    assert third["artifact_id"] != first["artifact_id"]


def test_of_two_nodes_that_get_one_key_at_once_one_takes_what_it_got(live: Live) -> None:
    """The other node's commit falls between this one's look at the key and its own commit."""
    first = live.post(FILES, advice(21)).json()
    store, fetch = live.hub.store, live.hub.store.fetch

    async def beaten(query: str, **params: Any) -> list[Row]:
        rows = await fetch(query, **params)
        if query == "idempotency_get":
            store.fetch = fetch  # type: ignore[method-assign]  # put back what stood there
            row = {
                **params,
                "fingerprint": first["sha256"],
                "reference": first["artifact_id"],
                "status": 202,
                "at": 1,
                "expires_at": 2**53,
            }
            insert = Statement("idempotency_insert", row, expect=1)
            await store.commit(Unit(statements=(insert,)))
        return rows

    store.fetch = beaten  # type: ignore[method-assign]  # the moment cannot be hit otherwise
    late = live.post(FILES, advice(22), Idempotency_Key="key-21")
    assert late.status_code == 503
    again = live.post(FILES, advice(22), Idempotency_Key="key-21")
    assert again.json()["code"] == "idempotency_payload_differs"
    assert live.post(FILES, advice(22)).json()["duplicate"] is False, "nothing of it was kept"
    same = live.post(FILES, advice(21), Idempotency_Key="key-21")
    assert same.headers["idempotency-replayed"] == "true"


def test_a_key_gives_the_first_answer_again(live: Live) -> None:
    first = live.post(FILES, advice(3), Idempotency_Key='"key-3"')
    again = live.post(FILES, advice(3), Idempotency_Key="key-3")
    assert again.status_code == first.status_code == 202
    assert again.json() == first.json()
    assert again.json()["duplicate"] is False
    assert again.headers["location"] == first.headers["location"]
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"


def test_a_key_keeps_asking_again_from_taking_twice(live: Live) -> None:
    path = f"{FILES}?again=true"
    answers = [live.post(path, advice(4), Idempotency_Key="key-4").json() for _ in range(2)]
    assert answers[0] == answers[1]


def test_a_key_with_another_payload_is_refused(live: Live) -> None:
    live.post(FILES, advice(5), Idempotency_Key="key-5")
    answer = live.post(FILES, advice(6), Idempotency_Key="key-5")
    assert answer.status_code == 422
    assert answer.json()["code"] == "idempotency_payload_differs"


@pytest.mark.parametrize("key", ["", '""', "a b", '"unclosed', "x" * 256, '"\\n"'])
def test_a_key_of_the_wrong_form_is_refused(live: Live, key: str) -> None:
    answer = live.post(FILES, advice(7), Idempotency_Key=key)
    assert answer.status_code == 400
    assert answer.json()["code"] == "idempotency_key_invalid"


def test_a_key_that_is_under_way_is_a_conflict(live: Live) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow() -> Iterator[bytes]:
        yield b'{"slow":'
        begun.set()
        go_on.wait(10)
        yield b" 1}"

    answers: list[httpx.Response] = []

    def send() -> None:
        headers = {"Authorization": f"Bearer {live.token}", "Idempotency-Key": "key-8"}
        with httpx.Client(base_url=live.url, headers=headers, trust_env=False) as other:
            answers.append(other.post(FILES, content=slow()))

    sender = threading.Thread(target=send)
    sender.start()
    try:
        begun.wait(10)
        conflict = until(
            lambda: [
                a
                for a in [live.post(FILES, b"{}", Idempotency_Key="key-8")]
                if a.status_code == 409
            ]
        )[0]
    finally:
        go_on.set()
        sender.join()
    assert conflict.json()["code"] == "idempotency_in_flight"
    # The other content may have been first; then the slow one is what differs.
    assert answers[0].status_code in (202, 422)


def test_an_unknown_interface_is_not_found(live: Live) -> None:
    answer = live.post("/v1/interfaces/nowhere/files", b"x")
    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"
    assert "intake" in answer.json()["detail"]


def test_an_outgoing_interface_takes_no_files(live: Live) -> None:
    assert live.post("/v1/interfaces/drop/files", b"x").status_code == 404


@pytest.mark.parametrize(
    "headers",
    [{"Content-Type": "multipart/form-data; boundary=x"}, {"Content-Encoding": "gzip"}],
)
def test_a_form_or_a_compressed_body_is_refused(live: Live, headers: dict[str, str]) -> None:
    answer = live.client.post(FILES, content=b"x", headers=headers)
    assert answer.status_code == 415
    assert answer.json()["code"] == "media_type_unsupported"


def test_a_file_that_announces_too_much_is_refused_unread(live: Live) -> None:
    address = live.url.removeprefix("http://").split(":")
    with socket.create_connection((address[0], int(address[1])), timeout=10) as wire:
        head = f"POST {FILES} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {live.token}\r\n"
        wire.sendall(f"{head}Content-Length: 60000001\r\n\r\n".encode())
        answer = wire.recv(10_000)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"artifact_too_large" in answer


@pytest.mark.parametrize(("interface", "size"), [("acks-a", 20_000), ("intake", 60_000_000)])
def test_a_stream_that_grows_beyond_its_interface_or_the_api_is_refused(
    live: Live, interface: str, size: int
) -> None:
    step = size // 10
    blocks = (b"y" * step for _ in range(11))
    answer = live.client.post(f"/v1/interfaces/{interface}/files", content=blocks)
    assert answer.status_code == 413
    assert answer.json()["detail"] == f"The file is larger than {size} bytes."


def test_a_refusal_says_that_its_connection_ends(live: Live) -> None:
    for number in range(20):
        blocks = (b"y" * 10_000 for _ in range(5))
        refused = live.client.post("/v1/interfaces/acks-a/files", content=blocks)
        assert (refused.status_code, refused.headers["connection"]) == (413, "close")
        assert live.client.get("/healthz").status_code == 200, number


def test_a_stream_that_breaks_off_is_not_taken(live: Live) -> None:
    before = taken(live)
    address = live.url.removeprefix("http://").split(":")
    with socket.create_connection((address[0], int(address[1]))) as wire:
        head = f"POST {FILES} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {live.token}\r\n"
        wire.sendall(f"{head}Content-Length: 1000\r\n\r\n".encode() + b"z" * 500)
        time.sleep(0.1)
    time.sleep(0.2)
    assert taken(live) == before
    assert live.client.get("/readyz").status_code == 200


def taken(live: Live) -> int:
    count: int = live.get("/v1/interfaces/intake")["counters"].get("artifacts", 0)
    return count


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def test_a_huge_upload_takes_no_memory_of_its_size(live: Live) -> None:
    """30 MB through the hub that shares this process: what is resident stays far below that."""
    live.post(FILES, b"w" * 3_000_000)
    before, peak, done = resident_bytes(), [0], threading.Event()

    def watch() -> None:
        while not done.wait(0.002):
            peak[0] = max(peak[0], resident_bytes())

    watcher = threading.Thread(target=watch)
    watcher.start()
    blocks = (bytes([n % 251]) * 500_000 for n in range(60))
    answer = live.client.post("/v1/interfaces/claims/files", content=blocks)
    done.set()
    watcher.join()
    assert answer.status_code == 202
    assert answer.json()["size"] == 30_000_000
    assert peak[0] - before < 18_000_000


def test_nothing_is_taken_without_the_token(live: Live) -> None:
    bare = httpx.post(live.url + FILES, content=b"{}", trust_env=False)
    assert bare.status_code == 401
    assert bare.json()["code"] == "unauthorized"
    assert bare.headers["www-authenticate"] == 'Bearer realm="remithub"'
    wrong = live.post(FILES, b"{}", Authorization="Bearer tok_wrong")
    assert wrong.status_code == 401


def test_the_trace_of_a_caller_is_echoed(live: Live) -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    answer = live.post(FILES, advice(9), traceparent=parent, X_Request_Id="mine-9")
    assert answer.headers["traceparent"] == parent
    assert answer.headers["x-request-id"] == "mine-9"
    odd = live.post(FILES, advice(9), traceparent=f"{parent}-more", X_Request_Id="not mine")
    assert "traceparent" not in odd.headers
    assert re.fullmatch(r"req_[0-9a-f]{16}-[0-9]+", odd.headers["x-request-id"])
