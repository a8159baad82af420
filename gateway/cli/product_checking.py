"""What `remithub check` has against products: contracts and majors that are not there, or not for them."""

from collections.abc import Iterator

import msgspec

from gateway.errors import ConfigError
from gateway.registry import ContractVersion, Registry
from gateway.settings import Classification, Config, ProductSettings

__all__ = ["ConfigFault", "product_faults"]

_GONE = frozenset({"retired", "withdrawn"})


class ConfigFault(msgspec.Struct, frozen=True):
    """One thing that is wrong, with file and line; `grave` where it can only be a mistake."""

    error: ConfigError
    grave: bool = True


def product_faults(config: Config, registry: Registry) -> Iterator[ConfigFault]:
    """Yield what products offer that nobody can get."""
    versions: dict[str, list[ContractVersion]] = {}
    for one in registry.contracts():
        versions.setdefault(one.name, []).append(one)
    for product in config.products.values():
        for contract, majors in product.contracts.items():
            there = versions.get(contract, [])
            for at, major in enumerate(majors):
                place = f"$.contracts.{contract}[{at}]"
                for reason, grave in _offer(product, contract, major, there):
                    file = f"products/{product.product}.yaml"
                    yield ConfigFault(config.place(file, place, reason), grave)


def _offer(
    product: ProductSettings, contract: str, major: int, there: list[ContractVersion]
) -> Iterator[tuple[str, bool]]:
    if not there:
        yield f"there is no contract '{contract}'", True
        return
    meant = [one for one in there if one.major == major]
    if not meant:
        known = ", ".join(str(one) for one in sorted({one.major for one in there}))
        yield f"{contract} has no version {major}.x (there are: {known})", True
    elif all(one.status in _GONE for one in meant):
        yield f"{contract} {major}.x is given up: nobody gets it", False
    kept = Classification(there[-1].header.classification)
    if kept.rank > product.ceiling.rank:
        yield f"{contract} is {kept}, above the ceiling {product.ceiling}: nobody gets it", False
