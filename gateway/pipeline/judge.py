"""Judges the parts of one artifact in order, lazily: what the executor runs for a large one."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from gateway.formats import Blocks
from gateway.pipeline.bundle import Bundle, Source
from gateway.pipeline.facts import Artifact, LaneItem, Prepared
from gateway.pipeline.translate import origin_of, prepare

__all__ = ["judge", "next_batch"]

BATCH_PARTS = 32
BATCH_BYTES = 2 * 1024 * 1024
"""Parts of one transaction: what a crash may make us read again."""


def judge(
    artifact: Artifact,
    source: Source,
    bundle: Bundle,
    item: LaneItem,
    *,
    blocks: Blocks,
    context: Mapping[str, Any],
    known: frozenset[int],
    taken_as: str,
) -> Iterator[Prepared]:
    """Yield the verdict on every part that is not on record yet (`known` offsets), or only on
    the one that `item` names. `taken_as` is the version of the contract that the artifact was
    taken in. Blocking; bounded memory."""
    for part in source.format.read(blocks, origin_of(artifact, source, bundle.tenant)):
        wanted = part.offset == item.part_offset if item.part_offset >= 0 else True
        if wanted and (item.part_offset >= 0 or part.offset not in known):
            let_go = bool(item.despite)
            yield prepare(
                part,
                artifact,
                source,
                bundle,
                context=context,
                taken_as=taken_as,
                released=let_go,
            )


def next_batch(parts: Iterator[Prepared]) -> tuple[list[Prepared], bool]:
    """Return the next parts that go into one transaction, and whether they are the last."""
    batch: list[Prepared] = []
    size = 0
    for prepared in islice(parts, BATCH_PARTS):
        batch.append(prepared)
        size += prepared.length
        if size >= BATCH_BYTES:
            return batch, False
    return batch, len(batch) < BATCH_PARTS
