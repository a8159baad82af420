"""Documents from one version of a contract to another, at the edge of the API."""

import hashlib
from typing import Any

import msgspec

from gateway.api.catalogue import Catalogue
from gateway.errors import ConfigError, NotFound, Reject
from gateway.registry import ContractVersion

__all__ = ["EXACT", "canonical_hash", "converted", "not_convertible"]

EXACT = msgspec.json.Encoder(decimal_format="number")
"""Writes numbers as they were read: none is rounded."""

_CANONICAL = msgspec.json.Encoder(order="sorted", decimal_format="string")


def canonical_hash(document: dict[str, Any]) -> str:
    """Return the hash of a document, whatever the order of its names and its blanks."""
    return hashlib.sha256(_CANONICAL.encode(document)).hexdigest()


def converted(
    catalogue: Catalogue, document: dict[str, Any], old: ContractVersion, new: str
) -> dict[str, Any]:
    """Return a document of one version as the other has it; within a major it is the same.

    Raises Reject (`contract_not_convertible`) where nothing leads there or a step refuses it.
    """
    if old.major == int(new.partition(".")[0]):
        return document
    try:
        return catalogue.migrations(old.name).convert(document, old.version, new)
    except (NotFound, Reject, ConfigError):
        raise not_convertible(old, new) from None


def not_convertible(old: ContractVersion, new: str) -> Reject:
    """Return what is raised where a document has no form in another version. HTTP 422."""
    return Reject(
        f"This document of {old.identity} has no form in {new}.",
        code="contract_not_convertible",
        next_step=f"use a version of the major {new.partition('.')[0]}.",
    )
