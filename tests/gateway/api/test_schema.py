"""The OpenAPI document: complete, true of the running hub, and right in the eyes of a public judge."""

import json
import re
from typing import Any

import httpx
import msgspec
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from gateway.api.answers import Body, Shape, problems_of
from gateway.api.contract_steps import STEPS
from gateway.api.described import BODIES, BODILESS, NEEDS_REASON, TAGS
from gateway.api.description import describe
from gateway.api.problems import PROBLEMS
from gateway.api.schema import openapi_document
from gateway.delivery.set_aside import MUST_GIVE_A_REASON
from gateway.governance import Profile, compile_validator
from gateway.governance.export import publish
from gateway.registry import Registry, starter_root
from tests.gateway.live import Live, acknowledgement, advice

Document = dict[str, Any]


@pytest.fixture(scope="module")
def offline() -> Document:
    return describe(publish(Registry(starter_root())))


@pytest.fixture(scope="module")
def served(live: Live) -> Document:
    found: Document = live.get("/schema/openapi.json")
    return found


def operations(document: Document) -> list[tuple[str, str, Document]]:
    return [
        (verb, path, operation)
        for path, item in document["paths"].items()
        for verb, operation in item.items()
    ]


def references(node: Any) -> set[str]:
    return set(re.findall(r'"\$ref":\s*"([^"]*)"', json.dumps(node)))


def test_a_public_validator_finds_nothing_wrong(offline: Document, served: Document) -> None:
    for document in (offline, served):
        assert document["openapi"].startswith("3.1")
        assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


def test_every_reference_leads_to_a_component_of_the_document(offline: Document) -> None:
    wanted = references(offline)
    assert len(wanted) > 50
    for reference in wanted:
        assert reference.startswith("#/components/"), reference
        _, _, kind, name = reference.split("/")
        assert name in offline["components"][kind], reference


def test_the_document_is_the_same_without_a_running_hub(
    offline: Document, served: Document
) -> None:
    taken = {path for path in served["paths"] if path.startswith("/v1/messages/")}
    assert taken <= set(offline["paths"])
    assert set(served["paths"]) - taken == {
        path for path in offline["paths"] if not path.startswith("/v1/messages/")
    }
    assert json.dumps(describe(publish(Registry(starter_root())))) == json.dumps(offline)


def test_every_operation_says_what_it_reads_answers_and_is_called(offline: Document) -> None:
    names = [operation["operationId"] for _, _, operation in operations(offline)]
    assert len(names) == len(set(names)) > 25
    for verb, path, operation in operations(offline):
        place = f"{verb} {path}"
        assert operation["summary"], place
        assert set(operation["tags"]) <= set(TAGS), place
        assert "default" not in operation["responses"], place
        assert any(status[0] in "23" for status in operation["responses"]), place
        open_to_all = operation.get("security") == []
        assert ("401" in operation["responses"]) != (open_to_all and "/auth/" not in path), place
        assert ("403" in operation["responses"]) == ("x-right" in operation), place
        if verb == "post" and not path.startswith("/v1/messages/"):
            assert ("requestBody" in operation) == (path in BODIES), place
            assert path in BODIES or path in BODILESS, f"{place}: does it read a body?"


def test_a_contract_has_a_route_of_its_own_with_schema_and_examples(offline: Document) -> None:
    content = offline["paths"]["/v1/messages/remittance-advice"]["post"]["requestBody"]["content"]
    named = "application/vnd.remithub.remittance-advice+json; version=1"
    assert set(content) == {"application/json", "application/cloudevents+json", named}
    event = content.pop("application/cloudevents+json")["schema"]
    content["event"] = {**content[named], "schema": event["properties"]["data"]}
    for body in content.values():
        assert body["schema"] == {"$ref": "#/components/schemas/remittance-advice.v1"}
        assert "remittance-advice-1.0.0-full" in body["examples"]
    assert "/v1/messages/{contract}" not in offline["paths"]


def test_a_contract_among_the_components_judges_like_the_contract_itself(
    offline: Document,
) -> None:
    registry = Registry(starter_root())
    schemas = offline["components"]["schemas"]
    for name in ("remittance-advice", "acknowledgement"):
        contract = registry.contract(name)
        alone = compile_validator(registry.bundled_schema(name), Profile.WRITER)
        text = json.dumps(schemas).replace("#/components/schemas/", "#/$defs/")
        inside = compile_validator(
            {"$ref": f"#/$defs/{name}.v1", "$defs": json.loads(text)}, Profile.AS_WRITTEN
        )
        seen = 0
        for file in sorted((contract.folder / "examples").glob("*/*.json")):
            found = json.loads(file.read_text(encoding="utf-8"))
            document = found["document"] if file.parent.name == "invalid" else found
            places = [sorted((e.pointer, e.keyword) for e in v.errors(document))
                      for v in (alone, inside)]  # fmt: skip
            assert places[0] == places[1], file.name
            seen += 1
        assert seen > 5


def test_a_released_version_does_not_hide_the_other_major(offline: Document) -> None:
    contracts = publish(Registry(starter_root()), ["acknowledgement"])
    second = msgspec.structs.replace(contracts[-1], version="2.0.0")
    gone = msgspec.structs.replace(contracts[-1], version="3.0.0", status="retired")
    document = describe([*contracts, second, gone])
    body = document["paths"]["/v1/messages/acknowledgement"]["post"]["requestBody"]["content"]
    for major in ("1", "2"):
        one = body[f"application/vnd.remithub.acknowledgement+json; version={major}"]
        assert one["schema"] == {"$ref": f"#/components/schemas/acknowledgement.v{major}"}
    assert len(body["application/json"]["schema"]["anyOf"]) == 2
    schemas = document["components"]["schemas"]
    assert {name for name in schemas if re.fullmatch(r"acknowledgement\.v\d", name)} == {
        "acknowledgement.v1",
        "acknowledgement.v2",
    }


def test_a_route_that_takes_a_contract_is_not_there_without_one() -> None:
    routes = describe([])
    assert not [path for path in routes["paths"] if path.startswith("/v1/messages/a")]
    assert openapi_document(routes, [])["paths"].keys() == routes["paths"].keys()


def _answers(live: Live) -> list[tuple[str, str, httpx.Response]]:
    """Provoke what can be provoked, each with the path as it stands in the document."""
    client, bad = live.client, {"Authorization": "Bearer no"}
    artifact = live.hand_over(advice(911))
    message = live.get("/v1/messages")["messages"][0]["message_id"]
    known, files = f"/v1/artifacts/{artifact}", "/v1/interfaces/intake/files"
    orders, advices = "/v1/set-aside/replay", "/v1/messages/remittance-advice"
    form, name = {"Content-Type": "multipart/form-data"}, "/v1/interfaces/{name}"
    json_type = {"Content-Type": "application/json"}
    return [
        ("get", "/healthz", client.get("/healthz")),
        ("get", "/readyz", client.get("/readyz")),
        ("get", "/metrics", client.get("/metrics")),
        ("get", "/metrics", client.get("/metrics", headers=bad)),
        ("get", "/problems/{code}", client.get("/problems/usage")),
        ("get", "/problems/{code}", client.get("/problems/none")),
        ("get", "/v1/artifacts/{artifact_id}", client.get(known)),
        ("get", "/v1/artifacts/{artifact_id}", client.get(known, params={"after": "x"})),
        ("get", "/v1/artifacts/{artifact_id}", client.get("/v1/artifacts/art_0")),
        ("get", "/v1/artifacts/{artifact_id}/content", client.get(f"{known}/content")),
        ("get", "/v1/deliveries/{delivery_id}", client.get("/v1/deliveries/dlv_0")),
        ("get", "/v1/interfaces", client.get("/v1/interfaces")),
        ("get", name, client.get("/v1/interfaces/nowhere")),
        ("post", f"{name}/pause", live.post("/v1/interfaces/drop/pause", b"{")),
        ("post", f"{name}/pause", live.post("/v1/interfaces/drop/pause", b"{" * 11_000_000)),
        ("post", f"{name}/resume", live.post("/v1/interfaces/drop/resume")),
        ("post", f"{name}/poll", live.post("/v1/interfaces/drop/poll")),
        ("post", f"{name}/check", live.post("/v1/interfaces/drop/check")),
        ("post", f"{name}/files", client.post(files, content=b"{}", headers=form)),
        ("post", f"{name}/files", live.post(files, {}, Idempotency_Key="a b")),
        ("post", f"{name}/files", live.post(files, {"a": 1}, Idempotency_Key="k911")),
        ("post", f"{name}/files", live.post(files, {"a": 2}, Idempotency_Key="k911")),
        ("post", f"{name}/files", live.post("/v1/interfaces/none/files", {})),
        ("post", advices, live.post(advices, advice(912))),
        ("post", advices, live.post(advices, {"payer": 1})),
        ("post", advices, live.post(advices, b"{")),
        ("post", advices, client.post(advices, content=b"x", headers={"Content-Type": "a/b"})),
        ("post", "/v1/messages/acknowledgement", live.post("/v1/messages/acknowledgement", {})),
        ("get", "/v1/messages", client.get("/v1/messages", params={"limit": 0})),
        ("get", "/v1/messages", client.get("/v1/messages")),
        ("get", "/v1/messages/{message_id}", client.get("/v1/messages/msg_0")),
        ("get", "/v1/messages/{message_id}", client.get(f"/v1/messages/{message}")),
        ("get", "/v1/set-aside", client.get("/v1/set-aside", params={"state": "odd"})),
        ("get", "/v1/set-aside", client.get("/v1/set-aside", params={"after": "dlv_0"})),
        ("post", "/v1/set-aside/discard", live.post("/v1/set-aside/discard", {"ids": ["dlv_0"]})),
        ("get", "/v1/set-aside/groups", client.get("/v1/set-aside/groups")),
        ("get", "/v1/set-aside/{aside_id}", client.get("/v1/set-aside/dlv_0")),
        ("post", orders, live.post(orders, {})),
        ("post", orders, live.post(orders, {"ids": ["dlv_0"]})),
        ("post", orders, client.post(orders, content=b"{}", headers=json_type | bad)),
        ("get", "/v1/set-aside/orders/{order_id}", client.get("/v1/set-aside/orders/o1")),
        ("post", "/v1/reload", live.post("/v1/reload", {"dry_run": True})),
        ("post", "/v1/reload", live.post("/v1/reload", {"dry": True})),
    ]  # fmt: skip


def found_at(body: Any, pointer: str) -> bool:
    """Whether a pointer leads to a text, or would if a list on its way were not empty."""
    for step in pointer.split("/")[1:]:
        if body == []:
            return True
        body = body[int(step)] if isinstance(body, list) else body[step]
    return isinstance(body, str)


def test_what_the_hub_answers_is_in_the_document(live: Live, served: Document) -> None:
    live.settled(live.hand_over(advice(910)))
    live.post("/v1/messages/acknowledgement?interface=acks-a", acknowledgement())
    components = {"components": {"schemas": served["components"]["schemas"]}}
    statuses = set()
    for verb, path, answer in _answers(live):
        place = f"{verb} {path} {answer.status_code}"
        responses = served["paths"][path][verb]["responses"]
        assert str(answer.status_code) in responses, place
        described = responses[str(answer.status_code)]
        kind = answer.headers["content-type"].partition(";")[0]
        assert kind in described["content"], place
        if kind == "application/problem+json":
            rows = [PROBLEMS[code].title for code in described["x-problem-codes"]]
            assert answer.json()["title"] in rows, f"{place} {answer.json()['code']}"
        if kind.endswith("json"):
            schema = described["content"][kind]["schema"] | components
            judge = compile_validator(schema, Profile.AS_WRITTEN)
            assert [e.pointer for e in judge.errors(answer.json())] == [], place
        for header in ("location", "idempotency-replayed", "retry-after", "www-authenticate"):
            named = {one.lower() for one in described["headers"]}
            assert header not in answer.headers or header in named, f"{place} {header}"
        for link in described.get("links", {}).values():
            (value,) = link["parameters"].values()
            assert found_at(answer.json(), value.removeprefix("$response.body#")), place
        statuses.add(answer.status_code)
    assert statuses >= {200, 202, 400, 401, 404, 413, 415, 422}


def test_every_code_of_the_table_is_a_problem_of_some_route() -> None:
    ours = ("/v1/x", "/v1/reload", "/readyz", "/v1/clients/{client}/keys", "/auth/break-glass")
    paths = (*ours, *STEPS, "/v1/subscriptions")
    plain = Shape(
        path="", unsafe=True, replaces=True, named=True, asks=True, follows=True, keyed=True
    )
    shapes = [
        msgspec.structs.replace(plain, path=path, body=body) for body in Body for path in paths
    ]
    told = {code for shape in shapes for codes in problems_of(shape).values() for code in codes}
    assert told == set(PROBLEMS) - {"method_not_allowed"}


def test_an_order_says_which_and_why() -> None:
    document = describe([])
    assert set(NEEDS_REASON) == set(MUST_GIVE_A_REASON)
    for action, order, good in (
        ("replay", {}, False),
        ("replay", {"ids": []}, False),
        ("replay", {"ids": ["dlv_0"]}, True),
        ("replay", {"everything": False, "state": None}, False),
        ("replay", {"state": "dead"}, True),
        ("discard", {"group": "5d41"}, False),
        ("discard", {"group": "5d41", "reason": "sent by paper"}, True),
        ("confirm", {"group": "5d41", "dry_run": True}, True),
    ):
        body = document["paths"][f"/v1/set-aside/{action}"]["post"]["requestBody"]
        schema = body["content"]["application/json"]["schema"]
        judge = compile_validator(
            schema | {"components": document["components"]}, Profile.AS_WRITTEN
        )
        assert (judge.errors(order) == []) == good, f"{action} {order}"


def test_a_link_leads_to_an_operation_and_names_its_parameter(offline: Document) -> None:
    known = {
        operation["operationId"]: {one["name"] for one in operation["parameters"]}
        for _, _, operation in operations(offline)
    }
    seen = 0
    for _, path, operation in operations(offline):
        for answer in operation["responses"].values():
            for link in answer.get("links", {}).values():
                assert set(link["parameters"]) <= known[link["operationId"]], path
                seen += 1
    assert seen > 10
