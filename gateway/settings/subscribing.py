"""What lets a client subscribe, and to where: pure, from the configuration alone."""

import re

from gateway.settings.load import Config
from gateway.settings.products import Classification, Operation, ProductSettings

__all__ = ["READ", "may_go_inside", "product_of_subscriber"]

READ = "message.read"
"""The right, and scope, of who sees messages: a subscriber is shown them."""


_HOST = re.compile(r"https?://([a-z0-9][a-z0-9.-]*(?::[0-9]{1,5})?)(?:[/?].*)?", re.IGNORECASE)


def may_go_inside(config: Config, name: str, url: str) -> bool:
    """Tell whether a URL is at one of the hosts in our own network that a client's subscriptions
    may go to. Only what is a host's name to every reader of URLs counts as one."""
    found, client = _HOST.fullmatch(url), config.clients.get(name)
    if found is None or client is None:
        return False
    named = found[1].lower()
    return not {named, named.partition(":")[0]}.isdisjoint(client.webhook_hosts)


def product_of_subscriber(
    config: Config, name: str, contract: str, major: int, kept: Classification
) -> ProductSettings | None:
    """Return the first of the client's products that covers a subscription to that major of a
    contract, which is `kept` so well; None where none does."""
    client = config.clients.get(name)
    if client is None or not client.enabled or READ not in client.scopes:
        return None
    for one in client.products:
        product = config.products.get(one)
        if product is None or not product.approves(name):
            continue
        allowed = Operation.SUBSCRIBE in product.operations and READ in product.scopes
        if allowed and product.covers(contract, major) and kept.rank <= product.ceiling.rank:
            return product
    return None
