"""Receive: take custody of untouched bytes, chunk by chunk, and learn their size and hash."""

import hashlib
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from gateway.errors import Reject
from gateway.model.ids import text_id
from gateway.store import CHUNK_BYTES, Body, Statement, Store, Unit

__all__ = ["Received", "receive"]


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes in our hands. `bodies` are chunks that are not stored yet; a large artifact's earlier
    chunks already are, under `body_id`, and mean nothing until an artifact row names them."""

    body_id: str
    sha256: str
    size: int
    bodies: tuple[Body, ...]
    spilled: bool


async def receive(
    blocks: AsyncIterator[bytes], *, upload_id: str, max_bytes: int, store: Store
) -> Received:
    """Read a stream in bounded memory. Raises Reject `artifact_too_large`; what was stored of a
    stream that ends early is removed again."""
    digest = hashlib.sha256()
    pending = bytearray()
    size = chunk = 0
    try:
        async for block in blocks:
            digest.update(block)
            size += len(block)
            if size > max_bytes:
                raise Reject(
                    f"The file is larger than {max_bytes} bytes.", code="artifact_too_large"
                )
            pending += block
            while len(pending) > CHUNK_BYTES:
                whole = bytes(memoryview(pending)[:CHUNK_BYTES])
                del pending[:CHUNK_BYTES]
                body = Body(body_id=upload_id, data=whole, chunk=chunk, last=False)
                await store.commit(Unit(bodies=(body,)))
                chunk += 1
    except BaseException:
        if chunk:
            await forget(upload_id, store)
        raise
    sha256 = digest.hexdigest()
    body_id = upload_id if chunk else text_id("bod", sha256)
    last = Body(body_id=body_id, data=bytes(pending), chunk=chunk, last=True)
    return Received(body_id=body_id, sha256=sha256, size=size, bodies=(last,), spilled=chunk > 0)


async def forget(upload_id: str, store: Store) -> None:
    """Remove the chunks of an upload that no artifact names."""
    params: dict[str, Any] = {"body_id": upload_id}
    await store.commit(Unit(statements=(Statement("body_delete", params),)))
