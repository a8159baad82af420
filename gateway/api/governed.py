"""Between the door and the routes: which product a system's request goes through, and its quota.

Its answer says what is left. People and the hub's own machine are not counted.
"""

from typing import Any, cast

import msgspec
from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from gateway.access import DENIED, Actor, ActorKind, Decision, Denials, Forbidden
from gateway.api.catalogue import Catalogue
from gateway.api.guard import KEY as CALLER
from gateway.api.guard import Caller, guard, note_denial, reason_of
from gateway.api.negotiation import asked_major, content_type
from gateway.api.products import operation_of, products_for, products_of
from gateway.api.quota import QuotaExceeded, Quotas
from gateway.api.rules import Kind, Rule, rule_of
from gateway.api.services import HubRequest, Services
from gateway.api.use import KEY, Use, Way, use_of
from gateway.api.wire import Malformed
from gateway.errors import NotFound, UsageFault
from gateway.pipeline import Bundle
from gateway.settings import Classification, KeyPolicy, ProductSettings, Shown
from gateway.store import AuditEntry

__all__ = [
    "Governed",
    "Guarding",
    "covers",
    "guarded",
    "key_required",
    "lists",
    "must_cover",
    "must_know",
    "refused",
    "shows_full",
]


_REMEMBERED = 4096


class Governed:
    """An ASGI application around the routes that keeps a `Use` per request."""

    def __init__(self, inside: ASGIApp) -> None:
        self._inside = inside

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; whatever becomes of it, its place is free afterwards."""
        use = Use()
        scope[KEY] = use  # type: ignore[literal-required]  # a key of ours

        async def counted() -> Any:
            message = await receive()
            if message["type"] == "http.request":
                use.received += len(message.get("body", b""))
            return message

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *use.answer_headers()]
            if use.held is not None:
                await use.held(send, message)
            else:
                await send(message)

        try:
            await self._inside(scope, cast(Receive, counted), marked)
        finally:
            use.leave()


async def guarded(
    connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler
) -> None:
    """Litestar's guard of every route: quota, rights, product, in this order. One, because the
    framework copies the route's handler for each. Raises what those raise."""
    await _admit(connection)
    await guard(connection, handler)
    await _must_be_covered(connection)


class _Admitted(msgspec.Struct, frozen=True, kw_only=True):
    actor: Actor
    bundle: Bundle
    catalogue: Catalogue
    decision: Decision
    product: ProductSettings
    way: Way


class Guarding:
    """The same guard for documents that systems hand over, which remembers whom it let in.

    Right and product follow from who asks, the configuration, and the contract and version that
    the request names. As long as all of these are the same, so is the answer: nothing expires.
    Quota and credential are asked every time; a refusal is not remembered.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str, str], _Admitted] = {}

    async def guarded(self, connection: Any, handler: BaseRouteHandler) -> None:
        """See `guarded`."""
        caller: Caller = connection.scope[CALLER]
        hub: Services = connection.app.state.services
        kind = connection.headers.get("content-type", "")
        key = (caller.actor.credential, connection.scope["path_params"]["contract"], kind)
        kept = self._kept.get(key)
        bundle, catalogue = hub.bundle, hub.catalogue
        if (
            kept is not None
            and kept.actor is caller.actor
            and kept.bundle is bundle
            and kept.catalogue is catalogue
        ):
            await _enter(connection, caller, kept.product)
            reason_of(connection)
            caller.decision = kept.decision
            use_of(connection).way = kept.way
            return
        await guarded(connection, handler)
        use = use_of(connection)
        if use.product is None or not _names_version(connection):
            return  # a person; or what is meant depends on pins
        use.way = Way()
        if len(self._kept) >= _REMEMBERED:
            self._kept.clear()
        self._kept[key] = _Admitted(
            actor=caller.actor,
            bundle=bundle,  # as it was before anything was waited for
            catalogue=catalogue,
            decision=caller.decision,
            product=use.product,
            way=use.way,
        )


def _names_version(connection: Any) -> bool:
    try:
        return bool(content_type(connection).version)
    except (UsageFault, Malformed):
        return False


async def _admit(connection: ASGIConnection[Any, Any, Any, Any]) -> None:
    """Choose the product, and count, also what will be refused. Raises QuotaExceeded."""
    scope: Any = connection.scope
    caller: Caller | None = scope.get(CALLER)
    if caller is None or caller.actor.kind is not ActorKind.SYSTEM or scope["method"] == "OPTIONS":
        return
    hub: Services = connection.app.state.services
    rule = rule_of(scope["method"], scope["path_template"])
    if rule is None or rule.right is None:
        return
    use = use_of(connection)
    product = await _product(connection, caller, hub, rule)
    if product is None:
        use.uncovered = operation_of(scope["method"], scope["path_template"], rule) is not None
        product = next(products_of(hub.bundle.config, caller.actor), None)
    if product is not None:
        await _enter(connection, caller, product)


async def _enter(connection: Any, caller: Caller, product: ProductSettings) -> None:
    """Count a request against a product. Raises QuotaExceeded."""
    use = use_of(connection)
    use.product = product
    quotas: Quotas = connection.app.state["quotas"]
    announced = connection.headers.get("content-length", "")
    size = int(announced) if announced.isdecimal() else 0
    try:
        use.admission = await quotas.enter(caller.actor.client, product, size)
    except QuotaExceeded:
        use.headers += quotas.refused(caller.actor.client, product)
        raise


async def _product(
    connection: Any, caller: Caller, hub: Services, rule: Rule
) -> ProductSettings | None:
    operation = operation_of(connection.scope["method"], connection.scope["path_template"], rule)
    contract, major = await _contract(connection, caller, hub, rule)
    wanted = rule.right
    if rule.where is not None and rule.where[1] in connection.query_params.getall(
        rule.where[0], []
    ):
        wanted = rule.then
    found = products_for(
        hub.bundle.config, caller.actor, operation, wanted, contract=contract, major=major
    )
    return next(found, None)


async def _must_be_covered(connection: ASGIConnection[Any, Any, Any, Any]) -> None:
    """Raises Forbidden (`product_missing`)."""
    scope: Any = connection.scope
    if KEY in scope and use_of(connection).uncovered:
        raise await refused(connection, scope[CALLER])


async def _contract(connection: Any, caller: Caller, hub: Services, rule: Rule) -> tuple[str, int]:
    """Return contract and major where the address tells; "" and -1 where it does not."""
    params = connection.scope["path_params"]
    if rule.kind is Kind.INTERFACE and connection.scope["method"] == "POST":
        return _taken_at(hub.bundle, str(params.get("name", "")))
    name = str(params.get("contract", ""))
    if not name or not hub.catalogue.knows(name):
        return "", -1  # the route says that there is no such contract
    major = await asked_major(connection, caller.actor.client, name)
    # What is not there at all is the route's to say.
    return name, major if major in hub.catalogue.majors(name) else -1


def _taken_at(bundle: Bundle, interface: str) -> tuple[str, int]:
    source = bundle.sources.get(interface)
    if source is None:
        return "", -1
    return source.contract.name, int(source.contract.version.partition(".")[0])


async def refused(connection: Any, caller: Caller) -> Forbidden:
    """Put on record that no product covers it, and return what is raised for it."""
    hub: Services = connection.app.state.services
    detail = {
        "operation": f"{connection.scope['method']} {connection.scope['path_template']}",
        "rule": "product_missing",
        "credential": caller.actor.credential,
        "source": caller.source,
    }
    entry = AuditEntry(caller.actor.id, DENIED, "", outcome="denied", detail=detail)
    denials: Denials = connection.app.state["denials"]
    await note_denial(hub.store, denials, entry, caller.actor.id)
    return Forbidden(
        "No API product that this client has covers that.",
        code="product_missing",
        next_step="ask for a product with this operation, contract and major.",
    )


async def must_cover(request: HubRequest, contract: str, version: str) -> None:
    """Ask, once the version is known, whether the product has it. Raises Forbidden."""
    if not covers(request, contract, version):
        raise await refused(request, request.scope[CALLER])  # type: ignore[literal-required]  # a key of ours


def must_know(request: HubRequest, contract: str, version: str, words: str) -> None:
    """The same for one thing that is read: what no product covers is not there. Raises NotFound."""
    if not covers(request, contract, version):
        raise NotFound(words)


def covers(request: HubRequest, contract: str, version: str) -> bool:
    """Tell whether the caller's product has that contract, below its ceiling; people's reading is
    not a matter of products."""
    product = use_of(request).product
    if product is None:
        return True
    major = int(version.partition(".")[0])
    hub: Services = request.app.state.services
    kept = Classification(hub.contract(contract, version).event.classification)
    return product.covers(contract, major) and kept.rank <= product.ceiling.rank


def lists(request: HubRequest, contract: str, version: str) -> bool:
    """Tell whether the caller's product has the contract at all, in whichever major, below its
    ceiling."""
    product = use_of(request).product
    if product is None:
        return True
    hub: Services = request.app.state.services
    try:
        kept = Classification(hub.contract(contract, version).event.classification)
    except NotFound:
        return False
    return bool(product.contracts.get(contract)) and kept.rank <= product.ceiling.rank


def shows_full(request: HubRequest) -> bool:
    """Tell whether the product shows documents without masks."""
    product = use_of(request).product
    return product is not None and product.show is Shown.FULL


def key_required(request: HubRequest) -> bool:
    """Tell whether the product asks for an Idempotency-Key."""
    product = use_of(request).product
    return product is not None and product.idempotency_key is KeyPolicy.REQUIRED
