"""The webhook sink: signs an event and posts it once, only where it may connect to."""

import asyncio
import ssl

from connectors.base import (
    Call,
    CheckReport,
    Context,
    Document,
    Failed,
    Failure,
    Idempotency,
    LookupAnswer,
    Outcome,
    Undecidable,
    Unknown,
)
from connectors.http import (
    NotSent,
    OutcomeUnknown,
    Request,
    Url,
    exchange,
    make_request,
    make_url,
    may_have_left,
)
from connectors.secret_text import with_secrets
from connectors.ssrf import Network, restrict
from connectors.tls import tls_context
from connectors.webhook.answers import not_sent, outcome_of
from connectors.webhook.event import MEDIA_TYPE, EventTooLarge, body_of, webhook_id_of
from connectors.webhook.keys import signing_keys
from connectors.webhook.probe import probe
from connectors.webhook.settings import Settings
from connectors.webhook.signature import signed

__all__ = ["WebhookSink"]

_OURS = ("webhook-", "content-", "host", "transfer-encoding", "traceparent")


class WebhookSink:
    """Sends events to one subscriber.

    Raises ValueError, or KeyError with the name of a missing secret, when it is made from
    settings that cannot work; neither holds anything of a key.
    """

    idempotency = Idempotency.KEY

    def __init__(self, settings: Settings, context: Context) -> None:
        secret = context.secret
        self._settings = settings
        self._context = context
        self._keys = signing_keys([with_secrets(text, secret) for text in settings.secrets])
        self._url = _address(with_secrets(settings.url, secret), settings)
        self._headers = _further(settings, context)
        self._timeouts = {
            "connect": settings.connect_seconds,
            "read": settings.read_seconds,
            "write": settings.read_seconds,
            "pool": settings.pool_seconds,
        }
        self._transport = context.transport(
            connections=settings.connections, verify=_verify(settings)
        )
        restrict(self._transport, settings.network)

    async def deliver(self, call: Call, document: Document) -> Outcome:
        """Post the event once. Never raises for anything the subscriber does."""
        remaining = call.deadline - self._context.clock.monotonic()
        if remaining <= 0:
            return Failed(failure=Failure.DESTINATION, code="deadline")
        webhook_id = webhook_id_of(call.key)
        try:
            request = self._request(call, webhook_id, document)
        except EventTooLarge as fault:
            detail = f"{fault.size} bytes and no data_url"
            return Failed(failure=Failure.MESSAGE, code="event_too_large", detail=detail)
        except (TypeError, ValueError):
            return Failed(failure=Failure.MESSAGE, code="event_unreadable")
        try:
            async with asyncio.timeout(remaining):
                return await self._send(request, webhook_id)
        except TimeoutError:
            if may_have_left(request):
                return Unknown(code="deadline")
            return Failed(failure=Failure.DESTINATION, code="deadline")

    async def lookup(self, call: Call, document: Document) -> LookupAnswer:
        """Nobody can be asked: the next try carries the same `webhook-id`."""
        del call, document
        return Undecidable(code="no_lookup")

    async def check(self) -> CheckReport:
        """Probe name, network, reach and encryption without an event."""
        return await probe(self._transport, self._url, self._timeouts)

    async def close(self) -> None:
        """Close the connections. May be called twice."""
        await self._transport.aclose()

    def _request(self, call: Call, webhook_id: str, document: Document) -> Request:
        body = body_of(document, webhook_id, self._settings, self._context.interface)
        sent_at = int(self._context.clock.now().timestamp())
        headers = {
            **self._headers,
            "Content-Type": MEDIA_TYPE,
            **({"traceparent": call.traceparent} if call.traceparent else {}),
            **signed(self._keys, webhook_id, sent_at, body),
        }
        return make_request(
            "POST", self._url, headers=headers, timeouts=self._timeouts, content=body
        )

    async def _send(self, request: Request, webhook_id: str) -> Outcome:
        try:
            self._context.fail_point("webhook.before_send")
            answer = await exchange(self._transport, request)
            self._context.fail_point("webhook.after_answer")
        except NotSent as fault:
            return not_sent(fault)
        except OutcomeUnknown as fault:
            return Unknown(code=fault.code)
        now = self._context.clock.now()
        return outcome_of(answer, webhook_id, self._settings.refused_status, now)


def _address(text: str, settings: Settings) -> Url:
    url = make_url(text)
    if url.userinfo or url.fragment or url.scheme not in ("http", "https") or not url.host:
        raise ValueError("url: an http or https address without user name and fragment")
    if url.scheme == "http" and settings.network is Network.PUBLIC:
        raise ValueError("url: events cross a public network over https only")
    if settings.inline_max_bytes == 0 and not settings.data_url:
        raise ValueError("inline_max_bytes is 0 and there is no data_url")
    return url


def _further(settings: Settings, context: Context) -> dict[str, str]:
    for name in settings.headers:
        if name.lower().startswith(_OURS):
            raise ValueError(f"headers: {name} is the connector's own")
    return {name: with_secrets(text, context.secret) for name, text in settings.headers.items()}


def _verify(settings: Settings) -> ssl.SSLContext | bool:
    if not (settings.ca_file or settings.certificate_file or settings.key_file):
        return True
    return tls_context(
        ca_file=settings.ca_file,
        certificate_file=settings.certificate_file,
        key_file=settings.key_file,
    )
