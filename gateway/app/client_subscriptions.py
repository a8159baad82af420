"""The `gateway.api.Subscriptions` of one hub: makes, changes, ends and tries them."""

import asyncio

import msgspec

import connectors
from connectors.base import Call, CheckReport, Delivered, Document, Pending
from connectors.ssrf import Network
from connectors.webhook import GONE, Settings, secret_text
from gateway.api.subscribing import (
    NewSubscription,
    Subscription,
    SubscriptionOrder,
    SubscriptionState,
    Tried,
)
from gateway.app.hub import Hub
from gateway.app.pauses import PAUSED_BY_A_PERSON
from gateway.app.subscriptions import Kept, Key
from gateway.errors import Conflict, NotFound, Reject, UsageFault
from gateway.model.states import DestinationState
from gateway.pipeline import NOT_GRANTED, Sink, milliseconds
from gateway.settings import may_go_inside
from gateway.store import AuditEntry, Row, Statement, Unit, UnitConflict

__all__ = ["ClientSubscriptions"]

MOST = 50
"""So many has a client at most."""

PROBE_SECONDS = 15.0
TEST_SECONDS = 20.0


_STATES = {
    "": SubscriptionState.ACTIVE,
    PAUSED_BY_A_PERSON: SubscriptionState.DISABLED,
    GONE: SubscriptionState.GONE,
    NOT_GRANTED: SubscriptionState.REFUSED,
}


_NEVER = ("dns", "network", "request_unsendable")
"""What a probe must not end with, by its layer or code: no time mends it, or none should."""


class ClientSubscriptions:
    """What clients ask of their subscriptions."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def all(self) -> list[Subscription]:
        """Return those that are in force, by name."""
        rows = {row["name"]: row for row in await self._hub.store.fetch("destinations")}
        sinks = self._hub.bundles.current.sinks
        return [
            self._facts(name, sink, rows.get(name))
            for name, sink in sorted(sinks.items())
            if sink.grant is not None
        ]

    def _facts(self, name: str, sink: Sink, row: Row | None) -> Subscription:
        kept = self._hub.subscriptions.kept.get(name)
        assert sink.grant is not None  # noqa: S101 - the caller looked
        options: Settings = sink.options
        state, reason = _state(sink, row)
        return Subscription(
            subscription=name,
            client=sink.grant.client,
            contract=sink.accepts.name,
            version=int(sink.accepts.version.partition(".")[0]),
            url=options.url,
            title=sink.settings.title,
            state=state,
            reason=reason,
            since=int(row["since"]) if row and state is not SubscriptionState.ACTIVE else 0,
            masked=sink.grant.masked,
            keys=len(options.secrets),
            created_at=kept.created_at if kept else 0,
            created_by=kept.created_by if kept else "",
        )

    async def _one(self, name: str) -> Subscription:
        for found in await self.all():
            if found.subscription == name:
                return found
        raise NotFound("There is no such subscription.")

    async def create(self, order: SubscriptionOrder, *, by: str) -> NewSubscription:
        """Make one for `order.client`, which may have it. Raises UsageFault, Reject, Conflict."""
        key = Key(number=1, secret=self._fresh_secret())
        kept = Kept(
            name=f"sub-{self._hub.ports.ids.new('sub')[4:20]}",
            client=order.client,
            contract=order.contract,
            major=order.version,
            url=order.url,
            title=order.title,
            network=self._network(order),
            keys=(key,),
            revision=1,
            created_at=self._now(),
            created_by=by,
        )
        report = await self._probed(kept)
        row = msgspec.structs.asdict(kept)
        row |= {"keys": self._sealed(kept), "at": kept.created_at, "most": MOST}
        for name in ("revision", "created_at", "ended_at"):
            del row[name]
        detail = {"client": kept.client, "contract": kept.contract, "major": str(kept.major)}
        unit = Unit(
            statements=(Statement("subscription_insert", row, expect=1),),
            audit=(AuditEntry(by, "subscription.create", kept.name, detail=detail),),
        )
        try:
            await self._hub.subscribing.change(kept, unit)
        except UnitConflict:
            raise self._in_the_way(kept) from None
        facts = await self._one(kept.name)
        return NewSubscription(secret=key.secret, facts=facts, probes=report.probes)

    async def rotate(self, name: str, *, overlap_seconds: int, by: str) -> NewSubscription:
        """Make the next key; the one before signs, too, for so long. Raises NotFound, Conflict."""
        kept = self._made(name)
        newest = kept.keys[0]
        key = Key(number=newest.number + 1, secret=self._fresh_secret())
        until = self._now() + overlap_seconds * 1000
        old = (msgspec.structs.replace(newest, until=until),) if overlap_seconds else ()
        changed = msgspec.structs.replace(kept, keys=(key, *old), revision=kept.revision + 1)
        params = {"name": name, "keys": self._sealed(changed), "revision": kept.revision}
        await self._change(changed, Statement("subscription_rotate", params, expect=1), by)
        return NewSubscription(secret=key.secret, facts=await self._one(name))

    async def end(self, name: str, *, by: str) -> None:
        """Send nothing there any more, also of what it is still owed. Raises NotFound, Conflict."""
        at = self._now()
        ended = msgspec.structs.replace(self._made(name), ended_at=at, keys=())
        params = {"name": name, "keys": "", "at": at}
        await self._change(ended, Statement("subscription_end", params, expect=1), by)

    async def _change(self, changed: Kept, statement: Statement, by: str) -> None:
        action = "subscription.end" if changed.ended_at else "subscription.rotate"
        audit = AuditEntry(by, action, changed.name, detail={"client": changed.client})
        try:
            unit = Unit(statements=(statement,), audit=(audit,))
            await self._hub.subscribing.change(changed, unit)
        except UnitConflict:
            raise Conflict(
                "The subscription has just been changed.", next_step="look at it again."
            ) from None

    async def test(self, name: str) -> Tried:
        """Send one event without data of anybody, out of turn. Raises NotFound."""
        found, clock = await self._one(name), self._hub.ports.clock
        tenant = self._hub.bundles.current.tenant
        event = {
            "id": self._hub.ports.ids.new("tst"),
            "type": "com.remithub.subscription.tested.v1",
            "source": f"//hub/{tenant}/{name}",
            "subject": name,
        }
        document = Document(
            contract=found.contract,
            data={"subscription": name},
            event={"specversion": "1.0", **event},
        )
        call = Call(key=event["id"], attempt=1, deadline=clock.monotonic() + TEST_SECONDS)
        ending = await self._hub.connections.sink(name).deliver(call, document)
        if isinstance(ending, Delivered | Pending):
            return Tried(taken=True)
        return Tried(taken=False, code=ending.code)

    async def _probed(self, kept: Kept) -> CheckReport:
        """Look at the URL before anything is kept. What cannot be reached yet may come; what must
        not be connected to, or is no name at all, is refused."""
        told = msgspec.json.decode(self._hub.subscriptions.hold(kept))["settings"]
        try:
            options = msgspec.convert(told, Settings)
        except msgspec.ValidationError:
            raise _url_wrong() from None
        probing = self._hub.connections.probe(kept.name, connectors.find("webhook"), options)
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                report = await probing
        except TimeoutError:
            return CheckReport(probes=())
        except ValueError:
            raise _url_wrong() from None
        failed = [one for one in report.probes if not one.passed]
        if failed and (failed[0].name in _NEVER or failed[0].detail in _NEVER):
            raise Reject(
                f"The URL is refused: {failed[0].detail}.",
                code="subscription_url_refused",
                next_step="name a public host, or have the host put into the client's"
                " `webhook_hosts`.",
            )
        return report

    def _network(self, order: SubscriptionOrder) -> str:
        inside = may_go_inside(self._hub.bundles.current.config, order.client, order.url)
        return (Network.INTERNAL if inside else Network.PUBLIC).value

    def _made(self, name: str) -> Kept:
        kept = self._hub.subscriptions.kept.get(name)
        if kept is not None and not kept.ended_at:
            return kept
        if name in self._hub.bundles.current.sinks:
            raise Conflict(
                "This subscription stands in a file of the configuration.",
                code="subscription_in_file",
                next_step="have it changed there.",
            )
        raise NotFound("There is no such subscription.")

    def _in_the_way(self, kept: Kept) -> Conflict:
        living = [
            one
            for one in self._hub.subscriptions.kept.values()
            if one.client == kept.client and not one.ended_at
        ]
        if len(living) >= MOST:
            words = f"A client has {MOST} subscriptions at most."
            return Conflict(words, code="subscription_limit", next_step="end one of them.")
        return Conflict(
            "The client has this contract sent to that URL already.",
            code="subscription_exists",
            next_step="use the one that is there.",
        )

    def _sealed(self, kept: Kept) -> str:
        return self._hub.subscriptions.sealed(kept.name, kept.keys)

    def _fresh_secret(self) -> str:
        ids = self._hub.ports.ids
        return secret_text(bytes.fromhex(ids.new("key")[4:] + ids.new("key")[4:]))

    def _now(self) -> int:
        return milliseconds(self._hub.ports.clock.now())


def _url_wrong() -> UsageFault:
    return UsageFault(
        "The URL is no https address without a user name and a fragment.",
        code="request_invalid",
        next_step="name one like https://hooks.example.org/remithub.",
    )


def _state(sink: Sink, row: Row | None) -> tuple[SubscriptionState, str]:
    reason = str(row["reason"]) if row and row["state"] == DestinationState.PAUSED else ""
    if not reason and sink.grant is not None and sink.grant.refused:
        reason = NOT_GRANTED
    return _STATES.get(reason, SubscriptionState.PAUSED), reason
