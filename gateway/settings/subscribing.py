"""Which product lets a client subscribe to a contract: pure, from the configuration alone."""

from gateway.settings.load import Config
from gateway.settings.products import Classification, Operation, ProductSettings

__all__ = ["READ", "product_of_subscriber"]

READ = "message.read"
"""The right, and scope, of who sees messages: a subscriber is shown them."""


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
