"""A JSON document handed over as it is: read exactly, or refused, and never an exception."""

from decimal import Decimal

import pytest

from gateway.formats import READERS, Origin, Part

ORIGIN = Origin(tenant_id="t1", interface="feed")


def read(raw: bytes) -> Part:
    (part,) = READERS["json"].read(lambda: iter([raw[:3], raw[3:]]), ORIGIN)
    return part


def test_a_number_with_a_point_stays_exact() -> None:
    assert read(b'{"a": 1.10, "b": 3}').document == {"a": Decimal("1.10"), "b": 3}


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[1]",
        b'{"a": NaN}',
        b'{"a": "\xff"}',
        b'{"\xff": 1}',
        b'{"a": 1e99999999999999999999}',
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"a": ' + b"[" * 100_000,
    ],
)
def test_what_is_no_json_object_is_a_part_that_says_so(raw: bytes) -> None:
    part = read(raw)
    assert (part.document, part.error, part.length) == (None, "not_json", len(raw))
