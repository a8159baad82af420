"""Walks two schemas together and names what changed."""

from typing import Any

from gateway.governance.compat.change import Change
from gateway.governance.compat.modes import CompatProfile

__all__ = ["Change", "changes"]


def changes(old: Any, new: Any, profile: CompatProfile) -> list[Change]:
    """Return every change between two 2020-12 schemas."""
    return []
