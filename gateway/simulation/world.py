"""One world: the processes, the database, the network with its partners, and what is told of them."""

import asyncio
import hashlib
from collections import Counter
from datetime import timedelta

import msgspec

from gateway.pipeline import milliseconds
from gateway.simulation.documents import Item, draw_items
from gateway.simulation.loop import VirtualLoop
from gateway.simulation.network import Network
from gateway.simulation.node import Node
from gateway.simulation.options import Options, chance_of
from gateway.simulation.partners import Book, make_partners
from gateway.simulation.site import Site
from gateway.simulation.store import Disk
from gateway.simulation.surroundings import BEGINNING, SimulatedClock

__all__ = ["STORM_SECONDS", "World"]

STORM_SECONDS = 120.0


class World:
    """Everything of one seed. Nothing in it is shared with another but what never changes."""

    def __init__(self, options: Options, loop: VirtualLoop) -> None:
        self.options = options
        self.loop = loop
        self.lines: list[str] = []
        self.counts: Counter[str] = Counter()
        self.storming = True
        self.revision = 0
        seed = options.seed
        self.clock = SimulatedClock(loop)
        self.book = Book(loop.time)
        self.disk = Disk(
            shared=options.nodes > 1, chance=chance_of(seed, "disk"), now_ms=self._now_ms
        )
        self.drop = self.disk.folder / "drop"
        self.drop.mkdir()
        self.network = self._make_network()
        self.items = draw_items(chance_of(seed, "items"), options.items, options.poison_share)
        self.acked: dict[int, Item] = {}
        """Items whose source was told that it may forget them, by number."""
        self.touched: set[str] = set()
        """Deliveries that a person acted on."""
        self._crashing = chance_of(seed, "crashes")
        self.nodes = [self._make_node(number) for number in range(options.nodes)]

    def _make_node(self, number: int) -> Node:
        return Node(
            f"hub-{number}",
            loop=self.loop,
            disk=self.disk,
            network=self.network,
            chance=chance_of(self.options.seed, f"node-{number}"),
            site=self.site,
            at_fail_point=self._fail_point,
        )

    def _make_network(self) -> Network:
        options = self.options
        partners = make_partners(
            self.book,
            self.clock,
            chance_of(options.seed, "partners"),
            unknown_accounts=options.unknown_accounts,
        )
        chance = chance_of(options.seed, "network")
        network = Network(self.loop, chance, partners, self.book, self.tell)
        network.fates = options.fates
        network.cursed_one_in = options.cursed_one_in
        return network

    def site(self) -> Site:
        """Return the configuration as it is now."""
        return Site(
            archive_on_dead=self.options.archive_on_dead,
            registry_mode=self.options.registry_mode,
            without=self.options.without,
            revision=self.revision,
            drop_folder=str(self.drop),
        )

    def _now_ms(self) -> int:
        return milliseconds(BEGINNING + timedelta(seconds=self.loop.time()))

    def tell(self, line: str) -> None:
        """Write down what can be observed."""
        self.lines.append(f"{self.loop.time():10.3f} {line}")

    def count(self, what: str) -> None:
        """Count and write down one thing that was done to the site."""
        self.counts[what.partition(" ")[0]] += 1
        self.tell(what)

    def running(self) -> list[Node]:
        """Return the nodes whose hub is up."""
        return [node for node in self.nodes if node.runs]

    async def sleep(self, seconds: float) -> None:
        """Wait virtual seconds."""
        await asyncio.sleep(seconds)  # noqa: TID251 - on the virtual loop

    def _fail_point(self, node: Node, name: str) -> None:
        if not self.storming:
            return
        chance = self.options.crash_chance
        if name == self.options.aimed_at and node.crashes < 12:
            chance = 0.1
        if chance and self._crashing.random() < chance:
            self.count(f"crash {node.name} {name}")
            node.crash()

    def digest(self) -> str:
        """Return a hash of everything that could be observed, and of what the database holds
        but for what is sealed (it has fresh nonces each time)."""
        told = hashlib.sha256("\n".join(self.lines).encode())
        for table, columns in _TABLES.items():
            for row in self.disk.rows(f"SELECT {columns} FROM {table} ORDER BY 1, 2, 3"):  # noqa: S608 - both from below
                told.update(msgspec.json.encode(list(row.values())))
        return told.hexdigest()


_TABLES = {
    "artifact": "artifact_id, interface, sha256, size, received_at, bundle",
    "message": "message_id, contract, artifact_id, amount_cents, created_at, routed",
    "part": "artifact_id, part_offset, state, code, amount_cents, at",
    "owed": "lane_id, seq, delivery_id, item_id, order_key, at",
    "attempt": "lane_id, seq, part_offset, number, generation, outcome, code, at, epoch",
    "retry": "lane_id, seq, part_offset, state, due_at, attempts, generation",
    "lane": "lane_id, name, head, cursor, epoch, owner",
    "counter": "owner, interface, name, value",
    "audit": "writer, seq, at, actor, action, object_id",
}
