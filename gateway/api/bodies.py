"""Reads small JSON bodies into structs; what is wrong is named by its place, never by its value."""

import re
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from gateway.api.services import HubRequest
from gateway.errors import Reject, UsageFault
from gateway.governance import parse_document

__all__ = ["read_body"]

T = TypeVar("T", bound=msgspec.Struct)
_PLACE = re.compile(r"at `(?:key in )?(\$[^`]*)`$")


async def read_body(request: HubRequest, kind: type[T]) -> T:
    """Read the body as `kind`; an empty body is `{}`. Raises UsageFault (`request_invalid`)."""
    raw = await request.body()
    try:
        return msgspec.convert(_whole(parse_document(raw or b"{}")), type=kind)
    except msgspec.ValidationError as error:
        place = _PLACE.search(str(error))
        # The library's words may quote the value; the place and the known fields do not.
        where = place[1].removeprefix("$.").removeprefix("$") if place else ""
        fields = ", ".join(kind.__struct_fields__)
        detail = f"The body is wrong at '{where}'." if where else "The body has a wrong field."
        raise UsageFault(
            detail, code="request_invalid", next_step=f"the fields are: {fields}."
        ) from None
    except Reject as fault:
        raise UsageFault(fault.message, code="request_invalid") from None


def _whole(value: Any) -> Any:
    """Return a document in which 78.0 is 78: an integer, to JSON Schema (2020-12, 6.1.1)."""
    match value:
        case Decimal() if value == value.to_integral_value():
            return int(value)
        case dict():
            return {name: _whole(one) for name, one in value.items()}
        case list():
            return [_whole(one) for one in value]
        case _:
            return value
