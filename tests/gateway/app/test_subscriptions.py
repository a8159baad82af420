"""A subscription as an interface: which keys stand in it, and when they do not any more."""

import json

from gateway.app.subscriptions import Kept, Key

KEPT = Kept(
    name="sub-1",
    client="quay",
    contract="receipt",
    major=2,
    url="https://hooks.example.org/",
    title="",
    network="public",
    keys=(Key(number=2, secret="whsec_new"), Key(number=1, secret="whsec_old", until=500)),
    revision=2,
    created_at=0,
    created_by="system:quay",
)


def secrets(now: int) -> list[str]:
    found: list[str] = json.loads(KEPT.text(now))["settings"]["secrets"]
    return found


def test_the_key_before_stands_in_it_until_its_time_is_over() -> None:
    new, old = "${secret:subscription.sub-1.2}", "${secret:subscription.sub-1.1}"
    assert secrets(499) == [new, old]
    assert secrets(500) == [new]


def test_no_key_stands_in_the_text_itself() -> None:
    assert "whsec_" not in KEPT.text(0)
    assert json.loads(KEPT.text(0))["accepts"] == "receipt@^2"
