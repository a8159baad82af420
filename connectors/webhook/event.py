"""Makes the body of a webhook: one CloudEvent, structured JSON, with its data or a reference (pure)."""

import base64
import hashlib
import re
from typing import Any
from urllib.parse import quote

import msgspec

from connectors.base import Document
from connectors.webhook.settings import Settings

__all__ = ["MEDIA_TYPE", "EventTooLarge", "body_of", "webhook_id_of"]

MEDIA_TYPE = "application/cloudevents+json"
_ID = re.compile(r"[A-Za-z0-9_-]{1,200}")
_ENCODER = msgspec.json.Encoder(decimal_format="number")


class EventTooLarge(Exception):
    """The event is larger than may be sent, and nothing says where its data could be read.

    `size` in bytes.
    """

    def __init__(self, size: int) -> None:
        super().__init__(f"{size} bytes")
        self.size = size


def webhook_id_of(key: str) -> str:
    """Return the id that subscribers know an event by: the hub's key (delivery and generation),
    the same for every try. One that could not be signed or sent as it is goes by its digest."""
    return key if _ID.fullmatch(key) else f"key_{hashlib.sha256(key.encode()).hexdigest()}"


def body_of(document: Document, webhook_id: str, settings: Settings, interface: str) -> bytes:
    """Return the event's bytes: the same for every try, whatever the time.

    Its attributes are `document.event` where the hub names them. Raises EventTooLarge; TypeError
    or ValueError for data that is no JSON.
    """
    attributes = _attributes(document, webhook_id, settings, interface)
    whole = _ENCODER.encode({**attributes, **_data(document)})
    if len(whole) <= settings.inline_max_bytes:
        return whole
    reference = attributes.get("dataref") or _reference(attributes["id"], settings)
    if not reference:
        raise EventTooLarge(len(whole))
    return _ENCODER.encode({**attributes, "dataref": reference})


def _attributes(
    document: Document, webhook_id: str, settings: Settings, interface: str
) -> dict[str, str]:
    named = {name: value for name, value in document.event.items() if value}
    return {
        "specversion": "1.0",
        "id": webhook_id,
        "source": settings.source or f"//hub/{interface}",
        "type": settings.event_type or f"com.remithub.{document.contract}.v1",
        **named,
        "datacontenttype": _content_type(document),
    }


def _content_type(document: Document) -> str:
    return "application/octet-stream" if _is_raw(document) else "application/json"


def _data(document: Document) -> dict[str, Any]:
    if _is_raw(document):
        return {"data_base64": base64.b64encode(document.raw).decode("ascii")}
    return {"data": document.data}


def _is_raw(document: Document) -> bool:
    return document.data is None and bool(document.raw)


def _reference(event_id: str, settings: Settings) -> str:
    return settings.data_url.replace("{id}", quote(event_id, safe=""))
