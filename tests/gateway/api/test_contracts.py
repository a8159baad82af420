"""The contracts as the API shows them: versions, who names one, who calls it, what a change breaks."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.gateway.api.governed_hub import V1, Callers, governed_root, receipt_of
from tests.gateway.live import SECRET_NAMES, Live, live_hub


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live_hub(governed_root(tmp_path_factory.mktemp("hub"))) as running:
        yield running


@pytest.fixture(scope="module")
def callers(live: Live) -> Iterator[Callers]:
    found = Callers(live)
    yield found
    found.close()


def schema_of(live: Live, version: str) -> dict[str, Any]:
    found = live.get(f"/v1/contracts/receipt/versions/{version}")
    schema: dict[str, Any] = found["schema"]
    return schema


def check(live: Live, schema: Any, **query: str) -> dict[str, Any]:
    answer = live.client.post(
        "/v1/contracts/receipt/compatibility", params=query, content=json.dumps(schema)
    )
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_every_contract_is_listed_with_its_versions(live: Live) -> None:
    rows = {row["name"]: row for row in live.get("/v1/contracts")}
    assert "remittance-advice" in rows
    assert [one["version"] for one in rows["receipt"]["versions"]] == ["1.0.0", "2.0.0"]
    assert rows["receipt"]["versions"][0]["media_type"] == V1
    assert live.get("/v1/contracts/receipt") == rows["receipt"]


def test_a_version_is_found_by_number_or_major(live: Live) -> None:
    exact = live.client.get("/v1/contracts/receipt/versions/1.0.0")
    assert exact.headers["hub-contract"] == "receipt/1.0.0"
    assert exact.json() == live.get("/v1/contracts/receipt/versions/1")
    assert exact.json()["schema"]["required"] == ["id", "amount", "payer"]
    for path in ("nothing", "receipt/versions/3", "receipt/versions/latest", "nothing/usage"):
        answer = live.client.get(f"/v1/contracts/{path}")
        assert answer.status_code == 404, path
        assert "latest" not in answer.json()["detail"]


def test_who_names_a_version_keeps_it(live: Live, callers: Callers) -> None:
    assert callers("wide").send(receipt_of(1)).status_code == 202
    found = live.get("/v1/contracts/receipt/versions/1.0.0/referencedby")["items"]
    assert {one["by"] for one in found} == {"interface tills", "client wide"}
    assert live.get("/v1/contracts/receipt/versions/2.0.0/referencedby") == {"items": []}
    assert callers("wide").get("/v1/contracts/receipt/usage").status_code == 403


def test_a_change_is_judged_before_it_is_made(live: Live) -> None:
    same = check(live, schema_of(live, "1.0.0"), against="1.0.0")
    assert (same["is_compatible"], same["accepted"], same["findings"]) == (True, True, [])
    more = schema_of(live, "1.0.0")
    more["properties"]["till"] = {"type": "string", "maxLength": 9, "description": "Which."}
    found = check(live, more, against="1.0.0", mode="BACKWARD")
    assert (found["is_compatible"], found["required_bump"]) == (True, "minor")
    less = schema_of(live, "1.0.0")
    less["required"].append("note")
    found = check(live, less, against="all", mode="backward", profile="strict")
    assert (found["is_compatible"], found["accepted"]) == (False, False)
    assert found["required_bump"] == "major"
    (witness,) = found["witness"]
    assert "note" not in witness
    assert ["backward"] in [one["breaks"] for one in found["findings"]]
    same = check(live, schema_of(live, "2.0.0"))
    assert same["witness"] == []
    assert same["against"] == ["receipt/2.0.0"]


@pytest.mark.parametrize(
    ("body", "query", "status"),
    [
        (b"{", {}, 422),
        (b"[]", {}, 422),
        (b'{"a": 1, "a": 2}', {}, 422),
        (b"{}", {"mode": "SIDEWARD"}, 400),
        (b"{}", {"profile": "odd"}, 400),
        (b"{}", {"against": "9.9.9"}, 404),
        (b" " * 1_100_000, {}, 413),
    ],
)
def test_what_cannot_be_compared(
    live: Live, body: bytes, query: dict[str, str], status: int
) -> None:
    path = "/v1/contracts/receipt/compatibility"
    answer = live.client.post(path, params=query, content=body)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "odd",
    [
        {"type": 7},
        {"$ref": "https://elsewhere.example/x"},
        {"pattern": "(((("},
        {"properties": SECRET_NAMES[0]},
    ],
)
def test_a_schema_that_is_none_is_refused(live: Live, odd: Any) -> None:
    path = "/v1/contracts/receipt/compatibility"
    answer = live.client.post(path, content=json.dumps(odd))
    assert (answer.status_code, answer.json()["code"]) == (422, "schema_invalid")
    assert SECRET_NAMES[0] not in answer.text


def test_a_schema_of_itself_ends(live: Live) -> None:
    for odd in ({"$ref": "#"}, {"allOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": {"not": {}}}}):
        assert check(live, odd)["verdict"] in ("compatible", "incompatible", "review")
