"""The bytes and the file name of a document that goes to a file destination (pure)."""

import hashlib

import msgspec

from connectors.base import Call, Document
from connectors.listing import name_fault

__all__ = ["content_of", "file_name_of", "mark_of"]

MAX_DOCUMENT_NAME_BYTES = 200


def content_of(document: Document) -> bytes:
    """Return `raw` where there is any, else the JSON of `data`."""
    return document.raw or msgspec.json.encode(document.data)


def mark_of(key: str) -> str:
    """Return 24 hexadecimal digits that stand for a key in file names."""
    return hashlib.sha256(key.encode()).hexdigest()[:24]


def file_name_of(call: Call, document: Document) -> str | None:
    """Return the document's own name, else one made of the key; None where it cannot be used.

    Hidden names are refused: readers pass over them.
    """
    if not document.name:
        return f"{mark_of(call.key)}.{'bin' if document.raw else 'json'}"
    usable = not name_fault(document.name) and not document.name.startswith(".")
    return (
        document.name
        if usable and len(document.name.encode()) <= MAX_DOCUMENT_NAME_BYTES
        else None
    )
