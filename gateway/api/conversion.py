"""Documents from one version of a contract to another, at the edge of the API."""

from typing import Any

import msgspec

from gateway.api.catalogue import Catalogue
from gateway.errors import ConfigError, NotFound, Reject
from gateway.governance import parse_document
from gateway.governance.migrations import NotConvertible
from gateway.registry import ContractVersion

__all__ = ["EXACT", "converted", "same_document"]

EXACT = msgspec.json.Encoder(decimal_format="number")
"""Writes numbers as they were read: none is rounded."""

_CANONICAL = msgspec.json.Encoder(order="sorted", decimal_format="string")


def same_document(one: bytes, other: bytes) -> bool:
    """Tell whether two documents are the same but for the order of names and blanks."""
    return _CANONICAL.encode(parse_document(one)) == _CANONICAL.encode(parse_document(other))


def converted(
    catalogue: Catalogue, document: dict[str, Any], old: ContractVersion, new: str
) -> dict[str, Any]:
    """Return a document of one version as the other has it; within a major it is the same.

    Raises NotConvertible where nothing leads there or a step refuses it.
    """
    if old.major == int(new.partition(".")[0]):
        return document
    try:
        return catalogue.migrations(old.name).convert(document, old.version, new)
    except (NotFound, Reject, ConfigError):
        raise NotConvertible(old.identity, new) from None
