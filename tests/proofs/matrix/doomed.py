"""A hub to which something happens at a named fail point, run as a process of its own:

`python -m tests.proofs.matrix.doomed ROOT POINT NTH ACTION`; ACTION is kill, raise or stall:SECONDS.
Ends with 0 where everything was done, with 3 where the point was not passed that often.
"""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from gateway.app import Hub
from gateway.app.server import serving
from gateway.delivery import Action, Selection
from gateway.errors import HubError
from gateway.model.states import LaneKind, RetryState
from gateway.ports import Ports
from gateway.store import StoreUnavailable

__all__ = ["DONE", "NEVER_PASSED", "TRAFFIC_OVER", "owns_all"]

DONE, NEVER_PASSED = 0, 3
TRAFFIC_OVER = "traffic.over"
"""The file in the root folder that says: everything for this cell has been handed over."""

LONGEST_SECONDS = 30.0


class Planted(Exception):
    """What is raised at a point of ours, where a bug would raise anything."""


class Doom:
    """Counts how often the point is passed, and strikes at the nth time."""

    def __init__(self, point: str, nth: int, action: str) -> None:
        self.struck = False
        self._point = point
        self._left = nth
        self._action, _, self._seconds = action.partition(":")

    def __call__(self, passing: str) -> None:
        """Be the fail point."""
        if passing != self._point or self.struck:
            return
        self._left -= 1
        if self._left == 0:
            self.struck = True
            self._strike()

    def _strike(self) -> None:
        match self._action:
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "stall":
                time.sleep(float(self._seconds))
            case _ if self._point.startswith("store."):
                raise StoreUnavailable("Planted.", code="store_busy")
            case _:
                raise Planted


async def run(root: Path, point: str, doom: Doom) -> None:
    """Work until everything handed over is done; act as a person where the point asks for it."""
    async with serving(root, environment={}, ports=Ports(fail_point=doom)) as listening:
        hub = listening.hub
        await _until(lambda: _all_taken(root, hub))
        with contextlib.suppress(HubError, Planted):
            if point.startswith("reload."):
                routes = root / "config/routes.yaml"
                routes.write_text(routes.read_text() + "# once more\n")
                await hub.reload()
            if point.startswith("set_aside."):
                refused = Selection(interface="refusing", state=RetryState.DEAD)
                await hub.operator.act(Action.REPLAY, refused, actor="a test")
        await _until(lambda: _all_taken(root, hub))


def _all_taken(root: Path, hub: Hub) -> bool:
    waiting = [*(root / "inbox").glob("*.json"), *(root / "big").glob("*.835")]
    return not waiting and (root / TRAFFIC_OVER).exists() and owns_all(hub) and hub.workers.idle


def owns_all(hub: Hub) -> bool:
    """Whether every lane to be worked is this hub's: a dead one's lease may still run."""
    wanted = {name for name, kind, *_ in hub.bundles.current.lanes() if kind != LaneKind.POLL}
    return wanted <= hub.workers.runners.keys()


async def _until(condition: Callable[[], bool]) -> None:
    """Wait until it has been so for a moment; a cell that hangs ends, and is seen later."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LONGEST_SECONDS):
            calm = 0
            while calm < 5:
                await asyncio.sleep(0.05)
                calm = calm + 1 if condition() else 0


def main() -> int:
    """Run one cell."""
    root, point, nth, action = sys.argv[1:]
    doom = Doom(point, int(nth), action)
    asyncio.run(run(Path(root), point, doom))
    return DONE if doom.struck else NEVER_PASSED


if __name__ == "__main__":
    sys.exit(main())
