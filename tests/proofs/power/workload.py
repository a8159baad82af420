"""What is recorded: a store made from nothing, then items from intake to pruning.

Between them: processing, attempts, retry, discard. `python -m tests.proofs.power.workload FOLDER SEED SYNC`.

Every item takes the steps of `Step` in order, each one unit of the product's own statements. An
acknowledged step is written to the file `acks` of the folder, which the recorder sees too.
"""

import asyncio
import hashlib
import os
import random
import sys
from enum import IntEnum
from pathlib import Path
from typing import Any

from gateway.ports import Ports
from gateway.store import (
    AuditEntry,
    Body,
    KeyRing,
    Statement,
    Store,
    StoreSettings,
    Unit,
    WriterShape,
    open_store,
)
from gateway.store.sqlite import process

__all__ = ["ITEMS", "LANES", "Step", "content", "ending", "main"]

WORKERS = 6
ITEMS = 48
CHECKPOINT_PAGES = 40
"""Instead of 2,000: a recording of seconds must see many checkpoints."""
LANES = ("process:feed", "deliver:erp")
AT = 1_700_000_000_000


class Step(IntEnum):
    """How far an item has come; each is one unit and all of it or nothing is there."""

    NOTHING = 0
    TAKEN = 1
    PROCESSED = 2
    FAILED_ONCE = 3
    ENDED = 4
    PRUNED = 5


def content(item: str, chunk: int) -> bytes:
    """The bytes of an item's body: incompressible, some chunks larger than a page."""
    seed = random.Random(f"{item} {chunk}")
    return seed.randbytes(seed.choice((60, 900, 5000)))


def ending(item: str) -> str:
    """How an item ends: delivered, discarded by a person, or dead."""
    return ("done", "discarded", "dead")[int(item.rpartition("_")[2]) % 3]


def _owe(lane: int, item: str) -> Statement:
    row = {"lane_id": lane, "item_id": item, "delivery_id": f"{lane}_{item}", "at": AT}
    return Statement("owe", {**row, "order_key": None}, 1)


def _attempt(lane: int, seq: int, number: int, outcome: str) -> Statement:
    empty = dict.fromkeys(
        ("failure", "code", "detail", "fingerprint", "external_id", "reply_id"), None
    )
    row = {"lane_id": lane, "seq": seq, "part_offset": -1, "number": number, "generation": 0}
    more = {"at": AT, "took_ms": 1, "outcome": outcome, "epoch": 0}
    return Statement("attempt_insert", {**row, **more, **empty}, 1)


def _retry(lane: int, seq: int, state: str) -> Statement:
    row: dict[str, Any] = {"lane_id": lane, "seq": seq, "part_offset": -1, "state": state}
    row |= {"due_at": AT, "attempts": 1, "generation": 0, "failure": "destination"}
    row |= {"code": "http_503", "detail": "", "fingerprint": "f", "order_key": "", "since": AT}
    return Statement("retry_put", {**row, "amount_cents": 125, "correlation": ""})


def _gone(lane: int, seq: int) -> Statement:
    place = {"lane_id": lane, "seq": seq, "part_offset": -1, "state": "waiting"}
    return Statement("retry_delete_if", place, 1)


def taken(item: str) -> Unit:
    """The unit of `Step.TAKEN`: an artifact with two chunks, owed to process."""
    row = {
        "artifact_id": item,
        "interface": "feed",
        "sha256": hashlib.sha256(item.encode()).hexdigest(),
        "occurrence": 0,
        "size": 1,
        "received_at": AT,
        "bundle": "b",
        "body_id": item,
        "media_type": "",
        "meta": None,
    }
    seen = {"interface": "feed", "fingerprint": item, "artifact_id": item, "at": AT}
    return Unit(
        statements=(
            Statement("artifact_insert", row),
            _owe(1, item),
            Statement("source_seen_insert", seen),
        ),
        bodies=tuple(Body(item, content(item, chunk), chunk, chunk == 1) for chunk in (0, 1)),
        counts=(("feed", "artifacts", 1),),
        audit=(AuditEntry("hub", "take", item, reason="a person's words"),),
        once=0,
    )


def processed(item: str, seq: int) -> Unit:
    """The unit of `Step.PROCESSED`: a message with its body, owed to deliver."""
    row = {
        "message_id": f"msg_{item}",
        "contract": "c",
        "version": "1",
        "revision": 0,
        "artifact_id": item,
        "part_offset": 0,
        "cause_id": None,
        "interface": "feed",
        "correlation": None,
        "amount_cents": 125,
        "created_at": AT,
        "routed": 1,
        "bundle": "b",
        "trace": None,
    }
    body = Body(f"msg_{item}", content(f"msg_{item}", 0))
    return Unit(
        statements=(
            Statement("message_insert", row),
            _owe(2, item),
            _attempt(1, seq, 1, "done"),
        ),
        bodies=(body,),
        counts=(("feed", "messages", 1),),
    )


def ended(item: str, seq: int) -> Unit:
    """The unit of `Step.ENDED`: settled, discarded with its audit entry, or dead."""
    match ending(item):
        case "done":
            statements = (_attempt(2, seq, 2, "done"), _gone(2, seq))
            return Unit(statements=statements, counts=(("erp", "deliveries_done", 1),))
        case "discarded":
            audit = (AuditEntry("person", "discard", item),)
            statements = (_gone(2, seq), _attempt(2, seq, 2, "discarded"))
            return Unit(statements=statements, audit=audit)
        case _:
            return Unit(statements=(_attempt(2, seq, 2, "failed"), _retry(2, seq, "dead")))


async def _live(store: Store, item: str, upto: Step, after: Step, acks: int) -> None:
    """Take an item from one step to another; acknowledge each once it is committed."""

    async def seq_of(lane: int) -> int:
        rows = await store.fetch("owed_by_delivery_id", delivery_id=f"{lane}_{item}")
        seq: int = rows[0]["seq"]
        return seq

    for step in list(Step)[after + 1 : upto + 1]:
        match step:
            case Step.TAKEN:
                unit = taken(item)
            case Step.PROCESSED:
                unit = processed(item, await seq_of(1))
            case Step.FAILED_ONCE:
                seq = await seq_of(2)
                unit = Unit(statements=(_attempt(2, seq, 1, "failed"), _retry(2, seq, "waiting")))
            case Step.ENDED:
                unit = ended(item, await seq_of(2))
            case Step.PRUNED:
                unit = Unit(statements=(Statement("body_delete", {"body_id": item}),))
            case _:
                continue
        await store.commit(unit)
        os.write(acks, f"{item} {step:d}\n".encode())


def _patched_writer(synchronous: str) -> str:
    """The writer's own program, with more checkpoints and, to see it fail, less syncing."""
    return (
        "from gateway.store.sqlite import connection, engine, folding, process\n"
        f"connection._CHECKPOINT_PAGES = {CHECKPOINT_PAGES}\n"
        f"folding._STEP_PAGES = {CHECKPOINT_PAGES}\n"
        f"folding._START_OVER_PAGES = {2 * CHECKPOINT_PAGES}\n"
        f"folding._LONGEST_PAGES = {4 * CHECKPOINT_PAGES}\n"
        "def less_syncing(connect):\n"
        "    def connected(*args, **more):\n"
        "        made = connect(*args, **more)\n"
        f"        made.execute('PRAGMA synchronous = {synchronous}')\n"
        "        return made\n"
        "    return connected\n"
        "engine.connect_writer = less_syncing(engine.connect_writer)\n"
        "folding.connect_folding = less_syncing(folding.connect_folding)\n"
        "process.serve()\n"
    )


async def _session(folder: Path, items: list[tuple[str, Step, Step]], acks: int) -> Store:
    keys = KeyRing.open(folder / "hub.key")
    settings = StoreSettings(path=folder / "hub.db", writer=WriterShape.PROCESS)
    store = await open_store(settings, keys, Ports())
    for name in LANES:
        kind, _, interface = name.partition(":")
        row = {"name": name, "kind": kind, "interface": interface, "destination": "", "route": ""}
        await store.commit(Unit(statements=(Statement("lane_ensure", row),)))
    waiting = iter(items)

    async def work() -> None:
        for item, after, upto in waiting:
            await _live(store, item, upto, after, acks)

    await asyncio.gather(*(work() for _ in range(WORKERS)))
    return store


async def main(folder: Path, seed: int, synchronous: str) -> None:
    """Make a store, work, close it in order, open it again, work on, and end without a word."""
    process._COMMAND = _patched_writer(synchronous)  # type: ignore[misc]  # a constant
    acks = os.open(folder / "acks", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    randomness = random.Random(seed)
    items = [f"item_{number}" for number in range(ITEMS)]
    half = [(item, Step.NOTHING, Step(randomness.randint(1, 5))) for item in items[: ITEMS // 2]]
    await (await _session(folder, half, acks)).close()
    rest = [(item, reached, Step.PRUNED) for item, _, reached in half]
    rest += [
        (item, Step.NOTHING, Step(randomness.choice((3, 4, 5)))) for item in items[ITEMS // 2 :]
    ]
    randomness.shuffle(rest)
    await _session(folder, rest, acks)
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
