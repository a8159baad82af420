"""Takes webhooks that others send, whatever route they come by: size, signature, time."""

from collections.abc import Iterable

from connectors.base import CheckReport, Clock, Context, Probe, Received, ReceiverRefusal
from connectors.secret_text import with_secrets
from connectors.webhook.keys import verifying_keys
from connectors.webhook.settings import ReceiverSettings
from connectors.webhook.signature import Unverified, Verifier

__all__ = ["Receiver", "nobody", "receiver_of"]

_MALFORMED = (
    "webhook_header_repeated",
    "webhook_id_invalid",
    "webhook_timestamp_invalid",
    "webhook_signatures_too_many",
)


MAX_BYTES = 1024 * 1024


class Receiver:
    """Verifies what one sender sends."""

    def __init__(self, verifier: Verifier, clock: Clock, max_bytes: int = MAX_BYTES) -> None:
        self._verifier = verifier
        self._max_bytes = max_bytes
        self._clock = clock

    @property
    def max_bytes(self) -> int:
        """Larger webhooks are refused."""
        return self._max_bytes

    def receive(self, headers: Iterable[tuple[str, str]], body: bytes) -> Received:
        """Verify one webhook; `body` byte for byte as it came. Raises ReceiverRefusal: 400 for
        headers that cannot be read, 401 for missing ones and a signature or a time that is
        wrong, 413 for a body above `max_bytes`."""
        if len(body) > self._max_bytes:
            raise ReceiverRefusal(413, "webhook_too_large")
        pairs = list(headers)
        try:
            webhook = self._verifier.verify(pairs, body, self._clock.now())
        except Unverified as fault:
            status = 400 if fault.code in _MALFORMED else 401
            raise ReceiverRefusal(status, fault.code) from None
        return Received(id=webhook.id, content_type=_content_type(pairs), body=body)

    async def check(self) -> CheckReport:
        """Say that there are keys: there is nobody to ask."""
        return CheckReport(probes=(Probe(name="keys", passed=True),))

    async def close(self) -> None:
        """Nothing is open."""


def receiver_of(settings: ReceiverSettings, context: Context) -> Receiver:
    """Return what verifies with those settings. Raises ValueError, or KeyError with the name of a
    missing secret, for settings that cannot work."""
    keys = verifying_keys([with_secrets(text, context.secret) for text in settings.secrets])
    verifier = Verifier(keys, tolerance_seconds=settings.tolerance_seconds)
    return Receiver(verifier, context.clock, settings.max_bytes)


def nobody(clock: Clock) -> Receiver:
    """Return what no sender can satisfy: whoever asks for a receiver that is not there learns as
    little as one without its key."""
    return Receiver(Verifier(()), clock)


def _content_type(headers: Iterable[tuple[str, str]]) -> str:
    given = next((value for name, value in headers if name.lower() == "content-type"), "")
    return given.partition(";")[0].strip().lower()
