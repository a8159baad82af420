"""Orders take the fields they have and no others: nobody sets what was not theirs to set."""

import pytest

from gateway.api.described import BODIES
from tests.gateway.live import Live

ORDERS = sorted(path for path, one in BODIES.items() if one.struct is not None)


@pytest.mark.parametrize("path", ORDERS)
def test_a_field_that_an_order_does_not_have_is_refused(live: Live, path: str) -> None:
    struct = BODIES[path].struct
    assert struct is not None
    assert struct.__struct_config__.forbid_unknown_fields
    target = path.replace("{name}", "drop").replace("{", "").replace("}", "")
    answer = live.post(target, {"actor": "person:admin", "tenant": "other"})
    assert answer.status_code in (400, 403, 404), answer.text
    assert "person:admin" not in answer.text
