"""`/v1/artifacts/{id}`: bytes in custody, their parts, and the bytes themselves."""

from typing import Annotated

from litestar import get
from litestar.params import FromPath, QueryParameter
from litestar.response import Stream

from gateway.api.deliveries import deliveries_of
from gateway.api.documents import ArtifactView, part_view
from gateway.api.services import HubRequest, services
from gateway.errors import NotFound
from gateway.store import Row, Store

__all__ = ["ROUTES"]

PARTS = 500
"""Parts of one answer; a file may hold a hundred thousand."""


@get("/v1/artifacts/{artifact_id:str}", summary="One artifact and its parts", tags=["intake"])
async def show_artifact(
    request: HubRequest,
    artifact_id: FromPath[str],
    after: Annotated[
        int, QueryParameter(ge=-1, le=10**15, description="Offset of the last part seen.")
    ] = -1,
) -> ArtifactView:
    """Return what was taken, and the verdict on each of its parts with amounts and findings."""
    store = services(request).store
    row = await _artifact(store, artifact_id)
    processing = next(iter(await deliveries_of(artifact_id, store)), None)
    delivery = processing.delivery_id if processing else ""
    parts = await store.fetch(
        "parts_after", artifact_id=artifact_id, revision=0, after_offset=after, limit=PARTS
    )
    plain = ("interface", "sha256", "occurrence", "size", "received_at", "media_type", "bundle")
    return ArtifactView(
        artifact_id=artifact_id,
        **{name: row[name] for name in plain},
        processing=processing,
        parts=[part_view(part, delivery) for part in parts],
        next_after=parts[-1]["part_offset"] if len(parts) == PARTS else None,
    )


@get("/v1/artifacts/{artifact_id:str}/content", summary="The untouched bytes", tags=["intake"])
async def show_content(request: HubRequest, artifact_id: FromPath[str]) -> Stream:
    """Return the bytes as they came. They hold PHI: that they were read is on the audit record."""
    hub = services(request)
    row = await _artifact(hub.store, artifact_id)
    headers = {"Content-Disposition": f'attachment; filename="{artifact_id}.bin"'}
    return Stream(
        hub.store.body_blocks(row["body_id"]),
        media_type="application/octet-stream",
        headers=headers,
    )


async def _artifact(store: Store, artifact_id: str) -> Row:
    rows = await store.fetch("artifact_by_id", artifact_id=artifact_id)
    if not rows:
        raise NotFound("There is no such artifact.")
    return rows[0]


ROUTES = (show_artifact, show_content)
