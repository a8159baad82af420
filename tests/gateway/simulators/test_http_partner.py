"""Each HTTP fault knob does what it says, against a plain client."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.simulators.access import Access
from gateway.simulators.books import effects_in
from gateway.simulators.erp import ErpDesk
from gateway.simulators.faults import Fault, FaultKind
from gateway.simulators.http_partner import HttpPartner
from tests.gateway.simulators.conftest import Post, StandingClock

PATH = "/v1/journals"


@pytest.fixture
async def erp(clock: StandingClock) -> AsyncIterator[HttpPartner]:
    async with HttpPartner(ErpDesk(), clock=clock) as partner:
        yield partner


@pytest.mark.parametrize(
    ("kind", "retry_after_seconds", "http_status", "says"),
    [
        (FaultKind.DOWN, None, 503, None),
        (FaultKind.DOWN, 7, 503, "7"),
        (FaultKind.THROTTLED, 3, 429, "3"),
        (FaultKind.BAD_CREDENTIALS, None, 401, None),
    ],
)
async def test_a_refusing_partner_makes_no_effect(
    erp: HttpPartner,
    post: Post,
    erp_journal: dict[str, Any],
    kind: FaultKind,
    retry_after_seconds: int | None,
    http_status: int,
    says: str | None,
) -> None:
    erp.faults.set(Fault(kind=kind, count=1, retry_after_seconds=retry_after_seconds))
    refused = await post(erp, PATH, erp_journal)
    assert refused.status_code == http_status
    assert refused.headers.get("Retry-After") == says
    assert erp.effects().effects == {}
    assert (await post(erp, PATH, erp_journal)).status_code == 200


async def test_a_server_error_is_a_page(
    erp: HttpPartner, post: Post, erp_journal: dict[str, Any]
) -> None:
    erp.faults.set(Fault(kind=FaultKind.HTML_500, count=1))
    broken = await post(erp, PATH, erp_journal)
    assert broken.status_code == 500
    assert broken.headers["Content-Type"].startswith("text/html")
    assert erp.effects().effects == {}


async def test_a_reset_before_the_effect_leaves_none(
    erp: HttpPartner, post: Post, erp_journal: dict[str, Any]
) -> None:
    erp.faults.set(Fault(kind=FaultKind.RESET, count=1))
    with pytest.raises(httpx.ReadError) as caught:
        await post(erp, PATH, erp_journal)
    assert _is_reset(caught.value)
    assert erp.effects().effects == {}


def _is_reset(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ConnectionResetError):
            return True
        error = error.__cause__ or error.__context__
    return False


async def test_a_lost_reply_leaves_the_effect(
    erp: HttpPartner, post: Post, erp_journal: dict[str, Any], client: httpx.AsyncClient
) -> None:
    erp.faults.set(Fault(kind=FaultKind.REPLY_LOST_AFTER_COMMIT, count=1))
    with pytest.raises(httpx.ReadError):
        await post(erp, PATH, erp_journal)
    assert erp.effects().effects == {"je:7001": 1}
    found = await client.get(erp.url + PATH, params={"externalId": "je:7001"})
    assert found.json()["count"] == 1


async def test_a_truncated_document_is_unreadable_and_leaves_the_effect(
    erp: HttpPartner, post: Post, erp_journal: dict[str, Any]
) -> None:
    erp.faults.set(Fault(kind=FaultKind.TRUNCATED_JSON, count=1))
    answer = await post(erp, PATH, erp_journal)
    assert answer.status_code == 200
    with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
        answer.json()
    assert erp.effects().effects == {"je:7001": 1}


async def test_a_truncated_body_breaks_off_and_leaves_the_effect(
    erp: HttpPartner, post: Post, erp_journal: dict[str, Any]
) -> None:
    erp.faults.set(Fault(kind=FaultKind.TRUNCATED_BODY, count=1))
    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
        await post(erp, PATH, erp_journal)
    assert erp.effects().effects == {"je:7001": 1}


async def test_a_business_refusal_hides_in_a_200(
    erp: HttpPartner, post: Post, erp_journal: dict[str, Any]
) -> None:
    erp.faults.set(Fault(kind=FaultKind.BUSINESS_REFUSAL, count=1))
    answer = await post(erp, PATH, erp_journal)
    assert (answer.status_code, answer.json()["status"]) == (200, "E")
    assert (erp.effects().effects, erp.effects().refusals) == ({}, 1)


async def test_a_slow_partner_waits_and_then_answers(
    erp: HttpPartner, post: Post, erp_journal: dict[str, Any], clock: StandingClock
) -> None:
    erp.faults.set(Fault(kind=FaultKind.SLOW, count=1, delay_seconds=40))
    before = clock.seconds
    assert (await post(erp, PATH, erp_journal)).status_code == 200
    assert clock.seconds == before + 40


async def test_a_stopped_partner_refuses_and_comes_back_with_its_books(
    post: Post, erp_journal: dict[str, Any]
) -> None:
    erp = HttpPartner(ErpDesk())
    await erp.start()
    port = erp.port
    await post(erp, PATH, erp_journal)
    await erp.stop()
    with pytest.raises(httpx.ConnectError):
        await post(erp, PATH, erp_journal)
    await erp.start()
    assert erp.port == port
    await post(erp, PATH, erp_journal)
    assert erp.effects().effects == {"je:7001": 2}
    await erp.stop()
    await erp.stop()


async def test_a_restart_in_one_process_counts_no_effect_twice(
    tmp_path: Path, post: Post, erp_journal: dict[str, Any]
) -> None:
    erp = HttpPartner(ErpDesk(), journal=tmp_path / "erp.jsonl")
    for _ in range(2):
        async with erp:
            await post(erp, PATH, erp_journal | {"externalId": f"je:{erp.port}"})
    async with erp:
        assert erp.effects().effects == {f"je:{erp.port}": 2}
        assert erp.effects().totals["debit"] == 24000


async def test_stopping_does_not_wait_for_a_slow_request(
    post: Post, erp_journal: dict[str, Any]
) -> None:
    async with HttpPartner(ErpDesk()) as erp:
        erp.faults.set(Fault(kind=FaultKind.SLOW, delay_seconds=60))
        sending = asyncio.create_task(post(erp, PATH, erp_journal))
        while not erp.effects().requests:
            await asyncio.sleep(0.005)
        async with asyncio.timeout(5):
            await erp.stop()
        with pytest.raises(httpx.HTTPError):
            await sending
    assert erp.effects().effects == {}


async def test_faults_can_be_set_seen_and_cleared_over_http(
    erp: HttpPartner, client: httpx.AsyncClient
) -> None:
    knobs = f"{erp.url}/_faults"
    shown = await client.post(knobs, json={"kind": "down", "count": 2})
    assert shown.json()["faults"][0]["kind"] == "down"
    assert (await client.get(erp.url + PATH)).status_code == 503
    assert (await client.get(knobs)).json()["faults"][0]["count"] == 1
    await client.delete(knobs)
    assert (await client.get(erp.url + PATH)).status_code == 200


@pytest.mark.parametrize(
    "body", ["{", '{"kind": "hiccup"}', '{"kind": "down", "cnt": 1}', '{"kind": "drop_mid_file"}']
)
async def test_a_wrong_fault_is_refused(
    erp: HttpPartner, client: httpx.AsyncClient, body: str
) -> None:
    assert (await client.post(f"{erp.url}/_faults", content=body)).status_code == 400
    assert erp.faults.active() == []


async def test_effects_can_be_read_over_http(
    erp: HttpPartner, post: Post, client: httpx.AsyncClient, erp_journal: dict[str, Any]
) -> None:
    await post(erp, PATH, erp_journal)
    await post(erp, PATH, erp_journal | {"lines": []})
    assert (await client.get(f"{erp.url}/_effects")).json() == {
        "effects": {"je:7001": 1},
        "requests": 2,
        "duplicates": 0,
        "refusals": 1,
        "totals": {"debit": 12000, "credit": 12000},
    }


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/"), ("PUT", PATH), ("POST", PATH + "/x"), ("GET", "/_x"), ("GET", PATH + "x")],
)
async def test_what_is_not_there_is_a_404(
    erp: HttpPartner, client: httpx.AsyncClient, method: str, path: str
) -> None:
    assert (await client.request(method, erp.url + path)).status_code == 404


async def test_a_bearer_token_opens_and_nothing_else_does(
    post: Post, erp_journal: dict[str, Any]
) -> None:
    async with HttpPartner(ErpDesk(), access=Access(bearer_token="open sesame")) as erp:
        for token in ("", "closed"):
            assert (await post(erp, PATH, erp_journal, token=token)).status_code == 401
        assert (await post(erp, PATH, erp_journal, token="open sesame")).status_code == 200
    assert erp.effects().effects == {"je:7001": 1}


async def test_client_credentials_buy_a_token_that_ends(
    client: httpx.AsyncClient, post: Post, clock: StandingClock, erp_journal: dict[str, Any]
) -> None:
    access = Access(client_id="hub", client_secret="s:%", token_seconds=300)
    form = {"grant_type": "client_credentials"}
    async with HttpPartner(ErpDesk(), access=access, clock=clock) as erp:
        url = f"{erp.url}/oauth/token"
        basic = (await client.post(url, data=form, auth=("hub", "s%3A%25"))).json()
        in_form = await client.post(url, data=form | {"client_id": "hub", "client_secret": "s:%"})
        token = in_form.json()["access_token"]
        assert basic["token_type"] == "Bearer"
        assert basic["expires_in"] == 300
        assert (await post(erp, PATH, erp_journal, token=basic["access_token"])).is_success
        assert (await post(erp, PATH, erp_journal, token=token)).is_success
        clock.seconds += 300
        assert (await post(erp, PATH, erp_journal, token=token)).status_code == 401


@pytest.mark.parametrize(
    ("form", "http_status"),
    [
        ({"grant_type": "client_credentials", "client_id": "hub", "client_secret": "no"}, 401),
        ({"grant_type": "client_credentials"}, 401),
        ({"grant_type": "password", "client_id": "hub", "client_secret": "yes"}, 400),
    ],
)
async def test_wrong_credentials_buy_nothing(
    client: httpx.AsyncClient, form: dict[str, str], http_status: int
) -> None:
    access = Access(client_id="hub", client_secret="yes")
    async with HttpPartner(ErpDesk(), access=access) as erp:
        answer = await client.post(f"{erp.url}/oauth/token", data=form)
        assert answer.status_code == http_status


def test_credentials_do_not_show() -> None:
    assert "sesame" not in repr(Access(bearer_token="sesame", client_secret="sesame"))


async def test_parallel_writes_are_in_the_journal_once_each(
    tmp_path: Path, post: Post, erp_journal: dict[str, Any]
) -> None:
    path = tmp_path / "erp.jsonl"
    async with HttpPartner(ErpDesk(), journal=path) as erp:
        async with asyncio.TaskGroup() as group:
            for n in range(50):
                group.create_task(post(erp, PATH, erp_journal | {"externalId": f"je:{n}"}))
        assert effects_in(path) == {f"je:{n}": 1 for n in range(50)}
    async with HttpPartner(ErpDesk(), journal=path) as again:
        assert len(again.effects().effects) == 50


async def test_a_large_document_is_taken(
    erp: HttpPartner, post: Post, erp_journal: dict[str, Any]
) -> None:
    erp_journal["lines"] += [{"account": "1010", "memo": "x" * 100}] * 30_000
    assert (await post(erp, PATH, erp_journal)).json()["status"] == "S"
