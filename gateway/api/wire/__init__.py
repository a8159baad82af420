"""Headers as they stand on the wire, read and written; pure: no request, no store, no clock."""

from gateway.api.wire.dates import (
    deprecation_header,
    http_date,
    parse_deprecation,
    parse_http_date,
    parse_retry_after,
)
from gateway.api.wire.entity_tags import EntityTag, TagList, parse_tags, strong_tag
from gateway.api.wire.idempotency_key import parse_idempotency_key
from gateway.api.wire.limits import (
    BYTES,
    Limit,
    Policy,
    format_limits,
    format_policies,
    parse_limits,
    parse_policies,
)
from gateway.api.wire.links import Link, format_links
from gateway.api.wire.media_types import (
    JSON,
    MediaType,
    contract_media_type,
    parse_accept,
    parse_media_type,
)
from gateway.api.wire.structured import Malformed
from gateway.api.wire.trace_context import TraceParent, parse_traceparent

__all__ = [
    "BYTES",
    "JSON",
    "EntityTag",
    "Limit",
    "Link",
    "Malformed",
    "MediaType",
    "Policy",
    "TagList",
    "TraceParent",
    "contract_media_type",
    "deprecation_header",
    "format_limits",
    "format_links",
    "format_policies",
    "http_date",
    "parse_accept",
    "parse_deprecation",
    "parse_http_date",
    "parse_idempotency_key",
    "parse_limits",
    "parse_media_type",
    "parse_policies",
    "parse_retry_after",
    "parse_tags",
    "parse_traceparent",
    "strong_tag",
]
