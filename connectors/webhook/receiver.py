"""Takes webhooks that others send, whatever route they come by: size, signature, time."""

from collections.abc import Mapping

import msgspec

from connectors.base import Context
from connectors.secret_text import with_secrets
from connectors.webhook.keys import verifying_keys
from connectors.webhook.settings import ReceiverSettings
from connectors.webhook.signature import Unverified, VerifiedWebhook, Verifier

__all__ = ["Received", "Receiver", "Refused"]

_MALFORMED = (
    "webhook_header_missing",
    "webhook_header_repeated",
    "webhook_id_invalid",
    "webhook_timestamp_invalid",
    "webhook_signatures_too_many",
)


class Refused(Exception):
    """A webhook that is not taken. `status` is the HTTP status to answer; `code` is stable.

    400 for headers that are missing or cannot be read, 401 for a signature or a time that is
    wrong, 413 for a body above `max_bytes`. Holds nothing of the webhook.
    """

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook that is proved. Whoever keeps it answers 2xx only after that is durable, and
    answers 2xx without keeping it again where `webhook.id` was kept before."""

    webhook: VerifiedWebhook
    content_type: str
    """Media type without parameters, lower case; empty where there is none."""
    body: bytes


class Receiver:
    """Verifies what one sender sends.

    Raises ValueError, or KeyError with the name of a missing secret, when it is made from
    settings that cannot work.
    """

    def __init__(self, settings: ReceiverSettings, context: Context) -> None:
        texts = [with_secrets(text, context.secret) for text in settings.secrets]
        self._verifier = Verifier(
            verifying_keys(texts), tolerance_seconds=settings.tolerance_seconds
        )
        self._max_bytes = settings.max_bytes
        self._clock = context.clock

    def receive(self, headers: Mapping[str, str], body: bytes) -> Received:
        """Verify one webhook; `body` byte for byte as it came. Raises Refused."""
        if len(body) > self._max_bytes:
            raise Refused(413, "webhook_too_large")
        try:
            webhook = self._verifier.verify(headers, body, self._clock.now())
        except Unverified as fault:
            status = 400 if fault.code in _MALFORMED else 401
            raise Refused(status, fault.code) from None
        return Received(webhook=webhook, content_type=_content_type(headers), body=body)


def _content_type(headers: Mapping[str, str]) -> str:
    given = next((v for name, v in headers.items() if name.lower() == "content-type"), "")
    return given.partition(";")[0].strip().lower()
