"""A hub whose lanes stand still, and beside it in the same process a route that only parses JSON."""

import asyncio
import gc
import json
import sys
from pathlib import Path
from typing import Any

import msgspec
from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server as Granian
from litestar import Litestar, Request, post

from gateway.app.logs import set_up_logging
from gateway.app.server import serving

__all__ = ["main"]


@post("/parse", request_max_body_size=None)
async def parse(request: Request[Any, Any, Any]) -> dict[str, int]:
    """Parse the body, and say how many members it has."""
    return {"members": len(msgspec.json.decode(await request.body()))}


async def _serve(root: Path, port: int) -> None:
    set_up_logging("WARNING")
    app = Litestar(route_handlers=[parse], logging_config=None, openapi_config=None)
    plain = Granian(
        app,
        address="127.0.0.1",
        port=port,
        interface=Interfaces.ASGINL,
        http=HTTPModes.http1,
        log_enabled=False,
        log_access=False,
        websockets=False,
    )
    async with serving(root) as listening:
        # What is taken is not processed here: only the way in is measured.
        await listening.hub.ownership.stop()
        task = asyncio.create_task(plain.serve())
        found = {"url": listening.address.url, "plain": f"http://127.0.0.1:{port}"}
        print(json.dumps(found), flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        plain.stop()  # type: ignore[no-untyped-call]  # granian has no types there
        await asyncio.wait([task], timeout=5)


def main() -> None:
    """Serve until standard input ends, set up as `remithub run` sets itself up. Arguments: root
    folder, port of the plain route."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)
    serve = _serve(Path(sys.argv[1]), int(sys.argv[2]))
    try:
        import uvloop

        uvloop.run(serve)
    except ImportError:
        asyncio.run(serve)


if __name__ == "__main__":
    main()
