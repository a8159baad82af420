"""F-JSON, F-SQL: bodies and filters that are meant to hurt are refused or find nothing."""

import base64
import json
from typing import Any

import pytest

from tests.gateway.live import Live, advice

DEEP = 10_000
WIDE = 20_000
ORDER = "/v1/set-aside/replay"
MESSAGE = "/v1/messages/remittance-advice"
COMPARED = "/v1/contracts/remittance-advice/compatibility"
BODIES = {
    "deep lists": b"[" * DEEP + b"]" * DEEP,
    "deep objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "never closed": b'{"ids":[' * DEEP,
    "many keys": json.dumps(dict.fromkeys(map(str, range(WIDE)), 1)).encode(),
    "a key twice": b'{"reason": "a", "reason": "b", "everything": true}',
    "a number beyond floats": b'{"everything": 1e400}',
    "a number of many digits": b'{"everything": ' + b"9" * 5000 + b"}",
    "beyond 64 bits": b'{"everything": 36893488147419103232}',
    "not a number": b'{"everything": NaN}',
    "half a surrogate pair": b'{"reason": "\\ud800", "everything": true, "x": 1}',
    "not UTF-8": b'{"reason": "\xff", "everything": true}',
    "a byte order mark": b'\xef\xbb\xbf{"everything": true, "x": 1}',
    "nothing but a text": b'"everything"',
}
HARMLESS = {(COMPARED, "beyond 64 bits"), (COMPARED, "many keys")}
"""A schema may have keywords of its own: it is compared, or that takes too long."""

INJECTIONS = (
    "'",
    '"',
    "' OR '1'='1",
    "'; DROP TABLE message; --",
    "1) OR (1=1",
    "%",
    "_",
    "\\",
    "x' UNION SELECT * FROM api_key --",
    "${secret:token}",
    "{{7*7}}",
    "$[*]",
    "\x00",
    "\u202e",
)
FILTERS = (
    ("/v1/messages", ("correlation", "artifact", "contract")),
    ("/v1/set-aside", ("interface", "group")),
    ("/v1/set-aside/groups", ("interface",)),
    ("/v1/keys", ("client",)),
    ("/v1/sessions", ("subject",)),
    ("/v1/audit", ("object",)),
)


@pytest.mark.parametrize("path", [ORDER, MESSAGE, COMPARED])
@pytest.mark.parametrize("kind", BODIES)
def test_a_body_that_is_meant_to_hurt_is_refused(live: Live, path: str, kind: str) -> None:
    good = {200, 503} if (path, kind) in HARMLESS else {400, 413, 422}
    for header in ({}, {"Idempotency_Key": f"{len(path)}-{kind.replace(' ', '-')}"}):
        answer = live.post(path, BODIES[kind], Content_Type="application/json", **header)
        assert answer.status_code in good, answer.text
    assert live.client.get("/readyz").status_code == 200


def found(page: Any) -> list[Any]:
    """The rows of a list, whatever it is called."""
    return page if isinstance(page, list) else next(v for v in page.values() if type(v) is list)


@pytest.mark.parametrize("text", INJECTIONS)
def test_a_filter_is_only_ever_a_value(live: Live, text: str) -> None:
    live.settled(live.hand_over(advice(951)))
    for path, names in FILTERS:
        for name in names:
            answer = live.client.get(path, params={name: text})
            assert answer.status_code == 200, (path, name, answer.text)
            assert found(answer.json()) == [], (path, name)
    assert live.get("/v1/messages")["messages"]


@pytest.mark.parametrize("raw", [b'{"\xff": 1}', b'{"a":' * 5000, b"x"])
def test_a_place_in_a_list_that_is_none_of_ours_is_refused(live: Live, raw: bytes) -> None:
    place = base64.urlsafe_b64encode(raw).decode()
    answer = live.client.get("/v1/audit", params={"before": place})
    assert (answer.status_code, answer.json()["code"]) == (400, "request_invalid")


def test_a_whole_number_may_have_a_point(live: Live) -> None:
    for hours, status in ((b"78.0", 404), (b"7.8e1", 404), (b"78.5", 400)):
        path = "/v1/clients/nobody-known/keys/rotate"
        assert live.post(path, b'{"overlap_hours": %s}' % hours).status_code == status, hours
