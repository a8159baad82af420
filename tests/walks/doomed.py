"""A hub that kills itself at a named fail point: `python -m tests.walks.doomed ROOT POINT NTH`.

Ends with code 3 where the point was not passed that often before everything was done.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

from gateway.app import Hub
from gateway.ports import Ports

QUIET_SECONDS = 2.0


async def run(root: Path, point: str, nth: int) -> None:
    passed = 0

    def die(passing: str) -> None:
        nonlocal passed
        passed += passing == point
        if passed == nth:
            os.kill(os.getpid(), signal.SIGKILL)

    hub = await Hub.open(root, {}, Ports(fail_point=die))
    await hub.start()
    await asyncio.sleep(QUIET_SECONDS)
    await hub.drained(within_seconds=5)
    await hub.close()


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
    sys.exit(3)
