"""`remithub run`: the hub with its API, until it is told to stop."""

from asyncio import AbstractEventLoop
from collections.abc import Callable
from pathlib import Path

from gateway.model.roles import Role

__all__ = ["run"]


def run(
    *, root: Path = Path(), role: Role = Role.ALL, port: int | None = None, json: bool = False
) -> int:
    """Run the hub on a folder of configuration until Ctrl-C or SIGTERM.

    On PostgreSQL any number of processes on any number of hosts share the work; each may have a
    role of its own. On the embedded database there is one, and it does everything.

    Parameters
    ----------
    root
        The folder with config/, contracts/ and mappings/ in it; data goes to var/ below it.
    role
        api answers and takes custody, worker processes and delivers, scheduler polls sources;
        all does everything. Every role answers health checks on its port.
    port
        Listen there instead of on hub.yaml's `api.port`; 0 takes any free one.
    json
        Once it listens, print where as one JSON object.
    """
    import asyncio
    import sys

    from gateway.app.logs import set_up_logging
    from gateway.app.server import Listening, serve
    from gateway.cli.output import Output
    from gateway.store import BACKUP_NOTICE, keep_large_blocks

    set_up_logging()
    output = Output(json=json)

    def announce(listening: Listening) -> None:
        if json:
            output.data(listening.address)
            sys.stdout.flush()
        settings = listening.hub.bundles.current.config.hub
        output.say(
            f"RemitHub listens on {listening.address.url} (process {listening.address.pid})."
        )
        output.say(f"The token for it is in {root / settings.api.token_file}.")
        output.say(f"Key file {root / settings.store.key_file}: {BACKUP_NOTICE}")

    _spare_the_collector()
    keep_large_blocks()
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(serve(root, announce, role=role, port=port))
    return 0


def _spare_the_collector() -> None:
    """Keep start-up objects out of garbage collection, and collect less often.

    Documents are trees, freed by reference counts; looking for cycles in them cost a tenth of
    the CPU of every file.
    """
    import gc

    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)


def _loop_factory() -> Callable[[], AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
