"""A webhook that comes in is taken once it is proved, and refused with a status that says why."""

from datetime import UTC, datetime

import msgspec
import pytest
from standardwebhooks.webhooks import Webhook

from connectors.base import ReceiverRefusal
from connectors.webhook import ReceiverSettings, nobody, receiver_of, secret_text

SECRET = secret_text(b"s" * 32)
OLD = secret_text(b"o" * 32)
BODY = b'{"type":"a.b"}'


@pytest.fixture
def receiver(make_context):
    def make(**more):
        raw = {"secrets": ["${secret:NEW}", "${secret:OLD}"], **more}
        settings = msgspec.convert(raw, ReceiverSettings)
        return receiver_of(settings, make_context(NEW=SECRET, OLD=OLD))

    return make


def sent(secret=SECRET, body=BODY, at=None, webhook_id="msg_1"):
    moment = at or datetime.now(UTC)
    return {
        "Webhook-Id": webhook_id,
        "Webhook-Timestamp": str(int(moment.timestamp())),
        "Webhook-Signature": Webhook(secret).sign(webhook_id, moment, body.decode()),
        "Content-Type": "Application/JSON; charset=utf-8",
    }


def refused(receiver, headers, body=BODY):
    pairs = headers.items() if isinstance(headers, dict) else headers
    with pytest.raises(ReceiverRefusal) as caught:
        receiver.receive(pairs, body)
    return caught.value.status, caught.value.code


def test_what_a_package_of_others_signs_is_taken(receiver):
    for secret in (SECRET, OLD):
        taken = receiver().receive(sent(secret).items(), BODY)
        assert taken.id == "msg_1"
        assert (taken.body, taken.content_type) == (BODY, "application/json")


def test_a_webhook_that_is_not_proved_is_told_401(receiver):
    assert refused(receiver(), sent(), BODY + b" ") == (401, "webhook_signature_wrong")
    stranger = sent(secret_text(b"x" * 32))
    assert refused(receiver(), stranger) == (401, "webhook_signature_wrong")
    late = sent(at=datetime.fromtimestamp(datetime.now(UTC).timestamp() - 400, UTC))
    assert refused(receiver(), late) == (401, "webhook_timestamp_too_old")


def test_a_webhook_without_a_signature_is_told_401(receiver):
    headers = sent()
    del headers["Webhook-Signature"]
    assert refused(receiver(), headers) == (401, "webhook_header_missing")
    assert refused(receiver(), {}) == (401, "webhook_header_missing")


def test_a_webhook_that_cannot_be_read_is_told_400(receiver):
    twice = [*sent().items(), ("webhook-id", "msg_2")]
    assert refused(receiver(), twice) == (400, "webhook_header_repeated")
    assert refused(receiver(), sent() | {"Webhook-Timestamp": "-1"}) == (
        400,
        "webhook_timestamp_invalid",
    )


def test_a_webhook_that_is_too_large_is_told_413_before_it_is_looked_at(receiver):
    assert refused(receiver(max_bytes=5), {}) == (413, "webhook_too_large")


def test_a_wider_tolerance_is_a_setting(receiver):
    late = sent(at=datetime.fromtimestamp(datetime.now(UTC).timestamp() - 400, UTC))
    assert receiver(tolerance_seconds=900).receive(late.items(), BODY).id == "msg_1"


def test_a_private_key_has_no_place_at_a_receiver(make_context):
    settings = ReceiverSettings(secrets=("${secret:NEW}",))
    with pytest.raises(ValueError, match=r"secrets\[0\]"):
        receiver_of(settings, make_context(NEW="whsk_" + "A" * 43 + "="))


def test_what_stands_for_a_receiver_that_is_not_there_tells_nothing(make_context):
    nothing = nobody(make_context().clock)
    assert refused(nothing, sent()) == refused(nothing, sent(OLD))
    assert refused(nothing, sent()) == (401, "webhook_signature_wrong")
    assert refused(nothing, {}) == refused(nothing, []) == (401, "webhook_header_missing")
