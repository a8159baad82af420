"""`remithub dlq`: from the dead letter to its end."""

from collections.abc import Iterator

import pytest

from gateway.cli.exits import Exit
from tests.gateway.cli.live_verbs import Typed
from tests.gateway.live import Live, advice, until


@pytest.fixture(autouse=True)
def nothing_left(live: Live) -> Iterator[None]:
    yield
    live.post("/v1/set-aside/discard", {"everything": True, "reason": "end of a test"})


def dead(live: Live, number: int) -> str:
    raw = b"not an interchange %d" % number
    name: str = live.settled(live.hand_over(raw, "claims"))["parts"][0]["set_aside_id"]
    return name


def held(live: Live, number: int) -> str:
    live.settled(live.hand_over(advice(number)))
    again = {**advice(number), "remittance_id": f"rem_{'e' * 32}"}
    name: str = live.settled(live.hand_over(again))["parts"][0]["set_aside_id"]
    return name


def test_an_empty_list_says_so(typed: Typed) -> None:
    for verb in ("list", "groups"):
        assert typed("dlq", verb) == ""
        assert "Nothing is set aside" in typed.err


def test_a_held_part_is_listed_shown_and_released(live: Live, typed: Typed) -> None:
    name = held(live, 1)
    line = typed("dlq", "list", "--state", "held").splitlines()[1]
    assert line.split()[:4] == [name, "held", "intake", "payment_key_seen"]
    assert "$6,490.00" in line
    shown = typed("dlq", "show", name)
    assert "payment_key_seen" in shown
    assert "part amount       $6,490.00" in shown
    assert typed("dlq", "release", name) == "Released 1, $6,490.00.\n"
    until(lambda: not live.get("/v1/set-aside")["set_aside"])


def test_a_group_is_counted_first_and_needs_a_yes(live: Live, typed: Typed) -> None:
    for number in (2, 3):
        held(live, number)
    (group,) = typed.json("dlq", "groups", "--state", "held")
    assert (group["count"], group["amount"]) == (2, "12980.00")
    assert "$12,980.00" in typed("dlq", "groups")
    chosen = ("dlq", "discard", "--group", group["group"], "--reason", "test")
    assert typed(*chosen, "--dry-run") == "Would discard 2, $12,980.00.\n"
    typed(*chosen, code=Exit.USAGE)
    assert "Would discard 2, $12,980.00." in typed.err
    assert "--yes" in typed.err
    assert typed(*chosen, "--yes").startswith("Discarded 2, $12,980.00 (order ord_")


def test_all_must_be_said(live: Live, typed: Typed) -> None:
    name = dead(live, 4)
    typed("dlq", "park", "--yes", code=Exit.USAGE)
    assert typed.json("dlq", "park", "--all", "--yes")["ids"] == [name]
    assert typed.json("dlq", "list")["set_aside"][0]["state"] == "parked"


def test_the_same_order_again_says_what_it_did_and_does_nothing_twice(
    live: Live, typed: Typed
) -> None:
    name = dead(live, 8)
    park = ("dlq", "park", name, "--order-id", "ord_tuesday")
    first = typed(*park)
    assert "(order ord_tuesday)." in first
    assert typed(*park) == first
    told = typed.json("dlq", "replay", name, "--order-id", "ord_wednesday")
    assert (told["order"], told["count"]) == ("ord_wednesday", 1)


def test_the_exit_code_tells_what_was_wrong(live: Live, typed: Typed) -> None:
    typed("dlq", "replay", "dlv_none", code=Exit.NOT_FOUND)
    typed("dlq", "show", "dlv_none", code=Exit.NOT_FOUND)
    typed("dlq", "replay", held(live, 5), code=Exit.CONFLICT)
    typed("dlq", "discard", dead(live, 6), code=Exit.USAGE)
    assert "--reason" in typed.err
    typed("dlq", "list", "--state", "lost", code=Exit.USAGE)


def test_a_dead_part_is_tried_again(live: Live, typed: Typed) -> None:
    name = dead(live, 7)
    assert typed("dlq", "replay", name) == "Replayed 1, $0.00.\n"
    until(lambda: typed.json("dlq", "list")["set_aside"][0]["state"] == "dead")
