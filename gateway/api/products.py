"""Which product of a client a request goes through: pure, from the configuration alone."""

import re
from collections.abc import Iterator

from gateway.access import Actor, Right
from gateway.api.rules import Rule
from gateway.settings import Config, Operation, ProductSettings

__all__ = ["operation_of", "products_for", "products_of"]

_FREE = frozenset({Right.CATALOGUE_READ, Right.OWN_SESSION})
"""Rights to see what the API is: they need no product, though they count against one."""

_OPERATIONS: dict[tuple[str, str], Operation] = {
    ("POST", "/v1/messages/{contract}"): Operation.SUBMIT,
    ("POST", "/v1/interfaces/{name}/files"): Operation.SUBMIT_FILE,
    ("GET", "/v1/messages"): Operation.LIST,
    ("GET", "/v1/messages/{message_id}"): Operation.READ,
    ("GET", "/v1/artifacts/{artifact_id}"): Operation.READ,
    ("GET", "/v1/artifacts/{artifact_id}/content"): Operation.READ,
    ("GET", "/v1/deliveries/{delivery_id}"): Operation.READ,
    ("GET", "/v1/feeds/{contract}"): Operation.FOLLOW,
    ("GET", "/v1/feeds/{contract}/events"): Operation.FOLLOW,
    ("GET", "/v1/subscriptions"): Operation.SUBSCRIBE,
    ("POST", "/v1/subscriptions"): Operation.SUBSCRIBE,
    ("GET", "/v1/subscriptions/{subscription}"): Operation.SUBSCRIBE,
    ("POST", "/v1/subscriptions/{subscription}/rotate"): Operation.SUBSCRIBE,
    ("POST", "/v1/subscriptions/{subscription}/test"): Operation.SUBSCRIBE,
    ("POST", "/v1/subscriptions/{subscription}/disable"): Operation.SUBSCRIBE,
    ("POST", "/v1/subscriptions/{subscription}/enable"): Operation.SUBSCRIBE,
    ("POST", "/v1/subscriptions/{subscription}/end"): Operation.SUBSCRIBE,
    ("GET", "/v1/interfaces"): Operation.STATUS,
    ("GET", "/v1/interfaces/{name}"): Operation.STATUS,
}


_PARAMETER = re.compile(r"\{[^}]*\}")


def _shape(path: str) -> str:
    """The router may call a parameter by the name that another method's route gives it."""
    return _PARAMETER.sub("{}", path)


_BY_SHAPE = {(method, _shape(path)): found for (method, path), found in _OPERATIONS.items()}


def operation_of(method: str, path: str, rule: Rule) -> Operation | None:
    """Return what a route counts as; None for one that needs no product. A route that is not
    listed is OPERATE, so that a new one is closed at first."""
    if rule.right is None or rule.right in _FREE:
        return None
    return _BY_SHAPE.get((method, _shape(path)), Operation.OPERATE)


def products_of(config: Config, actor: Actor) -> Iterator[ProductSettings]:
    """Yield the products that a client names and has, in its own order."""
    for name in actor.products:
        product = config.products.get(name)
        if product is not None and product.approves(actor.client):
            yield product


def products_for(
    config: Config,
    actor: Actor,
    operation: Operation | None,
    right: Right | None,
    *,
    contract: str = "",
    major: int = -1,
) -> Iterator[ProductSettings]:
    """Yield the client's products that allow it; `contract` "" and `major` -1 are not known yet."""
    for product in products_of(config, actor):
        if operation is None:
            yield product
            continue
        allowed = operation in product.operations and right in product.scopes
        named = not contract or contract in product.contracts
        if allowed and named and (major < 0 or product.covers(contract, major)):
            yield product
