"""Every route x every role x own, foreign and test objects, through the hub as it listens.

What is expected is read from the table of rights, cell by cell, and never from `authorize`.
"""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from litestar import Litestar

from gateway.access import RIGHTS, Condition, Duty, Right
from gateway.api import rules
from gateway.api.application import ROUTES
from gateway.api.rules import RULES, Kind, Rule, rule_of
from gateway.api.schema import described_as
from tests.gateway.api.roles import INTERFACES, World, bearer, key_of, session, world_at
from tests.gateway.live import advice, write


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world_at(tmp_path_factory.mktemp("hub")) as made:
        yield made


def request(
    world: World, duty: Duty, route: tuple[str, str], which: str, **headers: str
) -> httpx.Response:
    """Ask a route about the object of that kind."""
    method, path = route
    rule, query = RULES[route], {}
    name = world.objects.get((rule.kind, which), "none")
    target = path.replace(f"{{{rule.parameter}}}", name) if rule.parameter else path
    body: Any = {}
    if rule.kind is Kind.CONTRACT:
        target, query = "/v1/messages/remittance-advice", {"interface": name}
        body = advice(900)
    elif rule.kind is Kind.ASIDE and method == "POST":
        body = {"ids": [name], "dry_run": True, "reason": "matrix"}
    elif rule.kind is Kind.PROPOSAL:
        body = {"approve": True}
    elif path == "/v1/reload":
        body = {"dry_run": "dry" in headers}
        headers.pop("dry", None)
    if "full" in headers:
        query = {"data": headers.pop("full")}
    target = target.replace("{code}", "usage").replace("{path}", "none")
    sent = {"json": body} if method == "POST" else {}
    return world.clients[duty].request(method, target, params=query, headers=headers, **sent)


def outcome(answer: httpx.Response, rule: Rule) -> str:
    """Say how the guard decided, whatever the route made of it afterwards."""
    if answer.status_code == 403:
        return str(answer.json()["code"])
    assert answer.status_code != 401, answer.text
    assert answer.status_code < 500, answer.text
    foreign = answer.status_code == 404 and answer.headers["content-type"].startswith(
        "application/problem+json"
    )
    if foreign and answer.json()["detail"] == f"There is no such {rule.kind.value}.":
        return "foreign"
    return "ok"


def expected(cell: Condition, which: str, rule: Rule, *, reason: bool = False) -> str:
    """Read one cell. In a list a limited actor sees its own, so a list itself is allowed; what a
    POST over a list is about comes in its body and is judged like any object."""
    judged = not rule.collection or (rule.kind is Kind.ASIDE and bool(rule.further))
    of_the_object = {
        Condition.OWN: which == "own" and rule.kind is not Kind.HUB,
        Condition.TEST: which == "test",
        Condition.ASSIGNED: False,
        Condition.NOT_OWN: True,
    }
    if cell in of_the_object:
        if not judged or of_the_object[cell]:
            return "ok"
        return "foreign" if rule.parameter or rule.collection else "forbidden"
    match cell:
        case Condition.YES:
            return "ok"
        case Condition.REASON:
            return "ok" if reason else "reason_required"
        case Condition.PROPOSE | Condition.APPROVE | Condition.APPROVAL:
            return "approval_required"
        case _:
            return "forbidden"


WAYS_IN = {
    ("GET", "/auth/login"),
    ("GET", "/auth/callback"),
    ("POST", "/auth/break-glass"),
    ("POST", "/auth/logout"),
}
NONE_THERE = {"/v1/sessions/{session_name}/end", "/v1/proposals/{proposal_id}/decide"}
GUARDED = [(route, rule) for route, rule in RULES.items() if rule.right is not None]
ORDERS = {"/v1/set-aside/orders/{order_id}", "/v1/set-aside/orders/{order_id}/cancel"}


def test_every_route_has_a_rule_and_every_rule_a_route() -> None:
    app = Litestar(route_handlers=ROUTES, openapi_config=described_as(), logging_config=None)
    there = {
        (method, route.path_format)
        for route in app.routes
        for method in getattr(route, "methods", ())
        if method != "OPTIONS"
    }
    assert {route for route in there if rule_of(*route) is None} == set()
    assert set(RULES) - there == set()
    assert {route for route, rule in RULES.items() if rule.right is None} == {
        ("GET", "/healthz"),
        ("GET", "/readyz"),
        ("POST", "/v1/webhooks/{interface}"),
        *WAYS_IN,
    }


@pytest.mark.parametrize("duty", list(Duty))
def test_every_route_answers_every_role_as_the_table_says(world: World, duty: Duty) -> None:
    wrong = []
    for route, rule in GUARDED:
        for which in INTERFACES:
            assert rule.right is not None
            dry = {"dry": "1"} if route[1] == "/v1/reload" else {}
            got = outcome(request(world, duty, route, which, **dry), rule)
            want = expected(RIGHTS[rule.right][duty], which, rule)
            if route[1] == "/schema/{path}":
                want = "ok"  # 404 to everybody who is let in
            if route[1] in NONE_THERE and want == "ok":
                want = "foreign"  # for whoever may look for it there is none
            if got != want:
                wrong.append((*route, which, got, want))
            if route[1] == "/v1/session/end" and want == "ok":
                world.clients[duty].close()
                world.clients[duty] = session(world.live, duty)
    assert wrong == []


@pytest.mark.parametrize("duty", list(Duty))
def test_phi_needs_the_right_and_the_reason_the_table_asks_for(world: World, duty: Duty) -> None:
    cell = RIGHTS[Right.PHI_REVEAL][duty]
    wrong = []
    for route, rule in GUARDED:
        if Right.PHI_REVEAL not in (rule.right, rule.then):
            continue
        full = {"full": "full"} if rule.where else {}
        for which in INTERFACES:
            for reason in (False, True):
                told = {"Hub-Reason": "a payer called"} if reason else {}
                got = outcome(request(world, duty, route, which, **full, **told), rule)
                want = expected(cell, which, rule, reason=reason)
                if got != want:
                    wrong.append((*route, which, reason, got, want))
    assert wrong == []


@pytest.mark.parametrize("duty", list(Duty))
def test_a_reload_needs_more_than_a_rehearsal(world: World, duty: Duty) -> None:
    route = ("POST", "/v1/reload")
    cells = {RIGHTS[right][duty] for right in (Right.CONFIG_REHEARSE, Right.CONFIG_RELOAD)}
    want = "ok" if cells == {Condition.YES} else "forbidden"
    assert outcome(request(world, duty, route, "own"), RULES[route]) == want


def test_lists_hold_only_what_a_system_owns(world: World) -> None:
    system = world.clients[Duty.SYSTEM]
    shown = [one["name"] for one in system.get("/v1/interfaces").json()]
    messages = system.get("/v1/messages").json()["messages"]
    asides = system.get("/v1/set-aside").json()["set_aside"]
    groups = system.get("/v1/set-aside/groups").json()
    assert shown == ["intake"]
    assert {one["interface"] for one in messages} == {"intake"}
    assert {one["interface"] for one in asides} == {"intake"}
    assert {one["interface"] for one in groups} == {"intake"}
    assert len(world.live.get("/v1/messages")["messages"]) > len(messages) > 0


def test_a_message_belongs_to_where_it_goes_as_well(world: World) -> None:
    live = world.live
    write(
        live.root,
        "clients/receiver.yaml",
        "client: receiver\ninterfaces: [drop]\nscopes: [message.read]\nproducts: [everything]\n",
    )
    live.post("/v1/reload")
    with bearer(live, key_of(live, "receiver")) as receiver:
        for which in INTERFACES:
            message = world.objects[Kind.MESSAGE, which]
            kind = {"Accept": "application/json; version=1"}
            assert receiver.get(f"/v1/messages/{message}", headers=kind).status_code == 200
            artifact = world.objects[Kind.ARTIFACT, which]
            assert receiver.get(f"/v1/artifacts/{artifact}").status_code == 404
        assert receiver.get("/v1/interfaces").json()["code"] == "insufficient_scope"


def test_without_a_credential_nothing_but_health_is_answered(world: World) -> None:
    for method, path in RULES:
        answer = httpx.request(method, world.live.url + path, trust_env=False)
        if (method, path) not in WAYS_IN:
            opened = path in ("/healthz", "/readyz")
            assert answer.status_code == (200 if opened else 401), path


def test_a_route_without_a_rule_is_refused_to_everybody(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(rules._BY_SHAPE, ("GET", "/metrics"))
    rules.rule_of.cache_clear()
    try:
        for duty, client in world.clients.items():
            assert client.get("/metrics").status_code == 403, duty
    finally:
        rules.rule_of.cache_clear()
