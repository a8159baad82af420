"""Receive: take custody of untouched bytes, chunk by chunk, and learn their size and hash."""

import contextlib
import hashlib
import math
from collections.abc import AsyncIterator

import msgspec

from gateway.errors import Reject, StorageFault
from gateway.model.ids import text_id
from gateway.ports import Clock, FailPoint, Ids
from gateway.store import CHUNK_BYTES, Body, Statement, Store, Unit

__all__ = ["Received", "arrived", "forget", "forget_unfinished", "receive"]


LONGEST_UPLOAD_MS = 24 * 3600 * 1000


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes in our hands. `bodies` are chunks that are not stored yet; a large artifact's earlier
    chunks already are, under `body_id`, and mean nothing until an artifact row names them."""

    body_id: str
    sha256: str
    size: int
    bodies: tuple[Body, ...]
    spilled: bool


async def receive(
    blocks: AsyncIterator[bytes],
    *,
    ids: Ids,
    max_bytes: int,
    store: Store,
    fail_point: FailPoint,
) -> Received:
    """Read a stream in bounded memory. Raises Reject `artifact_too_large`; what was stored of a
    stream that ends early is removed again."""
    digest = hashlib.sha256()
    pending: list[bytes] = []
    upload_id = ""
    size = chunk = held = 0
    try:
        async for block in blocks:
            digest.update(block)
            size += len(block)
            if size > max_bytes:
                raise Reject(
                    f"The file is larger than {max_bytes} bytes.", code="artifact_too_large"
                )
            while held + len(block) > CHUNK_BYTES:
                whole = b"".join([*pending, block[: CHUNK_BYTES - held]])
                block = block[CHUNK_BYTES - held :]  # noqa: PLW2901 - what is left of it
                pending, held = [], 0
                upload_id = upload_id or ids.new("bod")
                body = Body(body_id=upload_id, data=whole, chunk=chunk, last=False)
                await store.commit(Unit(bodies=(body,), statements=_begin(upload_id, chunk)))
                chunk += 1
                fail_point("accept.mid_body")
            pending.append(block)
            held += len(block)
    except BaseException:
        if chunk:
            with contextlib.suppress(StorageFault):  # the next start forgets it then
                await forget(upload_id, store)
        raise
    sha256 = digest.hexdigest()
    body_id = upload_id if chunk else text_id("bod", sha256)
    last = Body(body_id=body_id, data=b"".join(pending), chunk=chunk, last=True)
    return Received(body_id=body_id, sha256=sha256, size=size, bodies=(last,), spilled=chunk > 0)


def _begin(upload_id: str, chunk: int) -> tuple[Statement, ...]:
    """Note the upload with its first chunk, so that a crash leaves nothing nameless behind."""
    return () if chunk else (Statement("upload_begin", {"body_id": upload_id}),)


def arrived(received: Received, artifact_id: str) -> tuple[Statement, ...]:
    """Return what says, in the artifact's own transaction, that its chunks have an owner now."""
    params = {"body_id": received.body_id, "artifact_id": artifact_id}
    return (Statement("upload_end", params),) if received.spilled else ()


async def forget(upload_id: str, store: Store) -> None:
    """Remove the chunks of an upload that no artifact names."""
    await store.commit(Unit(statements=(Statement("upload_forget", {"body_id": upload_id}),)))


async def forget_unfinished(store: Store, clock: Clock) -> int:
    """Remove what uploads of an earlier process left behind; return how many there were.

    On a shared store another node's may be under way: there only those of yesterday are dead."""
    alive_from = clock.now().timestamp() * 1000 - LONGEST_UPLOAD_MS if store.shared else math.inf
    rows = await store.fetch("uploads", limit=10_000)
    left = [row for row in rows if int(row["begun_at"] or 0) < alive_from]
    for row in left:
        await forget(row["body_id"], store)
    return len(left)
