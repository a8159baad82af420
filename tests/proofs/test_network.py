"""Network faults (guide: reliability, A6): what each means, and that no effect is lost or doubled."""

import asyncio
import contextlib
import socket
import threading
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from connectors.base import Call, Context, Delivered, Document, Failed, Failure, Outcome, Unknown
from connectors.http import AiohttpTransport
from connectors.http_api import CONNECTOR, Settings
from connectors.http_api.sink import HttpApiSink
from gateway.ports import Randomness, SystemClock
from gateway.simulators.tcp_proxy import EFFECT_POSSIBLE, Fault, TcpProxy, swizzle
from tests.connectors.conftest import _Tls
from tests.proofs.conftest import Report
from tests.proofs.storm import MODES, Heartbeat, Partner, Storm, blowing, listening, storm

TWELVE = [f for f in Fault if f not in (Fault.TLS_TO_PLAIN, Fault.RST_MID_STREAM)]

SAFE, UNKNOWN, EITHER = "safe", "unknown", "either"
TABLE = {
    Fault.REFUSE: (SAFE, {"refused"}),
    # Whether our first byte was faster than the partner's goodbye is seen by the transport.
    Fault.RST_ON_ACCEPT: (EITHER, {"connection_lost", "stale_connection", "refused"}),
    Fault.FIN_ON_ACCEPT: (EITHER, {"disconnected", "stale_connection", "connection_lost"}),
    Fault.RST_MID_REQUEST: (UNKNOWN, {"connection_lost", "disconnected"}),
    Fault.RST_BEFORE_REPLY: (UNKNOWN, {"connection_lost", "disconnected"}),
    Fault.FIN_BEFORE_REPLY: (UNKNOWN, {"disconnected"}),
    Fault.TRUNCATED_HEADERS: (UNKNOWN, {"disconnected", "reply_unreadable", "reply_truncated"}),
    Fault.TRUNCATED_BODY: (UNKNOWN, {"reply_truncated"}),
    Fault.BLACK_HOLE: (UNKNOWN, {"read_timeout"}),
    Fault.HANG_BEFORE_REPLY: (UNKNOWN, {"read_timeout"}),
    Fault.SLOW_DRIP: (UNKNOWN, {"deadline"}),
    Fault.CORRUPT_BYTE: (UNKNOWN, {"reply_unreadable"}),
}
"""What our own transport makes of each fault: the class, and the codes it may give."""


def class_of(outcome: Outcome) -> str:
    match outcome:
        case Failed(failure=Failure.DESTINATION):
            return SAFE
        case Unknown():
            return UNKNOWN
        case _:
            return type(outcome).__name__


@contextlib.asynccontextmanager
async def sink_at(url: str, **settings: Any) -> AsyncIterator[HttpApiSink]:
    def no_threads(_size: int) -> Any:
        raise AssertionError("an HTTP sink needs no threads")

    context = Context(
        interface="under-proof",
        clock=SystemClock(),
        secret={}.__getitem__,
        transport=AiohttpTransport,
        executor=no_threads,
        fail_point=lambda _name: None,
    )
    raw = {
        "base_url": url,
        "timeouts": {"connect_seconds": 2, "read_seconds": 0.5, "pool_seconds": 1},
        "idempotency": {"mode": "none"},
        "deliver": {
            "steps": [{"id": "s", "request": {"path": "/none", "headers": {"X-Reference": "k"}}}]
        },
        **settings,
    }
    sink = CONNECTOR.sink(msgspec.convert(raw, Settings), context)
    assert isinstance(sink, HttpApiSink)
    try:
        yield sink
    finally:
        await sink.close()


async def delivered_once(sink: HttpApiSink) -> Outcome:
    call = Call(key="k", attempt=1, deadline=SystemClock().monotonic() + 1.5)
    document = Document(contract="c", data={"remittance_id": "rem_1"})
    return await sink.deliver(call, document)


@pytest.mark.parametrize("kept", [False, True], ids=["new", "kept"])
@pytest.mark.parametrize("fault", TWELVE)
async def test_our_transport_makes_of_each_fault_what_the_table_says(
    fault: Fault, kept: bool
) -> None:
    partner = Partner()
    async with (
        listening(partner) as port,
        TcpProxy("127.0.0.1", port) as proxy,
        sink_at(f"http://127.0.0.1:{proxy.port}") as sink,
    ):
        if kept:
            assert isinstance(await delivered_once(sink), Delivered)
        before = partner.total("none")
        proxy.fault = fault
        while fault is Fault.REFUSE and proxy.connections:  # a goodbye may cross with a request
            await asyncio.sleep(0.01)
        outcome = await delivered_once(sink)
        wanted, codes = TABLE[fault]
        assert class_of(outcome) in ((SAFE, UNKNOWN) if wanted is EITHER else (wanted,)), outcome
        assert getattr(outcome, "code", "") in codes | ({"stale_connection"} if kept else set())
        assert partner.total("none") - before == (1 if fault in EFFECT_POSSIBLE else 0)
        proxy.fault = None
        assert isinstance(await delivered_once(sink), Delivered)


@pytest.mark.parametrize("kept", [False, True], ids=["handshake", "kept"])
@pytest.mark.parametrize(
    "fault",
    [
        Fault.RST_ON_ACCEPT,
        Fault.FIN_ON_ACCEPT,
        Fault.RST_MID_REQUEST,
        Fault.RST_BEFORE_REPLY,
        Fault.FIN_BEFORE_REPLY,
        Fault.BLACK_HOLE,
        Fault.HANG_BEFORE_REPLY,
    ],
)
async def test_under_tls_what_strikes_the_handshake_is_safe_and_later_it_is_unknown(
    tmp_path: Path, fault: Fault, kept: bool
) -> None:
    partner, papers = Partner(), _Tls(tmp_path)
    async with (
        listening(partner, papers.server()) as port,
        TcpProxy("127.0.0.1", port) as proxy,
        sink_at(f"https://127.0.0.1:{proxy.port}", tls={"ca_file": papers.file("ca.pem")}) as sink,
    ):
        if kept:
            assert isinstance(await delivered_once(sink), Delivered)
        before = partner.total("none")
        proxy.fault = fault
        assert class_of(await delivered_once(sink)) == (UNKNOWN if kept else SAFE)
        assert partner.total("none") - before == (kept and fault in EFFECT_POSSIBLE)
        proxy.fault = None
        assert isinstance(await delivered_once(sink), Delivered)


async def test_a_plain_port_where_tls_is_expected_and_a_name_that_is_none_are_safe() -> None:
    partner = Partner()
    async with listening(partner) as port, TcpProxy("127.0.0.1", port) as proxy:
        proxy.fault = Fault.TLS_TO_PLAIN
        async with sink_at(f"https://127.0.0.1:{proxy.port}") as sink:
            outcome = await delivered_once(sink)
            assert (class_of(outcome), getattr(outcome, "code", "")) == (SAFE, "tls")
        async with sink_at(f"https://127.0.0.1:{port}") as sink:  # one that does not answer so
            assert class_of(await delivered_once(sink)) == SAFE
    async with sink_at("http://no-such-host.invalid") as sink:
        outcome = await delivered_once(sink)
        assert (class_of(outcome), getattr(outcome, "code", "")) == (SAFE, "dns")
    assert partner.requests == {}


async def test_a_name_server_that_never_answers_holds_no_call_past_its_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked, answered, look_up = threading.Event(), threading.Event(), socket.getaddrinfo

    def silent(host: Any, *more: Any) -> Any:
        if host == "no-such-host.invalid":
            asked.set()
            answered.wait(30)  # in a thread that nothing can cancel
        return look_up(host, *more)

    monkeypatch.setattr(socket, "getaddrinfo", silent)
    slow = {"connect_seconds": 20, "read_seconds": 20, "pool_seconds": 20}
    try:
        async with sink_at("http://no-such-host.invalid", timeouts=slow) as sink:
            for _ in range(2):  # the second waits for the same answer
                began = SystemClock().monotonic()
                outcome = await delivered_once(sink)
                assert (class_of(outcome), getattr(outcome, "code", "")) == (SAFE, "deadline")
                assert 1.4 < SystemClock().monotonic() - began < 6
    finally:
        answered.set()
    assert asked.is_set()


async def weathered(
    tmp_path: Path, report: Report, *, per_fault: int, share: float, deadline: float
) -> float:
    """Send `per_fault` documents to three destinations through each fault and through a swizzle,
    then judge.

    Returns the most seconds by which a call outlived its total deadline, without those after it
    in which the event loop, which hub, partner and proxies share here, let no timer fire.
    """
    clock = SystemClock()
    began = clock.monotonic()
    counts: Counter[str] = Counter()
    async with storm(tmp_path, seed=6, concurrency=32, deadline_seconds=deadline) as there:
        heart = Heartbeat()
        beating = asyncio.create_task(heart.beat())
        for fault in TWELVE:
            with blowing(there.proxies, fault, share):
                await there.hand_over(per_fault)
                await there.settled(seconds=600)
            await decided(there, counts)
        swizzling = asyncio.create_task(
            swizzle([*there.proxies.values()] * 3, Randomness(7), pause_seconds=0.3)
        )
        await there.hand_over(per_fault)
        await swizzling
        await there.settled(seconds=600)
        await decided(there, counts)
        beating.cancel()
        judge_effects(there)
        counts["struck"] = sum(sum(p.struck.values()) for p in there.proxies.values())
        assert all(p.struck[f] for p in there.proxies.values() for f in TWELVE[1:])
        longest = max(p.longest_seconds for p in there.proxies.values())
        partner, deliveries = there.partner, there.handed_over * len(MODES)
    attempts = there.attempts()
    judge_attempts(attempts, counts)
    over = max(row["took_ms"] for row in attempts) / 1000 - deadline
    in_earnest = max(outlived(row, deadline, heart) for row in attempts)
    report(
        "T-NET",
        deliveries=deliveries,
        faults=len(TWELVE),
        attempts=len(attempts),
        struck=counts["struck"],
        doubled={mode: partner.doubled(mode) for mode in MODES},
        unknown_at_none=counts["unknown_parked"],
        was_there=counts["there"],
        sent_again=counts["again"],
        over_deadline_seconds=over,
        over_without_lag_seconds=in_earnest,
        loop_lag_seconds=heart.longest_lag_seconds,
        longest_held_seconds=longest,
        backlog=0,
        seconds=clock.monotonic() - began,
    )
    return in_earnest


def outlived(row: dict[str, Any], deadline: float, heart: Heartbeat) -> float:
    """Return the seconds an attempt went on after its deadline while timers could fire. It is on
    record with the moment it ended and how long it took."""
    ended = row["at"] / 1000
    due = ended - row["took_ms"] / 1000 + deadline
    return float(ended - due - heart.late_seconds(due, ended)) if due < ended else 0.0


async def test_only_lateness_after_the_deadline_excuses_a_late_end() -> None:
    heart, clock = Heartbeat(), SystemClock()
    beating = asyncio.create_task(heart.beat())
    await asyncio.sleep(0.12)
    began = clock.now().timestamp()
    blocking_until = clock.monotonic() + 0.6
    while clock.monotonic() < blocking_until:
        pass
    came = clock.now().timestamp()
    await asyncio.sleep(0.12)
    beating.cancel()
    assert heart.longest_lag_seconds > 0.5
    assert 0.5 < heart.late_seconds(began, came) <= came - began
    assert heart.late_seconds(began + 0.2, began + 0.3) == pytest.approx(0.1)
    # It was late by a second and the loop for the last 0.4 s of that: what is left is its own.
    row = {"at": (began + 0.4) * 1000, "took_ms": 3000}
    assert outlived(row, 2.0, heart) == pytest.approx(0.6, abs=0.08)
    # The loop was late before the deadline only: no excuse.
    row = {"at": (began + 3.0) * 1000, "took_ms": 3500}
    assert outlived(row, 1.5, heart) > 1.5
    assert outlived({"at": came * 1000, "took_ms": 100}, 2.0, heart) == 0


async def decided(there: Storm, counts: Counter[str]) -> None:
    """Have a person look after what is parked until nothing is."""
    while parked := await there.parked():  # a goodbye may still cross with a request
        assert {aside.interface for aside in parked} == {"none"}
        stays, again = await there.decide(parked)
        counts["unknown_parked"] += len(parked)
        counts["there"] += stays
        counts["again"] += again
        await there.settled(seconds=600)


def judge_effects(there: Storm) -> None:
    """Every document has exactly one effect at every destination."""
    for mode in MODES:
        assert there.partner.doubled(mode) == 0, mode
        assert there.partner.total(mode) == there.handed_over, mode


def judge_attempts(attempts: list[dict[str, Any]], counts: Counter[str]) -> None:
    """An unknown outcome at `none` was parked each time: nobody tried again by himself."""
    unknown = [row for row in attempts if row["outcome"] == "unknown"]
    assert sum(row["destination"] == "none" for row in unknown) == counts["unknown_parked"]
    assert {row["outcome"] for row in attempts} <= {"done", "failed", "unknown", "discarded"}
    known = set().union(*(codes for _, codes in TABLE.values())) | {"pool_timeout", ""}
    extra = {"connect_timeout", "stale_connection", "connection_lost"}
    assert {row["code"] or "" for row in attempts} <= known | extra


@pytest.mark.slow
async def test_600_deliveries_through_twelve_faults_have_one_effect_each(
    tmp_path: Path, report: Report
) -> None:
    await weathered(tmp_path, report, per_fault=17, share=0.35, deadline=1)


@pytest.mark.soak
async def test_120_000_deliveries_through_twelve_faults_have_one_effect_each(
    tmp_path: Path, report: Report
) -> None:
    over = await weathered(tmp_path, report, per_fault=3_334, share=0.5, deadline=2)
    assert over < 1
