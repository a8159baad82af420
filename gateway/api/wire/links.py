"""Writes Link headers (RFC 8288)."""

from collections.abc import Iterable

import msgspec

__all__ = ["Link", "format_links"]


class Link(msgspec.Struct, frozen=True):
    """Where something related is. Addresses are ours: percent-encoded already."""

    target: str
    relation: str
    media_type: str = ""


def format_links(links: Iterable[Link]) -> str:
    """Write a Link header: `</v1/contracts/a/versions/1.0.0>; rel="deprecation"`."""
    return ", ".join(
        f'<{one.target}>; rel="{one.relation}"'
        + (f'; type="{one.media_type}"' if one.media_type else "")
        for one in links
    )
