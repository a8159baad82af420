"""Sets the demo's stage: folder, secrets, partners, hub; plays, reckons, and keeps running."""

import asyncio
import logging
import re
import shutil
import signal
import socket
import sys
from collections.abc import AsyncIterator, Coroutine, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from gateway.app.logs import set_up_logging
from gateway.app.server import Listening, serving
from gateway.app.services import HubServices
from gateway.cli.demo_proof import Proof, Reckoning, Sent, prove, reckon
from gateway.cli.demo_screen import dollars, open_screen
from gateway.cli.demo_story import Stage, play
from gateway.cli.exits import Exit
from gateway.cli.output import Output
from gateway.ports import SystemClock, SystemIds
from gateway.registry import starter_root
from gateway.simulators.access import Access, SftpAccess
from gateway.simulators.partners import (
    BillingConfig,
    ClearinghouseConfig,
    ErpConfig,
    Partners,
    PartnersConfig,
    run_partners,
)

__all__ = ["run_demo"]

_API_PORT = 8035
_ENVIRONMENT = re.compile(r"\$\{env:([A-Z_]+)(?::-[^}]*)?\}")


async def run_demo(
    root: Path,
    *,
    once: bool,
    payments: int,
    seed: int,
    pace: float = 1.0,
    api_port: int = _API_PORT,
) -> int:
    """Play the demo in an empty folder; return the exit code. `pace` 0 leaves out the pauses;
    the API takes `api_port` where it is free, else any.

    Raises TryAgain where an act gets stuck.
    """
    output = Output()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        async with _running(root, api_port) as (listening, partners):
            services = HubServices(listening.hub)
            with open_screen(output, SystemClock()) as screen:
                stage = Stage(
                    root=root,
                    repair=_starter() / "repair" / "mapping.yaml",
                    services=services,
                    partners=partners,
                    screen=screen,
                    payments=payments,
                    seed=seed,
                    pace=pace,
                )
                sent = await _unless_stopped(play(stage), stop)
            if sent is None:
                return Exit.INTERRUPTED
            ties = await _reckon(services, partners, sent, output)
            if not once and not stop.is_set():
                _farewell(output, root, listening)
                await stop.wait()
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
    return Exit.OK if ties else Exit.FAILED


@asynccontextmanager
async def _running(root: Path, api_port: int) -> AsyncIterator[tuple[Listening, Partners]]:
    """Start partners, then the hub over `root`; stop them the other way round."""
    ids = SystemIds()
    secrets = {
        name: ids.new("demo")
        for name in ("clearinghouse-password", "billing-client-secret", "erp-token")
    }
    login = SftpAccess(password=secrets["clearinghouse-password"])
    billing = Access(client_id="remithub", client_secret=secrets["billing-client-secret"])
    books = root / "partners"
    config = PartnersConfig(
        clearinghouse=ClearinghouseConfig(root=str(books / "clearinghouse"), access=login),
        billing=BillingConfig(access=billing, journal=str(books / "billing.jsonl")),
        erp=ErpConfig(
            access=Access(bearer_token=secrets["erp-token"]), journal=str(books / "erp.jsonl")
        ),
    )
    async with run_partners(config) as partners:
        _lay_out(root, secrets, partners, api_port)
        _log_to(root / "var" / "hub.log")
        async with serving(root, environment={}) as listening:
            yield listening, partners


def _lay_out(root: Path, secrets: dict[str, str], partners: Partners, api_port: int) -> None:
    """Copy the demo's configuration, with the partners' addresses in it, and its secrets."""
    house, billing, erp = partners.all()
    values = {
        "REMITHUB_API_PORT": str(_free_or_any(api_port)),
        "REMITHUB_DEMO_SFTP_PORT": str(house.port),
        "REMITHUB_DEMO_SFTP_HOST_KEY": house.host_key_line,
        "REMITHUB_DEMO_BILLING_URL": billing.url,
        "REMITHUB_DEMO_ERP_URL": erp.url,
    }
    config = shutil.copytree(_starter(), root / "config", ignore=shutil.ignore_patterns("repair"))
    for file in config.rglob("*.yaml"):
        text = file.read_text(encoding="utf-8")
        file.write_text(_ENVIRONMENT.sub(lambda m: values[m[1]], text), encoding="utf-8")
    folder = root / "var" / "secrets"
    folder.mkdir(parents=True, mode=0o700)
    for name, text in secrets.items():
        (folder / name).touch(mode=0o600)
        (folder / name).write_text(text, encoding="ascii")


def _starter() -> Path:
    return starter_root() / "config" / "demo"


def _log_to(file: Path) -> None:
    """Keep the hub's log away from the screen: warnings about failing partners are the story."""
    set_up_logging()
    handler = logging.FileHandler(file, encoding="utf-8")
    for other in logging.getLogger().handlers[:]:
        handler.setFormatter(other.formatter)
        logging.getLogger().removeHandler(other)
    logging.getLogger().addHandler(handler)


def _free_or_any(port: int) -> int:
    """Return that port where it is free, else 0: any."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return 0
    return port


async def _unless_stopped(playing: Coroutine[Any, Any, Sent], stop: asyncio.Event) -> Sent | None:
    """Return what the play returns, None where somebody stopped it. Raises what it raises."""
    play_task = asyncio.create_task(playing)
    stop_task = asyncio.create_task(stop.wait())
    await asyncio.wait({play_task, stop_task}, return_when=asyncio.FIRST_COMPLETED)
    for task in (play_task, stop_task):
        if not task.done():
            task.cancel()
    await asyncio.gather(play_task, stop_task, return_exceptions=True)
    return None if play_task.cancelled() else play_task.result()


async def _reckon(services: HubServices, partners: Partners, sent: Sent, output: Output) -> bool:
    """Print the reckoning; return whether every equation ties."""
    _, billing, erp = partners.all()
    sums = await reckon(services.store, services.operator)
    proofs = prove(sums, sent=sent, billing=billing.effects(), erp=erp.effects())
    for line in (*_account(sums), "", *map(_equation, proofs), ""):
        output.line(line)
    ties = all(proof.ties for proof in proofs)
    output.line("Every total proves itself." if ties else "THE TOTALS DO NOT TIE.")
    return ties


def _account(sums: Reckoning) -> Iterable[str]:
    states = ", ".join(f"{count:,} {state}" for state, count in sorted(sums.payments.items()))
    yield ""
    yield f"{sums.files:,} files, {sum(sums.payments.values()):,} payments ({states})"
    rows = {
        "payments": sums.paid,
        "claims paid": sums.claims_paid,
        "provider adjustments": sums.adjustments,
        "  posted by billing": sums.posted,
        "  refused by billing (no such account; unapplied cash)": sums.refused,
        "  sent, not answered yet": sums.sent,
        "  held for a person": sums.held,
        "  dead letters": sums.dead,
        f"{sums.journals:,} journals, debits": sums.debits,
        f"{sums.journals:,} journals, credits": sums.credits,
    }
    width = max(map(len, rows))
    for name, cents in rows.items():
        yield f"  {name:<{width}}  {dollars(cents):>16}"


def _equation(proof: Proof) -> str:
    left, right = (dollars(n) if proof.money else f"{n:,}" for n in (proof.left, proof.right))
    return f"  {'ties' if proof.ties else 'DOES NOT TIE'}: {proof.text} ({left} = {right})"


def _farewell(output: Output, root: Path, listening: Listening) -> None:
    output.line("")
    output.line(f"The hub keeps running at {listening.address.url} until Ctrl-C. Look at it with:")
    for words in ("status", "dlq list"):
        output.line(f"  remithub {words} --root {root}")
    output.line(f"Its configuration is in {root / 'config'}, its log in {root / 'var/hub.log'}.")
    sys.stdout.flush()
